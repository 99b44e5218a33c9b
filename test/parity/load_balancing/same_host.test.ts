/** RING_HASH and MAGLEV: the same host for the same key as Envoy, since operators mix both during a migration. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BalancedCluster, BalancedPair, eachKind, endpoint, locality } from './balanced_pair.ts'

const BACKENDS = 7
const KEYS = 200
const ALL = Array.from({ length: BACKENDS }, (_, i) => i)
const plain = locality(ALL.map((i) => endpoint(i)))
const weighted = locality(ALL.map((i) => endpoint(i, `load_balancing_weight: ${1 + i * i}`)))
const named = locality(ALL.map((i) => endpoint(i, '', `host-${i}.example`)))
const keyed = locality(
  ALL.map((i) => endpoint(i, `metadata: { filter_metadata: { envoy.lb: { hash_key: "k${i}é" } } }`)),
)
const zone = (name: string, weight: number, ...hosts: string[]): string =>
  locality(hosts, `locality: { zone: ${name} }, load_balancing_weight: ${weight}`)
const zones = [
  zone('a', 3, endpoint(0), endpoint(1, 'health_status: UNHEALTHY')),
  zone('b', 1, endpoint(2), endpoint(3, 'load_balancing_weight: 4')),
  locality([endpoint(4)], 'locality: { zone: c }'),
].join('\n')
const priorities = [
  locality([endpoint(0), endpoint(1, 'health_status: UNHEALTHY'), endpoint(2, 'health_status: UNHEALTHY')]),
  locality([endpoint(3), endpoint(4, 'health_status: DEGRADED')], 'priority: 1'),
  locality([endpoint(5), endpoint(6)], 'priority: 2'),
].join('\n')
const panic = locality(ALL.map((i) => endpoint(i, i < 5 ? 'health_status: UNHEALTHY' : '')))

const policy = (message: string, fields: string): string => {
  const name = message === 'Maglev' ? 'maglev' : 'ring_hash'
  const type = `type.googleapis.com/envoy.extensions.load_balancing_policies.${name}.v3.${message}`
  return `load_balancing_policy: { policies: [ { typed_extension_config: { name: p, typed_config: { "@type": ${type}${fields} } } } ] }`
}
const ring = (more = ''): string => `lb_policy: RING_HASH\n${more}`
const maglev = (more = ''): string => `lb_policy: MAGLEV\n${more}`
const consistent = (fields: string): string => `common_lb_config: { consistent_hashing_lb_config: { ${fields} } }`
const LOCALITIES = 'common_lb_config: { locality_weighted_lb_config: {} }'

const clusters: BalancedCluster[] = [
  { name: 'ring', endpoints: plain, cluster: ring() },
  {
    name: 'ring-small',
    endpoints: weighted,
    cluster: ring('ring_hash_lb_config: { minimum_ring_size: 10, maximum_ring_size: 12 }'),
  },
  { name: 'ring-large', endpoints: weighted, cluster: ring('ring_hash_lb_config: { minimum_ring_size: 5000 }') },
  { name: 'ring-weighted', endpoints: weighted, cluster: ring() },
  { name: 'ring-murmur', endpoints: plain, cluster: ring('ring_hash_lb_config: { hash_function: MURMUR_HASH_2 }') },
  {
    name: 'ring-hostname',
    endpoints: named,
    cluster: ring(`type: STRICT_DNS\n${consistent('use_hostname_for_hashing: true')}`),
  },
  { name: 'ring-key', endpoints: keyed, cluster: ring() },
  { name: 'ring-localities', endpoints: zones, cluster: ring(LOCALITIES) },
  { name: 'ring-priorities', endpoints: priorities, cluster: ring() },
  { name: 'ring-panic', endpoints: panic, cluster: ring() },
  { name: 'ring-bounded', endpoints: weighted, cluster: ring(consistent('hash_balance_factor: 120')) },
  { name: 'ring-policy', endpoints: weighted, cluster: policy('RingHash', ', minimum_ring_size: 64') },
  {
    name: 'ring-policy-hostname',
    endpoints: named,
    cluster: policy('RingHash', ', hash_function: MURMUR_HASH_2, use_hostname_for_hashing: true'),
  },
  {
    name: 'ring-policy-hash',
    endpoints: plain,
    cluster: policy(
      'RingHash',
      ', consistent_hashing_lb_config: { hash_policy: [ { query_parameter: { name: q } } ] }',
    ),
  },
  { name: 'maglev', endpoints: plain, cluster: maglev() },
  { name: 'maglev-weighted', endpoints: weighted, cluster: maglev() },
  { name: 'maglev-small', endpoints: weighted, cluster: maglev('maglev_lb_config: { table_size: 251 }') },
  {
    name: 'maglev-hostname',
    endpoints: named,
    cluster: maglev(`type: STRICT_DNS\n${consistent('use_hostname_for_hashing: true')}`),
  },
  { name: 'maglev-key', endpoints: keyed, cluster: maglev() },
  { name: 'maglev-localities', endpoints: zones, cluster: maglev(LOCALITIES) },
  { name: 'maglev-priorities', endpoints: priorities, cluster: maglev() },
  { name: 'maglev-panic', endpoints: panic, cluster: maglev() },
  { name: 'maglev-bounded', endpoints: plain, cluster: maglev(consistent('hash_balance_factor: 100')) },
  {
    name: 'maglev-policy',
    endpoints: weighted,
    cluster: policy('Maglev', ', table_size: 503, consistent_hashing_lb_config: { use_hostname_for_hashing: false }'),
  },
  {
    name: 'hash-many',
    endpoints: plain,
    cluster: ring(),
    route: `hash_policy:
- { header: { header_name: x-key, regex_rewrite: { pattern: { regex: "[0-4]" }, substitution: "z" } } }
- { query_parameter: { name: q } }
- { cookie: { name: session } }`,
  },
  {
    name: 'hash-terminal',
    endpoints: plain,
    cluster: maglev(),
    route: `hash_policy:
- { query_parameter: { name: q }, terminal: true }
- { header: { header_name: x-key } }`,
  },
  {
    name: 'hash-source',
    endpoints: plain,
    cluster: ring(),
    route: 'hash_policy: [ { connection_properties: { source_ip: true } } ]',
  },
]

let pair: BalancedPair

beforeAll(async () => {
  pair = await BalancedPair.start(BACKENDS, clusters)
}, 60_000)

afterAll(() => pair.stop())

const requests = Array.from({ length: KEYS }, (_, i) => ({
  'x-key': `key-${i}`,
  ...(i % 3 === 0 ? { cookie: `session=s${i}` } : {}),
}))

describe('the same host for the same key', () => {
  // What a host has room for depends on what is under way: those with limits are sent one request after another below.
  const unlimited = clusters.map(({ name }) => name).filter((name) => !name.endsWith('-bounded'))

  it.each(unlimited)('%s', async (name) => {
    const [first, second] = await eachKind(pair, (which) =>
      Promise.all(
        requests.map(async (headers, i) => {
          const query = i % 2 === 0 ? `?q=${i}` : ''
          // Without a key of its own a request goes anywhere.
          const isHashed = name !== 'ring-policy-hash' || i % 2 === 0
          const { status, from } = await pair.send(which, `/${name}${query}`, headers)
          return `${status} ${isHashed ? from : ''}`
        }),
      ),
    )
    expect(second).toEqual(first)
    expect(new Set(first).size).toBeGreaterThan(name === 'hash-source' ? 0 : 1)
    const filter = `^cluster\\.${name}\\.(ring_hash_lb|maglev_lb|lb_healthy_panic|upstream_rq_2xx)`
    const [stats, ownStats] = await eachKind(pair, (which) => pair.stats(which, filter))
    expect(ownStats).toEqual(stats)
  })

  it.each(['ring-bounded', 'maglev-bounded', 'ring'])('%s under load', async (name) => {
    const headers = Array.from({ length: 40 }, () => ({ 'x-key': 'key' }))
    const first = await pair.hold(0, `/${name}`, headers)
    expect(await pair.hold(1, `/${name}`, headers)).toEqual(first)
    // One key has one host, until that has more than its share.
    if (name === 'ring') expect(new Set(first).size).toBe(1)
    else expect(new Set(first).size).toBeGreaterThan(1)
  })
})
