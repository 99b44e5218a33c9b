// Compiles Envoy's MetadataMatcher and its ValueMatcher over plain JSON.

import type { envoy } from '../../proto/generated/api.d.ts'
import { compileStringMatcher, matcherErrorMessage } from '../common/string_matcher.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Metadata } from './formatter_context.ts'
import { byteString } from './json_text.ts'

type ValueMatcherView = envoy.type.matcher.v3.ValueMatcher

type ValuePredicate = (value: unknown) => boolean

/** Whether the value at the matcher's path matches; undefined where there is none. */
export type MetadataPredicate = (metadata: Metadata) => boolean | undefined

/** `invert` has no say here, as in Envoy's access log filter. What is wrong goes to `errors` and never matches. */
export function compileMetadataMatcher(
  view: envoy.type.matcher.v3.MetadataMatcher,
  errors: ConfigErrors,
): MetadataPredicate {
  const path = [view.filter, ...view.path.map((segment) => segment.key ?? '')]
  const matches = view.value === undefined ? never : valuePredicate(view.value, errors)
  return (metadata) => {
    const value = metadataAtPath(metadata, path)
    return value === undefined ? undefined : matches(value)
  }
}

/** The value under namespace, key, key...; undefined where a step is missing. */
export function metadataAtPath(metadata: Metadata | undefined, path: readonly string[]): unknown {
  let value: unknown = metadata
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key)) {
      return undefined
    }
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

const never: ValuePredicate = () => false

function valuePredicate(view: ValueMatcherView, errors: ConfigErrors): ValuePredicate {
  switch (view.matchPattern) {
    case 'nullMatch':
      return (value) => value === null
    case 'doubleMatch':
      return doublePredicate(view.doubleMatch!)
    case 'stringMatch':
      return stringPredicate(view, errors)
    case 'boolMatch':
      return (value) => value === view.boolMatch
    case 'presentMatch':
      return () => view.presentMatch === true
    case 'listMatch': {
      const one = view.listMatch?.oneOf
      const matches = one === undefined ? never : valuePredicate(one, errors)
      return (value) => Array.isArray(value) && value.some(matches)
    }
    case 'orMatch': {
      const alternatives = view.orMatch!.valueMatchers.map((matcher) => valuePredicate(matcher, errors))
      return (value) => alternatives.some((matches) => matches(value))
    }
    default:
      errors.add(view, undefined, 'match_pattern is required')
      return never
  }
}

function doublePredicate(view: envoy.type.matcher.v3.DoubleMatcher): ValuePredicate {
  const { range, exact } = view
  if (range === undefined) return (value) => value === exact
  return (value) => typeof value === 'number' && value >= range.start && value < range.end
}

function stringPredicate(view: ValueMatcherView, errors: ConfigErrors): ValuePredicate {
  try {
    const matches = compileStringMatcher(view.stringMatch!)
    return (value) => typeof value === 'string' && matches(byteString(value))
  } catch (error) {
    errors.add(view, 'stringMatch', matcherErrorMessage(error))
    return never
  }
}
