// Encodes header blocks: RFC 7541 6, with the choices of what to index.

import { ByteWriter } from '../../../../common/byte_writer.ts'
import { flatCopy } from '../../../../common/latin1.ts'
import { defaultTableBytes } from './decoder.ts'
import { DynamicTable, entrySize, type TableEntry } from './dynamic_table.ts'
import { encodeHuffman, encodeShortText, huffmanLength } from './huffman_encoder.ts'
import { staticNameIndex, staticTableLength, staticValues } from './static_table.ts'

/** Values that hardly ever come again, or that others must not be able to guess by the size of a block: as nghttp2. */
const withoutIndexing: ReadonlySet<string> = new Set([
  ':path',
  'age',
  'content-length',
  'etag',
  'if-modified-since',
  'if-none-match',
  'location',
  'set-cookie',
])
/** RFC 7541 7.1.3: secrets, which those who pass them on must not index either. */
const neverIndexed: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization'])
/** A cookie so short can be guessed. */
const guessableCookieBytes = 20

type Indexing = 'indexed' | 'without' | 'never' | 'cookie'

/** So many values of one name are compared with, the newest first. */
const mostCompared = 8
/** A name that had so many values in a row, none of them twice, is changing: see #isWorthIndexing. */
const changingAfter = 3
/** Names that are remembered beyond those in the table. */
const mostUnusedNames = 256

/** A string of this length is shorter than 127 bytes in Huffman code, so that its length takes one byte. */
const longestShort = 126
/**
 * Room for a field beyond its name and value: integers of six bytes, of which it has three, and twice a short string that
 * is twice as long in Huffman code.
 */
const statusFieldBytes = ':status200'.length
const fieldOverheadBytes = 3 * 6 + 2 * longestShort

/** What one encoder knows of a name. */
class NameState {
  readonly name: string
  readonly indexing: Indexing
  /** In the static table; 0 for none. */
  readonly staticIndex: number
  /** Behind the last one. */
  readonly staticEnd: number
  /** The newest of its entries in the dynamic table. */
  newest: Entry | undefined = undefined
  /** Values in a row that were not in the tables. */
  misses = 0
  /** Of the last value that was not in the tables. */
  lastMissed = 0

  constructor(name: string) {
    const found = staticNameIndex.get(name)
    this.name = name
    this.indexing = indexingOf(name)
    this.staticIndex = found?.index ?? 0
    this.staticEnd = this.staticIndex + (found?.count ?? 0)
  }
}

class Entry implements TableEntry {
  readonly name: string
  readonly value: string
  readonly state: NameState
  /** Counts the insertions. */
  readonly number: number
  /** The entry of the same name before this one, perhaps evicted since. */
  older: Entry | undefined

  constructor(state: NameState, value: string, number: number) {
    this.name = state.name
    this.value = value
    this.state = state
    this.number = number
    this.older = state.newest
  }
}

function indexingOf(name: string): Indexing {
  if (name === 'cookie') return 'cookie'
  if (neverIndexed.has(name)) return 'never'
  return withoutIndexing.has(name) ? 'without' : 'indexed'
}

/** `:status` of each code as it stands in the static table. */
const statusIndex = new Uint8Array(1000)
const firstStatus = staticNameIndex.get(':status')
for (let i = 0; firstStatus !== undefined && i < firstStatus.count; i++) {
  statusIndex[Number(staticValues[firstStatus.index + i])] = firstStatus.index + i
}

/** The sending side's state of one connection. Names and values are Latin-1. */
export class HpackEncoder {
  readonly #table: DynamicTable<Entry>
  readonly #names = new Map<string, NameState>()
  readonly #limitBytes: number
  readonly #huffman: boolean
  /** The smallest size since the last block, to be told before the table's own; -1: the peer knows the size. */
  #untoldSmallest = -1
  /** Of the names and values of the last block. */
  blockBytes = 0

  /** The table takes `limitBytes` at most, whatever the peer allows. */
  constructor(limitBytes = defaultTableBytes, huffman = true) {
    this.#limitBytes = limitBytes
    this.#huffman = huffman
    this.#table = new DynamicTable<Entry>(defaultTableBytes, forget)
    this.setMaxTableSize(defaultTableBytes)
  }

  get tableBytes(): number {
    return this.#table.bytes
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE: told back at the beginning of the next block where it changes our table. */
  setMaxTableSize(bytes: number): void {
    const size = Math.min(bytes, this.#limitBytes)
    if (size === this.#table.maxBytes) return
    this.#untoldSmallest = this.#untoldSmallest < 0 ? size : Math.min(this.#untoldSmallest, size)
    this.#table.setMaxBytes(size)
  }

  /** Each block begins with this. */
  beginBlock(out: ByteWriter): void {
    this.blockBytes = 0
    if (this.#untoldSmallest < 0) return
    out.reserve(fieldOverheadBytes)
    if (this.#untoldSmallest < this.#table.maxBytes) writeInteger(out, 0x20, 0x1f, this.#untoldSmallest)
    writeInteger(out, 0x20, 0x1f, this.#table.maxBytes)
    this.#untoldSmallest = -1
  }

  /** `:status`, which every response begins with. */
  writeStatus(status: number, out: ByteWriter): void {
    const index = statusIndex[status]
    if (index > 0) {
      out.reserve(1)
      out.bytes[out.length++] = 0x80 | index
      this.blockBytes += statusFieldBytes
    } else this.writeField(':status', String(status), out)
  }

  /** Several fields in their order. */
  writeFields(names: readonly string[], values: readonly string[], out: ByteWriter): void {
    for (let i = 0; i < names.length; i++) this.writeField(names[i], values[i], out)
  }

  /** A lower-case name and its value, as the shortest form that the tables allow. */
  writeField(name: string, value: string, out: ByteWriter): void {
    const state = this.#names.get(name) ?? this.#addName(name)
    const bytes = name.length + value.length
    out.reserve(bytes + fieldOverheadBytes)
    this.blockBytes += bytes
    const { indexing } = state
    if (indexing === 'never' || (indexing === 'cookie' && value.length < guessableCookieBytes)) {
      this.#writeLiteral(out, 0x10, 0x0f, state, value)
      return
    }
    const index = this.#indexOf(state, value)
    if (index !== 0) {
      state.misses = 0
      writeInteger(out, 0x80, 0x7f, index)
    } else if (indexing !== 'without' && this.#isWorthIndexing(state, value)) {
      this.#writeLiteral(out, 0x40, 0x3f, state, value)
      const entry = new Entry(state, flatCopy(value), this.#table.inserted)
      this.#table.insert(entry)
      state.newest = entry
    } else this.#writeLiteral(out, 0x00, 0x0f, state, value)
  }

  #addName(name: string): NameState {
    if (this.#names.size >= this.#table.length + mostUnusedNames) {
      for (const [known, { newest }] of this.#names) if (newest === undefined) this.#names.delete(known)
    }
    const state = new NameState(flatCopy(name))
    this.#names.set(state.name, state)
    return state
  }

  /** Where the tables have the field; 0 for nowhere. */
  #indexOf(state: NameState, value: string): number {
    for (let i = state.staticIndex; i < state.staticEnd; i++) if (staticValues[i] === value) return i
    let entry = state.newest
    const oldest = this.#table.evicted
    for (let compared = 0; entry !== undefined && compared < mostCompared; compared++) {
      if (entry.number < oldest) return 0
      if (entry.value === value) return this.#dynamicIndex(entry)
      entry = entry.older
    }
    return 0
  }

  #dynamicIndex(entry: Entry): number {
    return staticTableLength + this.#table.inserted - entry.number
  }

  /**
   * Request ids, trace contexts and dates would push everything else out of the table. A name whose values keep changing
   * is therefore indexed only when a value comes twice in a row, until one of its values is found again. A field that
   * takes most of the table is not worth it either.
   */
  #isWorthIndexing(state: NameState, value: string): boolean {
    const previous = state.lastMissed
    state.lastMissed = fingerprint(value)
    state.misses++
    if (state.misses > changingAfter && previous !== state.lastMissed) return false
    return entrySize(state.name, value) <= this.#table.maxBytes * 0.75
  }

  /** RFC 7541 6.2; `bits` and `prefixMask` say which kind of literal it is. */
  #writeLiteral(out: ByteWriter, bits: number, prefixMask: number, state: NameState, value: string): void {
    const { staticIndex, newest } = state
    if (staticIndex !== 0) writeInteger(out, bits, prefixMask, staticIndex)
    else if (newest !== undefined) writeInteger(out, bits, prefixMask, this.#dynamicIndex(newest))
    else {
      out.bytes[out.length++] = bits
      this.#writeString(out, state.name)
    }
    this.#writeString(out, value)
  }

  #writeString(out: ByteWriter, text: string): void {
    if (this.#huffman) writeString(out, text)
    else writePlainString(out, text)
  }
}

/** Entries leave in the order in which they came, so that all older ones of its name have left before. */
function forget(entry: Entry): void {
  if (entry.state.newest === entry) entry.state.newest = undefined
  entry.older = undefined
}

/** Tells a value from the one before it, nearly always: its length and last eight characters. */
function fingerprint(value: string): number {
  let hash = value.length
  for (let i = Math.max(0, value.length - 8); i < value.length; i++)
    hash = (Math.imul(hash, 31) + value.charCodeAt(i)) | 0
  return hash
}

/** RFC 7541 5.1; the caller has reserved room. */
function writeInteger(out: ByteWriter, bits: number, prefixMask: number, value: number): void {
  const { bytes } = out
  if (value < prefixMask) {
    bytes[out.length++] = bits | value
    return
  }
  bytes[out.length++] = bits | prefixMask
  let rest = value - prefixMask
  while (rest >= 0x80) {
    bytes[out.length++] = 0x80 | (rest & 0x7f)
    rest >>>= 7
  }
  bytes[out.length++] = rest
}

/** The bytes of a long string that is being written. */
const raw = new ByteWriter(8 * 1024)

/** RFC 7541 5.2; the caller has reserved room. */
function writePlainString(out: ByteWriter, text: string): void {
  writeInteger(out, 0, 0x7f, text.length)
  out.length += out.bytes.write(text, out.length, 'latin1')
}

/** The same, in Huffman code where that is shorter. */
function writeString(out: ByteWriter, text: string): void {
  const { length } = text
  if (length <= longestShort) {
    // Written as if it were shorter, which it nearly always is: to count before takes as long as to write.
    const start = out.length + 1
    const end = encodeShortText(text, out.bytes, start)
    if (end >= 0 && end - start < length) {
      out.bytes[out.length] = 0x80 | (end - start)
      out.length = end
      return
    }
  }
  raw.clear()
  raw.reserve(length)
  raw.bytes.write(text, 0, 'latin1')
  const encoded = huffmanLength(raw.bytes, 0, length)
  const isShorter = encoded < length
  writeInteger(out, isShorter ? 0x80 : 0, 0x7f, isShorter ? encoded : length)
  if (isShorter) out.length = encodeHuffman(raw.bytes, 0, length, out.bytes, out.length)
  else {
    raw.bytes.copy(out.bytes, out.length, 0, length)
    out.length += length
  }
}
