// request_headers_to_add, request_headers_to_remove and their response twins: compiled once, applied to each head.

import type { envoy } from '../../proto/generated/api.d.ts'
import { compileHeaderFormat, FormatError, type Formatter, type FormatterContext } from '../access_log/formatter.ts'
import type { HeaderMap } from '../common/header_map.ts'
import { compileStringMatcher, matcherErrorMessage, utf8ByteString } from '../common/string_matcher.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { inlineRequestHeaders, inlineResponseHeaders } from '../http/inline_headers.ts'

type HeaderValueOption = envoy.config.core.v3.HeaderValueOption
type AppendAction = HeaderValueOption['appendAction']

/** What route configurations, virtual hosts, routes and weighted clusters have in common. */
export interface HeaderChangesView {
  readonly requestHeadersToAdd: readonly HeaderValueOption[]
  readonly requestHeadersToRemove: readonly string[]
  readonly responseHeadersToAdd: readonly HeaderValueOption[]
  readonly responseHeadersToRemove: readonly string[]
}

interface HeaderToAdd {
  readonly name: string
  /** A byte string where the value has no operators. */
  readonly literal: string
  readonly format: Formatter | undefined
  readonly action: AppendAction
  readonly keepEmptyValue: boolean
  readonly isInline: boolean
}

/** The changes of one level. */
export class HeaderParser {
  readonly #removals: readonly string[]
  readonly #additions: readonly HeaderToAdd[]

  constructor(removals: readonly string[], additions: readonly HeaderToAdd[]) {
    this.#removals = removals
    this.#additions = additions
  }

  /**
   * Removes first, then evaluates every value against what is left, then overwrites, then adds: so one level's additions
   * do not see each other.
   */
  evaluate(headers: HeaderMap, ctx: FormatterContext): void {
    for (const name of this.#removals) headers.remove(name)
    const additions = this.#additions
    if (additions.length === 0) return
    const values: (string | undefined)[] = []
    for (const addition of additions) values.push(valueToAdd(addition, headers, ctx))
    for (let i = 0; i < additions.length; i++) {
      const value = values[i]
      if (value !== undefined && overwrites(additions[i].action)) overwrite(headers, additions[i], value)
    }
    for (let i = 0; i < additions.length; i++) {
      const value = values[i]
      if (value === undefined || overwrites(additions[i].action)) continue
      appendValue(headers, additions[i], value)
    }
  }
}

/** Undefined where nothing is to be added. */
function valueToAdd(addition: HeaderToAdd, headers: HeaderMap, ctx: FormatterContext): string | undefined {
  const value = addition.format === undefined ? addition.literal : addition.format.format(ctx)
  if (value === '' && !addition.keepEmptyValue) return undefined
  if (addition.action === 'ADD_IF_ABSENT') return headers.has(addition.name) ? undefined : value
  if (addition.action === 'OVERWRITE_IF_EXISTS') return headers.has(addition.name) ? value : undefined
  return value
}

function overwrites(action: AppendAction): boolean {
  return action === 'OVERWRITE_IF_EXISTS_OR_ADD' || action === 'OVERWRITE_IF_EXISTS'
}

/** A value joins that of an inline header with a comma; an empty one adds nothing to it. */
function appendValue(headers: HeaderMap, addition: HeaderToAdd, value: string): void {
  const { name, isInline } = addition
  if (!isInline || !headers.has(name)) headers.add(name, value)
  else if (value !== '') headers.append(name, value)
}

/** What is overwritten moves to the end, as in Envoy's header map. */
function overwrite(headers: HeaderMap, addition: HeaderToAdd, value: string): void {
  headers.remove(addition.name)
  headers.add(addition.name, value)
}

type RequestChanges = Pick<HeaderChangesView, 'requestHeadersToAdd'> & Partial<HeaderChangesView>
type ResponseChanges = Pick<HeaderChangesView, 'responseHeadersToAdd'> & Partial<HeaderChangesView>

/** The request side of a level; undefined where it changes nothing. What is wrong goes to `errors`. */
export function compileRequestHeaderParser(view: RequestChanges, errors: ConfigErrors): HeaderParser | undefined {
  const removals = compileRemovals(view, 'requestHeadersToRemove', errors)
  const additions = view.requestHeadersToAdd.flatMap((option) => compileAddition(option, inlineRequestHeaders, errors))
  return removals.length + additions.length === 0 ? undefined : new HeaderParser(removals, additions)
}

/** The response side of a level; undefined where it changes nothing. */
export function compileResponseHeaderParser(view: ResponseChanges, errors: ConfigErrors): HeaderParser | undefined {
  const removals = compileRemovals(view, 'responseHeadersToRemove', errors)
  const additions = view.responseHeadersToAdd.flatMap((option) =>
    compileAddition(option, inlineResponseHeaders, errors),
  )
  return removals.length + additions.length === 0 ? undefined : new HeaderParser(removals, additions)
}

function isProtected(name: string): boolean {
  return name.startsWith(':') || name === 'host'
}

function compileRemovals(
  view: Partial<HeaderChangesView>,
  field: 'requestHeadersToRemove' | 'responseHeadersToRemove',
  errors: ConfigErrors,
): string[] {
  const names = (view[field] ?? []).map((name) => name.toLowerCase())
  names.forEach((name, index) => {
    if (isProtected(name)) errors.add(view, field, ':-prefixed or host headers may not be removed', { index })
  })
  return names
}

function compileAddition(
  option: HeaderValueOption,
  inlineNames: ReadonlySet<string>,
  errors: ConfigErrors,
): HeaderToAdd[] {
  const { header } = option
  if (header === undefined) return []
  const name = header.key.toLowerCase()
  if (isProtected(name)) {
    errors.add(header, 'key', ':-prefixed or host headers may not be modified')
    return []
  }
  const action = appendAction(option, errors)
  const { keepEmptyValue } = option
  const isInline = inlineNames.has(name)
  if (header.rawValue.length > 0)
    errors.warn(header, 'rawValue', 'raw_value has no effect here: Envoy reads value only')
  const text = header.value
  if (!text.includes('%')) {
    return [{ name, literal: utf8ByteString(text), format: undefined, action, keepEmptyValue, isInline }]
  }
  try {
    const format = compileHeaderFormat(modernFormat(text))
    return [{ name, literal: '', format, action, keepEmptyValue, isInline }]
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    errors.add(header, 'value', error.message)
    return []
  }
}

function appendAction(option: HeaderValueOption, errors: ConfigErrors): AppendAction {
  if (option.append === undefined) return option.appendAction
  if (option.appendAction !== 'APPEND_IF_EXISTS_OR_ADD') {
    errors.add(option, 'append', "Both append and append_action are set and it's not allowed")
  }
  return option.append ? 'APPEND_IF_EXISTS_OR_ADD' : 'OVERWRITE_IF_EXISTS_OR_ADD'
}

/** Old spellings that header values (and nothing else) may still use: a JSON list of keys, and PER_REQUEST_STATE. */
function modernFormat(format: string): string {
  return format
    .replace(/%(UPSTREAM|DYNAMIC)_METADATA\(\[([^\]]*)\]\)%/g, (_, kind: string, keys: string) => {
      const names = [...keys.matchAll(/"([^"]*)"/g)].map((match) => match[1])
      return `%${kind}_METADATA(${names.join(':')})%`
    })
    .replace(/%PER_REQUEST_STATE\(([^)]*)\)%/g, '%FILTER_STATE($1:PLAIN)%')
}

/** One step of a list of header mutations. */
export interface HeaderMutationStep {
  evaluate(headers: HeaderMap, ctx: FormatterContext): void
}

/** A list of header mutations (envoy.config.common.mutation_rules.v3), each a step of its own, in order. */
export function compileHeaderMutations(
  views: readonly envoy.config.common.mutation_rules.v3.HeaderMutation[],
  errors: ConfigErrors,
): readonly HeaderMutationStep[] {
  return views.flatMap((view): HeaderMutationStep[] => {
    if (view.remove !== undefined) return [new HeaderParser([view.remove.toLowerCase()], [])]
    if (view.append !== undefined)
      return [new HeaderParser([], compileAddition(view.append, inlineRequestHeaders, errors))]
    const matcher = view.removeOnMatch?.keyMatcher
    if (matcher === undefined) return []
    try {
      const matches = compileStringMatcher(matcher)
      return [{ evaluate: (headers: HeaderMap) => removeMatching(headers, matches) }]
    } catch (error) {
      errors.add(matcher, undefined, matcherErrorMessage(error))
      return []
    }
  })
}

function removeMatching(headers: HeaderMap, matches: (name: string) => boolean): void {
  for (const name of new Set(headers.names)) if (matches(name)) headers.remove(name)
}
