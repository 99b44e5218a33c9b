/** How requests spread over the same hosts with the same weights: Envoy's shares and ours, as far apart as chance allows. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BalancedCluster, BalancedPair, eachKind, endpoint, locality } from './balanced_pair.ts'

const HOSTS = 4
const REQUESTS = 1200
/** Of a fair draw, in standard deviations of the difference of two: one in a million is further away. */
const DEVIATIONS = 5

const ALL = Array.from({ length: HOSTS }, (_, i) => i)
const even = locality(ALL.map((i) => endpoint(i)))
const uneven = locality(ALL.map((i) => endpoint(i, `load_balancing_weight: ${i + 1}`)))
const zones = [
  locality([endpoint(0), endpoint(1)], 'locality: { zone: a }, load_balancing_weight: 3'),
  locality([endpoint(2), endpoint(3, 'health_status: UNHEALTHY')], 'locality: { zone: b }, load_balancing_weight: 1'),
].join('\n')
const priorities = [
  locality([endpoint(0), endpoint(1, 'health_status: UNHEALTHY'), endpoint(2, 'health_status: UNHEALTHY')]),
  locality([endpoint(3)], 'priority: 1'),
].join('\n')
const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'
const listed = (policy: string): string =>
  `load_balancing_policy: { policies: [ { typed_extension_config: { name: p, typed_config: { "@type": ${POLICIES}.${policy} } } } ] }`
const reported =
  'client_side_weighted_round_robin.v3.ClientSideWeightedRoundRobin, blackout_period: 0s, weight_update_period: 0.1s'
const inLocality = `wrr_locality.v3.WrrLocality, endpoint_picking_policy: { policies: [ { typed_extension_config: { name: q, typed_config: { "@type": ${POLICIES}.${reported} } } } ] }`
const byLocality = 'common_lb_config: { locality_weighted_lb_config: {} }'
const labelled = locality(
  ALL.map((i) =>
    endpoint(i, `load_balancing_weight: ${i + 1}, metadata: { filter_metadata: { envoy.lb: { v: ${i % 2} } } }`),
  ),
)

const clusters: BalancedCluster[] = [
  { name: 'round-robin', endpoints: even, cluster: '', route: '' },
  { name: 'round-robin-weighted', endpoints: uneven, cluster: '', route: '' },
  { name: 'least-request-weighted', endpoints: uneven, cluster: 'lb_policy: LEAST_REQUEST', route: '' },
  { name: 'random', endpoints: uneven, cluster: 'lb_policy: RANDOM', route: '' },
  { name: 'ring', endpoints: uneven, cluster: 'lb_policy: RING_HASH', route: '' },
  { name: 'maglev', endpoints: uneven, cluster: 'lb_policy: MAGLEV', route: '' },
  { name: 'localities', endpoints: zones, cluster: byLocality, route: '' },
  { name: 'localities-ring', endpoints: zones, cluster: `lb_policy: RING_HASH\n${byLocality}`, route: '' },
  { name: 'priorities', endpoints: priorities, cluster: '', route: '' },
  {
    name: 'subset-fallback',
    endpoints: labelled,
    cluster: 'lb_subset_config: { fallback_policy: ANY_ENDPOINT, subset_selectors: [ { keys: [ v ] } ] }',
    route: '',
  },
  {
    name: 'subset',
    endpoints: labelled,
    cluster: 'lb_subset_config: { subset_selectors: [ { keys: [ v ] } ] }',
    route: 'metadata_match: { filter_metadata: { envoy.lb: { v: 1 } } }',
  },
  {
    name: 'dropping',
    endpoints: even,
    cluster: '',
    route: '',
    policy: '{ drop_overloads: [ { category: c, drop_percentage: { numerator: 2500, denominator: TEN_THOUSAND } } ] }',
  },
  { name: 'reported', endpoints: even, cluster: listed(reported), route: '' },
  { name: 'reported-localities', endpoints: zones, cluster: listed(inLocality), route: '' },
]

let pair: BalancedPair

beforeAll(async () => {
  pair = await BalancedPair.start(HOSTS, clusters)
}, 60_000)

afterAll(() => pair.stop())

/** Counts by host, as `status host`. */
async function spread(which: number, path: string, count: number): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  // A few at a time: least request would otherwise see nothing but busy hosts.
  for (let sent = 0; sent < count; sent += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, () => pair.send(which, path, { 'x-load': '1' })))
    for (const { status, from } of answers) {
      const key = `${status} ${from}`
      counts.set(key, (counts.get(key) ?? 0) + 1)
    }
  }
  return counts
}

function expectAlike(first: Map<string, number>, second: Map<string, number>): void {
  for (const key of new Set([...first.keys(), ...second.keys()])) {
    const [a, b] = [first.get(key) ?? 0, second.get(key) ?? 0]
    const share = (a + b) / (2 * REQUESTS)
    const allowed = DEVIATIONS * Math.sqrt(2 * REQUESTS * share * (1 - share)) + 1
    expect(Math.abs(a - b), `${key}: ${a} and ${b} of ${REQUESTS}`).toBeLessThanOrEqual(allowed)
  }
}

describe('shares of hosts', () => {
  const steady = clusters.map(({ name }) => name).filter((name) => !name.startsWith('reported'))

  it.each(steady)('%s', async (name) => {
    const [first, second] = await eachKind(pair, (which) => spread(which, `/${name}`, REQUESTS))
    expectAlike(first, second)
  })

  it.each(['reported', 'reported-localities'])('%s, once the hosts have told of their load', async (name) => {
    const worst = '200 0'
    const best = name === 'reported' ? '200 3' : '200 1'
    const counts = await eachKind(pair, async (which) => {
      // From when on the host that can do most gets most, the weights are known.
      for (let i = 0; i < 100; i++) {
        const seen = await spread(which, `/${name}`, 100)
        if ((seen.get(best) ?? 0) > 1.7 * (seen.get(worst) ?? 0)) break
      }
      return await spread(which, `/${name}`, REQUESTS)
    })
    expectAlike(counts[0], counts[1])
    for (const each of counts) expect((each.get(best) ?? 0) / (each.get(worst) ?? 1)).toBeGreaterThan(1.5)
  })
})
