// How long a retry waits, on a clock of the test: bounds of chance, growth, and what the upstream asks for.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { HeaderMap } from '../../src/common/header_map.ts'
import type { RuntimeValue } from '../../src/config/runtime.ts'
import type { RetryState } from '../../src/router/retry_state.ts'
import { streamInfo } from '../access_log/support.ts'
import { find, request, routeTable } from './support.ts'

const longestMs = 10_000
const most = 0.999

let modules: Awaited<ReturnType<typeof loadModules>>

/** Their timers are those of the test. */
async function loadModules() {
  vi.resetModules()
  const { RetryState } = await import('../../src/router/retry_state.ts')
  const { RequestStats } = await import('../../src/router/request_stats.ts')
  const { routerStats } = await import('../../src/router/router_settings.ts')
  return { RetryState, RequestStats, routerStats }
}

beforeEach(async () => {
  vi.useFakeTimers({ now: 1_000_000_000_000 })
  modules = await loadModules()
})

afterEach(() => {
  vi.restoreAllMocks()
  vi.useRealTimers()
})

/** One request whose tries all fail. */
class Tries {
  readonly #state: RetryState
  #made = 0
  readonly #stats: () => readonly number[]

  constructor(fields: string, runtime: Readonly<Record<string, RuntimeValue>> = {}) {
    const policy = `retry_policy: {retry_on: 5xx, num_retries: 10, ${fields}}`
    const routes = `[{match: {prefix: /}, route: {cluster: c, ${policy}}}]`
    const { config, context, errors } = routeTable(`virtual_hosts: [{name: v, domains: ['*'], routes: ${routes}}]`, {
      runtime,
    })
    expect(errors).toEqual([])
    const headers = request('GET /')
    const route = find(config, headers)
    const cluster = context.clusterManager.get('c')
    if (route?.kind !== 'forward' || cluster === undefined) throw new Error('no route to the cluster')
    const settings = {
      ...{ clusterManager: context.clusterManager, runtime: context.runtime, localZone: '' },
      ...{ suppressEnvoyHeaders: false, dynamicStats: true, suppressGrpcCodeStats: false },
      pools: { get: () => undefined, preconnect: () => {} },
      stats: modules.routerStats(context.scope, 'http.test.'),
      filterCheck: context.overload.action('none'),
    }
    const requestStats = new modules.RequestStats(settings, cluster.info, headers, false)
    const callbacks = { onRetry: () => this.#made++ }
    const state = modules.RetryState.create(
      callbacks,
      route,
      headers,
      cluster.info,
      requestStats,
      streamInfo(),
      context.runtime,
    )
    if (state === undefined) throw new Error('the policy asks for no retries')
    this.#state = state
    const { upstreamRqRetryBackoffExponential, upstreamRqRetryBackoffRatelimited } = cluster.info.stats
    this.#stats = () => [upstreamRqRetryBackoffExponential.value(), upstreamRqRetryBackoffRatelimited.value()]
  }

  /** Milliseconds from a failure to the next try; a timer takes one at least. */
  wait(...fields: readonly string[]): number {
    const headers = new HeaderMap()
    headers.status = 503
    for (const field of fields) headers.add(field.slice(0, field.indexOf(':')), field.slice(field.indexOf(' ') + 1))
    expect(this.#state.onHeaders(headers)).toBe('yes')
    const before = this.#made
    for (let waited = 1; waited <= longestMs; waited++) {
      vi.advanceTimersByTime(1)
      if (this.#made > before) return waited
    }
    throw new Error('there is no retry')
  }

  waits(count: number): number[] {
    return Array.from({ length: count }, () => this.wait())
  }

  /** How many waits grew by themselves, and how many were the upstream's. */
  get counts(): readonly number[] {
    return this.#stats()
  }
}

function chance(value: number): void {
  vi.spyOn(Math, 'random').mockReturnValue(value)
}

describe('the exponential back-off', () => {
  it.each([
    ['by default', '', {}, [24, 49, 99, 199, 249, 249]],
    ['of a base', 'retry_back_off: {base_interval: 0.1s}', {}, [99, 199, 399, 799, 999, 999]],
    ['up to a most', 'retry_back_off: {base_interval: 0.1s, max_interval: 0.25s}', {}, [99, 199, 249, 249]],
    ['of the runtime', '', { 'upstream.base_retry_backoff_ms': 10 }, [9, 19, 39, 79, 99, 99]],
    [
      'of a policy, before the runtime',
      'retry_back_off: {base_interval: 0.1s}',
      { 'upstream.base_retry_backoff_ms': 10 },
      [99],
    ],
  ])('doubles its limit %s', (_name, fields, runtime, limits) => {
    chance(most)
    const tries = new Tries(fields, runtime)
    expect(tries.waits(limits.length)).toEqual(limits)
    expect(tries.counts).toEqual([limits.length, 0])
  })

  it('is anything below its limit', () => {
    const tries = new Tries('retry_back_off: {base_interval: 0.1s, max_interval: 0.1s}')
    const waited = [0, 0.25, 0.5, most].map((value) => {
      chance(value)
      return tries.wait()
    })
    expect(waited).toEqual([1, 25, 50, 99])
  })
})

describe('the back-off that the upstream asks for', () => {
  const limited =
    'rate_limited_retry_back_off: {max_interval: 5s, reset_headers: [{name: Retry-After, format: SECONDS}, {name: X-Reset, format: UNIX_TIMESTAMP}]}'

  it.each([
    [0, 2000],
    [0.5, 2500],
    [most, 2999],
  ])('is what it says and up to a half more: chance %d, %d ms', (value, expected) => {
    chance(value)
    const tries = new Tries(limited)
    expect(tries.wait('retry-after: 2')).toBe(expected)
    expect(tries.counts).toEqual([0, 1])
  })

  it.each([
    ['a time of day', 'x-reset: 1000000003', 3000],
    ['the longest that is allowed', 'retry-after: 5', 5000],
  ])('may be %s', (_name, field, expected) => {
    chance(0)
    expect(new Tries(limited).wait(field)).toBe(expected)
  })

  it.each([
    ['nothing', 'retry-after: 0'],
    ['more than is allowed', 'retry-after: 6'],
    ['a time of day that is over', 'x-reset: 999999999'],
    ['no number', 'retry-after: soon'],
  ])('is not %s', (_name, field) => {
    chance(most)
    const tries = new Tries(limited)
    expect(tries.wait(field)).toBe(24)
    expect(tries.counts).toEqual([1, 0])
  })

  it('comes from the first header that says one', () => {
    chance(0)
    const tries = new Tries(limited)
    expect(tries.wait('x-reset: 1000000004', 'retry-after: 2')).toBe(2000)
    expect(tries.wait('retry-after: 9', 'x-reset: 1000000003')).toBe(1000)
  })

  it('leaves the other where it was', () => {
    chance(most)
    const tries = new Tries(limited)
    expect([tries.wait(), tries.wait('retry-after: 1'), tries.wait(), tries.wait()]).toEqual([24, 1499, 49, 99])
    expect(tries.counts).toEqual([3, 1])
  })
})
