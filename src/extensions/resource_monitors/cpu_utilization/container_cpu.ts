// Processor time of the control group that the proxy runs in, against what the group may use.

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { monotonicMs } from '../../../common/clock.ts'
import type { CpuReader } from './cpu_reader.ts'

const base = 'sys/fs/cgroup'
/** cpu.shares of one core. */
const sharesOfCore = 1000

/** Undefined where no control groups are found. `root`: where /proc and /sys are. */
export function containerReader(root: string): CpuReader | undefined {
  for (const folder of [ownGroup(root), join(root, base)]) {
    if (folder !== undefined && textOf(join(folder, 'cpu.stat')) !== undefined) return version2Reader(folder)
  }
  const shares = join(root, base, 'cpu/cpu.shares')
  const usage = join(root, base, 'cpuacct/cpuacct.usage')
  if (textOf(shares) === undefined || textOf(usage) === undefined) return undefined
  return () => {
    const cores = Number(readFileSync(shares, 'latin1')) / sharesOfCore
    const work = Number(readFileSync(usage, 'latin1'))
    if (!(cores > 0)) throw new Error(`unexpected value of ${shares}`)
    return { work, time: monotonicMs() * 1e6, cores, most: Number.POSITIVE_INFINITY }
  }
}

function version2Reader(folder: string): CpuReader {
  return () => {
    const usageUs = /^usage_usec (\d+)$/m.exec(readFileSync(join(folder, 'cpu.stat'), 'latin1'))?.[1]
    if (usageUs === undefined) throw new Error(`no usage_usec in ${folder}/cpu.stat`)
    return { work: Number(usageUs), time: monotonicMs() * 1000, cores: usableCores(folder), most: 1 }
  }
}

/** The processors of its set, or a part of their time where the group has a quota. */
function usableCores(folder: string): number {
  const count = processorCount(textOf(join(folder, 'cpuset.cpus.effective')))
  const [quota, period] = (textOf(join(folder, 'cpu.max')) ?? 'max').trim().split(' ')
  if (quota === 'max') return count
  const cores = Number(quota) / Number(period)
  if (!(cores > 0)) throw new Error(`unexpected format of ${folder}/cpu.max`)
  return Math.min(count, cores)
}

/** Of a list as `0-2,5`. */
function processorCount(list: string | undefined): number {
  if (list === undefined) return availableParallelism()
  let count = 0
  for (const range of list.trim().split(',')) {
    const [from, to = from] = range.split('-').map(Number)
    count += to - from + 1
  }
  if (!(count > 0)) throw new Error(`unexpected list of processors: ${list}`)
  return count
}

/**
 * The folder of the process's own group in the mounted hierarchy of version 2; undefined where there is none, or where
 * version 1 has the processors (hybrid mode of systemd).
 */
function ownGroup(root: string): string | undefined {
  const mounts = (textOf(join(root, 'proc/self/mountinfo')) ?? '').split('\n').map(mountOf)
  if (mounts.some(({ type, options }) => type === 'cgroup' && options.includes('cpu'))) return undefined
  const mount = mounts.find(({ type }) => type === 'cgroup2')
  const path = /^0::(.*)$/m.exec(textOf(join(root, 'proc/self/cgroup')) ?? '')?.[1]
  if (mount === undefined || path === undefined) return undefined
  // Of a part of the hierarchy that is mounted, the rest of the path is below the mount.
  const below = mount.root === '/' ? path : path.startsWith(mount.root) ? path.slice(mount.root.length) : ''
  return join(root, mount.point, below)
}

/** A line of /proc/self/mountinfo (proc(5)). */
function mountOf(line: string): { root: string; point: string; type: string; options: readonly string[] } {
  const [before, after = ''] = line.split(' - ')
  const [, , , root = '/', point = '/'] = before.split(' ')
  const [type = '', , options = ''] = after.split(' ')
  return { root, point, type, options: options.split(',') }
}

/** Undefined where there is no such file. */
function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}
