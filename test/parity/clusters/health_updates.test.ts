/** Clusters that check their hosts, beside Envoy: what lists of hosts and new versions change, and what becomes of connections. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DnsServer } from '../../support/dns_server.ts'
import { RawClient } from '../../support/raw_client.ts'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import { CheckedHosts, check, type HostName, httpListener } from './checked_hosts.ts'
import { hostPair } from './host_pair.ts'

const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'
const CLUSTER = 'type.googleapis.com/envoy.config.cluster.v3.Cluster'
const ASSIGNMENT = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'
const DNS = 'type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig'

const failed = '/failed_active_hc'
const healthy = 'healthy'
const pending = `${failed}/pending_active_hc`
/** The first host alone would otherwise be one of many that are missing. */
const noPanic = { healthy_panic_threshold: { value: 0 } }

const edsClusters: Readonly<Record<string, object>> = {
  listed: {},
  waited_for: { common_lb_config: { ...noPanic, ignore_new_hosts_until_first_hc: true } },
  removed: { ignore_health_on_host_removal: true },
}

const atPath = (path: string) => ({ path_config_source: { path }, resource_api_version: 'V3' })

function edsCluster(of: CheckedHosts, name: string): object {
  return {
    name,
    type: 'EDS',
    eds_cluster_config: { eds_config: atPath(`${of.folder}/${name}.json`) },
    common_lb_config: noPanic,
    health_checks: [check(name)],
    ...edsClusters[name],
  }
}

/** Tells a cluster of these hosts, in its own words. */
function list(of: CheckedHosts, name: string, ...endpoints: readonly (HostName | object)[]): void {
  const hosts = endpoints.map((each) => (typeof each === 'string' ? of.endpoint(each) : each))
  of.writeResources(`${name}.json`, { '@type': ASSIGNMENT, ...of.assignment(name, hosts) })
}

const connecting = (of: CheckedHosts, name: string, isClosing: boolean) => ({
  name,
  load_assignment: of.assignment(name, [of.endpoint('a')]),
  health_checks: [check(name)],
  close_connections_on_host_health_failure: isClosing,
})

function tcpListener(cluster: string): object {
  const typed_config = { '@type': TCP_PROXY, stat_prefix: cluster, cluster }
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  return { name: `tcp_${cluster}`, address, filter_chains: [{ filters: [{ name: 'tcp', typed_config }] }] }
}

function version(of: CheckedHosts, name: string, host: HostName): void {
  const load_assignment = of.assignment(name, [of.endpoint(host)])
  of.writeResources('cds.json', { '@type': CLUSTER, name, load_assignment, health_checks: [check(name)] })
}

const dns = new Map<string, DnsServer>()

function dnsCluster(of: CheckedHosts, name: string): object {
  const resolvers = [{ socket_address: { address: '127.0.0.1', port_value: dns.get(of.kind)?.port } }]
  const address = { socket_address: { address: 'hosts.test', port_value: of.port('a') } }
  return {
    name,
    type: 'STRICT_DNS',
    dns_lookup_family: 'V4_ONLY',
    dns_refresh_rate: '0.1s',
    typed_dns_resolver_config: { name: 'cares', typed_config: { '@type': DNS, resolvers } },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
    health_checks: [check(name, { timeout: '0.2s' })],
  }
}

function bootstrap(of: CheckedHosts): object {
  for (const name of Object.keys(edsClusters)) list(of, name, 'a', 'b')
  version(of, 'versions', 'a')
  const names = [...Object.keys(edsClusters), 'versions', 'resolved', 'kept', 'closed', 'changing']
  return {
    dynamic_resources: { cds_config: atPath(`${of.folder}/cds.json`) },
    static_resources: {
      listeners: [httpListener('main', names), tcpListener('kept'), tcpListener('closed')],
      clusters: [
        ...Object.keys(edsClusters).map((name) => edsCluster(of, name)),
        dnsCluster(of, 'resolved'),
        connecting(of, 'kept', false),
        connecting(of, 'closed', true),
        {
          name: 'changing',
          load_assignment: of.assignment('changing', [of.endpoint('a'), of.endpoint('b')]),
          health_checks: [check('changing')],
          common_lb_config: { close_connections_on_host_set_change: true },
        },
      ],
    },
  }
}

describe('hosts under checks', () => {
  beforeAll(async () => {
    for (const kind of discoveryProxies) dns.set(kind, await DnsServer.start())
  })
  afterAll(async () => {
    for (const server of dns.values()) await server.stop()
  })
  const pair = hostPair(bootstrap, () => {
    for (const server of dns.values()) server.set('hosts.test', { addresses: ['127.0.0.1', '127.0.0.9'] })
  })

  async function expectFlags(of: CheckedHosts, name: string, flags: Record<string, string>): Promise<void> {
    expect(await of.settled(() => of.flags(name), flags), of.kind).toEqual(flags)
  }

  async function expectServed(of: CheckedHosts, name: string, served: string): Promise<void> {
    expect(await of.settled(() => of.served(name), served), of.kind).toBe(served)
  }

  async function sameStats(name: string): Promise<void> {
    const read = async (of: CheckedHosts) => [
      ...(await of.proxy.stats(`^cluster\\.${name}\\.(membership_|health_check.healthy|warming_state)`)),
    ]
    const [envoy, nuncio] = await Promise.all(pair.map(read))
    expect(nuncio.sort()).toEqual(envoy.sort())
  }

  it('that come are failed until they are checked, and those that leave stay until their checks fail', async () => {
    for (const of of pair) {
      await expectFlags(of, 'listed', { a: healthy, b: healthy })
      of.turn('c', 'listed', 'hang')
      list(of, 'listed', 'a', 'b', 'c')
      await expectFlags(of, 'listed', { a: healthy, b: healthy, c: failed })
      await expectServed(of, 'listed', 'a,b')
      of.turn('c', 'listed', 'ok')
      await expectFlags(of, 'listed', { a: healthy, b: healthy, c: healthy })
      await expectServed(of, 'listed', 'a,b,c')
    }
    await sameStats('listed')
    for (const of of pair) {
      of.turn('b', 'listed', 'fail')
      await expectFlags(of, 'listed', { a: healthy, b: failed, c: healthy })
      list(of, 'listed', 'a')
      await expectFlags(of, 'listed', { a: healthy, c: '/pending_dynamic_removal' })
      await expectServed(of, 'listed', 'a,c')
      list(of, 'listed', 'a', 'c')
      await expectFlags(of, 'listed', { a: healthy, c: healthy })
      list(of, 'listed', 'a')
      await expectFlags(of, 'listed', { a: healthy, c: '/pending_dynamic_removal' })
      of.turn('c', 'listed', 'fail')
      await expectFlags(of, 'listed', { a: healthy })
      await expectServed(of, 'listed', 'a')
    }
    await sameStats('listed')
  }, 60_000)

  it('that leave go at once where their health is to be ignored', async () => {
    for (const of of pair) {
      await expectFlags(of, 'removed', { a: healthy, b: healthy })
      list(of, 'removed', 'a')
      await expectFlags(of, 'removed', { a: healthy })
    }
    await sameStats('removed')
  }, 30_000)

  it('that come may be left out of account until they are checked, and keep what is known of them meanwhile', async () => {
    for (const of of pair) {
      await expectFlags(of, 'waited_for', { a: healthy, b: healthy })
      of.turn('c', 'waited_for', 'hang')
      list(of, 'waited_for', 'a', 'b', 'c')
      await expectFlags(of, 'waited_for', { a: healthy, b: healthy, c: pending })
    }
    await sameStats('waited_for')
    for (const of of pair) {
      of.turn('c', 'waited_for', 'fail')
      await expectFlags(of, 'waited_for', { a: healthy, b: healthy, c: failed })
    }
    for (const of of pair) await of.settled(async () => (await excluded(of)) === 0, true)
    await sameStats('waited_for')
    for (const of of pair) {
      of.turn('b', 'waited_for', 'hang')
      list(of, 'waited_for', 'b', of.endpoint('a', {}, { load_balancing_weight: 3 }))
      // c has failed: it goes.
      await expectFlags(of, 'waited_for', { a: healthy, b: healthy })
      of.turn('b', 'waited_for', 'fail')
      await expectFlags(of, 'waited_for', { a: healthy, b: failed })
      const unchecked = { health_check_config: { disable_active_health_check: true } }
      list(of, 'waited_for', of.endpoint('b', unchecked), 'a')
      await expectFlags(of, 'waited_for', { a: healthy, b: healthy })
      of.turn('b', 'waited_for', 'hang')
      list(of, 'waited_for', 'b', 'a')
      await expectFlags(of, 'waited_for', { a: healthy, b: pending })
    }
    await sameStats('waited_for')
  }, 60_000)

  it('that a name has lost stay until their checks fail', async () => {
    const other = 'a@127.0.0.9'
    for (const of of pair) {
      await expectFlags(of, 'resolved', { a: healthy, [other]: healthy })
      dns.get(of.kind)?.set('hosts.test', { addresses: ['127.0.0.1'] })
      await expectFlags(of, 'resolved', { a: healthy, [other]: '/pending_dynamic_removal' })
      of.turn('a', 'resolved@127.0.0.9', 'fail')
      await expectFlags(of, 'resolved', { a: healthy })
    }
    await sameStats('resolved')
  }, 30_000)

  it.each(['kept', 'closed'])(
    'whose checks fail lose connections: %s',
    async (name) => {
      const seen = await Promise.all(
        pair.map(async (of) => {
          await expectFlags(of, name, { a: healthy })
          const client = await RawClient.connect(of.proxy.port(`tcp_${name}`))
          client.write('GET /tcp HTTP/1.1\r\nhost: x\r\n\r\n')
          await client.waitFor(() => client.text.includes('\r\n\r\na'))
          const late = of.get(`/${name}/wait`).then(
            ({ status, body }) => `${status} ${body}`,
            () => 'broken',
          )
          await of.settled(async () => of.waiting, 1)
          of.turn('a', name, 'fail')
          await expectFlags(of, name, { a: failed })
          // The worker hears of it a little later.
          if (name === 'closed') await client.waitClosed(5000)
          else await expectServed(of, name, 'a')
          of.release()
          const answer = await late
          const isOpen = !client.ended
          client.close()
          return { isOpen, answer }
        }),
      )
      expect(seen[1]).toEqual(seen[0])
      expect(seen[0].isOpen).toBe(name === 'kept')
    },
    30_000,
  )

  it('of which one changes all lose connections, where the cluster asks for it', async () => {
    for (const of of pair) {
      await expectServed(of, 'changing', 'a,b')
      const active = 'cluster.changing.upstream_cx_active'
      const connections = async () => (await of.proxy.stats(`^${active}$`)).get(active)
      expect(await connections(), of.kind).toBe(2)
      of.turn('b', 'changing', 'fail')
      expect(await of.settled(connections, 0), of.kind).toBe(0)
    }
  }, 30_000)

  it('of a new version are checked before it is used', async () => {
    for (const of of pair) {
      await expectServed(of, 'versions', 'a')
      of.turn('b', 'versions', 'hang')
      version(of, 'versions', 'b')
      const warming = async () =>
        (await of.proxy.stats('^cluster_manager.warming_clusters$')).get('cluster_manager.warming_clusters')
      expect(await of.settled(warming, 1), of.kind).toBe(1)
      await expectServed(of, 'versions', 'a')
      of.turn('b', 'versions', 'ok')
      await expectServed(of, 'versions', 'b')
      expect(await of.settled(warming, 0), of.kind).toBe(0)
    }
    await sameStats('versions')
  }, 30_000)
})

async function excluded(of: CheckedHosts): Promise<number | undefined> {
  return (await of.proxy.stats('^cluster.waited_for.membership_excluded$')).get(
    'cluster.waited_for.membership_excluded',
  )
}

it('a server waits for the first checks', async () => {
  const bootstrapOf = (of: CheckedHosts) => {
    of.turn('a', 'first', 'hang')
    of.turn('a', 'logical', 'hang')
    const address = { socket_address: { address: 'localhost', port_value: of.port('a') } }
    const load_assignment = of.assignment('first', [of.endpoint('a'), of.endpoint('b')])
    const health_checks = [check('first', { interval: '3600s', no_traffic_interval: '3600s' })]
    return {
      static_resources: {
        listeners: [httpListener('main', ['first'])],
        clusters: [
          { name: 'first', load_assignment, health_checks },
          {
            name: 'logical',
            type: 'LOGICAL_DNS',
            dns_lookup_family: 'V4_ONLY',
            load_assignment: { cluster_name: 'logical', endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
            health_checks: [check('logical')],
          },
        ],
      },
    }
  }
  for (const kind of discoveryProxies) {
    const of = await CheckedHosts.spawn(kind, bootstrapOf)
    try {
      await of.proxy.waitAdmin()
      const flags = { a: failed, b: healthy }
      expect(await of.settled(() => of.flags('first'), flags), kind).toEqual(flags)
      // A logical host is taken for healthy until its checks say otherwise.
      expect(await of.settled(() => of.flags('logical'), { a: healthy }), kind).toEqual({ a: healthy })
      expect((await of.proxy.admin('/ready')).body, kind).toBe('PRE_INITIALIZING\n')
      of.turn('a', 'first', 'ok')
      of.turn('a', 'logical', 'ok')
      await of.proxy.waitReady()
      expect(await of.served('first'), kind).toBe('a,b')
    } finally {
      await of.stop()
    }
  }
}, 30_000)
