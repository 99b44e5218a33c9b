import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { httpPools } from '../../../src/http/conn_pool/http_pools.ts'
import type { Cluster } from '../../../src/upstream/cluster.ts'
import {
  Http2Backend,
  type Http2BackendRequest,
  type Http2BackendScript,
  type Http2ReplyStep,
  playHttp2Reply,
} from '../../support/http2_backend.ts'
import { serverContext, startCluster, staticClusterYaml } from '../../upstream/support.ts'
import { Exchange, exchange } from './pool_user.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function start(script: Http2BackendScript = {}): Promise<Http2Backend> {
  const backend = await Http2Backend.start(script)
  cleanups.push(() => backend.stop())
  return backend
}

/** A backend whose answers are the test's to give: `held` are the requests so far. */
async function holding(settings?: Http2BackendScript['settings']) {
  const held: Http2BackendRequest[] = []
  const backend = await start({ settings, onHead: (request) => void held.push(request) })
  return { backend, held }
}

function answering(...steps: Http2ReplyStep[]): Http2BackendScript {
  return { onHead: (request) => void playHttp2Reply(request, steps) }
}

const ok: readonly Http2ReplyStep[] = [{ headers: { ':status': 200 } }, { data: 'ok', end: true }]

/** Fields of the cluster besides, and of its HTTP options, each on a line of its own. */
function clusterOn(backend: Http2Backend, http2 = '{}', common = '{}', more = ''): Cluster {
  const type = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
  const options = `  typed_extension_protocol_options:
    ${type}:
      "@type": type.googleapis.com/${type}
      explicit_http_config: {http2_protocol_options: ${http2}}
      common_http_protocol_options: ${common}${more === '' ? '' : `\n  ${more}`}`
  return startCluster(staticClusterYaml([`127.0.0.1:${backend.port}`], options), serverContext())
}

function begin(cluster: Cluster, count: number): Exchange[] {
  return Array.from({ length: count }, (_, i) => new Exchange(cluster, `/${i}`))
}

const all = (exchanges: readonly Exchange[]) => Promise.all(exchanges.map((each) => each.done.promise))
const statuses = (exchanges: readonly Exchange[]) => exchanges.map((each) => each.status)

/** The connection that an exchange began on has closed. */
async function closed({ connections: [{ socket }] }: Exchange): Promise<void> {
  if (!socket.closed) await once(socket, 'close')
}

function expectNothingHeld(cluster: Cluster): void {
  const { stats, resourceManager } = cluster.info
  const { connections, requests, pendingRequests } = resourceManager('DEFAULT')
  expect(requests.current).toBe(0)
  expect(pendingRequests.current).toBe(0)
  expect(connections.current).toBe(stats.upstreamCxActive.value())
  expect(stats.upstreamRqActive.value()).toBe(0)
  expect(stats.upstreamRqPendingActive.value()).toBe(0)
}

describe('streams side by side', () => {
  it('share one connection, those that waited for it and those that came later', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend)
    const early = begin(cluster, 50)
    await backend.until(() => held.length === 50)
    const late = begin(cluster, 50)
    await backend.until(() => held.length === 100)
    expect(backend.connections).toHaveLength(1)
    for (const request of held) void playHttp2Reply(request, ok)
    expect(statuses(await all([...early, ...late]))).toEqual(Array.from({ length: 100 }, () => 200))
    const { stats } = cluster.info
    expect(stats.upstreamCxHttp2Total.value()).toBe(1)
    expect(stats.upstreamCxHttp1Total.value()).toBe(0)
    expect(stats.upstreamRqTotal.value()).toBe(100)
    expect(stats.upstreamRqPendingTotal.value()).toBe(50)
    expectNothingHeld(cluster)
  })

  it('are told HTTP/2, and have trailers and interim responses', async () => {
    const steps: Http2ReplyStep[] = [{ info: { ':status': 103 } }, ok[0], { data: 'ok' }, { trailers: { 'x-t': '1' } }]
    const outcome = await exchange(clusterOn(await start(answering(...steps))), '/')
    expect(outcome).toMatchObject({ status: 200, body: 'ok', interim: [103], protocol: 'HTTP/2' })
    expect(outcome.trailers?.get('x-t')).toBe('1')
  })

  it('take another connection where max_concurrent_streams is reached', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend, '{max_concurrent_streams: 2}')
    const exchanges = begin(cluster, 5)
    await backend.until(() => held.length === 5)
    expect(backend.connections).toHaveLength(3)
    for (const request of held) void playHttp2Reply(request, ok)
    await all(exchanges)
    expectNothingHeld(cluster)
  })

  it('wait for one where no more connections may be made', async () => {
    const backend = await start()
    const more = 'circuit_breakers: {thresholds: [{max_connections: 1}]}'
    const cluster = clusterOn(backend, '{max_concurrent_streams: 1}', '{}', more)
    expect(statuses(await all(begin(cluster, 5)))).toEqual([200, 200, 200, 200, 200])
    expect(backend.connections).toHaveLength(1)
    expectNothingHeld(cluster)
  })

  it('in a burst are not more than a backend can be expected to take, until it says how many it takes', async () => {
    const backend = await start({ settings: { maxConcurrentStreams: 100 } })
    const cluster = clusterOn(backend)
    const exchanges = await all(begin(cluster, 250))
    expect(exchanges.filter(({ status }) => status !== 200)).toEqual([])
    expect(cluster.info.stats.upstreamRqTotal.value()).toBe(250)
    expect(backend.connections.length).toBeLessThanOrEqual(3)
    expectNothingHeld(cluster)
  })

  it('follow the limit that the backend sets', async () => {
    const { backend, held } = await holding({ maxConcurrentStreams: 1 })
    const cluster = clusterOn(backend)
    const first = new Exchange(cluster, '/first')
    await backend.until(() => held.length === 1)
    // Its answer comes behind its SETTINGS.
    await playHttp2Reply(held[0], ok)
    expect((await first.done.promise).status).toBe(200)
    const exchanges = begin(cluster, 2)
    await backend.until(() => held.length === 3)
    expect(backend.connections).toHaveLength(2)
    for (const request of held.slice(1)) void playHttp2Reply(request, ok)
    expect(statuses(await all(exchanges))).toEqual([200, 200])
    expectNothingHeld(cluster)
  })
})

describe('GOAWAY', () => {
  it('lets streams end on the old connection, and sends later ones by a new one', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend)
    const first = begin(cluster, 3)
    await backend.until(() => held.length === 3)
    backend.connections[0].session.goaway(0, 5)
    // What is answered behind the GOAWAY is read behind it.
    await playHttp2Reply(held[0], ok)
    await first[0].done.promise
    const later = new Exchange(cluster, '/later')
    await backend.until(() => held.length === 4)
    expect(backend.connections).toHaveLength(2)
    for (const request of held.slice(1)) void playHttp2Reply(request, ok)
    expect(statuses(await all([...first, later]))).toEqual([200, 200, 200, 200])
    await closed(first[0])
    expect(cluster.info.stats.upstreamCxCloseNotify.value()).toBe(1)
    expect(cluster.info.stats.upstreamCxDestroyWithActiveRq.value()).toBe(0)
    expectNothingHeld(cluster)
  })

  it('refuses the streams that it leaves out, which may be sent again', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend)
    const exchanges = begin(cluster, 3)
    await backend.until(() => held.length === 3)
    backend.connections[0].session.goaway(0, 1)
    expect((await exchanges[1].done.promise).lost).toBe('remoteRefusedStreamReset')
    expect((await exchanges[2].done.promise).lost).toBe('remoteRefusedStreamReset')
    void playHttp2Reply(held[0], ok)
    expect(await exchanges[0].done.promise).toMatchObject({ status: 200, lost: '' })
    expectNothingHeld(cluster)
  })

  it('on an idle connection ends it', async () => {
    const backend = await start()
    const cluster = clusterOn(backend)
    const first = await exchange(cluster, '/')
    backend.connections[0].session.goaway()
    await closed(first)
    expect((await exchange(cluster, '/')).status).toBe(200)
    expect(backend.connections).toHaveLength(2)
  })
})

describe('lost streams', () => {
  it.each([
    [7, 'remoteRefusedStreamReset'],
    [8, 'remoteReset'],
    [10, 'connectError'],
  ])('RST_STREAM %i is %s, and leaves the connection to others', async (code, reason) => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend)
    const [lost, kept] = begin(cluster, 2)
    await backend.until(() => held.length === 2)
    held[0].stream.close(code)
    expect((await lost.done.promise).lost).toBe(reason)
    void playHttp2Reply(held[1], ok)
    expect((await kept.done.promise).status).toBe(200)
    expect(cluster.info.stats.upstreamRqRxReset.value()).toBe(reason === 'remoteReset' ? 1 : 0)
    expectNothingHeld(cluster)
  })

  it('go with their connection', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend)
    const exchanges = begin(cluster, 3)
    await backend.until(() => held.length === 3)
    backend.connections[0].socket.destroy()
    expect((await all(exchanges)).map((each) => each.lost)).toEqual(exchanges.map(() => 'connectionTermination'))
    const { stats } = cluster.info
    expect(stats.upstreamCxDestroyRemoteWithActiveRq.value()).toBe(1)
    expect(stats.upstreamRqPendingFailureEject.value()).toBe(3)
    expectNothingHeld(cluster)
  })

  it('are told where no connection can be had', async () => {
    const backend = await Http2Backend.start()
    const cluster = clusterOn(backend)
    await backend.stop()
    const exchanges = begin(cluster, 3)
    expect((await all(exchanges)).map((each) => each.lost)).toEqual(exchanges.map(() => 'remoteConnectionFailure'))
    expectNothingHeld(cluster)
  })

  it('of this side are reset at the backend, and leave the connection to others', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend)
    const [dropped, kept] = begin(cluster, 2)
    await backend.until(() => held.length === 2)
    dropped.encoder?.resetStream('localReset')
    await backend.until(() => held[0].stream.destroyed)
    void playHttp2Reply(held[1], ok)
    expect((await kept.done.promise).status).toBe(200)
    expect(cluster.info.stats.upstreamRqTxReset.value()).toBe(1)
    expectNothingHeld(cluster)
  })

  it('are a protocol error where the backend speaks something else', async () => {
    const backend = await start()
    const cluster = clusterOn(backend)
    backend.script = {}
    backend.server.removeAllListeners('connection')
    backend.server.on('connection', (socket) => {
      cleanups.unshift(async () => void socket.destroy())
      socket.on('error', () => {})
      socket.write('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n')
    })
    expect((await exchange(cluster, '/')).lost).toBe('protocolError')
    const { stats } = cluster.info
    expect(stats.upstreamCxProtocolError.value()).toBe(1)
    expect(stats.upstreamCxDestroyWithActiveRq.value()).toBe(0)
    expectNothingHeld(cluster)
  })
})

describe('limits', () => {
  it('closes a connection that has carried max_requests_per_connection, after its last stream', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend, '{}', '{max_requests_per_connection: 2}')
    const exchanges = begin(cluster, 3)
    await backend.until(() => held.length === 3)
    expect(backend.connections).toHaveLength(2)
    for (const request of held) void playHttp2Reply(request, ok)
    expect(statuses(await all(exchanges))).toEqual([200, 200, 200])
    await backend.until(() => backend.connections.some((connection) => connection.ended))
    expect(cluster.info.stats.upstreamCxMaxRequests.value()).toBe(1)
    expectNothingHeld(cluster)
  })

  it('max_requests refuses streams that would have a connection', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend, '{}', '{}', 'circuit_breakers: {thresholds: [{max_requests: 1}]}')
    const first = new Exchange(cluster, '/1')
    await backend.until(() => held.length === 1)
    expect((await exchange(cluster, '/2')).lost).toBe('overflow')
    expect(cluster.info.stats.upstreamRqActiveOverflow.value()).toBe(1)
    void playHttp2Reply(held[0], ok)
    await first.done.promise
    expectNothingHeld(cluster)
  })

  it('max_pending_requests refuses those that would wait', async () => {
    const backend = await start()
    const cluster = clusterOn(backend, '{}', '{}', 'circuit_breakers: {thresholds: [{max_pending_requests: 1}]}')
    const [first, second] = begin(cluster, 2)
    expect((await second.done.promise).lost).toBe('overflow')
    expect((await first.done.promise).status).toBe(200)
    expect(cluster.info.stats.upstreamRqPendingOverflow.value()).toBe(1)
    expectNothingHeld(cluster)
  })

  it('a stream that waits can be given up', async () => {
    const backend = await start()
    const cluster = clusterOn(backend)
    const [first, second] = begin(cluster, 2)
    first.pending?.cancel()
    expect((await second.done.promise).status).toBe(200)
    expect(cluster.info.stats.upstreamRqCancelled.value()).toBe(1)
    expect(backend.requests).toHaveLength(1)
    expectNothingHeld(cluster)
  })

  it('idle_timeout counts from the end of the last stream', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend, '{}', '{idle_timeout: 0.02s}')
    const exchanges = begin(cluster, 2)
    await backend.until(() => held.length === 2)
    await playHttp2Reply(held[0], [...ok])
    await exchanges[0].done.promise
    await playHttp2Reply(held[1], [{ pauseMs: 60 }, ...ok])
    expect((await exchanges[1].done.promise).status).toBe(200)
    await backend.until(() => backend.connections[0].ended)
    expect(cluster.info.stats.upstreamCxIdleTimeout.value()).toBe(1)
    expect(cluster.info.stats.upstreamCxDestroyLocal.value()).toBe(1)
  })

  it('max_connection_duration drains: streams end, later ones go by a new connection', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend, '{}', '{max_connection_duration: 0.03s}')
    const first = new Exchange(cluster, '/1')
    await backend.until(() => held.length === 1)
    await playHttp2Reply(held[0], [{ pauseMs: 80 }, ok[0]])
    const second = new Exchange(cluster, '/2')
    await backend.until(() => held.length === 2)
    expect(backend.connections).toHaveLength(2)
    for (const request of held) void playHttp2Reply(request, request === held[0] ? ok.slice(1) : ok)
    expect(statuses(await all([first, second]))).toEqual([200, 200])
    expectNothingHeld(cluster)
  })

  it('per_upstream_preconnect_ratio has a connection ready before the limit is reached', async () => {
    const { backend, held } = await holding()
    const more = 'preconnect_policy: {per_upstream_preconnect_ratio: 2}'
    const cluster = clusterOn(backend, '{max_concurrent_streams: 2}', '{}', more)
    const exchanges = begin(cluster, 2)
    await backend.until(() => held.length === 2 && backend.connections.length === 2)
    for (const request of held) void playHttp2Reply(request, ok)
    await all(exchanges)
  })
})

describe('a drained host', () => {
  it('serves the streams that it has, closes, and tells', async () => {
    const { backend, held } = await holding()
    const cluster = clusterOn(backend)
    const exchanges = begin(cluster, 2)
    await backend.until(() => held.length === 2)
    const [host] = cluster.prioritySet.hosts()
    const [pool] = host.pools.values()
    const idle = new Promise<void>((resolve) => pool.addIdleCallback(resolve))
    host.drain()
    for (const request of held) void playHttp2Reply(request, ok)
    expect(statuses(await all(exchanges))).toEqual([200, 200])
    await idle
    expect(cluster.info.stats.upstreamCxActive.value()).toBe(0)
    expectNothingHeld(cluster)
  })
})

describe('flow control', () => {
  it('holds a backend back whose response nobody reads', async () => {
    const size = 400_000
    const body = 'x'.repeat(size)
    const { backend, held } = await holding()
    const cluster = clusterOn(backend, '{initial_stream_window_size: 65535, initial_connection_window_size: 65535}')
    const slow = new Exchange(cluster, '/')
    const encoder = await slow.ready.promise
    encoder.readDisable(true)
    await backend.until(() => held.length === 1)
    void playHttp2Reply(held[0], [ok[0], { data: body, end: true }])
    // Another stream finds the connection's window as it is: some of it is left only when the first is read.
    while (slow.body.length < 65535) await new Promise((resolve) => setImmediate(resolve))
    expect(slow.body.length).toBe(65535)
    encoder.readDisable(false)
    expect((await slow.done.promise).body.length).toBe(size)
  })

  it('tells of a backend that does not read the request', async () => {
    const { backend, held } = await holding({ initialWindowSize: 1000 })
    const cluster = clusterOn(backend, '{}', '{}', 'per_connection_buffer_limit_bytes: 2000')
    const exchange = new Exchange(cluster, '/', { open: true })
    const encoder = await exchange.ready.promise
    await backend.until(() => held.length === 1)
    held[0].stream.pause()
    for (let i = 0; i < 10; i++) encoder.encodeData(Buffer.alloc(1000, 0x61), i === 9)
    expect(encoder.hasBufferedData).toBe(true)
    held[0].stream.resume()
    await backend.until(() => held[0].complete)
    expect(held[0].body).toHaveLength(10_000)
    void playHttp2Reply(held[0], ok)
    expect((await exchange.done.promise).status).toBe(200)
  })
})

describe('use_downstream_protocol_config', () => {
  it('keeps pools by the protocol that requests came by', async () => {
    const backend = await start()
    const type = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
    const options = `  typed_extension_protocol_options:
    ${type}:
      "@type": type.googleapis.com/${type}
      use_downstream_protocol_config: {}`
    const cluster = startCluster(staticClusterYaml([`127.0.0.1:${backend.port}`], options), serverContext())
    expect(await exchange(cluster, '/', { downstream: 'HTTP/2' })).toMatchObject({ status: 200, protocol: 'HTTP/2' })
    const [host] = cluster.prioritySet.hosts()
    expect(httpPools.get(host, 'DEFAULT', 'HTTP/2')).toBe(httpPools.get(host, 'DEFAULT', 'HTTP/2'))
    expect(httpPools.get(host, 'DEFAULT', 'HTTP/1.0')).toBe(httpPools.get(host, 'DEFAULT', 'HTTP/1.1'))
    expect(httpPools.get(host, 'DEFAULT', 'HTTP/2')).not.toBe(httpPools.get(host, 'DEFAULT', 'HTTP/1.1'))
  })
})
