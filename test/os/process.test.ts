import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { descriptorLimit, enableCoreDump, setDescriptorLimit, setProcessName } from '../../src/os/process.ts'

test('the process name shows in /proc, cut to what the kernel keeps', () => {
  const before = readFileSync('/proc/self/comm', 'utf8').trim()
  setProcessName('nuncio-worker-name')
  expect(readFileSync('/proc/self/comm', 'utf8')).toBe('nuncio-worker-n\n')
  setProcessName(before)
})

test('the descriptor limit can be lowered and raised up to the hard limit', () => {
  const limit = descriptorLimit()
  setDescriptorLimit({ soft: limit.soft - 1n, hard: limit.hard })
  expect(descriptorLimit().soft).toBe(limit.soft - 1n)
  setDescriptorLimit(limit)
  expect(() => setDescriptorLimit({ soft: limit.hard + 1n, hard: limit.hard })).toThrow(
    expect.objectContaining({ code: 'EINVAL', syscall: 'setrlimit' }),
  )
})

test('core dumps may grow to the hard limit', () => {
  enableCoreDump()
  const line = readFileSync('/proc/self/limits', 'utf8')
    .split('\n')
    .find((text) => text.startsWith('Max core file size'))
  const [soft, hard] = (line ?? '').slice(26).trim().split(/\s+/)
  expect(soft).toBe(hard)
})
