// Envoy's StringMatcher, compiled to a function over byte strings.

import { type CompiledRegex, compileRegexMatcher, RegexError, type RegexMatcherView } from './regex.ts'

/** The fields of `envoy.type.matcher.v3.StringMatcher` and of `xds.type.matcher.v3.StringMatcher`. */
export interface StringMatcherView {
  readonly matchPattern: 'exact' | 'prefix' | 'suffix' | 'safeRegex' | 'contains' | 'custom' | undefined
  readonly exact: string | undefined
  readonly prefix: string | undefined
  readonly suffix: string | undefined
  readonly safeRegex: RegexMatcherView | undefined
  readonly contains: string | undefined
  readonly ignoreCase: boolean
}

export type StringPredicate = (value: string) => boolean

/** A matcher that cannot be compiled. */
export class StringMatcherError extends Error {
  override readonly name = 'StringMatcherError'
}

/**
 * Compiles a matcher. Configured text is turned into its UTF-8 bytes, and case is ignored in ASCII only, as Envoy does.
 * Throws RegexError or StringMatcherError.
 */
export function compileStringMatcher(view: StringMatcherView): StringPredicate {
  switch (view.matchPattern) {
    case 'exact':
      return exactly(utf8ByteString(view.exact ?? ''), view.ignoreCase)
    case 'prefix':
      return startingWith(utf8ByteString(view.prefix ?? ''), view.ignoreCase)
    case 'suffix':
      return endingWith(utf8ByteString(view.suffix ?? ''), view.ignoreCase)
    case 'contains':
      return containing(utf8ByteString(view.contains ?? ''), view.ignoreCase)
    case 'safeRegex':
      if (view.ignoreCase) throw new StringMatcherError('ignore_case has no effect for safe_regex.')
      return fullyMatching(compileRegexMatcher(view.safeRegex ?? { regex: '', googleRe2: undefined }))
    case 'custom':
      throw new StringMatcherError(
        'custom string matchers are not supported; use exact, prefix, suffix, contains or safe_regex',
      )
    default:
      throw new StringMatcherError('match_pattern is required')
  }
}

function exactly(wanted: string, ignoreCase: boolean): StringPredicate {
  if (!ignoreCase) return (value) => value === wanted
  const lower = lowerAscii(wanted)
  return (value) => value.length === lower.length && lowerAscii(value) === lower
}

function startingWith(wanted: string, ignoreCase: boolean): StringPredicate {
  if (!ignoreCase) return (value) => value.startsWith(wanted)
  const lower = lowerAscii(wanted)
  return (value) => lowerAscii(value.slice(0, lower.length)) === lower
}

function endingWith(wanted: string, ignoreCase: boolean): StringPredicate {
  if (!ignoreCase) return (value) => value.endsWith(wanted)
  const lower = lowerAscii(wanted)
  return (value) => value.length >= lower.length && lowerAscii(value.slice(value.length - lower.length)) === lower
}

function containing(wanted: string, ignoreCase: boolean): StringPredicate {
  if (!ignoreCase) return (value) => value.includes(wanted)
  const lower = lowerAscii(wanted)
  return (value) => lowerAscii(value).includes(lower)
}

function fullyMatching(regex: CompiledRegex): StringPredicate {
  return (value) => regex.fullMatch(value)
}

/** Lower case for A to Z; other characters, such as Latin-1 letters that are bytes of something else, stay. */
export function lowerAscii(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code >= 0x41 && code <= 0x5a) return text.replace(/[A-Z]+/g, (letters) => letters.toLowerCase())
  }
  return text
}

/** The UTF-8 bytes of configured text, one a character: the form in which header values are compared. */
export function utf8ByteString(text: string): string {
  for (let i = 0; i < text.length; i++) {
    if (text.charCodeAt(i) > 0x7f) return Buffer.from(text, 'utf8').toString('latin1')
  }
  return text
}

/** The message of an error that compileStringMatcher threw; anything else is thrown on. */
export function matcherErrorMessage(error: unknown): string {
  if (error instanceof RegexError || error instanceof StringMatcherError) return error.message
  throw error
}
