// Configuration text as a tree with positions, the same for YAML and JSON.

/** One text that configuration came from. */
export class SourceText {
  /** File name as given, or a label such as `<--config-yaml>`. */
  readonly name: string
  readonly text: string
  #lineStarts: number[] | undefined

  constructor(name: string, text: string) {
    this.name = name
    this.text = text
  }

  /** Line and column of an offset, both from 1. */
  position(offset: number): { line: number; column: number } {
    const starts = this.#starts()
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle] <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - starts[low] + 1 }
  }

  /** The text of a line (from 1) without its line end. */
  line(line: number): string {
    const starts = this.#starts()
    const end = line < starts.length ? starts[line] : this.text.length
    return this.text.slice(starts[line - 1], end).replace(/\r?\n$/, '')
  }

  #starts(): number[] {
    if (this.#lineStarts === undefined) {
      this.#lineStarts = [0]
      for (let at = this.text.indexOf('\n'); at >= 0; at = this.text.indexOf('\n', at + 1))
        this.#lineStarts.push(at + 1)
    }
    return this.#lineStarts
  }
}

/** Offsets are UTF-16 positions in `source.text`; `end` is exclusive. */
interface NodeBase {
  readonly source: SourceText
  readonly start: number
  readonly end: number
}

export interface MapNode extends NodeBase {
  readonly kind: 'map'
  readonly entries: readonly MapEntry[]
}

export interface MapEntry {
  readonly key: string
  readonly keyStart: number
  readonly keyEnd: number
  readonly value: ConfigNode
}

export interface ListNode extends NodeBase {
  readonly kind: 'list'
  readonly items: readonly ConfigNode[]
}

/** A scalar as JSON sees it. `text` is the string, the number's digits, or `true` and `false`. */
export interface ScalarNode extends NodeBase {
  readonly kind: 'scalar'
  readonly json: 'null' | 'bool' | 'number' | 'string'
  readonly text: string
}

export type ConfigNode = MapNode | ListNode | ScalarNode

/** How deep maps and lists may lie in each other: the limit of protobuf's own JSON parser. */
export const maxDepth = 100

/** A text that cannot be read at all: what is wrong and where. */
export class SyntaxProblem extends Error {
  readonly source: SourceText
  readonly offset: number
  readonly expected: string | undefined

  constructor(source: SourceText, offset: number, message: string, expected?: string) {
    super(message)
    this.name = 'SyntaxProblem'
    this.source = source
    this.offset = offset
    this.expected = expected
  }
}

export function isNull(node: ConfigNode): boolean {
  return node.kind === 'scalar' && node.json === 'null'
}

/** A short description for messages: `a list`, `the string "x"`. */
export function describeNode(node: ConfigNode): string {
  if (node.kind !== 'scalar') return node.kind === 'map' ? 'a map' : 'a list'
  if (node.json === 'string')
    return `the string ${JSON.stringify(node.text.length > 40 ? `${node.text.slice(0, 40)}...` : node.text)}`
  return node.json === 'null' ? 'null' : `the ${node.json === 'bool' ? 'boolean' : 'number'} ${node.text}`
}
