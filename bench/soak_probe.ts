// Loaded into Nuncio's processes by `soak.ts`: a worker collects its garbage now and then and writes down what is left.
// Between two collections a heap rises and falls by some hundred megabytes where the machine is busy, which tells nothing.

import { appendFileSync } from 'node:fs'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** One line of the file that the environment names. */
export interface SoakSample {
  /** Of JavaScript objects, and of memory outside of the heap that they hold. */
  readonly liveBytes: number
  readonly residentBytes: number
}

export const samplePathVariable = 'BENCH_SOAK_SAMPLES'
export const sampleIntervalMs = 2000

const path = process.env[samplePathVariable]
// Only workers are children with a channel to their parent.
if (path !== undefined && process.send !== undefined) {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  setInterval(() => {
    collect()
    const { heapUsed, arrayBuffers, rss } = process.memoryUsage()
    const sample: SoakSample = { liveBytes: heapUsed + arrayBuffers, residentBytes: rss }
    appendFileSync(path, `${JSON.stringify(sample)}\n`)
  }, sampleIntervalMs).unref()
}
