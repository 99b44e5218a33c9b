// What slow start makes of a host's weight as time passes, on a clock of the test.

import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { Runtime, type RuntimeValue } from '../../src/config/runtime.ts'
import type { Host } from '../../src/upstream/host.ts'
import { clusterViews, serverContext, startCluster, staticClusterYaml } from './support.ts'

let createSlowStart: typeof import('../../src/upstream/load_balancers/slow_start.ts')['createSlowStart']

beforeEach(async () => {
  vi.useFakeTimers()
  vi.resetModules()
  const modules = await import('../../src/upstream/load_balancers/slow_start.ts')
  createSlowStart = modules.createSlowStart
})

afterEach(() => {
  vi.useRealTimers()
})

function host(health = 'HEALTHY'): Host {
  const yaml = staticClusterYaml(['127.0.0.1:1']).replace(/port_value: 1}}}/, `$&, health_status: ${health}`)
  const [only] = startCluster(yaml, serverContext()).prioritySet.hosts()
  // Its own clock is the machine's.
  only.availableSinceMs = performance.now()
  return only
}

/** Factors of a host at so many seconds after it came. */
function factors(fields: string, seconds: readonly number[], runtime: Record<string, RuntimeValue> = {}): number[] {
  const view = clusterViews(
    staticClusterYaml([], `  round_robin_lb_config: {slow_start_config: {slow_start_window: 10s, ${fields}}}`),
  )
  const values = new Runtime()
  values.update(runtime)
  const slowStart = createSlowStart(view[0].roundRobinLbConfig?.slowStartConfig, values)
  if (slowStart === undefined) throw new Error('there is no slow start')
  const only = host()
  const start = performance.now()
  return seconds.map((at) => {
    vi.advanceTimersByTime(start + at * 1000 - performance.now())
    expect(slowStart.includes(only)).toBe(at < 10)
    return Number(slowStart.factor(only).toFixed(4))
  })
}

it('grows with time, from a tenth', () => {
  expect(factors('', [0, 1, 2, 5, 9, 10, 20])).toEqual([0.1, 0.1, 0.2, 0.5, 0.9, 1, 1])
})

it('begins where the configuration says', () => {
  expect(factors('min_weight_percent: {value: 30}', [0, 2, 3, 5])).toEqual([0.3, 0.3, 0.3, 0.5])
  expect(factors('min_weight_percent: {value: 0}', [0, 0.001, 0.01, 5])).toEqual([0.0001, 0.0001, 0.001, 0.5])
})

it('grows faster or slower by aggression, which the runtime may change', () => {
  const aggression = (value: number) => `aggression: {default_value: ${value}, runtime_key: a}`
  expect(factors(aggression(2), [0, 2.5, 6.4, 10])).toEqual([0.1, 0.5, 0.8, 1])
  expect(factors(aggression(0.5), [0, 2.5, 5, 10])).toEqual([0.1, 0.1, 0.25, 1])
  expect(factors(aggression(0.5), [0, 2.5, 6.4, 10], { a: 2 })).toEqual([0.1, 0.5, 0.8, 1])
})

it('is for hosts that are healthy', () => {
  const view = clusterViews(
    staticClusterYaml([], '  round_robin_lb_config: {slow_start_config: {slow_start_window: 10s}}'),
  )
  const slowStart = createSlowStart(view[0].roundRobinLbConfig?.slowStartConfig, new Runtime())
  const degraded = host('DEGRADED')
  expect(slowStart?.includes(degraded)).toBe(false)
  expect(slowStart?.factor(degraded)).toBe(1)
  expect(slowStart?.factor(host())).toBe(0.1)
})

it('is not there without a window', () => {
  const view = clusterViews(staticClusterYaml([], '  round_robin_lb_config: {slow_start_config: {}}'))
  expect(createSlowStart(view[0].roundRobinLbConfig?.slowStartConfig, new Runtime())).toBeUndefined()
})
