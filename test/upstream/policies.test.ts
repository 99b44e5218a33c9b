import { afterEach, describe, expect, it, vi } from 'vitest'
import { monotonicMs } from '../../src/common/clock.ts'
import { xxHash64 } from '../../src/common/hash.ts'
import { ipAddress } from '../../src/network/address.ts'
import { buildCluster } from '../../src/upstream/build_cluster.ts'
import type { Cluster } from '../../src/upstream/cluster.ts'
import type { HostSnapshot } from '../../src/upstream/host.ts'
import type { LoadBalancerContext } from '../../src/upstream/load_balancer.ts'
import { ClientSideWeight } from '../../src/upstream/load_balancers/client_side_weight.ts'
import { clusterViews, serverContext, startCluster, staticClusterYaml, type TestServerContext } from './support.ts'

const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'
const listed = (policy: string): string =>
  `  load_balancing_policy: {policies: [{typed_extension_config: {name: p, typed_config: {"@type": ${POLICIES}.${policy}}}}]}`
const hosts = Array.from({ length: 5 }, (_, i) => `127.0.0.${i + 1}:80`)

function context(more: Partial<LoadBalancerContext> = {}): LoadBalancerContext {
  return {
    hashKey: () => undefined,
    metadataMatch: () => undefined,
    attempt: 0,
    priorityLoads: undefined,
    retryPriority: undefined,
    downstreamConnection: undefined,
    downstreamHeaders: undefined,
    streamInfo: undefined,
    addCookie: () => {},
    ...more,
  }
}

function snapshot(ip: string, more: Partial<HostSnapshot> = {}): HostSnapshot {
  return {
    address: ipAddress(ip, 80),
    additionalAddresses: [],
    hostname: '',
    weight: 1,
    priority: 0,
    locality: { region: '', zone: '', subZone: '' },
    localityWeight: 0,
    metadata: {},
    healthStatus: 'HEALTHY',
    ...more,
  }
}

function chosen(cluster: Cluster, count: number, by?: LoadBalancerContext): string[] {
  const seen = new Set(Array.from({ length: count }, () => cluster.chooseHost(by)?.address.ip ?? 'none'))
  return [...seen].sort()
}

afterEach(() => {
  vi.useRealTimers()
})

describe.each(['RING_HASH', 'MAGLEV'])('%s', (policy) => {
  const cluster = (): Cluster => startCluster(staticClusterYaml(hosts, `  lb_policy: ${policy}`), serverContext())
  const byKey = (key: string, attempt = 0): LoadBalancerContext => context({ hashKey: () => xxHash64(key), attempt })

  it('keeps to a host, and without a hash takes any', () => {
    const balanced = cluster()
    expect(chosen(balanced, 50, byKey('a'))).toHaveLength(1)
    expect(chosen(balanced, 500)).toHaveLength(5)
    expect(chosen(balanced, 500, context())).toHaveLength(5)
  })

  it('moves few keys of other hosts when a host goes', () => {
    const balanced = cluster()
    const keys = Array.from({ length: 400 }, (_, i) => byKey(`key-${i}`))
    const before = keys.map((key) => balanced.chooseHost(key)?.address.ip)
    balanced.setHosts([hosts.slice(1).map((host) => snapshot(host.split(':')[0]))])
    const after = keys.map((key) => balanced.chooseHost(key)?.address.ip)
    const moved = keys.filter((_, i) => before[i] !== after[i] && before[i] !== '127.0.0.1')
    expect(after).not.toContain('127.0.0.1')
    expect(moved.length).toBeLessThan(keys.length / 5)
  })

  it('gives others where the first is turned down', () => {
    const balanced = cluster()
    const tried = Array.from({ length: 12 }, (_, attempt) => balanced.chooseHost(byKey('a', attempt))?.address.ip)
    expect(new Set(tried).size).toBeGreaterThan(1)
  })

  it('has no host without hosts', () => {
    expect(startCluster(`- {name: c, lb_policy: ${policy}}`, serverContext()).chooseHost(byKey('a'))).toBeUndefined()
  })
})

describe('subsets', () => {
  const label = (version: string): HostSnapshot['metadata'] => ({ 'envoy.lb': { version } })
  const yaml = '- {name: c, lb_subset_config: {subset_selectors: [{keys: [version]}]}}'
  const wants = (version: string): LoadBalancerContext => {
    const match = { version }
    return context({ metadataMatch: () => match })
  }

  it('come and go with the hosts', () => {
    const test = serverContext()
    const balanced = startCluster(yaml, test)
    const stat = (name: string): number => test.scope.counter(`cluster.c.lb_subsets_${name}`).value()
    balanced.setHosts([
      [snapshot('127.0.0.1', { metadata: label('1') }), snapshot('127.0.0.2', { metadata: label('2') })],
    ])
    expect(chosen(balanced, 20, wants('1'))).toEqual(['127.0.0.1'])
    expect(chosen(balanced, 20, wants('2'))).toEqual(['127.0.0.2'])
    balanced.setHosts([
      [snapshot('127.0.0.1', { metadata: label('2') }), snapshot('127.0.0.2', { metadata: label('2') })],
    ])
    expect(chosen(balanced, 20, wants('1'))).toEqual(['none'])
    expect(chosen(balanced, 20, wants('2'))).toEqual(['127.0.0.1', '127.0.0.2'])
    expect([stat('created'), stat('removed'), stat('selected')]).toEqual([2, 1, 60])
    expect(test.scope.gauge('cluster.c.lb_subsets_active').value()).toBe(1)
    balanced.destroy()
    expect(test.scope.gauge('cluster.c.lb_subsets_active').value()).toBe(0)
  })
})

describe('client side weights', () => {
  const weighted = (more = ''): Cluster => {
    const type = 'client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin'
    return startCluster(staticClusterYaml(hosts.slice(0, 3), listed(`${type}${more}`)), serverContext())
  }
  const base = {
    memUtilization: 0,
    requestCost: {},
    utilization: {},
    namedMetrics: {},
    applicationUtilization: 0,
    eps: 0,
  }
  const weights = (cluster: Cluster): number[] => [...cluster.prioritySet.hosts()].map((host) => host.weight)

  it('count after the blackout, and until they expire', () => {
    const settings = { blackoutPeriodMs: 10_000, expirationPeriodMs: 180_000, errorPenalty: 0, metricNames: [] }
    const weight = new ClientSideWeight(settings)
    const start = monotonicMs()
    expect(weight.current(start + 20_000)).toBeUndefined()
    weight.onLoadReport({ ...base, cpuUtilization: 0.5, rpsFractional: 100 })
    expect(weight.current(start + 9000)).toBeUndefined()
    expect(weight.current(start + 20_000)).toBe(200)
    expect(weight.current(start + 400_000)).toBeUndefined()
    // What comes after a gap waits again.
    weight.onLoadReport({ ...base, cpuUtilization: 0.5, rpsFractional: 50 })
    expect(weight.current(start + 9000)).toBeUndefined()
    expect(weight.current(start + 20_000)).toBe(100)
  })

  it('stand for silent hosts too: those have the median', () => {
    vi.useFakeTimers()
    const cluster = weighted(', blackout_period: 0s')
    const [first, second] = cluster.prioritySet.hosts()
    first.lbPolicyData?.onLoadReport({ ...base, cpuUtilization: 0.5, rpsFractional: 100 })
    second.lbPolicyData?.onLoadReport({ ...base, cpuUtilization: 0.5, rpsFractional: 200 })
    vi.advanceTimersByTime(1000)
    expect(weights(cluster)).toEqual([200, 400, 400])
    const picks = Array.from({ length: 500 }, () => cluster.chooseHost()?.address.ip)
    expect(picks.filter((ip) => ip === '127.0.0.1')).toHaveLength(100)
    cluster.destroy()
  })

  it('are lowered by errors, and say nothing without a rate', () => {
    vi.useFakeTimers()
    const cluster = weighted(', blackout_period: 0s, error_utilization_penalty: 2')
    const [first, second] = cluster.prioritySet.hosts()
    first.lbPolicyData?.onLoadReport({ ...base, cpuUtilization: 0.5, rpsFractional: 100, eps: 25 })
    second.lbPolicyData?.onLoadReport({ ...base, cpuUtilization: 0.5, rpsFractional: 0, eps: 0 })
    vi.advanceTimersByTime(1000)
    expect(weights(cluster)).toEqual([100, 100, 100])
    cluster.destroy()
  })
})

describe('aggregate clusters', () => {
  const type = 'type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig'
  const yaml = `- {name: all, lb_policy: CLUSTER_PROVIDED, cluster_type: {name: envoy.clusters.aggregate, typed_config: {"@type": ${type}, clusters: [a, b]}}}`
  const add = (test: TestServerContext, name: string, ip: string, healthStatus: HostSnapshot['healthStatus']): void => {
    if (test.clusterManager.get(name) === undefined)
      test.clusterManager.put(buildCluster(clusterViews(`- {name: ${name}}`)[0], test))
    test.clusterManager.onHosts({ clusterName: name, priorities: [[snapshot(ip, { healthStatus })]] })
  }

  it('take what their clusters are at the time', () => {
    const test = serverContext()
    const all = startCluster(yaml, test)
    expect(all.chooseHost(context())).toBeUndefined()
    add(test, 'b', '127.0.0.2', 'HEALTHY')
    expect(chosen(all, 20, context())).toEqual(['127.0.0.2'])
    add(test, 'a', '127.0.0.1', 'HEALTHY')
    expect(chosen(all, 20)).toEqual(['127.0.0.1'])
    add(test, 'a', '127.0.0.1', 'UNHEALTHY')
    expect(chosen(all, 20, context())).toEqual(['127.0.0.2'])
    test.clusterManager.remove('b')
    // The only one left panics.
    expect(chosen(all, 20, context())).toEqual(['127.0.0.1'])
  })

  it('leave nothing in the context', () => {
    const test = serverContext()
    const all = startCluster(yaml, test)
    add(test, 'a', '127.0.0.1', 'DEGRADED')
    const request = context()
    expect(all.chooseHost(request)?.cluster.name).toBe('a')
    expect(request.priorityLoads).toBeUndefined()
  })
})

describe('drop_overloads', () => {
  const policy = (millionths: number) => ({
    overprovisioningFactor: undefined,
    weightedPriorityHealth: false,
    dropOverload: { category: 'x', millionths },
  })

  it('come with the hosts, up to the limit of the runtime', () => {
    const test = serverContext()
    const cluster = startCluster('- {name: c}', test)
    cluster.setHosts([[]], policy(250_000))
    expect(cluster.dropMillionths).toBe(250_000)
    test.runtime.update({ 'load_balancing_policy.drop_overload_limit': 10 })
    cluster.setHosts([[]], policy(250_000))
    expect(cluster.dropMillionths).toBe(100_000)
    cluster.setHosts([[]])
    expect(cluster.dropMillionths).toBe(0)
  })
})
