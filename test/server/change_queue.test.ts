import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { ConfigChange } from '../../src/server/channel.ts'
import { ChangeQueue } from '../../src/server/change_queue.ts'

const removal = (name: string): ConfigChange => ({ kind: 'removeCluster', name })

/** A change that takes longer than a worker may be busy with changes. */
function busy(): void {
  const end = performance.now() + 6
  while (performance.now() < end);
}

test('changes are made in order, and others have their turn in between', async () => {
  const events: string[] = []
  const queue = new ChangeQueue((change) => {
    busy()
    events.push((change as { name: string }).name)
  })
  queue.add([removal('a'), removal('b'), removal('c')], () => events.push('first applied'))
  queue.add([removal('d')], () => events.push('second applied'))
  expect(events).toEqual(['a'])
  while (!events.includes('second applied')) {
    events.push('turn')
    await setImmediate()
  }
  expect(events.filter((event) => event !== 'turn')).toEqual(['a', 'b', 'c', 'first applied', 'd', 'second applied'])
  for (const [before, after] of ['ab', 'bc', 'cd'].map(([x, y]) => [events.indexOf(x), events.indexOf(y)]))
    expect(events.slice(before, after)).toContain('turn')
})

test('nothing to do is done at once', () => {
  const events: string[] = []
  new ChangeQueue(() => {}).add([], () => events.push('applied'))
  expect(events).toEqual(['applied'])
})
