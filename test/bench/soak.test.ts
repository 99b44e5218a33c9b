import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { judge } from '../../bench/soak.ts'

/** Rises from a floor and falls back to it. */
const sawtooth = (floor: (i: number) => number): number[] =>
  Array.from({ length: 300 }, (_, i) => floor(i) + (i % 10) * 20)

describe("the soak's verdict", () => {
  it('is of the floor of the memory', () => {
    expect(
      judge(
        sawtooth(() => 100),
        0.1,
      ),
    ).toEqual({ earlyBytes: 100, lateBytes: 100, grows: false })
  })

  it('forgives growth while the worker warms up', () => {
    expect(
      judge(
        sawtooth((i) => Math.min(i, 60)),
        0.1,
      ),
    ).toMatchObject({ earlyBytes: 60, grows: false })
  })

  it('is that it grows, where it goes on', () => {
    expect(
      judge(
        sawtooth((i) => 100 + i),
        0.1,
      ),
    ).toEqual({ earlyBytes: 160, lateBytes: 340, grows: true })
  })
})

it('refuses a time that is none', () => {
  const program = join(import.meta.dirname, '../../bench/soak.ts')
  expect(spawnSync(process.execPath, [program, '--minutes', '-1'], { encoding: 'utf8' })).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('--minutes'),
  })
})
