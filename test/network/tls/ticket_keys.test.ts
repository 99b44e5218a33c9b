/** Keys of session tickets that all processes share: the same everywhere, and new ones every two days. */
import { describe, expect, it } from 'vitest'
import { SharedTicketKeys } from '../../../src/network/tls/ticket_keys.ts'
import { SharedCounter } from '../../../src/stats/shared_counter.ts'

const dayMs = 24 * 60 * 60 * 1000

/** Memory of processes that are all in this one. */
function sharedMemory() {
  const cells = new Map<string, BigInt64Array>()
  return {
    counter: () => new SharedCounter(new Int32Array(1), new Int32Array(1), 0),
    counters: () => [],
    cell64: (name: string) => {
      const cell = cells.get(name) ?? new BigInt64Array(1)
      cells.set(name, cell)
      return cell
    },
    cells64: (_name: string, count: number) => new BigInt64Array(count),
  }
}

const text = (keys: readonly Buffer[]): string[] => keys.map((key) => key.toString('hex'))

describe('shared ticket keys', () => {
  it('are the same in every process, one that starts later too', () => {
    const memory = sharedMemory()
    const now = () => 1_000_000
    const [main, worker] = [new SharedTicketKeys(memory, now), new SharedTicketKeys(memory, now)]
    const [key, ...older] = main.current()
    expect(key).toHaveLength(48)
    expect(key.equals(Buffer.alloc(48))).toBe(false)
    expect(older).toEqual([])
    expect(text(worker.current())).toEqual(text(main.current()))
    expect(text(new SharedTicketKeys(memory, now).current())).toEqual(text(main.current()))
    expect(text(new SharedTicketKeys(sharedMemory(), now).current())).not.toEqual(text(main.current()))
  })

  it('change every two days, and the one before is still taken', () => {
    const memory = sharedMemory()
    let now = 5 * dayMs
    const processes = [1, 2, 3].map(() => new SharedTicketKeys(memory, () => now))
    const keysAt = (time: number): string[] => {
      now = time
      const all = processes.map((process) => text(process.current()))
      expect(all[1]).toEqual(all[0])
      expect(all[2]).toEqual(all[0])
      return all[0]
    }
    let [current] = keysAt(now)
    for (let rotation = 1; rotation <= 7; rotation++) {
      expect(keysAt((5 + rotation * 2) * dayMs - 1)[0]).toBe(current)
      const [next, previous] = keysAt((5 + rotation * 2) * dayMs)
      expect(next).not.toBe(current)
      expect(previous).toBe(current)
      current = next
    }
  })
})
