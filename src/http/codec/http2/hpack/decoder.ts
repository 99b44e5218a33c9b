// Decodes header blocks: RFC 7541 3 and 6.

import { DynamicTable, type TableEntry } from './dynamic_table.ts'
import { HpackError } from './hpack_error.ts'
import { cachedLiteralString, literalString } from './literal_strings.ts'
import { staticNames, staticTableLength, staticValues } from './static_table.ts'

/** What every connection begins with (RFC 9113 6.5.2, SETTINGS_HEADER_TABLE_SIZE). */
export const defaultTableBytes = 4096

/**
 * Gets one field, in the block's order, and what `classify` said of it. When it answers false the rest of the block is
 * read for the table's sake alone.
 */
export type OnHeader = (name: string, value: string, kind: number) => boolean

/**
 * Says of a field what its receiver wants to know whenever it comes, as bits of its own choice: fields of the tables are
 * asked for once only.
 */
export type Classify = (name: string, value: string) => number

interface Field extends TableEntry {
  readonly kind: number
}

/** The static table as each `classify` sees it: there are a few of them in a process. */
const staticFields = new Map<Classify, readonly Field[]>()

function staticFieldsOf(classify: Classify): readonly Field[] {
  const found = staticFields.get(classify)
  if (found !== undefined) return found
  const fields = staticNames.map((name, index) => {
    const value = staticValues[index]
    return { name, value, kind: index === 0 ? 0 : classify(name, value) }
  })
  staticFields.set(classify, fields)
  return fields
}

function noKind(): number {
  return 0
}

const noData = Buffer.alloc(0)

/**
 * The receiving side's state of one connection. Strings are Latin-1. An HpackError leaves it useless: the connection must
 * end. `classify` is one function for all decoders of a kind, not one for each.
 */
export class HpackDecoder {
  readonly #table: DynamicTable<Field>
  readonly #statics: readonly Field[]
  readonly #classify: Classify
  /** What SETTINGS_HEADER_TABLE_SIZE allows the peer. */
  #limitBytes: number
  /** The next block must begin with a size update to this or less: the limit went below what the peer had; or -1. */
  #awaitedBytes = -1
  #data: Buffer = noData
  #position = 0
  #end = 0

  constructor(maxTableBytes = defaultTableBytes, classify: Classify = noKind) {
    this.#limitBytes = maxTableBytes
    this.#table = new DynamicTable(Math.min(maxTableBytes, defaultTableBytes))
    this.#classify = classify
    this.#statics = staticFieldsOf(classify)
  }

  /** Bytes in the dynamic table. */
  get tableBytes(): number {
    return this.#table.bytes
  }

  /** The size that our SETTINGS allowed, from when the peer has acknowledged them. */
  setMaxTableSize(bytes: number): void {
    this.#limitBytes = bytes
    if (bytes >= this.#table.maxBytes) return
    this.#awaitedBytes = this.#awaitedBytes < 0 ? bytes : Math.min(this.#awaitedBytes, bytes)
    this.#table.setMaxBytes(bytes)
  }

  /** Decodes one whole block, which is `data` from `start` to `end`. Throws HpackError. */
  decode(data: Buffer, onHeader: OnHeader, start = 0, end = data.length): void {
    this.#data = data
    this.#position = start
    this.#end = end
    this.#readSizeUpdates()
    let wanted = true
    while (this.#position < end) {
      const first = data[this.#position]
      if (first >= 0x80) {
        const { name, value, kind } = this.#field(this.#integer(0x7f))
        if (wanted) wanted = onHeader(name, value, kind)
      } else if (first >= 0x40) {
        const field = this.#literal(0x3f, true)
        this.#table.insert(field)
        if (wanted) wanted = onHeader(field.name, field.value, field.kind)
      } else if (first < 0x20) {
        const field = this.#literal(0x0f, first < 0x10)
        if (wanted) wanted = onHeader(field.name, field.value, field.kind)
      } else throw new HpackError('a dynamic table size update after a field')
    }
    this.#data = noData
  }

  #readSizeUpdates(): void {
    while (this.#position < this.#end && (this.#data[this.#position] & 0xe0) === 0x20) {
      const bytes = this.#integer(0x1f)
      if (bytes > this.#limitBytes) {
        throw new HpackError(`a dynamic table size of ${bytes} bytes where ${this.#limitBytes} are allowed`)
      }
      if (bytes <= this.#awaitedBytes) this.#awaitedBytes = -1
      this.#table.setMaxBytes(bytes)
    }
    if (this.#awaitedBytes >= 0) throw new HpackError('no dynamic table size update after the limit was lowered')
  }

  /** A field given by its values. `shared`: it is no secret, so that its strings may be kept for other connections. */
  #literal(prefixMask: number, shared: boolean): Field {
    const index = this.#integer(prefixMask)
    const name = index === 0 ? this.#string(true) : this.#field(index).name
    const value = this.#string(shared)
    return { name, value, kind: this.#classify(name, value) }
  }

  #field(index: number): Field {
    if (index <= staticTableLength && index > 0) return this.#statics[index]
    const field = index === 0 ? undefined : this.#table.at(index - staticTableLength - 1)
    if (field !== undefined) return field
    const most = staticTableLength + this.#table.length
    throw new HpackError(`the index ${index} is not in the tables, which end with ${most}`)
  }

  /**
   * RFC 7541 5.1. It may have five bytes after the first, as in Envoy: more than any block or table is long, if they are
   * not zeros.
   */
  #integer(prefixMask: number): number {
    const data = this.#data
    let position = this.#position
    let value = data[position++] & prefixMask
    if (value === prefixMask) {
      let shift = 0
      let byte: number
      do {
        if (position >= this.#end) throw new HpackError('the block ends within an integer')
        if (shift > 28) throw new HpackError('an integer that is too large')
        byte = data[position++]
        value += shift < 28 ? (byte & 0x7f) << shift : (byte & 0x7f) * 0x1000_0000
        shift += 7
      } while (byte >= 0x80)
    }
    this.#position = position
    return value
  }

  /** RFC 7541 5.2. */
  #string(shared: boolean): string {
    if (this.#position >= this.#end) throw new HpackError('the block ends before a string')
    const isHuffman = this.#data[this.#position] >= 0x80
    const length = this.#integer(0x7f)
    const start = this.#position
    const end = start + length
    if (end > this.#end) {
      throw new HpackError(`a string of ${length} bytes where the block has ${this.#end - start} left`)
    }
    this.#position = end
    return shared
      ? cachedLiteralString(this.#data, start, end, isHuffman)
      : literalString(this.#data, start, end, isHuffman)
  }
}
