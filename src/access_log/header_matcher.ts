// Compiles Envoy's HeaderMatcher: repeated headers are matched value by value, and one match is enough.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { HeaderMap } from '../common/header_map.ts'
import { compileRegexMatcher } from '../common/regex.ts'
import { compileStringMatcher, matcherErrorMessage, type StringPredicate } from '../common/string_matcher.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { byteString } from './json_text.ts'

type HeaderMatcherView = envoy.config.route.v3.HeaderMatcher

/** Undefined headers count as none. */
export type HeaderPredicate = (headers: HeaderMap | undefined) => boolean

/** What is wrong goes to `errors`; such a matcher never matches. */
export function compileHeaderMatcher(view: HeaderMatcherView, errors: ConfigErrors): HeaderPredicate {
  const name = view.name.toLowerCase()
  const invert = view.invertMatch
  if (view.headerMatchSpecifier === undefined || view.headerMatchSpecifier === 'presentMatch') {
    const wanted = (view.presentMatch ?? true) !== invert
    if (view.treatMissingHeaderAsEmpty) return () => wanted
    return (headers) => (headers?.has(name) ?? false) === wanted
  }
  const matches = valuePredicate(view, errors)
  if (matches === undefined) return () => false
  const whenMissing = view.treatMissingHeaderAsEmpty && matches('') !== invert
  return (headers) => {
    const values = headers?.getAll(name)
    if (values === undefined || values.length === 0) return whenMissing
    return values.some(matches) !== invert
  }
}

function valuePredicate(view: HeaderMatcherView, errors: ConfigErrors): StringPredicate | undefined {
  try {
    switch (view.headerMatchSpecifier) {
      case 'exactMatch': {
        const wanted = byteString(view.exactMatch ?? '')
        return (value) => value === wanted
      }
      case 'prefixMatch': {
        const wanted = byteString(view.prefixMatch ?? '')
        return (value) => value.startsWith(wanted)
      }
      case 'suffixMatch': {
        const wanted = byteString(view.suffixMatch ?? '')
        return (value) => value.endsWith(wanted)
      }
      case 'containsMatch': {
        const wanted = byteString(view.containsMatch ?? '')
        return (value) => value.includes(wanted)
      }
      case 'safeRegexMatch': {
        const regex = compileRegexMatcher(view.safeRegexMatch!)
        return (value) => regex.fullMatch(value)
      }
      case 'rangeMatch':
        return rangePredicate(view.rangeMatch!)
      default:
        return compileStringMatcher(view.stringMatch!)
    }
  } catch (error) {
    errors.add(view, view.headerMatchSpecifier, matcherErrorMessage(error))
    return undefined
  }
}

/** A whole number from `start` up to, but without, `end`. */
function rangePredicate(range: { readonly start: number; readonly end: number }): StringPredicate {
  return (value) => /^[+-]?\d+$/.test(value) && Number(value) >= range.start && Number(value) < range.end
}
