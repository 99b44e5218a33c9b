// What all processes count of one host for outlier detection: words of shared memory, each changed by Atomics alone.

import type { SharedMemory } from '../../network/factory.ts'

/** Totals only grow, and wrap: who wants those of an interval remembers where it began. */
export const hostWord = {
  consecutive5xx: 0,
  consecutiveGatewayFailure: 1,
  consecutiveLocalOriginFailure: 2,
  /** Somebody has reported the host as degraded, and that has not passed yet. */
  degraded: 3,
  total: 4,
  /** MUST follow its total. */
  success: 5,
  localOriginTotal: 6,
  localOriginSuccess: 7,
} as const

const wordCount = 8

/** Those of a slot, the same ones in every process. */
export function hostWords(shared: SharedMemory, slot: number): Int32Array {
  const cells = shared.cells64(`outlier_host.${slot}`, wordCount / 2)
  return new Int32Array(cells.buffer, cells.byteOffset, wordCount)
}
