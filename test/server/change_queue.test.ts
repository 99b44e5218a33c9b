import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { ChangeQueue } from '../../src/server/change_queue.ts'
import type { ConfigChange } from '../../src/server/channel.ts'
import { cutLongLists } from '../../src/server/long_lists.ts'

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

describe('long lists', () => {
  const list = (length: number, of: (i: number) => unknown): unknown[] => Array.from({ length }, (_, i) => of(i))
  const routes = (length: number): object => ({ routes: list(length, (i) => ({ name: `route ${i}`, values: [i] })) })
  const change = (...virtualHosts: object[]): ConfigChange => ({ kind: 'resource', key: 'r', view: { virtualHosts } })

  /** What a worker makes of the parts, as they come over the channel. */
  async function made(parts: ReturnType<typeof cutLongLists>): Promise<ConfigChange[]> {
    const seen: ConfigChange[] = []
    const queue = new ChangeQueue(function* (each) {
      yield
      seen.push(each)
    })
    for (const part of parts) await new Promise<void>((applied) => queue.add([structuredClone(part)], applied))
    return seen
  }

  test('come in pieces and are whole again', async () => {
    const whole = change(routes(3), routes(1000), routes(257))
    const parts = cutLongLists(whole)
    expect(parts.map(({ kind }) => kind)).toEqual([...new Array(6).fill('items'), 'cut'])
    expect(whole).toEqual(change(routes(3), routes(1000), routes(257)))
    expect(await made(parts)).toEqual([whole])
  })

  test('in long lists are left where they are', async () => {
    const whole = change(...list(300, () => routes(300)).map((each) => each as object))
    expect(await made(cutLongLists(whole))).toEqual([whole])
  })

  test('are cut out of nothing else', () => {
    const short: ConfigChange = {
      kind: 'resource',
      key: 'r',
      view: { bytes: new Uint8Array(5000), text: 'x'.repeat(5000) },
    }
    expect(cutLongLists(short)).toEqual([short])
  })

  test('that have lost a piece change nothing', async () => {
    expect(await made(cutLongLists(change(routes(1000))).slice(1))).toEqual([])
    expect(await made(cutLongLists(change(routes(1000))).slice(-1))).toEqual([])
  })
})
