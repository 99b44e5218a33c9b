// 64-bit words that all processes share, by name: state that several workers change with Atomics (token buckets).

import type { SharedMemory } from '../network/factory.ts'
import { createSharedMemory, mapSharedMemory } from '../os/shared_memory.ts'
import type { StatsSegment } from '../stats/segment.ts'
import { SharedCounters } from '../stats/shared_counter.ts'

function cellsBytes(segment: StatsSegment): number {
  return Math.ceil((segment.limits.sharedLimit * 8) / 4096) * 4096
}

export function createCells(segment: StatsSegment): number {
  return createSharedMemory('nuncio-cells', cellsBytes(segment))
}

/** One process's view; names have the same place in every process. */
export function sharedMemory(segment: StatsSegment, cellsFd: number, slabIndex: number): SharedMemory {
  const counters = new SharedCounters(segment.shared, segment.slab(slabIndex))
  const cells = new BigInt64Array(mapSharedMemory(cellsFd, cellsBytes(segment)))
  const cells64 = (name: string, count: number): BigInt64Array => {
    const slot = segment.shared.slotOf(`cell64.${name}`, count)
    return slot === undefined ? new BigInt64Array(count) : cells.subarray(slot, slot + count)
  }
  return {
    counter: (name) => counters.counter(name),
    counters: (name, count) => counters.counters(name, count),
    cell64: (name) => cells64(name, 1),
    cells64,
  }
}
