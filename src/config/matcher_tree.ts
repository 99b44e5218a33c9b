// xDS's generic matcher (xds.type.matcher.v3.Matcher): trees of predicates over inputs, with an action at each leaf.

import type { xds } from '../../proto/generated/api.d.ts'
import {
  compileStringMatcher,
  matcherErrorMessage,
  type StringPredicate,
  utf8ByteString,
} from '../common/string_matcher.ts'
import { compileCustomPredicate, compileCustomTree } from './custom_matchers.ts'
import type { ConfigErrors } from './errors.ts'
import type { Runtime } from './runtime.ts'

type MatcherView = xds.type.matcher.v3.Matcher
type OnMatchView = xds.type.matcher.v3.Matcher.OnMatch
type PredicateView = xds.type.matcher.v3.Matcher.MatcherList.Predicate
type MatcherTreeView = xds.type.matcher.v3.Matcher.MatcherTree
type ExtensionView = xds.core.v3.TypedExtensionConfig

/** Reads a text of the data; undefined where it is absent, which matches nothing. */
export type MatchInput<Data> = (data: Data) => string | undefined

/** What the user of a tree provides. Both report what they refuse to their own `errors` and return undefined. */
export interface MatcherTreeContext<Data, Action> {
  readonly errors: ConfigErrors
  readonly runtime: Runtime
  compileInput(view: ExtensionView): MatchInput<Data> | undefined
  compileAction(view: ExtensionView): Action | undefined
}

/** The action of the first match; undefined for no match. */
export type CompiledMatcher<Data, Action> = (data: Data) => Action | undefined

type DataPredicate<Data> = (data: Data) => boolean

export function compileMatcherTree<Data, Action>(
  view: MatcherView,
  context: MatcherTreeContext<Data, Action>,
): CompiledMatcher<Data, Action> {
  const branches =
    view.matcherType === 'matcherList'
      ? compileList(view, context)
      : view.matcherType === 'matcherTree'
        ? compileTree(view.matcherTree!, context)
        : () => undefined
  const onNoMatch = view.onNoMatch === undefined ? undefined : compileOnMatch(view.onNoMatch, context)
  return onNoMatch === undefined ? branches : (data) => branches(data) ?? onNoMatch(data)
}

function compileOnMatch<Data, Action>(
  view: OnMatchView,
  context: MatcherTreeContext<Data, Action>,
): CompiledMatcher<Data, Action> {
  if (view.keepMatching) {
    context.errors.add(view, 'keepMatching', 'keep_matching is not supported in this context')
  }
  if (view.onMatch === 'matcher') return compileMatcherTree(view.matcher!, context)
  if (view.action === undefined) {
    context.errors.add(view, undefined, 'field: "on_match", reason: is required')
    return () => undefined
  }
  const action = context.compileAction(view.action)
  return () => action
}

/** A predicate that holds with a nested matcher that finds nothing lets the search go on. */
function compileList<Data, Action>(
  view: MatcherView,
  context: MatcherTreeContext<Data, Action>,
): CompiledMatcher<Data, Action> {
  const matchers = (view.matcherList?.matchers ?? []).map((matcher) => ({
    holds: matcher.predicate === undefined ? never : compilePredicate(matcher.predicate, context),
    search: matcher.onMatch === undefined ? () => undefined : compileOnMatch(matcher.onMatch, context),
  }))
  return (data) => {
    for (const { holds, search } of matchers) {
      if (!holds(data)) continue
      const action = search(data)
      if (action !== undefined) return action
    }
    return undefined
  }
}

const never = () => false

function compilePredicate<Data, Action>(
  view: PredicateView,
  context: MatcherTreeContext<Data, Action>,
): DataPredicate<Data> {
  switch (view.matchType) {
    case 'singlePredicate': {
      const single = view.singlePredicate!
      const input = single.input === undefined ? undefined : context.compileInput(single.input)
      const matches =
        single.customMatch === undefined
          ? compileValue(single, context.errors)
          : compileCustomPredicate(single.customMatch, context.errors, context.runtime)
      if (input === undefined || matches === undefined) return never
      return (data) => {
        const value = input(data)
        return value !== undefined && matches(value)
      }
    }
    case 'orMatcher': {
      const any = view.orMatcher!.predicate.map((predicate) => compilePredicate(predicate, context))
      return (data) => any.some((holds) => holds(data))
    }
    case 'andMatcher': {
      const all = view.andMatcher!.predicate.map((predicate) => compilePredicate(predicate, context))
      return (data) => all.every((holds) => holds(data))
    }
    case 'notMatcher': {
      const holds = compilePredicate(view.notMatcher!, context)
      return (data) => !holds(data)
    }
    default:
      context.errors.add(view, undefined, 'field: "match_type", reason: is required')
      return never
  }
}

function compileValue(
  view: xds.type.matcher.v3.Matcher.MatcherList.Predicate.SinglePredicate,
  errors: ConfigErrors,
): StringPredicate | undefined {
  if (view.valueMatch === undefined) return undefined
  try {
    return compileStringMatcher(view.valueMatch)
  } catch (error) {
    errors.add(view.valueMatch, undefined, matcherErrorMessage(error))
    return undefined
  }
}

function compileTree<Data, Action>(
  view: MatcherTreeView,
  context: MatcherTreeContext<Data, Action>,
): CompiledMatcher<Data, Action> {
  const input = view.input === undefined ? undefined : context.compileInput(view.input)
  if (view.customMatch !== undefined) {
    const search = compileCustomTree(view.customMatch, context.errors, (onMatch) => compileOnMatch(onMatch, context))
    if (input === undefined || search === undefined) return () => undefined
    return (data) => {
      const value = input(data)
      return value === undefined ? undefined : search(value, data)
    }
  }
  const map = view.treeType === 'prefixMatchMap' ? view.prefixMatchMap : view.exactMatchMap
  const branches = new Map<string, CompiledMatcher<Data, Action>>()
  for (const [key, onMatch] of Object.entries(map?.map ?? {})) {
    branches.set(utf8ByteString(key), compileOnMatch(onMatch, context))
  }
  if (input === undefined) return () => undefined
  return view.treeType === 'prefixMatchMap' ? prefixTree(input, branches) : exactTree(input, branches)
}

function exactTree<Data, Action>(
  input: MatchInput<Data>,
  branches: ReadonlyMap<string, CompiledMatcher<Data, Action>>,
): CompiledMatcher<Data, Action> {
  return (data) => {
    const value = input(data)
    return value === undefined ? undefined : branches.get(value)?.(data)
  }
}

/** The longest prefix that leads to an action: a shorter one is tried where a longer one's matcher finds nothing. */
function prefixTree<Data, Action>(
  input: MatchInput<Data>,
  branches: ReadonlyMap<string, CompiledMatcher<Data, Action>>,
): CompiledMatcher<Data, Action> {
  const lengths = [...new Set([...branches.keys()].map((key) => key.length))].sort((a, b) => b - a)
  return (data) => {
    const value = input(data)
    if (value === undefined) return undefined
    for (const length of lengths) {
      if (length > value.length) continue
      const action = branches.get(value.slice(0, length))?.(data)
      if (action !== undefined) return action
    }
    return undefined
  }
}
