/** What admission control remembers, at times that the test sets. */
import { describe, expect, it } from 'vitest'
import { RequestHistory } from '../../../../src/extensions/filters/http/admission_control/request_history.ts'

class Clock {
  nowMs = 5_000
  readonly read = () => this.nowMs
}

describe('the history of requests', () => {
  it('forgets a second of requests when that is as old as the window', () => {
    const clock = new Clock()
    const history = new RequestHistory(3000, clock.read)
    history.record(true)
    clock.nowMs += 999
    history.record(false)
    clock.nowMs += 1
    history.record(true)
    expect(history.counts()).toEqual({ requests: 3, successes: 2 })
    clock.nowMs += 1999
    expect(history.counts()).toEqual({ requests: 3, successes: 2 })
    clock.nowMs += 1
    expect(history.counts()).toEqual({ requests: 1, successes: 1 })
    clock.nowMs += 100_000
    expect(history.counts()).toEqual({ requests: 0, successes: 0 })
  })

  it('says how many whole requests a second came over the window', () => {
    const history = new RequestHistory(2000, new Clock().read)
    expect(history.averageRps()).toBe(0)
    for (let i = 0; i < 7; i++) history.record(true)
    expect(history.averageRps()).toBe(3)
  })
})
