import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { ChangeQueue } from '../../src/server/change_queue.ts'
import type { ConfigChange } from '../../src/server/channel.ts'

const removal = (name: string): ConfigChange => ({ kind: 'removeCluster', name })

/** A change that takes longer than a worker may be busy with changes. */
function busy(): void {
  const end = performance.now() + 6
  while (performance.now() < end);
}

test('changes are made in order, and others have their turn in between', async () => {
  const events: string[] = []
  const queue = new ChangeQueue(function* (change) {
    busy()
    if ((change as { name: string }).name === 'b') {
      events.push('half of b')
      yield
    }
    events.push((change as { name: string }).name)
  })
  queue.add([removal('a'), removal('b'), removal('c')], () => events.push('first applied'))
  queue.add([removal('d')], () => events.push('second applied'))
  expect(events).toEqual(['a'])
  while (!events.includes('second applied')) {
    events.push('turn')
    await setImmediate()
  }
  expect(events.filter((event) => event !== 'turn')).toEqual([
    ...['a', 'half of b', 'b', 'c', 'first applied', 'd', 'second applied'],
  ])
  for (const [before, after] of [
    ['a', 'half of b'],
    ['half of b', 'b'],
    ['c', 'd'],
  ])
    expect(events.slice(events.indexOf(before), events.indexOf(after))).toContain('turn')
})

test('nothing to do is done at once', () => {
  const events: string[] = []
  new ChangeQueue(function* () {}).add([], () => events.push('applied'))
  expect(events).toEqual(['applied'])
})
