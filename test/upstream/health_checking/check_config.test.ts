// What a health check's configuration may not say, and when the next check is due.

import { describe, expect, test } from 'vitest'
import { Runtime } from '../../../src/config/runtime.ts'
import { CheckIntervals } from '../../../src/upstream/health_checking/check_intervals.ts'
import { checkerErrors, healthCheck } from './support.ts'

const range = (start: number, end: number) => ({ start, end })

test.each([
  {
    view: { httpHealthCheck: { path: '/', expectedStatuses: [range(200, 200)] } },
    error: 'Invalid http expected status range: expecting start < end, but found start=200 and end=200',
  },
  {
    view: { httpHealthCheck: { path: '/', retriableStatuses: [range(99, 200)] } },
    error: 'Invalid http retriable status range: expecting start >= 100, but found start=99',
  },
  {
    view: { httpHealthCheck: { path: '/', expectedStatuses: [range(200, 601)] } },
    error: 'Invalid http expected status range: expecting end <= 600, but found end=601',
  },
  {
    view: { httpHealthCheck: { path: '/', send: { text: '61' } } },
    error: "HTTP health check cannot specify a request payload with method 'GET'",
  },
  {
    view: { httpHealthCheck: { path: '/', receive: [{ text: '6161' }], responseBufferSize: 1 } },
    error: "The expected response length '2' is over than http health response buffer size '1'",
  },
  { view: { httpHealthCheck: { path: '/', codecClientType: 'HTTP3' } }, error: 'checks over HTTP/3 are not supported' },
  {
    view: { httpHealthCheck: { path: '/', requestHeadersToRemove: ['Host'] } },
    error: ':-prefixed or host headers may not be removed',
  },
  { view: { tcpHealthCheck: { send: { text: 'abc' } } }, error: "invalid hex string 'abc'" },
  { view: { tcpHealthCheck: { receive: [{ text: 'xy' }] } }, error: "invalid hex string 'xy'" },
  { view: { grpcHealthCheck: {} }, error: 'c cluster must support HTTP/2 for gRPC healthchecking' },
  { view: { customHealthCheck: { name: 'own' } }, error: "Didn't find a registered implementation for 'own'" },
  {
    view: { tcpHealthCheck: {}, eventLogPath: '/no/such/folder/log' },
    error: "unable to open file '/no/such/folder/log': no such file or directory",
  },
])('is refused: $error', ({ view, error }) => {
  expect(checkerErrors(view)).toEqual([error])
})

describe('the next check', () => {
  const view = {
    tcpHealthCheck: {},
    interval: 100,
    noTrafficInterval: undefined,
    healthyEdgeInterval: 10,
    unhealthyInterval: 200,
    unhealthyEdgeInterval: 20,
  }
  const intervals = (more: object = {}, hasTraffic = true, values: Readonly<Record<string, number>> = {}) => {
    const runtime = new Runtime()
    runtime.update(values)
    return new CheckIntervals(healthCheck({ ...view, ...more }), () => hasTraffic, runtime)
  }
  const all = (of: CheckIntervals) => [
    of.nextMs(true, 'unchanged'),
    of.nextMs(true, 'changed'),
    of.nextMs(true, 'changePending'),
    of.nextMs(false, 'unchanged'),
    of.nextMs(false, 'changed'),
    of.nextMs(false, 'changePending'),
  ]

  test('goes by the health of the host and by whether it is at an edge', () => {
    expect(all(intervals())).toEqual([100, 100, 10, 200, 200, 20])
  })

  test('falls back from one interval to the next', () => {
    const none = { healthyEdgeInterval: undefined, unhealthyEdgeInterval: undefined }
    expect(all(intervals(none))).toEqual([100, 100, 100, 200, 200, 200])
    expect(all(intervals({ ...none, unhealthyInterval: undefined }))).toEqual([100, 100, 100, 100, 100, 100])
  })

  test('is rare without traffic', () => {
    expect(all(intervals({}, false))).toEqual(Array(6).fill(60_000))
    const some = { noTrafficInterval: 1000, noTrafficHealthyInterval: 2000 }
    expect(all(intervals(some, false))).toEqual([2000, 2000, 1000, 1000, 1000, 1000])
  })

  test('is within the limits of the runtime', () => {
    expect(all(intervals({}, true, { 'health_check.min_interval': 50 }))).toEqual([100, 100, 50, 200, 200, 50])
    expect(all(intervals({}, true, { 'health_check.max_interval': 50 }))).toEqual([50, 50, 10, 50, 50, 20])
  })

  test('comes later by less than the jitter', () => {
    const found = Array.from({ length: 200 }, () => intervals({ intervalJitter: 10 }).nextMs(true, 'unchanged'))
    expect(new Set(found).size).toBeGreaterThan(3)
    expect(found.every((ms) => ms >= 100 && ms < 110)).toBe(true)
    const percent = Array.from({ length: 200 }, () =>
      intervals({ intervalJitterPercent: 20 }).nextMs(true, 'unchanged'),
    )
    expect(new Set(percent).size).toBeGreaterThan(3)
    expect(percent.every((ms) => ms >= 100 && ms < 120)).toBe(true)
  })

  test('is the first at once, or within its jitter', () => {
    expect(intervals().initialMs()).toBe(0)
    const found = Array.from({ length: 200 }, () => intervals({ initialJitter: 10 }).initialMs())
    expect(new Set(found).size).toBeGreaterThan(3)
    expect(found.every((ms) => ms >= 1 && ms < 10)).toBe(true)
  })
})
