/**
 * What workers tell of their event loops, in memory that main reads: once every refresh interval the 99th percentile of the
 * delays since, and when that was. A worker that stands still says nothing: that it is late is its delay.
 */

import { Timer } from '../../../common/timer.ts'
import type { SharedMemory } from '../../../network/factory.ts'
import { EventLoopDelay } from '../../../stats/event_loop_delay.ts'
import { isRunning } from '../../../stats/shared_counter.ts'

const wordsPerWorker = 3
/** Of a worker's words: its process, its delay, and when it was measured. Times in nanoseconds of the machine's clock. */
const PID = 0
const DELAY = 1
const MEASURED_AT = 2

const nsPerMs = 1e6

/** One view for each worker. */
export function workerDelays(shared: SharedMemory, concurrency: number): readonly BigInt64Array[] {
  const words = shared.cells64('overload.event_loop_delay', concurrency * wordsPerWorker)
  return Array.from({ length: concurrency }, (_, i) => words.subarray(i * wordsPerWorker, (i + 1) * wordsPerWorker))
}

/** In a worker: measures from now on. */
export function measureDelay(words: BigInt64Array, intervalMs: number): void {
  const loop = new EventLoopDelay()
  const tell = (delayMs: number): void => {
    Atomics.store(words, DELAY, BigInt(Math.round(delayMs * nsPerMs)))
    Atomics.store(words, MEASURED_AT, process.hrtime.bigint())
    // Last: until then these are the words of the worker before this one.
    Atomics.store(words, PID, BigInt(process.pid))
    timer.enable(intervalMs)
  }
  const timer = new Timer(() => tell(Math.max(loop.take().p99Ms, sinceMs(words) - intervalMs)))
  tell(0)
}

/** In main, of the processes that there are. */
export function longestDelayMs(delays: readonly BigInt64Array[], pids: readonly number[], intervalMs: number): number {
  let longest = 0
  for (const words of delays) {
    const pid = Number(Atomics.load(words, PID))
    if (!pids.includes(pid)) continue
    const delayMs = Number(Atomics.load(words, DELAY)) / nsPerMs
    const lateMs = sinceMs(words) - intervalMs
    // One that has died is replaced, and delays nobody.
    if (lateMs > intervalMs && !isRunning(pid)) continue
    longest = Math.max(longest, delayMs, lateMs)
  }
  return longest
}

function sinceMs(words: BigInt64Array): number {
  return Number(process.hrtime.bigint() - Atomics.load(words, MEASURED_AT)) / nsPerMs
}
