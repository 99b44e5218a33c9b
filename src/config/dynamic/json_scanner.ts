// Tokens of JSON text that arrives in pieces, as leniently as Envoy's transcoder reads it: single quotes and bare keys.

import { isUtf8 } from 'node:buffer'

/** What is wrong with the text, with its surroundings and a caret, in Envoy's words. */
export class JsonSyntaxError extends Error {}

export type Token =
  | '{'
  | '}'
  | '['
  | ']'
  | ':'
  | ','
  | 'string'
  | 'number'
  | 'true'
  | 'false'
  | 'null'
  | 'key'
  /** Nothing that JSON knows, or the end of what has arrived. */
  | 'unknown'

/** A number as written (canonical digits of a 64-bit integer), or as a double. */
export type JsonNumber = { kind: 'integer'; text: string } | { kind: 'double'; value: number }

const contextLength = 20
const unicodeEscapeLength = 6
const maxUint64 = 0xffff_ffff_ffff_ffffn
const minInt64 = -0x8000_0000_0000_0000n
const doubleSyntax = /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/
const bareKey = /[A-Za-z_$][A-Za-z0-9_$]*/y
const numberText = /[-0-9.eE+x]+/y
const plainInString = /[^"'\\]+/y
const space = /[ \t\n\v\f\r]*/y
const escapes: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/**
 * Holds what has arrived and is not read yet, as a byte string. Methods that answer undefined have met the end of it
 * within a token: they are to be called again when there is more.
 */
export class JsonScanner {
  #text = ''
  #at = 0
  /** Bytes behind `#text` that are no complete UTF-8 yet. */
  #undecoded = ''
  #finishing = false
  /** The quote that ends the string that is being read, '' outside of strings, and what of the string was read. */
  #quote = ''
  #partial = ''

  /** Adds a piece. Answers whether there is anything to read. */
  push(chunk: Buffer): boolean {
    const rest = this.#text.slice(this.#at) + this.#undecoded
    const bytes = rest === '' ? chunk : Buffer.concat([Buffer.from(rest, 'latin1'), chunk])
    const valid = validUtf8Length(bytes)
    this.#text = bytes.toString('latin1', 0, valid)
    this.#undecoded = bytes.toString('latin1', valid)
    this.#at = 0
    return valid > 0
  }

  /** Nothing more will come: what is left must be complete. Throws where it is no UTF-8. */
  finish(): void {
    this.#text = this.#text.slice(this.#at)
    this.#at = 0
    if (this.#undecoded !== '') {
      this.#text += this.#undecoded
      throw this.problem('Encountered non UTF-8 code points.')
    }
    this.#finishing = true
  }

  get isFinishing(): boolean {
    return this.#finishing
  }

  get isInString(): boolean {
    return this.#quote !== ''
  }

  /** How many bytes are left to read. */
  get remaining(): number {
    return this.#text.length - this.#at
  }

  skipSpace(): void {
    space.lastIndex = this.#at
    space.test(this.#text)
    this.#at = space.lastIndex
  }

  token(): Token {
    if (this.#quote !== '') return 'string'
    this.skipSpace()
    const text = this.#text
    const char = text[this.#at]
    if (char === undefined) return 'unknown'
    switch (char) {
      case '"':
      case "'":
        return 'string'
      case '{':
      case '}':
      case '[':
      case ']':
      case ':':
      case ',':
        return char
    }
    if (char === '-' || (char >= '0' && char <= '9')) return 'number'
    for (const word of ['true', 'false', 'null'] as const) if (text.startsWith(word, this.#at)) return word
    return /[A-Za-z_$]/.test(char) ? 'key' : 'unknown'
  }

  /** Passes a token of so many characters. */
  advance(characters: number): void {
    this.#at += characters
  }

  /** The string at hand, without its quotes, as bytes. */
  string(): string | undefined {
    if (this.#quote === '') {
      this.#quote = this.#text[this.#at]
      this.#partial = ''
      this.#at++
    }
    const text = this.#text
    while (this.#at < text.length) {
      plainInString.lastIndex = this.#at
      if (plainInString.test(text)) {
        this.#partial += text.slice(this.#at, plainInString.lastIndex)
        this.#at = plainInString.lastIndex
        continue
      }
      const char = text[this.#at]
      if (char === this.#quote) {
        this.#at++
        this.#quote = ''
        return this.#partial
      }
      if (char !== '\\') {
        this.#partial += char
        this.#at++
      } else if (!this.#escape()) return undefined
    }
    if (!this.#finishing) return undefined
    throw this.problem('Closing quote expected in string.')
  }

  /** Reads one escape; false where more must come first. */
  #escape(): boolean {
    const next = this.#text[this.#at + 1]
    if (next === undefined) {
      if (!this.#finishing) return false
      throw this.problem('Closing quote expected in string.')
    }
    if (next === 'u') return this.#unicodeEscape()
    this.#partial += escapes[next] ?? next
    this.#at += 2
    return true
  }

  #unicodeEscape(): boolean {
    if (this.remaining < unicodeEscapeLength) {
      if (!this.#finishing) return false
      throw this.problem('Illegal hex string.')
    }
    let code = this.#hex(this.#at + 2)
    let length = unicodeEscapeLength
    if (code >= 0xd800 && code <= 0xdbff) {
      if (this.remaining < 2 * unicodeEscapeLength && !this.#finishing) return false
      const second = this.#at + unicodeEscapeLength
      if (this.remaining < 2 * unicodeEscapeLength || !this.#text.startsWith('\\u', second))
        throw this.problem('Missing low surrogate.')
      const low = this.#hex(second + 2)
      if (low < 0xdc00 || low > 0xdfff) throw this.problem('Invalid low surrogate.')
      code = (((code & 0x3ff) << 10) | (low & 0x3ff)) + 0x10000
      length *= 2
    } else if (code >= 0xdc00 && code <= 0xdfff) throw this.problem('Invalid unicode code point.')
    this.#partial += Buffer.from(String.fromCodePoint(code)).toString('latin1')
    this.#at += length
    return true
  }

  #hex(at: number): number {
    const digits = this.#text.slice(at, at + 4)
    if (!/^[0-9A-Fa-f]{4}$/.test(digits)) throw this.problem('Invalid escape sequence.')
    return Number.parseInt(digits, 16)
  }

  number(): JsonNumber | undefined {
    numberText.lastIndex = this.#at
    numberText.test(this.#text)
    const end = numberText.lastIndex
    if (end === this.#text.length && !this.#finishing) return undefined
    const text = this.#text.slice(this.#at, end)
    const result = /[.eE]/.test(text) ? this.#double(text) : this.#integer(text)
    this.#at = end
    return result
  }

  #integer(text: string): JsonNumber {
    const digits = text[0] === '-' ? text.slice(1) : text
    if (digits.length >= 2 && digits[0] === '0') throw this.problem('Octal/hex numbers are not valid JSON values.')
    if (!/^\d+$/.test(digits)) throw this.problem('Unable to parse number.')
    if (digits === '0') return { kind: 'integer', text: '0' }
    if (digits.length > 18) {
      const value = BigInt(text)
      if (value > maxUint64 || value < minInt64) return this.#double(text)
    }
    return { kind: 'integer', text }
  }

  #double(text: string): JsonNumber {
    if (!doubleSyntax.test(text)) throw this.problem('Unable to parse number.')
    const value = Number(text)
    if (!Number.isFinite(value)) throw this.problem('Number exceeds the range of double.')
    return { kind: 'double', value }
  }

  /** A key without quotes. */
  key(): string | undefined {
    bareKey.lastIndex = this.#at
    bareKey.test(this.#text)
    const end = bareKey.lastIndex
    if (end === this.#text.length && !this.#finishing) return undefined
    const key = this.#text.slice(this.#at, end)
    this.#at = end
    return key
  }

  /** The complaint about an unknown token; undefined where it may still become something. */
  unknown(expected: string): JsonSyntaxError | undefined {
    if (!this.#finishing) return undefined
    return this.problem(this.remaining === 0 ? `Unexpected end of string. ${expected}` : expected)
  }

  /** An error that shows the text around the current place. */
  problem(message: string): JsonSyntaxError {
    const from = Math.max(0, this.#at - contextLength)
    const segment = this.#text.slice(from, this.#at + contextLength)
    return new JsonSyntaxError(`${message}\n${segment}\n${' '.repeat(this.#at - from)}^`)
  }
}

/** How many bytes at the start are complete and valid UTF-8. */
function validUtf8Length(bytes: Buffer): number {
  if (isUtf8(bytes)) return bytes.length
  let at = 0
  for (;;) {
    const lead = bytes[at]
    const width = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
    if (width > 1 && (at + width > bytes.length || !isUtf8(bytes.subarray(at, at + width)))) return at
    at += width
  }
}
