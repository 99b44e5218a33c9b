/**
 * One process's part of the stats memory: slots of values, a heap for histograms and texts, and the log of their names.
 *
 * Only the owning process writes; any process reads at any time without a lock.
 */
import { StatLog, StatLogPart } from './stat_log.ts'

/** How many of each kind of thing a slab has room for. Memory that is never touched costs nothing. */
export interface SlabLimits {
  readonly slotLimit: number
  /** Of one of the two places for the log. */
  readonly logLimitBytes: number
  readonly heapLimitBytes: number
  readonly sharedLimit: number
}

const HEADER_BYTES = 4096
const HEAP_HEAD_WORD = 0
/** Two words. */
const LOG_GENERATIONS_WORD = 1
const TEXT_HEADER_BYTES = 16

const encoder = new TextEncoder()

/** Bytes a slab with these limits takes, a multiple of the page size. */
export function slabBytes(limits: SlabLimits): number {
  const { slotLimit, heapLimitBytes, logLimitBytes, sharedLimit } = limits
  const bytes = HEADER_BYTES + slotLimit * 8 + heapLimitBytes + logLimitBytes * 2 + sharedLimit * 4
  return Math.ceil(bytes / 4096) * 4096
}

export class Slab {
  readonly limits: SlabLimits
  /** Counter and gauge values; slot 0 takes the writes of stats that are not kept. */
  readonly values: Float64Array
  /** Histograms and texts; offset 0 is never handed out, so that 0 means none. */
  readonly heap: Float64Array
  readonly heapWords: Uint32Array
  readonly log: StatLog
  /** This process's share of each shared counter: twice the count, plus one while an update is under way. */
  readonly shares: Int32Array
  readonly #header: Int32Array
  readonly #heapBytes: Uint8Array

  /** Lays a slab over `buffer` from `offset` (a multiple of 8). Fresh memory must be all zero. */
  constructor(buffer: ArrayBufferLike, offset: number, limits: SlabLimits) {
    const heapOffset = offset + HEADER_BYTES + limits.slotLimit * 8
    const logOffset = heapOffset + limits.heapLimitBytes
    this.limits = limits
    this.values = new Float64Array(buffer, offset + HEADER_BYTES, limits.slotLimit)
    this.heap = new Float64Array(buffer, heapOffset, limits.heapLimitBytes / 8)
    this.heapWords = new Uint32Array(buffer, heapOffset, limits.heapLimitBytes / 4)
    const { logLimitBytes } = limits
    const [first, second] = [logOffset, logOffset + logLimitBytes]
    this.log = new StatLog(
      [new StatLogPart(buffer, first, logLimitBytes), new StatLogPart(buffer, second, logLimitBytes)],
      new Int32Array(buffer, offset + LOG_GENERATIONS_WORD * 4, 2),
    )
    this.shares = new Int32Array(buffer, second + logLimitBytes, limits.sharedLimit)
    this.#header = new Int32Array(buffer, offset, HEADER_BYTES / 4)
    this.#heapBytes = new Uint8Array(buffer, heapOffset, limits.heapLimitBytes)
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
}
