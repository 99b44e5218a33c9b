import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AccessLogFileError } from '../../src/access_log/access_log_file.ts'
import { AccessLogManager, type AccessLogManagerOptions } from '../../src/access_log/access_log_manager.ts'
import { createLocalStore, type StatsStore } from '../../src/stats/store.ts'

let folder: string
let stats: StatsStore
let manager: AccessLogManager

/** A timer that does not fire during a test unless the test says so. */
const never = 3_600_000

function start(options: AccessLogManagerOptions = {}): void {
  stats = createLocalStore()
  manager = new AccessLogManager(stats, { flushIntervalMs: never, ...options })
}

function counter(name: string): number {
  return stats.counter(`filesystem.${name}`).value()
}

function buffered(): number {
  return stats.gauge('filesystem.write_total_buffered').value()
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve))
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'nuncio-access-log-'))
  start()
})

afterEach(() => {
  manager.close()
  rmSync(folder, { recursive: true })
})

describe('writing', () => {
  test('lines wait in the buffer until they are flushed', async () => {
    const path = join(folder, 'a.log')
    const file = manager.file(path)
    file.write('one\n')
    file.write('caf\xe9\n')
    expect(readFileSync(path, 'latin1')).toBe('')
    expect(buffered()).toBe(9)
    await manager.flushAll()
    expect(readFileSync(path, 'latin1')).toBe('one\ncaf\xe9\n')
    expect(counter('write_buffered')).toBe(2)
    expect(counter('write_completed')).toBe(1)
    expect(buffered()).toBe(0)
  })

  test('a full buffer is flushed at once', async () => {
    start({ flushMinSizeBytes: 8 })
    const path = join(folder, 'a.log')
    manager.file(path).write('1234567\n')
    await until(() => counter('write_completed') === 1)
    expect(readFileSync(path, 'latin1')).toBe('1234567\n')
  })

  test('the timer flushes', async () => {
    start({ flushIntervalMs: 5 })
    const path = join(folder, 'a.log')
    manager.file(path).write('line\n')
    await until(() => counter('write_completed') === 1)
    expect(readFileSync(path, 'latin1')).toBe('line\n')
    expect(counter('flushed_by_timer')).toBeGreaterThan(0)
  })

  test('a file that is there is appended to; a new one gets mode 0644', async () => {
    const umask = process.umask(0o022)
    const path = join(folder, 'a.log')
    writeFileSync(path, 'before\n')
    manager.file(path).write('after\n')
    manager.file(join(folder, 'new.log')).write('x\n')
    await manager.flushAll()
    process.umask(umask)
    expect(readFileSync(path, 'latin1')).toBe('before\nafter\n')
    expect(statSync(join(folder, 'new.log')).mode & 0o777).toBe(0o644)
  })

  test('one path is one file', () => {
    expect(manager.file(join(folder, 'a.log'))).toBe(manager.file(join(folder, 'a.log')))
  })

  test('lines written during a flush are in the file when flushAll resolves', async () => {
    const path = join(folder, 'a.log')
    const file = manager.file(path)
    let written = ''
    const flushes: Promise<void>[] = []
    for (let i = 0; i < 200; i++) {
      file.write(`line ${i}\n`)
      written += `line ${i}\n`
      if (i % 20 === 0) flushes.push(manager.flushAll())
    }
    flushes.push(manager.flushAll())
    await Promise.all(flushes)
    expect(readFileSync(path, 'latin1')).toBe(written)
  })

  test('two managers append to one file without mixing lines', async () => {
    const path = join(folder, 'a.log')
    const other = new AccessLogManager(createLocalStore(), { flushIntervalMs: never, flushMinSizeBytes: 100 })
    start({ flushMinSizeBytes: 100 })
    for (let i = 0; i < 500; i++) {
      manager.file(path).write(`first ${i} ${'x'.repeat(i % 50)}.\n`)
      other.file(path).write(`second ${i} ${'y'.repeat(i % 50)}.\n`)
    }
    await Promise.all([manager.flushAll(), other.flushAll()])
    other.close()
    const lines = readFileSync(path, 'latin1').split('\n')
    expect(lines).toHaveLength(1001)
    expect(lines.slice(0, -1).every((line) => /^(first \d+ x*|second \d+ y*)\.$/.test(line))).toBe(true)
  })

  test('nothing is opened where a configuration is only checked', () => {
    start({ opensFiles: false })
    manager.file(join(folder, 'a.log')).write('lost\n')
    expect(existsSync(join(folder, 'a.log'))).toBe(false)
    expect(() => manager.file(join(folder, 'no', 'a.log'))).toThrow(AccessLogFileError)
  })
})

test('a path that cannot be opened is an error that names it', () => {
  const path = join(folder, 'missing', 'a.log')
  expect(() => manager.file(path)).toThrow(
    new AccessLogFileError(`unable to open file '${path}': no such file or directory`),
  )
})

describe('reopening', () => {
  test('loses no line: what is flushed stays in the moved file, what waits goes to the new one', async () => {
    const path = join(folder, 'a.log')
    const file = manager.file(path)
    file.write('1\n')
    await manager.flushAll()
    renameSync(path, join(folder, 'a.log.1'))
    file.write('2\n')
    await manager.flushAll()
    file.write('3\n')
    manager.reopen()
    file.write('4\n')
    await manager.flushAll()
    expect(readFileSync(join(folder, 'a.log.1'), 'latin1')).toBe('1\n2\n')
    expect(readFileSync(path, 'latin1')).toBe('3\n4\n')
  })

  test('makes the new file also where nothing is logged', () => {
    const path = join(folder, 'a.log')
    manager.file(path)
    renameSync(path, join(folder, 'a.log.1'))
    manager.reopen()
    expect(existsSync(path)).toBe(true)
  })

  test('a folder that was removed and made again is written to again', async () => {
    const sub = join(folder, 'sub')
    mkdirSync(sub)
    const file = manager.file(join(sub, 'a.log'))
    rmSync(sub, { recursive: true })
    file.write('to the removed file\n')
    await manager.flushAll()
    expect(counter('write_failed')).toBe(0)
    mkdirSync(sub)
    manager.reopen()
    file.write('again\n')
    await manager.flushAll()
    expect(readFileSync(join(sub, 'a.log'), 'latin1')).toBe('again\n')
  })

  test('that fails is counted, and the old file goes on', async () => {
    const sub = join(folder, 'sub')
    mkdirSync(sub)
    const file = manager.file(join(sub, 'a.log'))
    renameSync(sub, join(folder, 'moved'))
    manager.reopen()
    file.write('kept\n')
    await manager.flushAll()
    expect(counter('reopen_failed')).toBe(1)
    expect(readFileSync(join(folder, 'moved', 'a.log'), 'latin1')).toBe('kept\n')
  })
})

describe('a disk that is full', () => {
  test('is counted, keeps the lines for another attempt and never throws', async () => {
    const file = manager.file('/dev/full')
    file.write('line\n')
    await manager.flushAll()
    expect(counter('write_failed')).toBe(1)
    expect(counter('write_completed')).toBe(0)
    expect(buffered()).toBe(5)
    await manager.flushAll()
    expect(counter('write_failed')).toBe(2)
  })

  const mountPoint = mkdtempSync(join(tmpdir(), 'nuncio-small-disk-'))
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', mountPoint]).status === 0
  afterAll(() => {
    if (isMounted) spawnSync('umount', [mountPoint])
    rmSync(mountPoint, { recursive: true })
  })

  test.skipIf(!isMounted)('and then has room again: no line is lost or torn', async () => {
    const path = join(mountPoint, 'a.log')
    writeFileSync(join(mountPoint, 'other'), Buffer.alloc(8192))
    const file = manager.file(path)
    const lines = Array.from({ length: 200 }, (_, i) => `line ${i} ${'x'.repeat(40)}\n`)
    for (const line of lines) file.write(line)
    await manager.flushAll()
    expect(counter('write_failed')).toBe(1)
    // What fits of a write that does not fit whole is there already.
    const before = statSync(path).size
    expect(before).toBeLessThan(lines.join('').length)
    expect(buffered()).toBe(lines.join('').length - before)
    rmSync(join(mountPoint, 'other'))
    file.write('last\n')
    await manager.flushAll()
    expect(readFileSync(path, 'latin1')).toBe(`${lines.join('')}last\n`)
    expect(buffered()).toBe(0)
  })

  test('bounds what is kept: lines beyond it are dropped and counted', () => {
    start({ bufferLimitBytes: 10 })
    const file = manager.file('/dev/full')
    file.write('123456789\n')
    file.write('dropped\n')
    expect(buffered()).toBe(10)
    expect(counter('write_buffered')).toBe(1)
    expect(counter('write_failed')).toBe(1)
  })
})

describe('a process of its own', () => {
  const program = fileURLToPath(new URL('./log_process.ts', import.meta.url))

  async function outputOf(child: ChildProcess): Promise<{ stdout: string; stderr: string; code: number | null }> {
    let stdout = ''
    let stderr = ''
    child.stdout?.on('data', (data: Buffer) => {
      stdout += data.toString('latin1')
    })
    child.stderr?.on('data', (data: Buffer) => {
      stderr += data.toString('latin1')
    })
    child.stdout?.resume()
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    return { stdout, stderr, code }
  }

  test('writes what waits when it exits, to files and standard streams', async () => {
    const path = join(folder, 'a.log')
    const child = spawn(process.execPath, [program, 'exit', path])
    const { stdout, stderr, code } = await outputOf(child)
    expect({ stdout, stderr, code }).toEqual({ stdout: 'out\n', stderr: 'err\n', code: 0 })
    expect(readFileSync(path, 'latin1')).toBe('file\n')
  })

  test('loses nothing that waits in the thread pool when it exits', async () => {
    const path = join(folder, 'a.log')
    expect((await outputOf(spawn(process.execPath, [program, 'busy', path]))).code).toBe(0)
    const lines = new Set(readFileSync(path, 'latin1').split('\n').slice(0, -1))
    expect(lines).toEqual(new Set(Array.from({ length: 2000 }, (_, i) => `line ${i}`)))
  })

  test('gives a slow reader of its standard output every line', async () => {
    const child = spawn(process.execPath, [program, 'flood', '30000'])
    child.stdout.pause()
    await new Promise<void>((resolve) => child.stderr.once('data', () => resolve()))
    const { stdout, code } = await outputOf(child)
    expect(code).toBe(0)
    expect(stdout).toBe(Array.from({ length: 30_000 }, (_, i) => `line ${i}\n`).join(''))
  })

  test('survives a standard output that nobody reads any more', async () => {
    const child = spawn(process.execPath, [program, 'flood', '30000'])
    child.stdout.destroy()
    const { code } = await outputOf(child)
    expect(code).toBe(0)
  })
})
