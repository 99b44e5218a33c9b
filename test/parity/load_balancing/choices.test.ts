/** Subsets, aggregate clusters, policies by the hosts' own reports and what is dropped: hosts, answers and stats beside Envoy. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Answer, type BalancedCluster, BalancedPair, eachKind, endpoint, locality } from './balanced_pair.ts'

const labels = (fields: string): string => `metadata: { filter_metadata: { envoy.lb: { ${fields} } } }`
const labelled = locality([
  endpoint(0, labels('version: "1", stage: prod, canary: false')),
  endpoint(1, labels('version: "2", stage: prod')),
  endpoint(2, labels('version: "2", stage: dev, tags: [ x, y ]')),
  endpoint(3, labels('version: 3, stage: { name: prod }')),
  endpoint(4),
])
const inPriorities = [
  locality([endpoint(0, `${labels('version: "1"')}, health_status: UNHEALTHY`)]),
  locality([endpoint(1, labels('version: "1"')), endpoint(2, labels('version: "2"'))], 'priority: 1'),
].join('\n')
const match = (fields: string): string => `metadata_match: { filter_metadata: { envoy.lb: { ${fields} } } }`
const POLICIES = 'type.googleapis.com/envoy.extensions.load_balancing_policies'
const listed = (policy: string): string =>
  `{ policies: [ { typed_extension_config: { name: p, typed_config: { "@type": ${POLICIES}.${policy} } } } ] }`
const aggregate = (...names: string[]): string =>
  `
lb_policy: CLUSTER_PROVIDED
cluster_type:
  name: envoy.clusters.aggregate
  typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ ${names.join(', ')} ] }
`.trim()

const selectors = `lb_subset_config:
  fallback_policy: DEFAULT_SUBSET
  default_subset: { stage: prod, version: "1" }
  subset_selectors:
  - { keys: [ version, stage ], fallback_policy: KEYS_SUBSET, fallback_keys_subset: [ version ] }
  - { keys: [ stage ], fallback_policy: NO_FALLBACK }
  - { keys: [ version ], fallback_policy: ANY_ENDPOINT }
  - { keys: [ canary ] }
  - { keys: [ tags ] }`
const subset = (name: string, cluster: string, endpoints = labelled): BalancedCluster => ({
  name,
  endpoints,
  cluster,
  route: '',
})

const clusters: BalancedCluster[] = [
  subset('subset', selectors),
  subset(
    'subset-any',
    'lb_subset_config: { fallback_policy: ANY_ENDPOINT, subset_selectors: [ { keys: [ version ] } ] }',
  ),
  subset('subset-none', 'lb_subset_config: { subset_selectors: [ { keys: [ version ] } ] }'),
  subset(
    'subset-panic',
    'lb_subset_config: { fallback_policy: DEFAULT_SUBSET, default_subset: { a: b }, panic_mode_any: true, subset_selectors: [ { keys: [ version ] } ] }',
  ),
  subset(
    'subset-lists',
    'lb_subset_config: { list_as_any: true, fallback_policy: DEFAULT_SUBSET, default_subset: { tags: y }, subset_selectors: [ { keys: [ tags ] } ] }',
  ),
  subset(
    'subset-single',
    'lb_subset_config: { subset_selectors: [ { keys: [ version ], single_host_per_subset: true } ] }',
  ),
  subset(
    'subset-fallbacks',
    'lb_subset_config: { metadata_fallback_policy: FALLBACK_LIST, subset_selectors: [ { keys: [ version ] }, { keys: [ stage, version ] } ] }',
  ),
  subset(
    'subset-redundant',
    `load_balancing_policy: ${listed(`subset.v3.Subset, allow_redundant_keys: true, subset_selectors: [ { keys: [ version ] } ], subset_lb_policy: ${listed('random.v3.Random')}`)}`,
  ),
  subset('subset-priorities', 'lb_subset_config: { subset_selectors: [ { keys: [ version ] } ] }', inPriorities),
  {
    name: 'down',
    endpoints: locality([endpoint(0, 'health_status: UNHEALTHY')]),
    cluster: 'common_lb_config: { healthy_panic_threshold: { value: 0 } }',
    route: '',
  },
  {
    name: 'half',
    endpoints: locality([
      endpoint(1),
      endpoint(2, 'health_status: UNHEALTHY'),
      endpoint(3, 'health_status: UNHEALTHY'),
    ]),
    cluster: '',
    route: '',
  },
  { name: 'up', endpoints: locality([endpoint(4)]), cluster: '', route: '' },
  { name: 'aggregate', endpoints: '', cluster: aggregate('down', 'half', 'gone', 'up'), route: '' },
  { name: 'aggregate-down', endpoints: '', cluster: aggregate('down'), route: '' },
  { name: 'aggregate-gone', endpoints: '', cluster: aggregate('gone'), route: '' },
  { name: 'aggregate-first', endpoints: '', cluster: aggregate('up', 'half'), route: '' },
  {
    name: 'override',
    endpoints: labelled,
    cluster: `load_balancing_policy: ${listed(`override_host.v3.OverrideHost, override_host_sources: [ { header: x-host } ], fallback_policy: ${listed('random.v3.Random')}`)}`,
    route: '',
  },
  {
    name: 'dropping',
    endpoints: labelled,
    cluster: '',
    route: '',
    policy: '{ drop_overloads: [ { category: c, drop_percentage: { numerator: 100 } } ] }',
  },
  {
    name: 'cookie',
    endpoints: labelled,
    cluster: 'lb_policy: RING_HASH',
    route:
      'hash_policy: [ { cookie: { name: s, ttl: 60s, path: /p, attributes: [ { name: SameSite, value: Lax }, { name: Secure } ] } } ]',
  },
  {
    name: 'cookie-unused',
    endpoints: locality([endpoint(0)]),
    cluster: '',
    route: 'hash_policy: [ { cookie: { name: s, ttl: 60s } } ]',
  },
]

/** The same cluster under another route. */
const via = (name: string, cluster: string, route: string): BalancedCluster => ({
  name,
  endpoints: '',
  cluster: '',
  routeOnly: true,
  route: `cluster: ${cluster}\n${route}`,
})

const matches: [name: string, cluster: string, fields: string][] = [
  ['version', 'subset', 'version: "2"'],
  ['version-unknown', 'subset', 'version: "9"'],
  ['version-number', 'subset', 'version: 3'],
  ['both', 'subset', 'version: "2", stage: dev'],
  ['both-unknown-stage', 'subset', 'version: "1", stage: test'],
  ['both-unknown-version', 'subset', 'version: "9", stage: prod'],
  ['stage', 'subset', 'stage: prod'],
  ['stage-struct', 'subset', 'stage: { name: prod }'],
  ['stage-unknown', 'subset', 'stage: test'],
  ['boolean', 'subset', 'canary: false'],
  ['boolean-unknown', 'subset', 'canary: true'],
  ['list', 'subset', 'tags: [ x, y ]'],
  ['list-element', 'subset', 'tags: x'],
  ['other-key', 'subset', 'color: red'],
  ['more-keys', 'subset', 'version: "2", color: red'],
  ['any', 'subset-any', 'version: "9"'],
  ['any-known', 'subset-any', 'version: "1"'],
  ['none', 'subset-none', 'version: "9"'],
  ['panic', 'subset-panic', 'version: "9"'],
  ['lists', 'subset-lists', 'tags: x'],
  ['lists-list', 'subset-lists', 'tags: [ x, y ]'],
  ['lists-unknown', 'subset-lists', 'tags: z'],
  ['single', 'subset-single', 'version: "2"'],
  ['single-unknown', 'subset-single', 'version: "9"'],
  ['fallbacks', 'subset-fallbacks', 'fallback_list: [ { version: "9" }, { version: "1" } ]'],
  [
    'fallbacks-last',
    'subset-fallbacks',
    'version: "8", fallback_list: [ { version: "9" }, { stage: prod, version: "2" } ]',
  ],
  ['fallbacks-none', 'subset-fallbacks', 'version: "1", fallback_list: []'],
  ['fallbacks-all-gone', 'subset-fallbacks', 'version: "1", fallback_list: [ { version: "9" } ]'],
  ['fallbacks-no-list', 'subset-fallbacks', 'version: "1", fallback_list: 7'],
  ['redundant', 'subset-redundant', 'version: "1", color: red'],
  ['redundant-none', 'subset-redundant', 'color: red'],
  ['priorities', 'subset-priorities', 'version: "1"'],
  ['priorities-second', 'subset-priorities', 'version: "2"'],
]

const routes = matches.map(([name, cluster, fields]) => via(`m-${name}`, cluster, match(fields)))
const weighted: BalancedCluster = {
  name: 'm-weighted',
  endpoints: '',
  cluster: '',
  routeOnly: true,
  route: `weighted_clusters: { clusters: [ { name: subset, weight: 1, ${match('version: "2"')} } ] }\n${match('stage: dev')}`,
}

let pair: BalancedPair

beforeAll(async () => {
  pair = await BalancedPair.start(5, [...routes, weighted, ...clusters])
}, 60_000)

afterAll(() => pair.stop())

/** Answers by how they look, hosts in order: which of them comes when is chance. */
function looks(answers: readonly Answer[]): string[] {
  return [...new Set(answers.map(({ status, from }) => `${status} ${from}`))].sort()
}

async function send(path: string, count = 40, headers: Record<string, string> = {}): Promise<string[][]> {
  return await eachKind(pair, async (which) =>
    looks(await Promise.all(Array.from({ length: count }, () => pair.send(which, path, headers)))),
  )
}

async function stats(filter: string): Promise<Map<string, number>[]> {
  return await eachKind(pair, (which) => pair.stats(which, filter))
}

describe('subsets', () => {
  it.each([...matches.map(([name]) => name), 'weighted'])('metadata match: %s', async (name) => {
    const [first, second] = await send(`/m-${name}`)
    expect(second).toEqual(first)
  })

  it.each(clusters.map(({ name }) => name).filter((name) => name.startsWith('subset')))('none: %s', async (name) => {
    const [first, second] = await send(`/${name}`)
    expect(second).toEqual(first)
  })

  it('stats', async () => {
    const [first, second] = await stats('lb_subsets|upstream_cx_none_healthy')
    expect(second).toEqual(first)
  })
})

describe('aggregate clusters', () => {
  it.each(['aggregate', 'aggregate-down', 'aggregate-gone', 'aggregate-first'])('%s', async (name) => {
    const [first, second] = await send(`/${name}`, 100)
    expect(second).toEqual(first)
  })

  it('stats', async () => {
    const filter =
      'cluster\\.(aggregate[a-z-]*|up)\\.(upstream_rq_(total|2xx|503|completed)|upstream_cx_none_healthy|membership|lb_healthy_panic)'
    const [first, second] = await stats(filter)
    // How many of 100 go to which cluster is chance, but not in which they are counted.
    const shape = (map: Map<string, number>): string[] => [...map].map(([name, value]) => `${name} ${value > 0}`)
    expect(shape(second)).toEqual(shape(first))
  })
})

describe('the rest', () => {
  it('override host takes what the header names, else the fallback', async () => {
    const ports = pair.backendPorts
    for (const list of [
      `127.0.0.1:${ports[2]}`,
      `nowhere,127.0.0.1:${ports[3]}`,
      `127.0.0.1:${ports[4]}, 127.0.0.1:${ports[0]}`,
    ]) {
      const [first, second] = await send('/override', 10, { 'x-host': list })
      expect(second).toEqual(first)
      expect(first).toHaveLength(1)
    }
    const [first, second] = await send('/override', 200, { 'x-host': '192.0.2.1:80' })
    expect(second).toEqual(first)
  })

  it('drops what the assignment says', async () => {
    const [first, second] = await send('/dropping', 5)
    expect(second).toEqual(first)
    expect(await stats('cluster.dropping.upstream_rq_(503|total|completed)')).toSatisfy(
      ([a, b]: Map<string, number>[]) => JSON.stringify([...a]) === JSON.stringify([...b]),
    )
  })

  it.each(['cookie', 'cookie-unused'])('%s of a hash policy', async (name) => {
    const [first, second] = await eachKind(pair, async (which) => {
      const { cookies } = await pair.send(which, `/${name}`)
      return cookies.map((each) => each.replace(/[0-9a-f]{16}|[0-9]+(?=")/, '<value>'))
    })
    expect(second).toEqual(first)
    const keep = await eachKind(pair, async (which) =>
      looks(await Promise.all([1, 2, 3].map(() => pair.send(which, `/${name}`, { cookie: 's=abc' })))),
    )
    expect(keep[1]).toEqual(keep[0])
  })
})
