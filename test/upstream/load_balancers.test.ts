import { describe, expect, it } from 'vitest'
import type { Cluster } from '../../src/upstream/cluster.ts'
import { serverContext, startCluster, staticClusterYaml, type TestServerContext } from './support.ts'

function picks(cluster: Cluster, count: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const at = cluster.chooseHost()?.address.text ?? 'none'
    counts.set(at, (counts.get(at) ?? 0) + 1)
  }
  return counts
}

function cluster(hosts: readonly string[], more = '', context: TestServerContext = serverContext()): Cluster {
  return startCluster(staticClusterYaml(hosts, more), context)
}

const three = ['127.0.0.1:80', '127.0.0.2:80', '127.0.0.3:80']

describe('every policy', () => {
  it.each(['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM'])('%s has no host without hosts', (policy) => {
    const context = serverContext()
    const empty = startCluster(`- {name: c, type: STATIC, lb_policy: ${policy}}`, context)
    expect(empty.chooseHost()).toBeUndefined()
    expect(empty.info.stats.lbHealthyPanic.value()).toBe(1)
  })

  it.each(['ROUND_ROBIN', 'LEAST_REQUEST', 'RANDOM'])('%s uses all of its hosts', (policy) => {
    const counts = picks(cluster(three, `  lb_policy: ${policy}`), 600)
    expect([...counts.keys()].toSorted()).toEqual(three)
  })
})

describe('ROUND_ROBIN', () => {
  it('goes round in order', () => {
    const balanced = cluster(three)
    const order = Array.from({ length: 6 }, () => balanced.chooseHost()?.address.text)
    const start = three.indexOf(order[0] ?? '')
    expect(order).toEqual(Array.from({ length: 6 }, (_, i) => three[(start + i) % 3]))
  })

  it('gives each host its exact share of weight, and no long runs to the heaviest', () => {
    const balanced = cluster(['127.0.0.1:80 1', '127.0.0.2:80 2', '127.0.0.3:80 3'])
    expect(Object.fromEntries(picks(balanced, 600))).toEqual({
      '127.0.0.1:80': 100,
      '127.0.0.2:80': 200,
      '127.0.0.3:80': 300,
    })
    const next = Array.from({ length: 60 }, () => balanced.chooseHost()?.address.text)
    expect(next.some((at, i) => at === next[i + 1] && at === next[i + 2])).toBe(false)
  })
})

describe('LEAST_REQUEST', () => {
  it('with FULL_SCAN picks the host with the fewest active requests', () => {
    const type = 'type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest'
    const config = `{name: p, typed_config: {"@type": ${type}, selection_method: FULL_SCAN}}`
    const balanced = cluster(three, `  load_balancing_policy: {policies: [{typed_extension_config: ${config}}]}`)
    const hosts = [...balanced.prioritySet.hosts()]
    for (let i = 0; i < 5; i++) hosts[0].stats.rqActive.inc()
    hosts[2].stats.rqActive.inc()
    expect(picks(balanced, 20)).toEqual(new Map([['127.0.0.2:80', 20]]))
    hosts[1].stats.rqActive.inc()
    // Of those that are alike, each in its turn: fewer than 50 of 200 come once in 10^13.
    const counts = picks(balanced, 200)
    expect([...counts.keys()].toSorted()).toEqual(['127.0.0.2:80', '127.0.0.3:80'])
    expect(Math.min(...counts.values())).toBeGreaterThan(50)
  })

  it('with many draws all but never picks the busiest', () => {
    const balanced = cluster(three, '  lb_policy: LEAST_REQUEST\n  least_request_lb_config: {choice_count: 30}')
    const [busy] = balanced.prioritySet.hosts()
    for (let i = 0; i < 5; i++) busy.stats.rqActive.inc()
    // Thirty draws of three miss both other hosts once in 2 * 10^14.
    expect(picks(balanced, 200).has(busy.address.text)).toBe(false)
  })

  it('weakens the weight of a busy host', () => {
    const balanced = cluster(['127.0.0.1:80 100', '127.0.0.2:80 1'], '  lb_policy: LEAST_REQUEST')
    const [heavy] = balanced.prioritySet.hosts()
    expect(picks(balanced, 1000).get('127.0.0.1:80')).toBeGreaterThan(900)
    for (let i = 0; i < 10_000; i++) heavy.stats.rqActive.inc()
    expect(picks(balanced, 1000).get('127.0.0.1:80') ?? 0).toBeLessThan(100)
  })

  it('with a bias of 0 ignores active requests', () => {
    const more =
      '  lb_policy: LEAST_REQUEST\n  least_request_lb_config: {active_request_bias: {default_value: 0, runtime_key: bias}}'
    const balanced = cluster(['127.0.0.1:80 100', '127.0.0.2:80 1'], more)
    const [heavy] = balanced.prioritySet.hosts()
    for (let i = 0; i < 10_000; i++) heavy.stats.rqActive.inc()
    expect(picks(balanced, 1000).get('127.0.0.1:80')).toBeGreaterThan(900)
  })
})

describe('hosts that change', () => {
  const snapshot = (at: string, weight = 1) => ({
    address: { text: at, ip: at.split(':')[0], port: 80, family: 'ipv4' as const },
    additionalAddresses: [],
    hostname: '',
    weight,
    priority: 0,
    locality: { region: '', zone: '', subZone: '' },
    localityWeight: 0,
    metadata: {},
    healthStatus: 'UNKNOWN' as const,
  })

  it('keep their object, and with it their numbers, while they are at their address', () => {
    const balanced = cluster(three)
    const [first, second] = balanced.prioritySet.hosts()
    first.stats.rqActive.inc()
    balanced.setHosts([[snapshot('127.0.0.1:80'), snapshot('127.0.0.9:80'), snapshot('127.0.0.2:80', 7)]])
    const [kept, added, reweighted] = balanced.prioritySet.hosts()
    expect(kept).toBe(first)
    expect(added.address.text).toBe('127.0.0.9:80')
    expect(reweighted).toBe(second)
    expect(reweighted.weight).toBe(7)
  })

  it('drain their pools when they go', () => {
    const balanced = cluster(three)
    const drained: string[] = []
    for (const host of balanced.prioritySet.hosts()) {
      host.pools.set('p', {
        drainConnections: () => drained.push(host.address.text),
        closeConnections: () => {},
        onHealthFailure: () => {},
        addIdleCallback: () => {},
      })
    }
    balanced.setHosts([[snapshot('127.0.0.2:80')]])
    expect(drained.toSorted()).toEqual(['127.0.0.1:80', '127.0.0.3:80'])
  })

  it('take other fall-back addresses without becoming another host', () => {
    const balanced = cluster(['127.0.0.1:80'])
    const [host] = balanced.prioritySet.hosts()
    const more = { ...snapshot('127.0.0.1:80'), additionalAddresses: [snapshot('127.0.0.5:80').address] }
    balanced.setHosts([[more]])
    expect([...balanced.prioritySet.hosts()]).toEqual([host])
    expect(host.additionalAddresses.map((each) => each.text)).toEqual(['127.0.0.5:80'])
  })

  it('are found in the first priority that has a healthy one', () => {
    const balanced = cluster([])
    const unhealthy = { ...snapshot('127.0.0.1:80'), healthStatus: 'UNHEALTHY' as const }
    balanced.setHosts([[unhealthy], [{ ...snapshot('127.0.0.2:80'), priority: 1 }]])
    expect(picks(balanced, 5)).toEqual(new Map([['127.0.0.2:80', 5]]))
    balanced.setHosts([[unhealthy]])
    expect(picks(balanced, 5)).toEqual(new Map([['127.0.0.1:80', 5]]))
    expect(balanced.info.stats.lbHealthyPanic.value()).toBe(5)
  })
})
