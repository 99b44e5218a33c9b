/**
 * One process's part of the stats memory: slots of values, a heap for histograms and texts, and an append-only log of names.
 *
 * Only the owning process writes; any process reads at any time without a lock. A log entry becomes visible by its first
 * word, stored last, so an owner killed at any instruction leaves a readable log, and its successor goes on where it ended.
 */

export type StatType = 'counter' | 'gauge' | 'histogram' | 'textReadout'
export type HistogramUnit = 'unspecified' | 'bytes' | 'us' | 'ms' | 'percent'
/** The processes' values of a gauge are summed; one of 'neverImport' is not taken over in a hot restart. */
export type GaugeMode = 'accumulate' | 'neverImport'

/** How many of each kind of thing a slab has room for. Memory that is never touched costs nothing. */
export interface SlabLimits {
  readonly slotLimit: number
  readonly logLimitBytes: number
  readonly heapLimitBytes: number
  readonly sharedLimit: number
}

/** A stat as its log entry tells it. `place` is a slot, or for a histogram a heap offset in 8-byte units. */
export interface LoggedStat {
  readonly type: StatType
  /** The two parts of its name. */
  readonly prefix: string
  readonly leaf: string
  readonly unit: HistogramUnit
  readonly mode: GaugeMode
  readonly place: number
  /** This entry ends the stat that an earlier one made: its place will be given to others. */
  readonly retired: boolean
}

const STAT_TYPES: readonly StatType[] = ['counter', 'gauge', 'histogram', 'textReadout']
const UNITS: readonly HistogramUnit[] = ['unspecified', 'bytes', 'us', 'ms', 'percent']
const MODES: readonly GaugeMode[] = ['accumulate', 'neverImport']

const HEADER_BYTES = 4096
const HEAP_HEAD_WORD = 0
const KIND_SYMBOL = 1
const KIND_STAT = 2
const KIND_RETIREMENT = 3
const KIND_SHIFT = 24
const LENGTH_MASK = (1 << KIND_SHIFT) - 1
const STAT_ENTRY_WORDS = 5
const RETIREMENT_ENTRY_WORDS = 2
const TEXT_HEADER_BYTES = 16

const encoder = new TextEncoder()

/** Bytes a slab with these limits takes, a multiple of the page size. */
export function slabBytes(limits: SlabLimits): number {
  const bytes =
    HEADER_BYTES + limits.slotLimit * 8 + limits.heapLimitBytes + limits.logLimitBytes + limits.sharedLimit * 4
  return Math.ceil(bytes / 4096) * 4096
}

export class Slab {
  readonly limits: SlabLimits
  /** Counter and gauge values; slot 0 takes the writes of stats that are not kept. */
  readonly values: Float64Array
  /** Histograms and texts; offset 0 is never handed out, so that 0 means none. */
  readonly heap: Float64Array
  readonly heapWords: Uint32Array
  readonly log: Int32Array
  /** This process's share of each shared counter: twice the count, plus one while an update is under way. */
  readonly shares: Int32Array
  readonly #header: Int32Array
  readonly #heapBytes: Uint8Array
  readonly #logBytes: Buffer

  /** Lays a slab over `buffer` from `offset` (a multiple of 8). Fresh memory must be all zero. */
  constructor(buffer: ArrayBufferLike, offset: number, limits: SlabLimits) {
    const heapOffset = offset + HEADER_BYTES + limits.slotLimit * 8
    const logOffset = heapOffset + limits.heapLimitBytes
    this.limits = limits
    this.values = new Float64Array(buffer, offset + HEADER_BYTES, limits.slotLimit)
    this.heap = new Float64Array(buffer, heapOffset, limits.heapLimitBytes / 8)
    this.heapWords = new Uint32Array(buffer, heapOffset, limits.heapLimitBytes / 4)
    this.log = new Int32Array(buffer, logOffset, limits.logLimitBytes / 4)
    this.shares = new Int32Array(buffer, logOffset + limits.logLimitBytes, limits.sharedLimit)
    this.#header = new Int32Array(buffer, offset, HEADER_BYTES / 4)
    this.#heapBytes = new Uint8Array(buffer, heapOffset, limits.heapLimitBytes)
    this.#logBytes = Buffer.from(buffer as ArrayBuffer, logOffset, limits.logLimitBytes)
  }

  /** Takes `units` of 8 bytes from the heap, all zero; undefined when it is full. */
  allocateHeap(units: number): number | undefined {
    const start = Math.max(1, this.#header[HEAP_HEAD_WORD])
    if (start + units > this.heap.length) return undefined
    // The head moves before the memory is pointed to: an owner killed in between leaks it and corrupts nothing.
    Atomics.store(this.#header, HEAP_HEAD_WORD, start + units)
    return start
  }

  /** Replaces the text that slot `slot` points to. False when the heap is full. */
  writeText(slot: number, text: string): boolean {
    const bytes = encoder.encode(text)
    let cell = this.values[slot]
    if (cell === 0 || this.heapWords[cell * 2] < bytes.length) {
      const capacity = Math.max(64, 2 ** Math.ceil(Math.log2(bytes.length + 1)))
      const fresh = this.allocateHeap((TEXT_HEADER_BYTES + capacity) / 8)
      if (fresh === undefined) return false
      this.heapWords[fresh * 2] = capacity
      cell = fresh
    }
    const sequence = cell * 2 + 2
    Atomics.add(this.heapWords, sequence, 1)
    this.heapWords[cell * 2 + 1] = bytes.length
    this.#heapBytes.set(bytes, cell * 8 + TEXT_HEADER_BYTES)
    Atomics.add(this.heapWords, sequence, 1)
    this.values[slot] = cell
    return true
  }

  /** The text that slot `slot` points to; '' if none was written. */
  readText(slot: number): string {
    const cell = this.values[slot]
    if (cell === 0) return ''
    let text = ''
    // An odd or moved sequence means that the owner is writing; one that died while writing leaves the last try.
    for (let attempt = 0; attempt < 100; attempt++) {
      const before = Atomics.load(this.heapWords, cell * 2 + 2)
      const start = cell * 8 + TEXT_HEADER_BYTES
      text = Buffer.from(this.#heapBytes.subarray(start, start + this.heapWords[cell * 2 + 1])).toString()
      if (before % 2 === 0 && Atomics.load(this.heapWords, cell * 2 + 2) === before) break
    }
    return text
  }

  /** Appends a name part at word `head`; returns the next head, or undefined when the log is full. */
  appendSymbol(head: number, text: string): number | undefined {
    const length = Buffer.byteLength(text)
    const words = 2 + Math.ceil(length / 4)
    if (!this.#prepare(head, words)) return undefined
    this.log[head + 1] = length
    this.#logBytes.write(text, (head + 2) * 4)
    Atomics.store(this.log, head, (KIND_SYMBOL << KIND_SHIFT) | words)
    return head + words
  }

  /** Appends a stat whose name is symbol `prefix` followed by symbol `leaf`; returns as `appendSymbol`. */
  appendStat(
    head: number,
    stat: Pick<LoggedStat, 'type' | 'unit' | 'mode' | 'place'>,
    prefix: number,
    leaf: number,
  ): number | undefined {
    if (!this.#prepare(head, STAT_ENTRY_WORDS)) return undefined
    this.log[head + 1] =
      STAT_TYPES.indexOf(stat.type) | (UNITS.indexOf(stat.unit) << 8) | (MODES.indexOf(stat.mode) << 16)
    this.log[head + 2] = prefix
    this.log[head + 3] = leaf
    this.log[head + 4] = stat.place
    Atomics.store(this.log, head, (KIND_STAT << KIND_SHIFT) | STAT_ENTRY_WORDS)
    return head + STAT_ENTRY_WORDS
  }

  /** Appends the end of the stat whose entry is at word `entry`; returns as `appendSymbol`. */
  appendRetirement(head: number, entry: number): number | undefined {
    if (!this.#prepare(head, RETIREMENT_ENTRY_WORDS)) return undefined
    this.log[head + 1] = entry
    Atomics.store(this.log, head, (KIND_RETIREMENT << KIND_SHIFT) | RETIREMENT_ENTRY_WORDS)
    return head + RETIREMENT_ENTRY_WORDS
  }

  // The word after the entry ends the log. It may hold bytes of an entry that a killed owner never finished.
  #prepare(head: number, words: number): boolean {
    if (words > LENGTH_MASK || head + words + 1 > this.log.length) return false
    this.log[head + words] = 0
    return true
  }

  /** Bytes of the name part whose entry is at word `head`. */
  symbolAt(head: number): string {
    const start = (head + 2) * 4
    return this.#logBytes.toString('utf8', start, start + this.log[head + 1])
  }
}

/** Walks a slab's log; each `next` goes on where the last ended, so that a reader decodes every entry once. */
export class SlabLogReader {
  readonly slab: Slab
  readonly symbols: string[] = []
  /** Where the next entry will be. */
  head = 0
  /** Where the entry of the stat given last is. */
  entry = 0

  constructor(slab: Slab) {
    this.slab = slab
  }

  /** The next stat that was made or retired; undefined at the log's present end. */
  next(): LoggedStat | undefined {
    const { slab } = this
    const { log } = slab
    for (;;) {
      const commit = Atomics.load(log, this.head)
      if (commit === 0) return undefined
      const head = this.head
      this.head += commit & LENGTH_MASK
      const kind = commit >> KIND_SHIFT
      if (kind === KIND_SYMBOL) {
        this.symbols.push(slab.symbolAt(head))
        continue
      }
      const retired = kind === KIND_RETIREMENT
      this.entry = retired ? log[head + 1] : head
      return this.#statAt(this.entry, retired)
    }
  }

  #statAt(entry: number, retired: boolean): LoggedStat {
    const { log } = this.slab
    const flags = log[entry + 1]
    return {
      type: STAT_TYPES[flags & 255],
      unit: UNITS[(flags >> 8) & 255],
      mode: MODES[(flags >> 16) & 255],
      prefix: this.symbols[log[entry + 2]],
      leaf: this.symbols[log[entry + 3]],
      place: log[entry + 4],
      retired,
    }
  }
}
