import { describe, expect, it } from 'vitest'
import type { Cluster } from '../../src/upstream/cluster.ts'
import type { HostSnapshot } from '../../src/upstream/host.ts'
import { priorityLoads } from '../../src/upstream/load_balancers/priority_load.ts'
import { serverContext, startCluster, type TestServerContext } from './support.ts'

type Status = HostSnapshot['healthStatus']

let lastPort = 0

function host(priority: number, healthStatus: Status, more: Partial<HostSnapshot> = {}): HostSnapshot {
  const port = ++lastPort
  return {
    address: { text: `127.0.0.1:${port}`, ip: '127.0.0.1', port, family: 'ipv4' },
    additionalAddresses: [],
    hostname: '',
    weight: 1,
    priority,
    locality: { region: '', zone: '', subZone: '' },
    localityWeight: 0,
    metadata: {},
    healthStatus,
    ...more,
  }
}

/** `[healthy, degraded, unhealthy, draining]` hosts of one priority. */
type Numbers = readonly [healthy: number, degraded?: number, unhealthy?: number, draining?: number]

function hosts(priority: number, numbers: Numbers): HostSnapshot[] {
  const statuses: Status[] = ['HEALTHY', 'DEGRADED', 'UNHEALTHY', 'DRAINING']
  return numbers.flatMap((count, i) => Array.from({ length: count ?? 0 }, () => host(priority, statuses[i])))
}

function cluster(more = '', context: TestServerContext = serverContext()): Cluster {
  return startCluster(`- {name: c, type: STATIC${more === '' ? '' : `, ${more}`}}`, context)
}

function loads(priorities: readonly Numbers[], panicThreshold = 50, more = '') {
  const balanced = cluster(more)
  balanced.setHosts(priorities.map((numbers, priority) => hosts(priority, numbers)))
  return priorityLoads(balanced.prioritySet.hostSets, panicThreshold)
}

/** How often each priority, locality or address was picked. */
function picks(balanced: Cluster, count: number, keyOf: (host: HostSnapshot) => string | number) {
  const counts: Record<string, number> = {}
  for (let i = 0; i < count; i++) {
    const picked = balanced.chooseHost()
    const key = picked === undefined ? 'none' : keyOf(picked as unknown as HostSnapshot)
    counts[key] = (counts[key] ?? 0) + 1
  }
  return counts
}

describe('load over priorities', () => {
  // The table of Envoy's page on priority levels, with ten hosts in each.
  it.each([
    [100, 100, 0],
    [72, 100, 0],
    [71, 99, 1],
    [50, 70, 30],
    [25, 35, 65],
  ])('%i %% healthy hosts in the first take %i %%, the second %i %%', (healthy, first, second) => {
    expect(loads([[healthy, 0, 100 - healthy], [100]]).healthy).toEqual([first, second])
  })

  it('is scaled where all priorities together cannot take it', () => {
    const { healthy, panic } = loads([
      [20, 0, 80],
      [20, 0, 80],
    ])
    expect(panic).toEqual([true, true])
    expect(healthy).toEqual([50, 50])
    expect(
      loads(
        [
          [20, 0, 80],
          [10, 0, 90],
        ],
        0,
      ).healthy,
    ).toEqual([67, 33])
  })

  it('goes to degraded hosts for what healthy ones cannot take', () => {
    expect(
      loads([
        [5, 3, 2],
        [0, 10],
      ]),
    ).toEqual({ healthy: [70, 0], degraded: [30, 0], panic: [false, false] })
    expect(loads([[0, 10]])).toEqual({ healthy: [0], degraded: [100], panic: [false] })
  })

  it('leaves out what is draining', () => {
    expect(loads([[5, 0, 0, 5], [10]]).healthy).toEqual([100, 0])
    expect(loads([[0, 0, 0, 5], [10]]).healthy).toEqual([0, 100])
  })

  it('follows overprovisioning_factor', () => {
    const more = 'load_assignment: {cluster_name: c, policy: {overprovisioning_factor: 100}}'
    expect(loads([[50, 0, 50], [100]], 50, more).healthy).toEqual([50, 50])
  })

  it('counts weights with weighted_priority_health', () => {
    const balanced = cluster('load_assignment: {cluster_name: c, policy: {weighted_priority_health: true}}')
    balanced.setHosts([[host(0, 'HEALTHY', { weight: 1 }), host(0, 'UNHEALTHY', { weight: 3 })], [host(1, 'HEALTHY')]])
    expect(priorityLoads(balanced.prioritySet.hostSets, 50).healthy).toEqual([35, 65])
  })

  it('is followed by the picks', () => {
    const balanced = cluster()
    balanced.setHosts([hosts(0, [5, 0, 5]), hosts(1, [10])])
    const counts = picks(balanced, 4000, (each) => each.priority)
    expect(counts['0']).toBeGreaterThan(2500)
    expect(counts['1']).toBeGreaterThan(900)
  })
})

describe('a panic', () => {
  it('uses all hosts below half of them', () => {
    const balanced = cluster()
    balanced.setHosts([hosts(0, [2, 0, 3])])
    expect(Object.keys(picks(balanced, 50, (each) => each.address.text))).toHaveLength(5)
    expect(balanced.info.stats.lbHealthyPanic.value()).toBe(50)
    balanced.setHosts([hosts(0, [3, 0, 2])])
    expect(Object.keys(picks(balanced, 50, (each) => each.address.text))).toHaveLength(3)
    expect(balanced.info.stats.lbHealthyPanic.value()).toBe(50)
  })

  it('never comes with a threshold of 0', () => {
    const balanced = cluster('common_lb_config: {healthy_panic_threshold: {value: 0}}')
    balanced.setHosts([hosts(0, [0, 0, 3])])
    expect(balanced.chooseHost()).toBeUndefined()
    expect(balanced.info.stats.lbHealthyPanic.value()).toBe(0)
  })

  it('comes by the runtime key', () => {
    const balanced = cluster('', serverContext({ runtime: { 'upstream.healthy_panic_threshold': 0 } }))
    balanced.setHosts([hosts(0, [0, 0, 3])])
    expect(balanced.chooseHost()).toBeUndefined()
  })

  it('fails traffic where fail_traffic_on_panic asks for it', () => {
    const balanced = cluster('common_lb_config: {zone_aware_lb_config: {fail_traffic_on_panic: true}}')
    balanced.setHosts([hosts(0, [1, 0, 9])])
    expect(balanced.chooseHost()).toBeUndefined()
    expect(balanced.info.stats.lbHealthyPanic.value()).toBe(1)
  })

  it('is a matter of one priority as long as the others cannot take everything', () => {
    const { panic } = loads([
      [1, 0, 9],
      [5, 0, 5],
    ])
    expect(panic).toEqual([true, false])
  })
})

const zone = (name: string) => ({ region: '', zone: name, subZone: '' })
const zoneOf = (each: HostSnapshot) => each.locality.zone

describe('locality_weighted_lb_config', () => {
  const more = 'common_lb_config: {locality_weighted_lb_config: {}}'
  const inZone = (name: string, localityWeight: number, status: Status = 'HEALTHY') =>
    host(0, status, { locality: zone(name), localityWeight })

  it('divides by the weights of localities, whatever their number of hosts', () => {
    const balanced = cluster(more)
    balanced.setHosts([[inZone('a', 1), inZone('a', 1), inZone('a', 1), inZone('b', 3)]])
    expect(picks(balanced, 400, zoneOf)).toEqual({ a: 100, b: 300 })
  })

  it('scales a weight by the available hosts of the locality', () => {
    const balanced = cluster(more)
    const half = [inZone('a', 1), inZone('a', 1, 'UNHEALTHY')]
    balanced.setHosts([[...half, inZone('b', 1), inZone('b', 1)]])
    // 0.7 of the weight of the other.
    expect(picks(balanced, 1700, zoneOf)).toEqual({ a: 700, b: 1000 })
  })

  it('gives nothing to localities without a weight', () => {
    const balanced = cluster(more)
    balanced.setHosts([[inZone('a', 1), inZone('b', 0)]])
    expect(picks(balanced, 10, zoneOf)).toEqual({ a: 10 })
  })

  it('goes over all hosts alike where no locality has a weight', () => {
    const balanced = cluster(more)
    balanced.setHosts([[inZone('a', 0), inZone('b', 0)]])
    expect(picks(balanced, 10, zoneOf)).toEqual({ a: 5, b: 5 })
  })
})

describe('zone aware routing', () => {
  /** A proxy of zone `a` whose own cluster and upstream cluster have so many hosts by zone. */
  function routed(own: Record<string, number>, upstream: Record<string, number>): Cluster {
    const context = {
      ...serverContext({ localClusterName: 'own' }),
      localInfo: { ...serverContext().localInfo, zone: 'a' },
    }
    const inZones = (numbers: Record<string, number>) =>
      Object.entries(numbers).flatMap(([name, count]) =>
        Array.from({ length: count }, () => host(0, 'HEALTHY', { locality: zone(name) })),
      )
    const add = (name: string) => {
      const cluster = startCluster(`- {name: ${name}, type: STATIC}`, context)
      context.clusterManager.put(cluster)
      return cluster
    }
    const balanced = add('c')
    add('own')
    context.clusterManager.onHosts({ clusterName: 'c', priorities: [inZones(upstream)] })
    context.clusterManager.onHosts({ clusterName: 'own', priorities: [inZones(own)] })
    return balanced
  }

  it('keeps all in the own zone where its upstream share is as large', () => {
    const balanced = routed({ a: 1, b: 1 }, { a: 3, b: 3 })
    expect(picks(balanced, 20, zoneOf)).toEqual({ a: 20 })
    expect(balanced.info.stats.lbZoneRoutingAllDirectly.value()).toBe(20)
  })

  it('sends on what the own zone cannot take', () => {
    const balanced = routed({ a: 1, b: 1 }, { a: 2, b: 6 })
    const counts = picks(balanced, 2000, zoneOf)
    expect(counts['a']).toBeGreaterThan(850)
    expect(counts['b']).toBeGreaterThan(850)
    const { stats } = balanced.info
    expect(stats.lbZoneRoutingSampled.value() + stats.lbZoneRoutingCrossZone.value()).toBe(2000)
  })

  it('leaves small clusters alone', () => {
    const balanced = routed({ a: 1, b: 1 }, { a: 2, b: 2 })
    expect(picks(balanced, 20, zoneOf)).toEqual({ a: 10, b: 10 })
    expect(balanced.info.stats.lbZoneClusterTooSmall.value()).toBeGreaterThan(0)
  })
})

describe('slow start', () => {
  it('gives a host that has just come a part of its share', () => {
    const more = 'round_robin_lb_config: {slow_start_config: {slow_start_window: 3600s}}'
    const balanced = cluster(more)
    const old = host(0, 'HEALTHY')
    balanced.setHosts([[old]])
    for (const each of balanced.prioritySet.hosts()) each.availableSinceMs = Number.NEGATIVE_INFINITY
    balanced.setHosts([[old, host(0, 'HEALTHY')]])
    const counts = picks(balanced, 1100, (each) => each.address.text)
    expect(counts[old.address.text]).toBeGreaterThan(980)
  })
})
