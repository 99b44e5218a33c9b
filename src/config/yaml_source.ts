// Reads YAML text into a tree with positions, giving plain scalars the types that Envoy's YAML parser (yaml-cpp) gives them.
import {
  Composer,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  Parser,
  type Scalar,
  visit,
  YAMLParseError,
} from 'yaml'
import {
  type ConfigNode,
  type MapEntry,
  maxDepth,
  type ScalarNode,
  type SourceText,
  SyntaxProblem,
} from './config_node.ts'

/** How many nodes aliases may add to a document: real ones add a few, a "billion laughs" file adds without end. */
const maxAliasedNodes = 300_000

/** Offences for the `yaml` package that yaml-cpp takes as they are. */
const toleratedErrors = new Set([
  'MULTILINE_IMPLICIT_KEY',
  'DUPLICATE_KEY',
  'TAG_RESOLVE_FAILED',
  'BAD_COLLECTION_TYPE',
])

/** The first document of the text; later ones are ignored, as Envoy ignores them. Throws SyntaxProblem. */
export function parseYaml(source: SourceText): ConfigNode {
  const document = composeFirst(source)
  const error = document?.errors.find((candidate) => !toleratedErrors.has(candidate.code))
  if (error !== undefined) throw new SyntaxProblem(source, placeOf(document!, error, source.text), errorText(error))
  if (document === undefined || document.contents === null) {
    const message = 'Unable to convert YAML as JSON: the document is empty'
    throw new SyntaxProblem(source, 0, message, 'a map of bootstrap fields')
  }
  return new YamlConverter(source).convert(document.contents as ParsedNode, 0)
}

/** Where a person would look: at the quote that is never closed, and not at blanks before the offending text. */
function placeOf(document: Document, error: YAMLParseError, text: string): number {
  const [offset] = error.pos
  if (error.message.startsWith('Missing closing')) {
    let start = offset
    visit(document, {
      Scalar: (_key, node) => {
        if (node.type?.startsWith('QUOTE') === true && node.range) [start] = node.range
      },
    })
    return start
  }
  const blanks = /^ +(?=\S)/.exec(text.slice(offset, offset + 200))
  return blanks === null ? offset : offset + blanks[0].length
}

function errorText(error: YAMLParseError): string {
  if (error.message.startsWith('Maximum call stack')) return 'YAML is nested too deeply'
  const text = error.message.replace(' in block collection must be sufficiently indented and end', ' must end')
  return text.split(/ at line \d+, column \d+|\n/)[0]
}

/** yaml-cpp lets the lines of a flow collection begin anywhere: where the composer minds, it gets them as one line. */
function composeFirst(source: SourceText): Document | undefined {
  let text = source.text
  for (;;) {
    const document = firstDocument(text)
    const error = document?.errors.find((candidate) => candidate.message.includes('sufficiently indented'))
    const joined = error === undefined ? undefined : joinFlowLines(text, flowStart(document!, error.pos[0]))
    if (joined === undefined || joined === text) return document
    text = joined
  }
}

/** Where the outermost flow collection begins that is being read at an offset. */
function flowStart(document: Document, offset: number): number {
  let start = 0
  visit(document, {
    Collection: (_key, node) => {
      if (node.flow !== true || node.range === null || node.range === undefined) return undefined
      if (node.range[0] < offset) start = node.range[0]
      return visit.SKIP
    },
  })
  return start
}

/** The text with the line ends and comments of one flow collection made spaces, so that all offsets stay. */
function joinFlowLines(text: string, start: number): string | undefined {
  let depth = 0
  let quote = ''
  const chars = text.slice(start).split('')
  for (let at = 0; at < chars.length; at++) {
    const char = chars[at]
    if (quote !== '') {
      if (char === '\\' && quote === '"') at++
      else if (char === quote) quote = ''
    } else if ((char === '"' || char === "'") && /[\s[{,:]/.test(chars[at - 1] ?? ' ')) quote = char
    else if (char === '#' && /\s/.test(chars[at - 1] ?? ' '))
      while (at < chars.length && chars[at] !== '\n') chars[at++] = ' '
    if (quote === '' && (chars[at] === '\n' || chars[at] === '\r')) chars[at] = ' '
    else if (quote === '' && (char === '[' || char === '{')) depth++
    else if (quote === '' && (char === ']' || char === '}') && --depth === 0)
      return text.slice(0, start) + chars.join('')
  }
  return undefined
}

function firstDocument(text: string): Document | undefined {
  const composer = new Composer({ schema: 'failsafe', uniqueKeys: false, merge: false, version: '1.2', strict: true })
  let document: Document | undefined
  for (const token of new Parser().parse(text)) {
    if (document === undefined) {
      for (const composed of composer.next(token)) document ??= composed
      if (token.type === 'document') for (const composed of composer.end()) document ??= composed
    } else if (token.type === 'document' || token.type === 'doc-end' || token.type === 'directive') {
      break
    } else if (token.type === 'error' && token.message.endsWith('in YAML stream')) {
      // What stands after the document's end without a new one beginning, such as a bracket too many.
      document.errors.push(
        new YAMLParseError(
          [token.offset, token.offset + 1],
          'UNEXPECTED_TOKEN',
          'Unexpected text after the end of the document',
        ),
      )
      break
    }
  }
  if (document === undefined) for (const composed of composer.end()) document ??= composed
  return document
}

class YamlConverter {
  #source: SourceText
  /** `size` counts the nodes below, those that aliases add included. */
  #anchors = new Map<string, { node: ConfigNode; size: number } | 'open'>()
  #nodes = 0
  #aliased = 0

  constructor(source: SourceText) {
    this.#source = source
  }

  convert(node: ParsedNode, depth: number): ConfigNode {
    const [start, end] = node.range
    if (depth > maxDepth)
      throw new SyntaxProblem(this.#source, start, 'YAML is nested too deeply', `at most ${maxDepth} levels`)
    if (isAlias(node)) return this.#alias(node.source, start)
    const before = this.#nodes
    const anchor = node.anchor
    if (anchor !== undefined) this.#anchors.set(anchor, 'open')
    this.#nodes++
    let result: ConfigNode
    if (isMap(node)) result = this.#map(node.items, start, end, depth)
    else if (isSeq(node)) {
      const items = node.items.map((item) => this.#valueOf(item as ParsedNode | null, start, depth))
      result = { kind: 'list', source: this.#source, start, end, items }
    } else result = scalarNode(this.#source, node as Scalar.Parsed, start, end)
    if (anchor !== undefined) this.#anchors.set(anchor, { node: result, size: this.#nodes - before })
    return result
  }

  #alias(name: string, start: number): ConfigNode {
    const target = this.#anchors.get(name)
    if (target === undefined)
      throw new SyntaxProblem(this.#source, start, `the referenced anchor is not defined: ${name}`)
    if (target === 'open') throw new SyntaxProblem(this.#source, start, `the anchor ${name} contains itself`)
    this.#nodes += target.size
    this.#aliased += target.size
    if (this.#aliased > maxAliasedNodes) {
      const expected = `at most ${maxAliasedNodes} nodes from aliases`
      throw new SyntaxProblem(this.#source, start, 'aliases make the document too large', expected)
    }
    return target.node
  }

  #map(items: { key: unknown; value: unknown }[], start: number, end: number, depth: number): ConfigNode {
    const entries = new Map<string, MapEntry>()
    for (const item of items) {
      const key = item.key as ParsedNode | null
      if (key !== null && isScalar(key) && key.tag === '!ignore') {
        // Dropped, but its anchors count.
        this.#valueOf(item.value as ParsedNode | null, start, depth)
        continue
      }
      const name = this.#keyText(key, start)
      const keyStart = key?.range[0] ?? start
      const keyEnd = key?.range[1] ?? start
      const value = this.#valueOf(item.value as ParsedNode | null, keyEnd, depth)
      // Of equal keys the last one wins, silently.
      entries.set(name, { key: name, keyStart, keyEnd, value })
    }
    return { kind: 'map', source: this.#source, start, end, entries: [...entries.values()] }
  }

  #keyText(key: ParsedNode | null, start: number): string {
    if (key === null) return 'null'
    const node = isAlias(key)
      ? this.#alias(key.source, key.range[0])
      : isScalar(key)
        ? scalarNode(this.#source, key, ...span(key))
        : undefined
    if (node?.kind !== 'scalar')
      throw new SyntaxProblem(this.#source, key.range?.[0] ?? start, 'a key must be a scalar', 'a field name')
    return node.json === 'null' ? 'null' : String(isScalar(key) ? key.value : node.text)
  }

  #valueOf(value: ParsedNode | null, start: number, depth: number): ConfigNode {
    if (value !== null) return this.convert(value, depth + 1)
    return { kind: 'scalar', source: this.#source, start, end: start, json: 'null', text: '' }
  }
}

function span(node: Node): [number, number] {
  return [node.range![0], node.range![1]]
}

const yamlNull = new Set(['', '~', 'null', 'Null', 'NULL'])
const yamlTrue = new Set(['y', 'yes', 'true', 'on'])
const yamlFalse = new Set(['n', 'no', 'false', 'off'])
const yamlInteger = /^[+-]?(?:0[xX][\da-fA-F]+|0[0-7]*|[1-9]\d*)$/

/** Quoted and block scalars are strings; a plain one is null, a boolean, a 32-bit integer, or else a string. */
function scalarNode(source: SourceText, node: Scalar, start: number, end: number): ScalarNode {
  const text = String(node.value ?? '')
  const make = (json: ScalarNode['json'], value: string): ScalarNode => ({
    kind: 'scalar',
    source,
    start,
    end,
    json,
    text: value,
  })
  const isPlain = node.type === 'PLAIN' || node.type === undefined
  if (!isPlain || node.tag === '!') return make('string', text)
  if (yamlNull.has(text)) return make('null', text)
  if (/^(?:[a-z]+|[A-Z]+|[A-Z][a-z]+)$/.test(text)) {
    const lower = text.toLowerCase()
    if (yamlTrue.has(lower)) return make('bool', 'true')
    if (yamlFalse.has(lower)) return make('bool', 'false')
  }
  if (yamlInteger.test(text)) {
    const integer = yamlIntegerValue(text)
    if (integer === BigInt.asIntN(32, integer)) return make('number', String(integer))
    // Envoy hands larger ones on as strings of their digits.
    if (integer === BigInt.asIntN(64, integer)) return make('string', String(integer))
  }
  return make('string', text)
}

/** As C++ streams read it: `0x` is hexadecimal, another leading zero octal. */
function yamlIntegerValue(text: string): bigint {
  const digits = text.replace(/^[+-]/, '')
  const value = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits)
  return text.startsWith('-') ? -value : value
}
