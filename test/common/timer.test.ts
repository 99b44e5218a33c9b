/** Timers of a group that is shortened while they wait. */
import { expect, it } from 'vitest'
import { Timer, TimerGroup } from '../../src/common/timer.ts'

const hourMs = 3_600_000

it('ends a wait that is shortened, and one that begins short, in their order', async () => {
  const group = new TimerGroup(() => 0)
  const fired: string[] = []
  const timerOf = (name: string) => new Timer(() => fired.push(name), group)
  const [first, disabled, second, later] = ['first', 'disabled', 'second', 'later'].map(timerOf)
  first.enable(hourMs)
  disabled.enable(hourMs)
  second.enable(hourMs)
  disabled.disable()
  group.setScale(0)
  later.enable(hourMs)
  await expect.poll(() => fired, { timeout: 10_000 }).toEqual(['first', 'second', 'later'])
  expect([first, disabled, second, later].map(({ enabled }) => enabled)).toEqual([false, false, false, false])
})

it('leaves a wait as it was when it is shortened for a while, and no wait below its minimum', async () => {
  const group = new TimerGroup((durationMs) => durationMs / 2)
  const fired: string[] = []
  const long = new Timer(() => fired.push('long'), group)
  const short = new Timer(() => fired.push('short'), group)
  long.enable(hourMs)
  group.setScale(0)
  group.setScale(1)
  short.enable(1)
  group.setScale(0.5)
  await expect.poll(() => fired, { timeout: 10_000 }).toEqual(['short'])
  expect(long.enabled).toBe(true)
})

it('can be enabled again by what it calls', async () => {
  const group = new TimerGroup(() => 0)
  let count = 0
  const timer: Timer = new Timer(() => {
    if (++count < 3) timer.enable(hourMs)
  }, group)
  timer.enable(hourMs)
  group.setScale(0)
  await expect.poll(() => count, { timeout: 10_000 }).toBe(3)
})
