/** What outlier detection does at the end of its intervals, with health checks and with other lists of hosts, beside Envoy. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DnsServer } from '../../support/dns_server.ts'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import { type CheckedHosts, check, type HostName } from './checked_hosts.ts'
import { hostPair } from './host_pair.ts'
import {
  events,
  failAsAsked,
  LIMIT,
  NOWHERE,
  outlierCluster,
  outlierListener,
  outlierStats,
  send,
  shown,
} from './outlier_hosts.ts'

const ASSIGNMENT = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'
const DNS = 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig'
const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster'
const all: readonly HostName[] = ['a', 'b', 'c']
const forGood = { base_ejection_time: '3600s', max_ejection_time: '3600s' }
const often = { interval: '0.3s', ...forGood }
const soon = { interval: '0.1s', base_ejection_time: '0.2s', max_ejection_time: '0.2s' }
/** One host in three that always fails is more than one standard deviation below the average. */
const byRate = { success_rate_minimum_hosts: 3, success_rate_request_volume: 4, success_rate_stdev_factor: 1000 }
const byFailures = { failure_percentage_minimum_hosts: 3, failure_percentage_request_volume: 4 }
const split = { split_external_local_origin_errors: true }

interface Compared {
  readonly name: string
  readonly outliers: object
  /** Nobody listens at one of the hosts. */
  readonly isSplit?: boolean
}

/** Each ejects one host, once. */
const compared: readonly Compared[] = [
  { name: 'rates', outliers: byRate },
  { name: 'failures', outliers: { ...byFailures, enforcing_failure_percentage: 100 } },
  { name: 'local_rates', outliers: { ...byRate, ...split }, isSplit: true },
  {
    name: 'local_failures',
    outliers: { ...byFailures, ...split, enforcing_failure_percentage_local_origin: 100 },
    isSplit: true,
  },
]
const unenforced: readonly Compared[] = [
  { name: 'shown', outliers: { ...byRate, ...byFailures, enforcing_success_rate: 0, max_ejection_percent: 0 } },
  {
    name: 'local_shown',
    outliers: { ...byRate, ...split, enforcing_local_origin_success_rate: 0, max_ejection_percent: 0 },
    isSplit: true,
  },
]

function comparing(of: CheckedHosts, { name, outliers, isSplit = false }: Compared): object {
  const hosts = isSplit ? [{ endpoint: { address: NOWHERE } }, of.endpoint('b'), of.endpoint('c')] : undefined
  const cluster = outlierCluster(of, name, { ...often, ...outliers }, all)
  return hosts === undefined ? cluster : { ...cluster, load_assignment: of.assignment(name, hosts) }
}

const atPath = (path: string) => ({ path_config_source: { path }, resource_api_version: 'V3' })

/** Tells the cluster of these hosts. */
function list(of: CheckedHosts, ...hosts: readonly HostName[]): void {
  const endpoints = hosts.map((host) => of.endpoint(host))
  of.writeResources('listed.json', { '@type': ASSIGNMENT, ...of.assignment('listed', endpoints) })
}

function version(of: CheckedHosts, consecutive_5xx: number): void {
  of.writeResources('cds.json', { '@type': CLUSTER, ...outlierCluster(of, 'versions', { consecutive_5xx }, ['a']) })
}

const dns = new Map<string, DnsServer>()

/** Its one host is wherever the name points to. */
function logical(of: CheckedHosts): object {
  const resolvers = [{ socket_address: { address: '127.0.0.1', port_value: dns.get(of.kind)?.port } }]
  const address = { socket_address: { address: 'hosts.test', port_value: of.port('a') } }
  return {
    ...outlierCluster(of, 'logical', { consecutive_5xx: LIMIT }, []),
    type: 'LOGICAL_DNS',
    dns_lookup_family: 'V4_ONLY',
    dns_refresh_rate: '0.1s',
    typed_dns_resolver_config: { name: 'cares', typed_config: { '@type': DNS, resolvers } },
    load_assignment: of.assignment('logical', [{ endpoint: { address } }]),
  }
}

const names = ['logical', 'returning', 'checked', 'checked_in_vain', 'recovering', 'listed', 'versions', 'runtime']

function bootstrap(of: CheckedHosts): object {
  of.answerTraffic = failAsAsked
  list(of, 'a')
  version(of, LIMIT)
  const fives = { consecutive_5xx: LIMIT }
  const health_checks = [check('all')]
  const eds_cluster_config = { eds_config: atPath(join(of.folder, 'listed.json')) }
  const { load_assignment: _, ...listed } = outlierCluster(of, 'listed', fives, []) as { load_assignment: object }
  const routes = [...compared, ...unenforced].map(({ name }) => ({ name }))
  return {
    cluster_manager: { outlier_detection: { event_log_path: join(of.folder, 'events') } },
    layered_runtime: { layers: [{ name: 'admin', admin_layer: {} }] },
    dynamic_resources: { cds_config: atPath(join(of.folder, 'cds.json')) },
    static_resources: {
      listeners: [outlierListener(of, [...routes, ...names.map((name) => ({ name }))])],
      clusters: [
        ...[...compared, ...unenforced].map((each) => comparing(of, each)),
        outlierCluster(of, 'returning', { ...fives, ...soon }, ['a']),
        { ...outlierCluster(of, 'checked', fives, ['a']), health_checks },
        {
          ...outlierCluster(of, 'checked_in_vain', { ...fives, successful_active_health_check_uneject_host: false }, [
            'a',
          ]),
          health_checks,
        },
        outlierCluster(of, 'recovering', { ...soon, detect_degraded_hosts: true }, ['a']),
        { ...listed, type: 'EDS', eds_cluster_config },
        logical(of),
        outlierCluster(of, 'runtime', { consecutive_5xx: 1000 }, ['a']),
      ],
    },
  }
}

describe('outlier detection', () => {
  beforeAll(async () => {
    for (const kind of discoveryProxies) dns.set(kind, await DnsServer.start())
  })
  afterAll(async () => {
    for (const server of dns.values()) await server.stop()
  })
  const pair = hostPair(bootstrap, () => {
    for (const server of dns.values()) server.set('hosts.test', { addresses: ['127.0.0.1'] })
  })

  const statOf = async (of: CheckedHosts, cluster: string, name: string) => (await outlierStats(of, cluster))[name] ?? 0

  async function expectStat(of: CheckedHosts, cluster: string, name: string, value: number): Promise<void> {
    expect(await of.settled(() => statOf(of, cluster, name), value), `${of.kind}: ${name}`).toBe(value)
  }

  async function expectServed(of: CheckedHosts, cluster: string, served: string): Promise<void> {
    expect(await of.settled(() => of.served(cluster), served), of.kind).toBe(served)
  }

  /** Both have logged so many events, and the same. */
  async function sameEvents(cluster: string, count: number): Promise<void> {
    const logged = await Promise.all(
      pair.map(async (of) => {
        await of.settled(async () => events(of, cluster).length, count)
        return events(of, cluster)
      }),
    )
    expect(logged[0]).toHaveLength(count)
    expect(logged[1]).toEqual(logged[0])
  }

  async function sameStats(cluster: string): Promise<void> {
    const [envoy, nuncio] = await Promise.all(pair.map((of) => outlierStats(of, cluster)))
    expect(nuncio).toEqual(envoy)
  }

  it.each(compared)(
    'ejects by $name',
    async ({ name }) => {
      for (const of of pair) {
        const isEjected = async () => {
          await send(of, 15, `/${name}/a/500`)
          return (await statOf(of, name, 'ejections_active')) === 1
        }
        expect(await of.settled(isEjected, true), of.kind).toBe(true)
        await expectServed(of, name, 'b,c')
      }
      await sameEvents(name, 1)
      await sameStats(name)
    },
    30_000,
  )

  it.each(unenforced)(
    'tells the rates of hosts: $name',
    async ({ name }) => {
      const [envoy, nuncio] = pair
      const seen = async (of: CheckedHosts) => {
        await send(of, 15, `/${name}/a/500`)
        return shown(of, name)
      }
      let expected: Awaited<ReturnType<typeof shown>> | undefined
      // All of it in one interval.
      const isWhole = async () => {
        expected = await seen(envoy)
        return expected.text.join().includes('average::66.6667') && expected.json.join().includes('{"value":19.5')
      }
      expect(await envoy.settled(isWhole, true)).toBe(true)
      expect(await nuncio.settled(() => seen(nuncio), expected)).toEqual(expected)
    },
    30_000,
  )

  it('takes hosts back when their time is over', async () => {
    for (const of of pair) {
      for (const round of [1, 2]) {
        await send(of, LIMIT, '/returning/a/500')
        await expectStat(of, 'returning', 'ejections_enforced_total', round)
        await expectServed(of, 'returning', 'a')
      }
    }
    await sameEvents('returning', 4)
    await sameStats('returning')
  }, 30_000)

  it('takes hosts back that pass a health check, unless it is told not to', async () => {
    for (const of of pair) {
      await send(of, LIMIT, '/checked/a/500')
      await expectStat(of, 'checked', 'ejections_enforced_total', 1)
      await expectServed(of, 'checked', 'a')
      await send(of, LIMIT, '/checked_in_vain/a/500')
      await expectStat(of, 'checked_in_vain', 'ejections_active', 1)
      await of.proxy.admin('/reset_counters', 'POST')
      const checks = 'cluster.checked_in_vain.health_check.success'
      const isChecked = async () => ((await of.proxy.stats(`^${checks}$`)).get(checks) ?? 0) >= 3
      expect(await of.settled(isChecked, true), of.kind).toBe(true)
      expect(await of.flags('checked_in_vain'), of.kind).toEqual({ a: '/failed_outlier_check' })
      // A check that fails is told beside it.
      of.turn('a', 'all', 'fail')
      const both = { a: '/failed_active_hc/failed_outlier_check' }
      expect(await of.settled(() => of.flags('checked_in_vain'), both), of.kind).toEqual(both)
      of.turn('a', 'all', 'ok')
    }
    await sameEvents('checked', 2)
    await sameEvents('checked_in_vain', 1)
  }, 30_000)

  it('takes hosts for degraded for a while', async () => {
    for (const of of pair) {
      await send(of, 1, '/recovering/a/200/degraded')
      await expectStat(of, 'recovering', 'ejections_detected_degradation', 1)
      const healthy = { a: 'healthy' }
      expect(await of.settled(() => of.flags('recovering'), healthy), of.kind).toEqual(healthy)
    }
    await sameEvents('recovering', 2)
    await sameStats('recovering')
  }, 30_000)

  it('knows hosts as long as they are listed', async () => {
    for (const of of pair) {
      await expectServed(of, 'listed', 'a')
      await send(of, LIMIT, '/listed/a/500')
      await expectStat(of, 'listed', 'ejections_active', 1)
      list(of, 'b', 'a')
      const flags = { a: '/failed_outlier_check', b: 'healthy' }
      expect(await of.settled(() => of.flags('listed'), flags), of.kind).toEqual(flags)
      await expectServed(of, 'listed', 'b')
      list(of, 'b')
      await expectStat(of, 'listed', 'ejections_active', 0)
      list(of, 'a')
      await expectServed(of, 'listed', 'a')
      await send(of, LIMIT, '/listed/a/500')
      await expectStat(of, 'listed', 'ejections_active', 1)
    }
    await sameEvents('listed', 2)
    await sameStats('listed')
  }, 30_000)

  it('knows nothing of a logical host that has moved', async () => {
    for (const of of pair) {
      const move = async (last: number) => {
        dns.get(of.kind)?.set('hosts.test', { addresses: [`127.0.0.${last}`] })
        const moved = { [`a@127.0.0.${last}`]: 'healthy' }
        expect(await of.settled(() => of.flags('logical'), moved), of.kind).toEqual(moved)
      }
      await send(of, LIMIT - 1, '/logical/a/500')
      await move(9)
      // The workers know of it, too.
      const active = async () => (await of.proxy.stats('^cluster.logical.upstream_cx_active$')).values().next().value
      expect(await of.settled(active, 0), of.kind).toBe(0)
      await send(of, LIMIT, '/logical/a/500')
      await expectStat(of, 'logical', 'ejections_active', 1)
      await move(8)
      await expectServed(of, 'logical', 'a')
    }
    await sameEvents('logical', 1)
    await sameStats('logical')
  }, 30_000)

  it('knows nothing of the version before', async () => {
    for (const of of pair) {
      await expectServed(of, 'versions', 'a')
      await send(of, LIMIT, '/versions/a/500')
      await expectStat(of, 'versions', 'ejections_active', 1)
      version(of, LIMIT + 1)
      await expectStat(of, 'versions', 'ejections_active', 0)
      await expectServed(of, 'versions', 'a')
      await send(of, LIMIT + 1, '/versions/a/500')
      await expectStat(of, 'versions', 'ejections_active', 1)
    }
    await sameEvents('versions', 2)
    await sameStats('versions')
  }, 30_000)

  // Last: it is for all clusters.
  it('does what the runtime says', async () => {
    for (const of of pair) {
      await of.proxy.admin('/runtime_modify?outlier_detection.consecutive_5xx=2', 'POST')
      await of.proxy.admin('/runtime_modify?outlier_detection.enforcing_consecutive_5xx=0', 'POST')
      await send(of, 2, '/runtime/a/500')
      await expectStat(of, 'runtime', 'ejections_detected_consecutive_5xx', 1)
      await of.proxy.admin('/runtime_modify?outlier_detection.max_ejection_percent=0', 'POST')
      await send(of, 2, '/runtime/a/500')
      await expectStat(of, 'runtime', 'ejections_overflow', 1)
      await of.proxy.admin('/runtime_modify?outlier_detection.max_ejection_percent=500', 'POST')
      await of.proxy.admin('/runtime_modify?outlier_detection.enforcing_consecutive_5xx=100', 'POST')
      await send(of, 2, '/runtime/a/500')
      await expectStat(of, 'runtime', 'ejections_active', 1)
    }
    await sameEvents('runtime', 2)
    await sameStats('runtime')
  }, 30_000)
})
