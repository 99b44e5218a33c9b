/** The memory all processes share for their stats: a header, the shared counters, and one slab for each process. */
import { createSharedMemory, mapSharedMemory, PAGE_BYTES } from '../os/shared_memory.ts'
import { SharedArea, type SharedAreaLimits, sharedAreaBytes } from './shared_counter.ts'
import { Slab, type SlabLimits, slabBytes } from './slab.ts'

/** Changes whenever the layout does: a process of another version must not read the segment. */
const MAGIC = 0x4e53_0003

export interface SegmentLimits extends SlabLimits, SharedAreaLimits {}

/**
 * Reserve for 10,000 clusters with all their stats, five histograms each, in every slab, and for ten shared counters of
 * 200,000 clusters: their names stay for as long as the server lives. Only touched pages take memory.
 */
export const DEFAULT_SEGMENT_LIMITS: SegmentLimits = {
  slotLimit: 2 << 20,
  logLimitBytes: 96 << 20,
  heapLimitBytes: 192 << 20,
  sharedLimit: 2 << 20,
  sharedNamesLimitBytes: 128 << 20,
}

/** Slab of the main process; worker n (from 0) has slab n + 1. */
export const MAIN_SLAB = 0

export class StatsSegment {
  /** Descriptor of the shared file: a child that inherits it opens the segment by `openSegment`. */
  readonly fd: number
  readonly slabCount: number
  readonly limits: SegmentLimits
  readonly shared: SharedArea
  readonly #slabs: (Slab | undefined)[]

  constructor(fd: number, slabCount: number, limits: SegmentLimits) {
    this.fd = fd
    this.slabCount = slabCount
    this.limits = limits
    this.shared = new SharedArea(mapSharedMemory(fd, sharedAreaBytes(limits), PAGE_BYTES), 0, limits)
    this.#slabs = new Array(slabCount).fill(undefined)
  }

  /** The slab of a process, mapped when first asked for. */
  slab(index: number): Slab {
    if (!(index >= 0 && index < this.slabCount)) throw new RangeError(`no slab ${index} of ${this.slabCount}`)
    const size = slabBytes(this.limits)
    const start = PAGE_BYTES + sharedAreaBytes(this.limits) + index * size
    const slab = this.#slabs[index] ?? new Slab(mapSharedMemory(this.fd, size, start), 0, this.limits)
    this.#slabs[index] = slab
    return slab
  }

  /** All slabs, main's first. */
  slabs(): Slab[] {
    return Array.from({ length: this.slabCount }, (_, index) => this.slab(index))
  }
}

/** Makes a segment for main and `workerCount` workers. */
export function createSegment(workerCount: number, limits: SegmentLimits = DEFAULT_SEGMENT_LIMITS): StatsSegment {
  const slabCount = workerCount + 1
  const size = PAGE_BYTES + sharedAreaBytes(limits) + slabCount * slabBytes(limits)
  const fd = createSharedMemory('nuncio-stats', size)
  const header = new Int32Array(mapSharedMemory(fd, PAGE_BYTES))
  const { slotLimit, logLimitBytes, heapLimitBytes, sharedLimit, sharedNamesLimitBytes } = limits
  header.set([slabCount, slotLimit, logLimitBytes, heapLimitBytes, sharedLimit, sharedNamesLimitBytes], 1)
  Atomics.store(header, 0, MAGIC)
  return new StatsSegment(fd, slabCount, limits)
}

/** Opens the segment that an inherited descriptor stands for. Throws if it is no segment of this version. */
export function openSegment(fd: number): StatsSegment {
  const header = new Int32Array(mapSharedMemory(fd, PAGE_BYTES))
  if (Atomics.load(header, 0) !== MAGIC) throw new Error(`descriptor ${fd} is no stats segment of this version`)
  const [slabCount, slotLimit, logLimitBytes, heapLimitBytes, sharedLimit, sharedNamesLimitBytes] = header.subarray(
    1,
    7,
  )
  return new StatsSegment(fd, slabCount, {
    slotLimit,
    logLimitBytes,
    heapLimitBytes,
    sharedLimit,
    sharedNamesLimitBytes,
  })
}
