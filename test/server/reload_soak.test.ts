import { afterEach, describe, expect, test } from 'vitest'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { adsParts, assignment, edsCluster, rdsListener } from './discovery_support.ts'
import { Backends, growth, SoakClients, SoakedProxy, soakListeners } from './soak_support.ts'
import { until } from './support.ts'

/** `NUNCIO_SOAK_ROUNDS=1000`: a thousand reloads, and ten times as many updates. */
const reloads = Number(process.env['NUNCIO_SOAK_ROUNDS'] ?? 40)
const updates = reloads * 10
const timeoutMs = 60_000 + reloads * 1000
/** What is compiled and cached only once is there after this share of the rounds. */
const warmUpShare = 0.4

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const filterType = 'type.googleapis.com/envoy.extensions.filters'

function httpFilterChain(statPrefix: string, cluster: string, more: object): object {
  const manager = {
    '@type': `${filterType}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: statPrefix,
    route_config: {
      virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster } }] }],
    },
    http_filters: [{ name: 'router', typed_config: { '@type': `${filterType}.http.router.v3.Router` } }],
    ...more,
  }
  return { filters: [{ name: 'http', typed_config: manager }] }
}

function listener(name: string, chain: object, more: object = {}): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: 0 } }
  return { name, address, filter_chains: [chain], ...more }
}

/** Those whose connections have to stay. */
function unrelatedListeners(): object[] {
  const tcpProxy = { '@type': `${filterType}.network.tcp_proxy.v3.TcpProxy`, stat_prefix: 'tcp', cluster: 'echo' }
  return [
    listener(
      soakListeners.webSocket,
      httpFilterChain('websocket', 'sockets', { upgrade_configs: [{ upgrade_type: 'websocket' }] }),
    ),
    listener(soakListeners.tcp, { filters: [{ name: 'tcp', typed_config: tcpProxy }] }),
  ]
}

function unrelatedClusters(backends: Backends): object[] {
  return [staticCluster('sockets', backends.httpPort), staticCluster('echo', backends.tcpPort)]
}

function staticCluster(name: string, port: number, more: object = {}): object {
  return { name, type: 'STATIC', load_assignment: assignment(name, port), ...more }
}

async function startBackends(): Promise<Backends> {
  const backends = await Backends.start()
  stops.push(() => backends.stop())
  return backends
}

async function startProxy(bootstrap: object): Promise<{ proxy: SoakedProxy; clients: SoakClients }> {
  const proxy = await SoakedProxy.start(JSON.stringify(bootstrap))
  stops.push(() => proxy.process.stop())
  const clients = await SoakClients.start(proxy.process)
  stops.push(() => clients.stop())
  return { proxy, clients }
}

/** Runs all rounds under load; nothing may fail, nothing that lives may grow, and no stat of what is gone may be left. */
async function soak(
  rounds: number,
  { proxy, clients }: { proxy: SoakedProxy; clients: SoakClients },
  change: (round: number) => Promise<void>,
  left: readonly string[],
): Promise<void> {
  const { process } = proxy
  let early: ReadonlyMap<number, number> | undefined
  for (let round = 1; round <= rounds; round++) {
    await change(round)
    expect(clients.failures, `in round ${round}`).toEqual([])
    if (round === Math.ceil(rounds * warmUpShare)) early = await proxy.liveBytes()
  }
  await clients.progress(5)
  expect(clients.failures).toEqual([])
  await until('what is gone has left the stats', async () => {
    const names = [...(await process.stats('extra-')).keys()]
    return names.every((name) => left.some((each) => name.split('.').includes(each)))
  })
  expect(growth(early!, await proxy.liveBytes())).toEqual([])
  await clients.progress(5)
}

describe('under load nothing fails and nothing is left over', () => {
  test('by reloads of the file', { timeout: timeoutMs }, async () => {
    const backends = await startBackends()
    const extra = (round: number): string => `extra-${round}`
    const bootstrap = (round: number): object => ({
      admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
      static_resources: {
        listeners: [
          ...unrelatedListeners(),
          listener(
            soakListeners.http,
            httpFilterChain('http', 'served', { server_name: `round-${round}` }),
            // Every fifth time more than the filter chains changes.
            { per_connection_buffer_limit_bytes: 65_536 + Math.floor(round / 5) },
          ),
          listener(extra(round), httpFilterChain(extra(round), extra(round), {})),
        ],
        clusters: [
          ...unrelatedClusters(backends),
          staticCluster('served', backends.httpPort, { connect_timeout: `${5 + (round % 7)}s` }),
          staticCluster(extra(round), backends.httpPort),
        ],
      },
    })
    const started = await startProxy(bootstrap(0))
    await soak(reloads, started, (round) => started.proxy.reload(JSON.stringify(bootstrap(round))), [extra(reloads)])
    const stats = await started.proxy.process.stats('nuncio.reload|listener_manager.listener_(added|removed)')
    expect(stats.get('nuncio.reload.success')).toBe(reloads)
    expect(stats.get('listener_manager.listener_removed')).toBe(reloads)
  })

  test.each(['GRPC', 'DELTA_GRPC'] as const)('by updates over ADS, %s', { timeout: timeoutMs }, async (apiType) => {
    const backends = await startBackends()
    const plane = await ControlPlane.start()
    stops.push(() => plane.stop())
    const rounds = updates / 2
    pushAll(plane, 0, backends.httpPort)
    const { node, dynamic_resources, clusters } = adsParts(plane.port, apiType)
    const started = await startProxy({
      node,
      dynamic_resources,
      admin: { address: { socket_address: { address: '127.0.0.1', port_value: 0 } } },
      static_resources: {
        listeners: unrelatedListeners(),
        clusters: [...clusters, ...unrelatedClusters(backends)],
      },
    })
    const left = (['CDS', 'LDS'] as const).map((type) => extraOf(type, rounds))
    await soak(rounds, started, (round) => pushRound(plane, round, backends.httpPort), left)
    expect(plane.lines().filter((line) => line.includes(' nack '))).toEqual([])
  })
})

const servedClusters = ['served-0', 'served-1', 'served-2']
type Pushed = 'CDS' | 'EDS' | 'LDS' | 'RDS'
/** What changes in which round: endpoints and routes most often, as in a mesh. */
const schedule: readonly (readonly Pushed[])[] = [
  ['EDS'],
  ['RDS'],
  ['EDS'],
  ['RDS'],
  ['CDS', 'EDS'],
  ['EDS'],
  ['RDS'],
  ['LDS'],
]

type Push = Partial<Record<Pushed, Parameters<ControlPlane['set']>[1]>>

/** The cluster or listener that is there only until the next round of its type. */
function extraOf(type: 'CDS' | 'LDS', round: number): string {
  let last = round
  while (last > 0 && !schedule[last % schedule.length].includes(type)) last--
  return `extra-${last}`
}

function resources(type: Pushed, round: number, port: number): NonNullable<Push[Pushed]> {
  switch (type) {
    case 'CDS': {
      const changed = (index: number): object => ({
        connect_timeout: `${5 + ((round + index) % 3 === 0 ? round % 9 : 0)}s`,
      })
      return [
        ...servedClusters.map((name, index) => edsCluster(name, changed(index))),
        edsCluster(extraOf('CDS', round)),
      ]
    }
    case 'EDS': {
      const names = [...servedClusters, extraOf('CDS', round)]
      // Always other than the time before: a changed cluster waits until its endpoints are told again.
      return names.map((name) => ({ name, resource: weighted(name, 1 + (round % 100), port) }))
    }
    case 'RDS': {
      const cluster = servedClusters[round % servedClusters.length]
      const routes = [{ match: { prefix: '/' }, route: { cluster, timeout: `${60 + (round % 50)}s` } }]
      return [{ name: 'r', resource: { name: 'r', virtual_hosts: [{ name: 'all', domains: ['*'], routes }] } }]
    }
    case 'LDS':
      return [
        rdsListener(soakListeners.http, 'r', { per_connection_buffer_limit_bytes: 65_536 + (round % 2) }),
        rdsListener(extraOf('LDS', round), 'r'),
      ]
  }
}

function weighted(name: string, weight: number, port: number): object {
  const address = { socket_address: { address: '127.0.0.1', port_value: port } }
  const endpoints = [{ lb_endpoints: [{ endpoint: { address }, load_balancing_weight: weight }] }]
  return { cluster_name: name, endpoints }
}

function pushAll(plane: ControlPlane, round: number, port: number): void {
  const all = (['CDS', 'EDS', 'LDS', 'RDS'] as const).map((type) => [type, resources(type, round, port)])
  plane.setAll(String(round), Object.fromEntries(all) as Push)
}

async function pushRound(plane: ControlPlane, round: number, port: number): Promise<void> {
  const types = schedule[round % schedule.length]
  const from = plane.requests.length
  plane.setAll(String(round), Object.fromEntries(types.map((type) => [type, resources(type, round, port)])) as Push)
  for (const type of types) {
    await plane.waitForRequest(
      (record) => record.type === type && record.kind === 'ack' && record.answeredVersion === String(round),
      `the ACK of ${type} ${round}`,
      10_000,
      from,
    )
  }
}
