import { mkdtempSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { loadBootstrap } from '../../src/config/load.ts'
import { tcpProxy } from '../../src/extensions/filters/network/tcp_proxy/config.ts'
import { perConnectionCluster } from '../../src/extensions/filters/network/tcp_proxy/filter_state.ts'
import { roundRobin } from '../../src/extensions/load_balancing_policies/round_robin/config.ts'
import { createAsyncGrpcClient } from '../../src/grpc/async_grpc_client.ts'
import type { NetworkFilterFactory } from '../../src/network/factory.ts'
import { FilterStatus, type ReadFilterCallbacks } from '../../src/network/network_filter.ts'
import { buildCluster } from '../../src/upstream/build_cluster.ts'
import { ClusterManager } from '../../src/upstream/cluster_manager.ts'
import { staticHosts } from '../../src/upstream/endpoints.ts'
import type { ServerContext } from '../../src/upstream/server_context.ts'
import { unresolvedDnsCaches } from '../support/dns_caches.ts'
import { RawClient } from '../support/raw_client.ts'
import { TcpBackend } from '../support/tcp_backend.ts'
import { type RunningListener, startListener, type TestContext, testContext, until } from './support.ts'

const proxyType = "'@type': type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
const format = [
  '%RESPONSE_FLAGS%',
  '%BYTES_RECEIVED%/%BYTES_SENT%',
  '%DOWNSTREAM_LOCAL_CLOSE_REASON%',
  '%UPSTREAM_CLUSTER%',
  '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  '%ACCESS_LOG_TYPE%',
].join(' ')

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Says which cluster the connection goes to, as sni_cluster does. */
const chooser: NetworkFilterFactory = {
  category: 'envoy.filters.network',
  name: 'test.chooser',
  typeUrls: ['google.protobuf.Empty'],
  isTerminal: false,
  createFilterFactory: () => () => {
    let callbacks: ReadFilterCallbacks | undefined
    return {
      initializeReadFilterCallbacks(given) {
        callbacks = given
      },
      onNewConnection() {
        callbacks?.connection.streamInfo?.filterState.set(perConnectionCluster, 'other')
        return FilterStatus.Continue
      },
      onData: () => FilterStatus.Continue,
    }
  },
}

interface Proxy {
  readonly context: TestContext
  readonly running: RunningListener
  readonly drain: { draining: boolean }
  stat(name: string): number
  /** Lines of all logs once every connection is closed. */
  log(): Promise<string[]>
  /** What is in the log file now; asks for the rest to be written. */
  written(): string
}

interface ProxyOptions {
  readonly clusters: Readonly<Record<string, { ports: number[]; fields?: string }>>
  readonly proxy?: string
  readonly listener?: string
  readonly before?: string
}

async function startProxy(options: ProxyOptions): Promise<Proxy> {
  const base = testContext({ extensions: [tcpProxy, roundRobin, chooser] })
  const drain = { draining: false }
  const context: TestContext & ServerContext = {
    ...base,
    clusterManager: new ClusterManager(),
    dnsCaches: unresolvedDnsCaches(base),
    localInfo: {
      nodeId: '',
      clusterName: '',
      zone: '',
      region: '',
      subZone: '',
      nodeMetadata: {},
      address: '127.0.0.1',
    },
    drainDecision: { drainClose: () => drain.draining },
    healthCheckFailed: () => false,
    onUnhealthyHost: () => {},
    onOutlier: () => {},
    onOriginalDst: () => {},
    concurrency: 1,
    createGrpcClient: createAsyncGrpcClient,
  }
  addClusters(context, options.clusters)
  const file = join(mkdtempSync(join(tmpdir(), 'nuncio-')), 'access.log')
  const logType = "'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
  const log = `access_log: [{name: f, typed_config: {${logType}, path: ${file}, log_format: {text_format_source: {inline_string: "${format}\\n"}}}}]`
  const filter = `{name: t, typed_config: {${proxyType}, stat_prefix: p, ${log}, ${options.proxy ?? 'cluster: c'}}}`
  const listenerLog = log.replace(format, `listener ${format}`)
  const address = 'address: {socket_address: {address: 127.0.0.1, port_value: 0}}'
  const running = await startListener(
    `- {name: l, ${address}, ${listenerLog}, ${options.listener ?? ''} filter_chains: [{filters: [${options.before ?? ''}${filter}]}]}`,
    context,
  )
  cleanups.push(() => running.stop())
  return {
    context,
    running,
    drain,
    stat: (name) => context.scope.counter(name).value() + context.scope.gauge(name).value(),
    async log() {
      await until(() => running.listener.connections.size === 0, 'connections closed')
      await context.accessLogManager.flushAll()
      return readFileSync(file, 'utf8').split('\n').slice(0, -1)
    },
    written() {
      void context.accessLogManager.flushAll()
      return readFileSync(file, 'utf8')
    },
  }
}

function addClusters(context: ServerContext, clusters: ProxyOptions['clusters']): void {
  for (const [name, { ports, fields }] of Object.entries(clusters)) {
    const endpoints = ports.map(
      (port) => `{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}`,
    )
    const assignment = `load_assignment: {cluster_name: ${name}, endpoints: [{lb_endpoints: [${endpoints.join(', ')}]}]}`
    const yaml = `static_resources: {clusters: [{name: ${name}, type: STATIC, connect_timeout: 1s, ${fields ?? ''} ${assignment}}]}`
    const view = loadBootstrap({ configYaml: yaml }).bootstrap!.staticResources!.clusters[0]
    context.clusterManager.put(buildCluster(view, context))
    context.clusterManager.onHosts({
      clusterName: name,
      priorities: staticHosts(view.loadAssignment, context.errors),
    })
  }
}

async function startBackend(): Promise<TcpBackend> {
  const backend = await TcpBackend.start()
  cleanups.push(() => backend.stop())
  return backend
}

async function connect(proxy: Proxy): Promise<RawClient> {
  const client = await RawClient.connect(proxy.running.port)
  cleanups.push(() => client.close())
  return client
}

/** A port of loopback that nothing listens on. */
async function refusingPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('tcp_proxy', () => {
  it('carries bytes both ways and counts them', async () => {
    const backend = await startBackend()
    const proxy = await startProxy({ clusters: { c: { ports: [backend.port] } } })
    const client = await connect(proxy)
    client.write('ping')
    const peer = await backend.connection(0)
    await peer.readUntil((text) => text === 'ping')
    peer.write('answer')
    await client.readUntil((text) => text === 'answer')
    client.close()
    expect(await peer.waitClosed()).toBe(true)
    peer.close()
    await until(() => proxy.stat('cluster.c.upstream_cx_active') === 0, 'upstream closed')
    expect(proxy.stat('tcp.p.downstream_cx_total')).toBe(1)
    expect(proxy.stat('tcp.p.downstream_cx_rx_bytes_total')).toBe(4)
    expect(proxy.stat('tcp.p.downstream_cx_tx_bytes_total')).toBe(6)
    expect(proxy.stat('cluster.c.upstream_cx_total')).toBe(1)
    expect(await proxy.log()).toEqual(['listener - 4/6 - c 1 NotSet', '- 4/6 - c 1 TcpConnectionEnd'])
  })

  it('carries a half-close through, in both directions, with what follows it', async () => {
    const backend = await startBackend()
    const proxy = await startProxy({ clusters: { c: { ports: [backend.port] } } })
    const first = await connect(proxy)
    const firstPeer = await backend.connection(0)
    first.write('request')
    first.halfClose()
    expect(await firstPeer.waitClosed()).toBe(true)
    expect(firstPeer.text).toBe('request')
    firstPeer.write('late answer')
    firstPeer.halfClose()
    expect(await first.waitClosed()).toBe(true)
    expect(first.text).toBe('late answer')

    const second = await connect(proxy)
    const secondPeer = await backend.connection(1)
    secondPeer.write('greeting')
    secondPeer.halfClose()
    expect(await second.waitClosed()).toBe(true)
    second.write('late request')
    second.halfClose()
    await secondPeer.readUntil((text) => text === 'late request')
    await proxy.log()
    expect(proxy.stat('cluster.c.upstream_cx_active')).toBe(0)
  })

  it('delivers all that was sent before a close, however slowly it is read', async () => {
    const backend = await startBackend()
    const proxy = await startProxy({ clusters: { c: { ports: [backend.port] } } })
    const total = 24 * 1024 * 1024
    const client = await connect(proxy)
    client.pause()
    const peer = await backend.connection(0)
    peer.write(Buffer.alloc(total, 'd'))
    peer.halfClose()
    client.halfClose()
    await until(
      () => [...proxy.running.listener.connections].some((each) => each.connection.bufferedBytes > 0),
      'stalled',
    )
    client.resume()
    await client.waitFor(() => client.ended, 20_000)
    expect(client.receivedBytes).toBe(total)

    const sender = await connect(proxy)
    const slow = await backend.connection(1)
    slow.pause()
    sender.write(Buffer.alloc(total, 'u'))
    sender.halfClose()
    await until(() => proxy.stat('tcp.p.downstream_flow_control_paused_reading_total') > 0, 'paused')
    slow.resume()
    await slow.waitFor(() => slow.ended, 20_000)
    expect(slow.receivedBytes).toBe(total)
  })

  it('flushes what the client had sent after the client is gone', async () => {
    const backend = await startBackend()
    const proxy = await startProxy({
      clusters: { c: { ports: [backend.port], fields: 'per_connection_buffer_limit_bytes: 67108864,' } },
    })
    const client = await connect(proxy)
    const peer = await backend.connection(0)
    peer.pause()
    const total = 16 * 1024 * 1024
    client.write(Buffer.alloc(total, 'u'))
    await until(() => proxy.stat('tcp.p.downstream_cx_rx_bytes_total') === total, 'all taken', 20_000)
    client.reset()
    await until(() => proxy.stat('tcp.p.upstream_flush_active') === 1, 'flushing')
    peer.resume()
    await peer.waitFor(() => peer.ended, 20_000)
    expect(peer.receivedBytes).toBe(total)
    await until(() => proxy.stat('tcp.p.upstream_flush_active') === 0, 'flushed')
    expect(proxy.stat('tcp.p.upstream_flush_total')).toBe(1)
  })

  it('keeps memory bounded against slow readers on either side', async () => {
    const backend = await startBackend()
    const small = 'per_connection_buffer_limit_bytes: 32768,'
    const proxy = await startProxy({ clusters: { c: { ports: [backend.port], fields: small } }, listener: small })
    const client = await connect(proxy)
    const peer = await backend.connection(0)
    const total = 32 * 1024 * 1024
    client.pause()
    peer.write(Buffer.alloc(total, 'd'))
    const connection = [...proxy.running.listener.connections][0].connection
    await until(() => connection.aboveHighWatermark, 'above the watermark')
    expect(connection.bufferedBytes).toBeLessThan(32768 + 65536 + 1)
    client.resume()
    await client.waitFor(() => client.receivedBytes === total, 20_000)
    expect(client.receivedBytes).toBe(total)

    peer.pause()
    client.write(Buffer.alloc(total, 'u'))
    await until(() => proxy.stat('tcp.p.downstream_flow_control_paused_reading_total') > 0, 'paused')
    peer.resume()
    await peer.waitFor(() => peer.receivedBytes === total, 20_000)
    expect(peer.receivedBytes).toBe(total)
    const paused = proxy.stat('tcp.p.downstream_flow_control_paused_reading_total')
    await until(() => proxy.stat('tcp.p.downstream_flow_control_resumed_reading_total') === paused, 'resumed')
  })

  it('resets the client when the host resets, with flag UR', async () => {
    const backend = await startBackend()
    const proxy = await startProxy({ clusters: { c: { ports: [backend.port] } } })
    const client = await connect(proxy)
    const peer = await backend.connection(0)
    client.write('x')
    await peer.readUntil((text) => text === 'x')
    peer.reset()
    expect(await client.waitClosed()).toBe(true)
    await until(() => client.errorCode === 'ECONNRESET', 'reset seen')
    expect((await proxy.log())[1]).toBe('UR 1/0 - c 1 TcpConnectionEnd')
  })
})

describe('connecting upstream', () => {
  it('tries max_connect_attempts times, with back-off between, then gives up with UF and URX', async () => {
    const port = await refusingPort()
    for (const backoff of ['', ', backoff_options: {base_interval: 0.01s, max_interval: 0.02s}']) {
      const proxy = await startProxy({
        clusters: { c: { ports: [port] } },
        proxy: `cluster: c, max_connect_attempts: 3${backoff}`,
      })
      const client = await connect(proxy)
      client.write('lost')
      expect(await client.waitClosed()).toBe(true)
      const end = 'UF,URX 0/0 tcp_initializion_failure:0 c 3'
      expect(await proxy.log()).toEqual([`listener ${end} NotSet`, `${end} TcpConnectionEnd`])
      expect(proxy.stat('cluster.c.upstream_cx_connect_attempts_exceeded')).toBe(1)
      expect(proxy.stat('cluster.c.upstream_cx_connect_fail')).toBe(3)
    }
  })

  it('goes on to another host when the first refuses', async () => {
    const backend = await startBackend()
    const proxy = await startProxy({
      clusters: { c: { ports: [await refusingPort(), backend.port] } },
      proxy: 'cluster: c, max_connect_attempts: 2',
    })
    for (let i = 0; i < 2; i++) {
      const client = await connect(proxy)
      client.write('hello')
      await (await backend.connection(i)).readUntil((text) => text === 'hello')
    }
    expect(proxy.stat('cluster.c.upstream_cx_connect_fail')).toBeGreaterThan(0)
  })

  it.each([
    ['an unknown cluster', 'cluster: nope', 'NC 0/0 tcp_initializion_failure:3 - 0', 'tcp.p.downstream_cx_no_route'],
    [
      'a cluster without hosts',
      'cluster: empty',
      'UH 0/0 tcp_initializion_failure:1 empty 0',
      'cluster.empty.upstream_cx_none_healthy',
    ],
    [
      'an open circuit breaker',
      'cluster: full',
      'UO 0/0 tcp_initializion_failure:2 full 0',
      'cluster.full.upstream_cx_overflow',
    ],
  ])('refuses the connection for %s', async (_name, route, end, counter) => {
    const proxy = await startProxy({
      clusters: {
        empty: { ports: [] },
        full: { ports: [1], fields: 'circuit_breakers: {thresholds: [{max_connections: 0}]},' },
      },
      proxy: route,
    })
    expect(await (await connect(proxy)).waitClosed()).toBe(true)
    expect(await proxy.log()).toEqual([`listener ${end} NotSet`, `${end} TcpConnectionEnd`])
    expect(proxy.stat(counter)).toBe(1)
  })

  it('spreads connections over weighted clusters', async () => {
    const one = await startBackend()
    const two = await startBackend()
    const proxy = await startProxy({
      clusters: { a: { ports: [one.port] }, b: { ports: [two.port] }, never: { ports: [1] } },
      proxy: 'weighted_clusters: {clusters: [{name: a, weight: 1}, {name: b, weight: 3}]}',
    })
    const connections = 120
    for (let i = 0; i < connections; i++) {
      const client = await connect(proxy)
      await until(() => one.connections.length + two.connections.length === i + 1, 'arrived')
      client.close()
    }
    // Binomial with p = 1/4: five standard deviations around the mean of 30.
    expect(one.connections.length).toBeGreaterThan(6)
    expect(one.connections.length).toBeLessThan(54)
  })

  it('follows the cluster that an earlier filter names', async () => {
    const backend = await startBackend()
    const proxy = await startProxy({
      clusters: { other: { ports: [backend.port] } },
      proxy: 'cluster: c',
      before: "{name: x, typed_config: {'@type': type.googleapis.com/google.protobuf.Empty}}, ",
    })
    const client = await connect(proxy)
    client.write('hello')
    await (await backend.connection(0)).readUntil((text) => text === 'hello')
  })

  it('does not try again for a connection that is closed meanwhile', async () => {
    const proxy = await startProxy({
      clusters: { c: { ports: [await refusingPort()] } },
      proxy: 'cluster: c, max_connect_attempts: 100, backoff_options: {base_interval: 3600s, max_interval: 3600s}',
    })
    await connect(proxy)
    await until(() => proxy.stat('cluster.c.upstream_cx_connect_fail') === 1, 'first attempt failed')
    proxy.running.listener.closeConnections('test')
    expect((await proxy.log())[1]).toBe('UF 0/0 test c 1 TcpConnectionEnd')
    expect(proxy.stat('cluster.c.upstream_cx_total')).toBe(1)
  })
})

describe('limits in time', () => {
  it('closes an idle connection', async () => {
    const backend = await startBackend()
    const proxy = await startProxy({
      clusters: { c: { ports: [backend.port] } },
      proxy: 'cluster: c, idle_timeout: 0.05s',
    })
    const client = await connect(proxy)
    client.write('x')
    expect(await client.waitClosed()).toBe(true)
    expect(await (await backend.connection(0)).waitClosed()).toBe(true)
    expect(proxy.stat('tcp.p.idle_timeout')).toBe(1)
    expect((await proxy.log())[1]).toBe('- 1/0 tcp_session_idle_timeout c 1 TcpConnectionEnd')
  })

  it('closes a connection at its maximum duration, busy or not, with flag DT', async () => {
    const backend = await startBackend()
    backend.onConnection = (peer) => peer.socket.on('data', (data: Buffer) => peer.write(data))
    const duration =
      'max_downstream_connection_duration: 0.05s, max_downstream_connection_duration_jitter_percentage: {value: 50}'
    const proxy = await startProxy({ clusters: { c: { ports: [backend.port] } }, proxy: `cluster: c, ${duration}` })
    const client = await connect(proxy)
    client.socket.on('data', (data: Buffer) => client.write(data))
    client.write('ping-pong')
    expect(await client.waitClosed()).toBe(true)
    expect(proxy.stat('tcp.p.max_downstream_connection_duration')).toBe(1)
    expect((await proxy.log())[1]).toMatch(/^DT \d+\/\d+ max_connection_duration_reached c 1 TcpConnectionEnd$/)
  })

  it('closes connections with traffic while draining, if told to look', async () => {
    const backend = await startBackend()
    backend.onConnection = (peer) => peer.socket.on('data', (data: Buffer) => peer.write(data))
    for (const [check, closes] of [
      ['true', true],
      ['false', false],
    ] as const) {
      const proxy = await startProxy({
        clusters: { c: { ports: [backend.port] } },
        proxy: `cluster: c, check_drain_close: ${check}`,
      })
      const client = await connect(proxy)
      client.write('a')
      await client.readUntil((text) => text === 'a')
      proxy.drain.draining = true
      client.write('b')
      if (closes) expect(await client.waitClosed()).toBe(true)
      else await client.readUntil((text) => text === 'ab')
      expect(proxy.stat('tcp.p.downstream_cx_drain_close')).toBe(closes ? 1 : 0)
    }
  })
})

describe('access log options', () => {
  it('log at the start, on connecting, from time to time and at the end', async () => {
    const backend = await startBackend()
    const options =
      'access_log_options: {flush_access_log_on_start: true, flush_access_log_on_connected: true, access_log_flush_interval: 0.02s}'
    const proxy = await startProxy({ clusters: { c: { ports: [backend.port] } }, proxy: `cluster: c, ${options}` })
    const client = await connect(proxy)
    client.write('x')
    const peer = await backend.connection(0)
    await peer.readUntil((text) => text === 'x')
    peer.write('yy')
    await client.readUntil((text) => text === 'yy')
    await until(() => proxy.written().includes('- 1/2 - c 1 TcpPeriodic'), 'periodic line')
    client.close()
    peer.close()
    const lines = (await proxy.log()).filter((line) => !line.startsWith('listener'))
    expect(lines[0]).toBe('- 0/0 - - 0 TcpConnectionStart')
    expect(lines[1]).toBe('- 0/0 - c 1 TcpUpstreamConnected')
    expect(lines.at(-1)).toBe('- 1/2 - c 1 TcpConnectionEnd')
  })
})
