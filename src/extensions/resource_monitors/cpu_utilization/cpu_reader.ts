// Processor time of the machine, as /proc/stat counts it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface CpuReading {
  /** Time worked by all processors, in any unit. */
  readonly work: number
  /** In the same unit. */
  readonly time: number
  /** As many can work at once as `time` counts once. */
  readonly cores: number
  /** The highest utilization that is told. */
  readonly most: number
}

/** An Error where there is nothing to be read. */
export type CpuReader = () => CpuReading

/** `root`: where /proc is. */
export function hostReader(root: string): CpuReader {
  const path = join(root, 'proc/stat')
  return () => {
    const found = /^cpu {2}(\d+) (\d+) (\d+) (\d+)/.exec(readFileSync(path, 'latin1'))
    if (found === null) throw new Error(`unexpected format of ${path}`)
    const [user, nice, system, idle] = found.slice(1).map(Number)
    const work = user + nice + system
    return { work, time: work + idle, cores: 1, most: 1 }
  }
}
