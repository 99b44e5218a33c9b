// Reads JSON text into a tree with positions, as leniently as Envoy's JSON parser: single quotes, bare keys, trailing commas.
import { type ConfigNode, type MapEntry, maxDepth, type SourceText, SyntaxProblem } from './config_node.ts'

/** Throws SyntaxProblem at the first offence. Comments and a byte order mark are offences, as in Envoy. */
export function parseJson(source: SourceText): ConfigNode {
  const reader = new JsonReader(source)
  const node = reader.value(0)
  reader.end()
  return node
}

const escapes: Record<string, string> = {
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
  '/': '/',
  "'": "'",
}
const numberSyntax = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const bareKeySyntax = /[A-Za-z_$][\w$]*/y

class JsonReader {
  #source: SourceText
  #text: string
  #at = 0

  constructor(source: SourceText) {
    this.#source = source
    this.#text = source.text
  }

  value(depth: number): ConfigNode {
    if (depth > maxDepth) throw this.#problem('JSON is nested too deeply', `at most ${maxDepth} levels`)
    this.#skipSpace()
    const start = this.#at
    const char = this.#text[start]
    if (char === '{') return this.#map(depth)
    if (char === '[') return this.#list(depth)
    if (char === '"' || char === "'") return this.#scalar(start, 'string', this.#string())
    for (const word of ['null', 'true', 'false'] as const) {
      if (!this.#text.startsWith(word, start)) continue
      this.#at += word.length
      return this.#scalar(start, word === 'null' ? 'null' : 'bool', word)
    }
    numberSyntax.lastIndex = start
    const number = numberSyntax.exec(this.#text)
    if (number === null) throw this.#problem(this.#unexpected(), 'a JSON value')
    this.#at += number[0].length
    if (/[\w.]/.test(this.#text[this.#at] ?? '')) throw this.#problem(this.#unexpected(), 'the end of the number')
    return this.#scalar(start, 'number', number[0])
  }

  end(): void {
    this.#skipSpace()
    if (this.#at < this.#text.length)
      throw this.#problem('extraneous characters after the end of the JSON value', 'the end of the file')
  }

  #scalar(start: number, json: 'null' | 'bool' | 'number' | 'string', text: string): ConfigNode {
    return { kind: 'scalar', source: this.#source, start, end: this.#at, json, text }
  }

  #map(depth: number): ConfigNode {
    const start = this.#at++
    const entries: MapEntry[] = []
    while (!this.#closes('}')) {
      const keyStart = this.#at
      const key = this.#key()
      const keyEnd = this.#at
      this.#skipSpace()
      if (this.#text[this.#at] !== ':') throw this.#problem(this.#unexpected(), "':' after a key")
      this.#at++
      entries.push({ key, keyStart, keyEnd, value: this.value(depth + 1) })
      this.#comma('}')
    }
    return { kind: 'map', source: this.#source, start, end: this.#at, entries }
  }

  #list(depth: number): ConfigNode {
    const start = this.#at++
    const items: ConfigNode[] = []
    while (!this.#closes(']')) {
      items.push(this.value(depth + 1))
      this.#comma(']')
    }
    return { kind: 'list', source: this.#source, start, end: this.#at, items }
  }

  #closes(bracket: string): boolean {
    this.#skipSpace()
    if (this.#text[this.#at] !== bracket) return false
    this.#at++
    return true
  }

  #comma(bracket: string): void {
    this.#skipSpace()
    if (this.#text[this.#at] === ',') this.#at++
    else if (this.#text[this.#at] !== bracket) throw this.#problem(this.#unexpected(), `',' or '${bracket}'`)
  }

  #key(): string {
    const char = this.#text[this.#at]
    if (char === '"' || char === "'") return this.#string()
    bareKeySyntax.lastIndex = this.#at
    const bare = bareKeySyntax.exec(this.#text)
    if (bare === null) throw this.#problem(this.#unexpected(), 'a key')
    this.#at += bare[0].length
    return bare[0]
  }

  #string(): string {
    const quote = this.#text[this.#at]
    const opened = this.#at++
    let result = ''
    for (;;) {
      const char = this.#text[this.#at]
      if (char === undefined) {
        this.#at = opened
        throw this.#problem('the string is not closed', `a closing ${quote}`)
      }
      this.#at++
      if (char === quote) return result
      result += char === '\\' ? this.#escape() : char
    }
  }

  #escape(): string {
    const char = this.#text[this.#at++] ?? ''
    if (char === 'u') {
      const digits = this.#text.slice(this.#at, this.#at + 4)
      if (!/^[\da-fA-F]{4}$/.test(digits)) throw this.#problem('invalid \\u escape', 'four hex digits')
      this.#at += 4
      return String.fromCharCode(Number.parseInt(digits, 16))
    }
    if (escapes[char] !== undefined) return escapes[char]
    this.#at--
    throw this.#problem(`invalid escape character ${JSON.stringify(char)}`, 'one of b f n r t u " \\ /')
  }

  #skipSpace(): void {
    while (' \t\r\n'.includes(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #unexpected(): string {
    const char = this.#text[this.#at]
    return char === undefined ? 'unexpected end of the file' : `unexpected character ${JSON.stringify(char)}`
  }

  #problem(message: string, expected: string): SyntaxProblem {
    return new SyntaxProblem(this.#source, this.#at, message, expected)
  }
}
