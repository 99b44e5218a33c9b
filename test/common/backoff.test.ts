import { describe, expect, it } from 'vitest'
import { JitteredBackOff } from '../../src/common/backoff.ts'

describe('the jittered back-off', () => {
  it('doubles its limit up to the most, and begins anew', () => {
    const backOff = new JitteredBackOff(500, 3000, () => 0.999)
    const limits = [1, 2, 3, 4, 5].map(() => backOff.nextBackOffMs())
    expect(limits).toEqual([499, 999, 1998, 2997, 2997])
    backOff.reset()
    expect(backOff.nextBackOffMs()).toBe(499)
  })

  it('may be nothing', () => {
    expect(new JitteredBackOff(500, 3000, () => 0).nextBackOffMs()).toBe(0)
  })
})
