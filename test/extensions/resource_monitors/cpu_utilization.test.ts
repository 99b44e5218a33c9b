/** Which files tell of the container's processors, as Envoy 1.40 chooses and reads them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { smoothed } from '../../../src/extensions/resource_monitors/cpu_utilization/config.ts'
import { containerReader } from '../../../src/extensions/resource_monitors/cpu_utilization/container_cpu.ts'
import { hostReader } from '../../../src/extensions/resource_monitors/cpu_utilization/cpu_reader.ts'

const roots: string[] = []
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true })
})

/** A folder with these files in the place of the machine's. */
function rootWith(files: Readonly<Record<string, string>>): string {
  const root = mkdtempSync(join(tmpdir(), 'cpu-test-'))
  roots.push(root)
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return root
}

const version2 = (point = '/sys/fs/cgroup', root = '/') => `41 31 0:38 ${root} ${point} rw - cgroup2 cgroup2 rw\n`
const version1 = (controllers: string) => `32 31 0:29 / /sys/fs/cgroup/c rw - cgroup cgroup rw,${controllers}\n`
const process = (mountinfo: string, path: string) => ({
  'proc/self/mountinfo': mountinfo,
  'proc/self/cgroup': `4:memory:/m\n0::${path}\n`,
})
const stat = (usageUs: number) => `usage_usec ${usageUs}\nuser_usec 1\n`
const shares = { 'sys/fs/cgroup/cpu/cpu.shares': '512\n', 'sys/fs/cgroup/cpuacct/cpuacct.usage': '7000\n' }
const readOf = (files: Readonly<Record<string, string>>) => containerReader(rootWith(files))?.()

describe('the group of a container', () => {
  it.each([
    ['the root', version2(), '/', 'sys/fs/cgroup'],
    ['a group', version2(), '/a/b', 'sys/fs/cgroup/a/b'],
    ['a part that is mounted', version2('/sys/fs/cgroup', '/a'), '/a/b', 'sys/fs/cgroup/b'],
    ['a namespace of its own', version2('/sys/fs/cgroup', '/a'), '/', 'sys/fs/cgroup'],
    ['another place', version2('/sys/fs/cgroup/unified'), '/z', 'sys/fs/cgroup/unified/z'],
    [
      'beside others of version 1',
      version1('memory') + version2('/sys/fs/cgroup/unified'),
      '/',
      'sys/fs/cgroup/unified',
    ],
    ['one that is not there', version2(), '/none', 'sys/fs/cgroup'],
  ])('is found: %s', (_, mountinfo, path, folder) => {
    expect(readOf({ ...process(mountinfo, path), ...shares, [`${folder}/cpu.stat`]: stat(2000) })?.work).toBe(2000)
  })

  it('is that of version 1 where that has the processors', () => {
    const mountinfo = version1('cpu,cpuacct') + version2('/sys/fs/cgroup/unified')
    const files = { ...process(mountinfo, '/'), ...shares, 'sys/fs/cgroup/unified/cpu.stat': stat(1) }
    expect(readOf(files)).toMatchObject({ work: 7000, cores: 0.512, most: Number.POSITIVE_INFINITY })
  })

  it('may be missing', () => {
    expect(containerReader(rootWith(process(version2(), '/')))).toBeUndefined()
  })

  it.each([
    ['max 100000', '0-2,5\n', 4],
    ['50000 100000', '0-2,5\n', 0.5],
    ['900000 100000', '0\n', 1],
  ])('may use cpu.max %s of processors %s', (max, list, cores) => {
    const limits = { 'sys/fs/cgroup/cpu.max': max, 'sys/fs/cgroup/cpuset.cpus.effective': list }
    const files = { ...process(version2(), '/'), 'sys/fs/cgroup/cpu.stat': stat(1), ...limits }
    expect(readOf(files)?.cores).toBe(cores)
  })

  it.each([
    ['sys/fs/cgroup/cpu.stat', 'user_usec 1\n', 'no usage_usec'],
    ['sys/fs/cgroup/cpu.max', 'many 100000', 'cpu.max'],
    ['sys/fs/cgroup/cpuset.cpus.effective', '3-1', 'list of processors'],
  ])('fails to be read by %s', (path, text, message) => {
    const files = { ...process(version2(), '/'), 'sys/fs/cgroup/cpu.stat': stat(1), [path]: text }
    expect(() => readOf(files)).toThrow(message)
  })
})

describe('the utilization', () => {
  it('follows /proc/stat slowly', () => {
    const root = rootWith({ 'proc/stat': 'cpu  10 20 30 40 5 6\ncpu0 1 1 1 1\n' })
    const { pressure } = smoothed(hostReader(root))
    writeFileSync(join(root, 'proc/stat'), 'cpu  20 30 40 50 5 6\n')
    expect(pressure([])).toBeCloseTo(0.75 * 0.05)
    expect(() => pressure([])).toThrow('CPU time')
    writeFileSync(join(root, 'proc/stat'), 'cpu  30 30 40 50 5 6\n')
    expect(pressure([])).toBeCloseTo(0.75 * 0.05 * 0.95 + 0.05)
    writeFileSync(join(root, 'proc/stat'), 'cpu0 1 1 1 1\n')
    expect(() => pressure([])).toThrow('unexpected format')
  })
})
