// JSON text that arrives in pieces, to trees: one for the whole text, or one for each element of the outermost list.

import { type JsonNumber, JsonScanner, JsonSyntaxError, type Token } from './json_scanner.ts'

/** Names and strings are byte strings of UTF-8: what goes onto the wire. Entries keep their order and repeats. */
export type JsonNode = JsonObject | JsonList | JsonScalar
export interface JsonObject {
  readonly kind: 'object'
  readonly entries: JsonEntry[]
}
export interface JsonList {
  readonly kind: 'list'
  readonly items: JsonNode[]
}
export type JsonScalar =
  | JsonNumber
  | { readonly kind: 'string'; readonly text: string }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'null' }
export interface JsonEntry {
  readonly name: string
  readonly value: JsonNode
}

/** Lists and objects within each other; Envoy's limit. */
const maxDepth = 100

/** What comes next within the innermost list or object. */
type State = 'value' | 'entry' | 'entryMid' | 'objectMid' | 'item' | 'listMid'

interface Level {
  readonly node: JsonObject | JsonList
  key: string
}

/** The depth at which complete values are handed out: 0 the whole text, 1 the elements of the outermost list. */
export type JsonReaderMode = 'whole' | 'elements'

/** Every method throws JsonSyntaxError, with a message in Envoy's words. */
export class JsonReader {
  readonly #scanner = new JsonScanner()
  readonly #deliverDepth: number
  readonly #deliver: (node: JsonNode) => void
  readonly #states: State[] = ['value']
  readonly #levels: Level[] = []
  /** The kind of the outermost value, as soon as it begins. */
  rootKind: JsonNode['kind'] | undefined = undefined

  constructor(mode: JsonReaderMode, deliver: (node: JsonNode) => void) {
    this.#deliverDepth = mode === 'whole' ? 0 : 1
    this.#deliver = deliver
  }

  write(chunk: Buffer): void {
    if (!this.#scanner.push(chunk)) return
    this.#run()
    this.#scanner.skipSpace()
    if (this.#scanner.remaining > 0 && this.#states.length === 0) this.#terminatedEarly()
  }

  /** The text is complete. */
  end(): void {
    const scanner = this.#scanner
    scanner.finish()
    this.#run()
    scanner.skipSpace()
    if (scanner.remaining > 0) this.#terminatedEarly()
  }

  #terminatedEarly(): never {
    throw this.#scanner.problem('Parsing terminated before end of input.')
  }

  #run(): void {
    for (let state = this.#states.pop(); state !== undefined; state = this.#states.pop()) {
      if (this.#step(state, this.#scanner.token())) continue
      this.#states.push(state)
      return
    }
  }

  /** False where more text must come first: then nothing has changed. */
  #step(state: State, token: Token): boolean {
    switch (state) {
      case 'value':
        return this.#value(token, 'Expected a value.')
      case 'item':
        return this.#item(token)
      case 'listMid':
        return this.#listMid(token)
      case 'entry':
        return this.#entry(token)
      case 'entryMid':
        return this.#entryMid(token)
      case 'objectMid':
        return this.#objectMid(token)
    }
  }

  #value(token: Token, expected: string): boolean {
    const scanner = this.#scanner
    switch (token) {
      case '{':
        scanner.advance(1)
        return this.#open({ kind: 'object', entries: [] }, 'entry')
      case '[':
        scanner.advance(1)
        return this.#open({ kind: 'list', items: [] }, 'item')
      case 'string': {
        const text = scanner.string()
        return text !== undefined && this.#add({ kind: 'string', text })
      }
      case 'number': {
        const number = scanner.number()
        return number !== undefined && this.#add(number)
      }
      case 'true':
      case 'false':
        scanner.advance(token.length)
        return this.#add({ kind: 'bool', value: token === 'true' })
      case 'null':
        scanner.advance(token.length)
        return this.#add({ kind: 'null' })
      case 'unknown':
        return this.#unknown(expected)
      default:
        // It may be the beginning of `false`.
        if (!scanner.isFinishing && scanner.remaining < 5) return false
        throw scanner.problem('Unexpected token.')
    }
  }

  #item(token: Token): boolean {
    if (token === ']') return this.#close()
    if (token === 'unknown') return this.#unknown('Expected a value or ] within an array.')
    this.#states.push('listMid')
    if (this.#value(token, '')) return true
    this.#states.pop()
    return false
  }

  #listMid(token: Token): boolean {
    if (token === ']') return this.#close()
    return this.#separator(token, 'item', 'Expected , or ] after array value.')
  }

  #objectMid(token: Token): boolean {
    if (token === '}') return this.#close()
    return this.#separator(token, 'entry', 'Expected , or } after key:value pair.')
  }

  #separator(token: Token, next: State, expected: string): boolean {
    if (token === 'unknown') return this.#unknown(expected)
    if (token !== ',') throw this.#scanner.problem(expected)
    this.#scanner.advance(1)
    this.#states.push(next)
    return true
  }

  #entry(token: Token): boolean {
    const expected = 'Expected an object key or }.'
    if (token === 'unknown') return this.#unknown(expected)
    if (token === '}') return this.#close()
    const key = this.#key(token, expected)
    if (key === undefined) return false
    this.#levels[this.#levels.length - 1].key = key
    this.#states.push('objectMid', 'entryMid')
    return true
  }

  #key(token: Token, expected: string): string | undefined {
    const scanner = this.#scanner
    if (token === 'string') return scanner.string()
    if (token !== 'key' && token !== 'true' && token !== 'false' && token !== 'null') throw scanner.problem(expected)
    const key = scanner.key()
    if (key === 'true' || key === 'false' || key === 'null') throw scanner.problem(expected)
    return key
  }

  #entryMid(token: Token): boolean {
    const expected = 'Expected : between key:value pair.'
    if (token === 'unknown') return this.#unknown(expected)
    if (token !== ':') throw this.#scanner.problem(expected)
    this.#scanner.advance(1)
    this.#states.push('value')
    return true
  }

  #unknown(expected: string): false {
    const problem = this.#scanner.unknown(expected)
    if (problem !== undefined) throw problem
    return false
  }

  #open(node: JsonObject | JsonList, next: State): true {
    this.rootKind ??= node.kind
    if (this.#levels.length >= maxDepth) {
      const where = node.kind === 'object' ? `for key '${this.#levels.at(-1)?.key ?? ''}'` : 'in array'
      throw this.#tooDeep(where)
    }
    this.#levels.push({ node, key: '' })
    this.#states.push(next)
    return true
  }

  #tooDeep(where: string): Error {
    return new JsonSyntaxError(`Message too deep. Max recursion depth reached ${where}`)
  }

  #close(): true {
    this.#scanner.advance(1)
    const level = this.#levels.pop()!
    return this.#add(level.node)
  }

  /** A complete value goes into what surrounds it, or out. */
  #add(node: JsonNode): true {
    this.rootKind ??= node.kind
    if (this.#levels.length === this.#deliverDepth) {
      this.#deliver(node)
      return true
    }
    const level = this.#levels.at(-1)
    if (level === undefined) return true
    if (level.node.kind === 'list') level.node.items.push(node)
    else level.node.entries.push({ name: level.key, value: node })
    level.key = ''
    return true
  }
}
