// Regular expressions of `stats_tags`: Envoy compiles these with C++'s std::regex in its ECMAScript grammar, not with RE2.

import { RegexError } from './regex.ts'

/** The classes that JavaScript lacks. */
const posixClasses: Record<string, string> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  blank: ' \\t',
  cntrl: '\\x00-\\x1f\\x7f',
  d: '0-9',
  digit: '0-9',
  graph: '\\x21-\\x7e',
  lower: 'a-z',
  print: '\\x20-\\x7e',
  punct: '\\x21-\\x2f\\x3a-\\x40\\x5b-\\x60\\x7b-\\x7e',
  s: '\\s',
  space: '\\s',
  upper: 'A-Z',
  w: '\\w',
  xdigit: '0-9A-Fa-f',
}

/** Letters and digits that mean something behind a backslash; any other letter is refused. */
const escapes = 'bBcdDfnrsStuvwWx'
const isAlphanumeric = (char: string): boolean => /^[A-Za-z0-9]$/.test(char)

/**
 * The JavaScript pattern that means the same, with group offsets in its matches (`d`). It backtracks, as Envoy's does:
 * for patterns and names that the operator chose, never for what a peer sent. Throws RegexError for what std::regex
 * refuses, although JavaScript would take it: named groups, lookbehind, flags, Unicode classes, forward references.
 */
export function compileEcmascriptRegex(pattern: string): RegExp {
  const translated = new Translator(pattern).translate()
  try {
    return new RegExp(translated, 'du')
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new RegexError(`invalid regex '${pattern}': ${reason.replace(/^Invalid regular expression: .*: /, '')}`)
  }
}

class Translator {
  readonly #pattern: string
  #at = 0
  #groups = 0

  constructor(pattern: string) {
    this.#pattern = pattern
  }

  translate(): string {
    let out = ''
    while (this.#at < this.#pattern.length) {
      const char = this.#pattern[this.#at]
      if (char === '\\') out += this.#escape()
      else if (char === '[') out += this.#class()
      else if (char === '(') out += this.#group()
      else {
        out += char
        this.#at++
      }
    }
    return out
  }

  #escape(): string {
    const char = this.#pattern[this.#at + 1]
    if (char === undefined) throw this.#error('a backslash at the end')
    if (char >= '1' && char <= '9') return this.#backReference()
    this.#at += 2
    if (char === '0') return '\\x00'
    if (escapes.includes(char)) return `\\${char}`
    if (isAlphanumeric(char)) throw this.#error(`unknown escape '\\${char}'`)
    return literal(char)
  }

  #backReference(): string {
    const digits = /^\d+/.exec(this.#pattern.slice(this.#at + 1))?.[0] ?? ''
    if (Number(digits) > this.#groups) throw this.#error(`a reference to group ${digits}, which has not been opened`)
    this.#at += 1 + digits.length
    return `\\${digits}`
  }

  #group(): string {
    const kind = this.#pattern.slice(this.#at + 1, this.#at + 3)
    if (kind === '?:' || kind === '?=' || kind === '?!') {
      this.#at += 3
      return `(${kind}`
    }
    if (kind.startsWith('?')) throw this.#error("'(?' is followed by none of ':', '=', '!'")
    this.#groups++
    this.#at++
    return '('
  }

  #class(): string {
    const negated = this.#pattern[this.#at + 1] === '^'
    let out = negated ? '[^' : '['
    this.#at += out.length
    while (this.#pattern[this.#at] !== ']') {
      const char = this.#pattern[this.#at]
      if (char === undefined) throw this.#error("a '[' without its ']'")
      if (char === '\\') out += this.#escape()
      else if (char === '[' && ':.='.includes(this.#pattern[this.#at + 1] || ' ')) out += this.#posixClass()
      else {
        out += char === '[' ? '\\[' : char
        this.#at++
      }
    }
    this.#at++
    return `${out}]`
  }

  #posixClass(): string {
    const found = /^\[(?::(\w+):|([.=])(.)\2)\]/u.exec(this.#pattern.slice(this.#at))
    const members = found?.[1] === undefined ? found?.[3] && literal(found[3]) : posixClasses[found[1]]
    if (!found || !members) throw this.#error('an unknown character class')
    this.#at += found[0].length
    return members
  }

  #error(reason: string): RegexError {
    return new RegexError(`invalid regex '${this.#pattern}': ${reason}`)
  }
}

/** A character that stands for itself wherever it is. */
function literal(char: string): string {
  return `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`
}
