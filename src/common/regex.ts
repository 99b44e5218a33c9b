// Regular expressions from configuration: RE2's syntax, and matching in time linear in the input.

import { isUtf8 } from 'node:buffer'
import { RE2JS } from 're2js'
import type { envoy } from '../../proto/generated/api.d.ts'
import { decodeUtf8, encodeUtf8, isAscii } from './latin1.ts'

/** A pattern that RE2 refuses, or whose program is too large. */
export class RegexError extends Error {
  override readonly name = 'RegexError'
}

/**
 * A compiled pattern. Inputs are byte strings (one byte a character, as header values are), whose bytes are read as
 * UTF-8; what is pure ASCII is matched as it is.
 */
export class CompiledRegex {
  readonly pattern: string
  readonly groupCount: number
  readonly #re: RE2JS

  constructor(pattern: string, re: RE2JS) {
    this.pattern = pattern
    this.groupCount = re.groupCount()
    this.#re = re
  }

  /** Whether the whole input matches. */
  fullMatch(input: string): boolean {
    if (isAscii(input)) return this.#re.testExact(input)
    const bytes = Buffer.from(input, 'latin1')
    // No RE2 construct that is accepted here matches a byte that is not part of valid UTF-8.
    return isUtf8(bytes) && this.#re.testExact(bytes.toString('utf8'))
  }

  /** Whether any part of the input matches. */
  find(input: string): boolean {
    return this.#re.test(decodeUtf8(input))
  }

  /** Capture groups of the first match anywhere in the input, the whole match first; undefined for no match. */
  exec(input: string): (string | undefined)[] | undefined {
    const matcher = this.#re.matcher(decodeUtf8(input))
    if (!matcher.find()) return undefined
    const groups: (string | undefined)[] = []
    for (let i = 0; i <= this.groupCount; i++) {
      const group = matcher.group(i)
      groups.push(group === null ? undefined : encodeUtf8(group))
    }
    return groups
  }

  /**
   * Replaces every match, as RE2's GlobalReplace: `\0` to `\9` in the substitution are groups, `\\` is a backslash. A
   * substitution that is malformed or names a group that the pattern lacks leaves the input as it is.
   */
  replaceAll(input: string, substitution: string): string {
    const pieces = parseSubstitution(decodeUtf8(substitution), this.groupCount)
    if (pieces === undefined) return input
    const text = decodeUtf8(input)
    const matcher = this.#re.matcher(text)
    let replaced = ''
    let position = 0
    let lastEnd = -1
    while (matcher.find()) {
      const start = matcher.start()
      const end = matcher.end()
      // RE2 takes no empty match that touches the one before.
      if (start === end && start === lastEnd) continue
      replaced += text.slice(position, start)
      for (const piece of pieces) replaced += typeof piece === 'string' ? piece : (matcher.group(piece) ?? '')
      position = end
      lastEnd = end
    }
    return lastEnd < 0 ? input : encodeUtf8(replaced + text.slice(position))
  }
}

/** Envoy's default for the runtime key re2.max_program_size.error_level. */
const defaultMaxProgramSize = 100
/** RE2 counts two instructions more than re2js for the same pattern, as a rule. */
const programSizeDifference = 2

/**
 * Compiles a pattern in RE2 syntax (Unicode text). `maxProgramSize` is the pattern's own limit; without one Envoy's
 * default holds. Throws RegexError.
 */
export function compileRegex(pattern: string, maxProgramSize?: number): CompiledRegex {
  let re: RE2JS
  try {
    re = RE2JS.compile(pattern)
  } catch (error) {
    throw new RegexError(re2Message(error instanceof Error ? error.message : String(error)), { cause: error })
  }
  const size = re.programSize() + programSizeDifference
  const limit = maxProgramSize ?? defaultMaxProgramSize
  if (size > limit) {
    const origin = maxProgramSize === undefined ? ' set for the error level threshold' : ''
    throw new RegexError(
      `regex '${pattern}' RE2 program size of ${size} > max program size of ${limit}${origin}. ` +
        'Increase configured max program size if necessary.',
    )
  }
  return new CompiledRegex(pattern, re)
}

/** What re2js says, which follows Go's regexp, in the words of RE2's own errors (re2.cc), which operators search for. */
const re2Words: readonly (readonly [theirs: string, re2: string])[] = [
  ['missing closing )', 'missing )'],
  ['missing closing ]', 'missing ]'],
  ['missing argument to repetition operator', 'no argument for repetition operator'],
  ['invalid nested repetition operator', 'bad repetition operator'],
  ['invalid repeat count', 'invalid repetition size'],
  ['trailing backslash at end of expression', 'trailing \\'],
  ['invalid or unsupported Perl syntax', 'invalid perl operator'],
  ['invalid named capture', 'invalid named capture group'],
]

function re2Message(message: string): string {
  const text = message.replace(/^error parsing regexp: /, '').replace(/`([^`]*)`$/, '$1')
  const lookBehind = /^invalid named capture: (\(\?<[=!])/.exec(text)
  if (lookBehind !== null) return `invalid perl operator: ${lookBehind[1]}`
  if (text.endsWith(': (?P=')) return 'invalid perl operator: (?P'
  const known = re2Words.find(([theirs]) => text.startsWith(theirs))
  return known === undefined ? text : known[1] + text.slice(known[0].length)
}

/** Compiles Envoy's RegexMatcher with its own limit on the program size. Throws RegexError. */
export function compileRegexMatcher(view: RegexMatcherView): CompiledRegex {
  return compileRegex(view.regex, view.googleRe2?.maxProgramSize)
}

/** Envoy's and xDS's messages of the same shape. */
export interface RegexMatcherView {
  readonly googleRe2:
    | Partial<Pick<NonNullable<envoy.type.matcher.v3.RegexMatcher['googleRe2']>, 'maxProgramSize'>>
    | undefined
  readonly regex: string
}

/** Literals and group numbers of a substitution; undefined for one that RE2 refuses. */
function parseSubstitution(substitution: string, groupCount: number): (string | number)[] | undefined {
  const pieces: (string | number)[] = []
  let literal = ''
  for (let i = 0; i < substitution.length; i++) {
    if (substitution[i] !== '\\') {
      literal += substitution[i]
      continue
    }
    i++
    const code = substitution.charCodeAt(i)
    if (code === 0x5c) literal += '\\'
    else if (code >= 0x30 && code <= 0x39) {
      if (code - 0x30 > groupCount) return undefined
      if (literal !== '') pieces.push(literal)
      literal = ''
      pieces.push(code - 0x30)
    } else return undefined
  }
  if (literal !== '') pieces.push(literal)
  return pieces
}
