import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, fstatSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createSharedMemory, mapSharedMemory, PAGE_BYTES } from '../../src/os/shared_memory.ts'

const ROUNDS = 200_000

test('processes that inherit the descriptor count into one memory exactly', async () => {
  const fd = createSharedMemory('shared-memory-test', PAGE_BYTES)
  const words = new Int32Array(mapSharedMemory(fd, PAGE_BYTES))
  const child = join(import.meta.dirname, 'counting_child.ts')
  const children = [1, 2].map(() =>
    spawn(process.execPath, [child, String(ROUNDS)], { stdio: ['ignore', 'inherit', 'inherit', fd] }),
  )
  const exits = await Promise.all(children.map((process) => once(process, 'exit')))
  expect(exits).toEqual([
    [0, null],
    [0, null],
  ])
  expect(Atomics.load(words, 0)).toBe(2 * ROUNDS)
  closeSync(fd)
})

test('two mappings of one page see each other, and untouched pages take no memory', () => {
  const length = 1 << 30
  const fd = createSharedMemory('shared-memory-test', length)
  const whole = new Float64Array(mapSharedMemory(fd, length))
  const page = new Float64Array(mapSharedMemory(fd, PAGE_BYTES, length - PAGE_BYTES))
  page[0] = 42.5
  expect(whole[(length - PAGE_BYTES) / 8]).toBe(42.5)
  expect(fstatSync(fd).blocks * 512).toBeLessThan(1 << 20)
  closeSync(fd)
})

test('a mapping beyond the end of the file is refused', () => {
  const fd = createSharedMemory('shared-memory-test', PAGE_BYTES)
  expect(() => mapSharedMemory(fd, PAGE_BYTES, PAGE_BYTES)).toThrow(
    'shared memory has 4096 bytes, asked for 4096 at 4096',
  )
  closeSync(fd)
})
