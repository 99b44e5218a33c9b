/** When HTTP/2 clients are asked to leave, and when they are made to: on Nuncio and, for comparison, on real Envoy. */
import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { afterEach, describe, expect, it } from 'vitest'
import { Http2Backend } from '../../support/http2_backend.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../../support/proxy_process.ts'

const cleanups: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** `/silent` is never answered; a tunnel ends with its connection, for `/cut_late` when it has been granted. */
async function start(kind: ProxyKind, options: string): Promise<ProxyProcess> {
  const backend = await Http2Backend.start({
    settings: { enableConnectProtocol: true },
    onHead: ({ stream, headers, connection }) => {
      if (headers[':method'] !== 'CONNECT') return
      if (headers[':path'] !== '/cut_late') connection.socket.destroy()
      else {
        stream.respond({ ':status': 200 })
        stream.write('so far', () => connection.socket.destroy())
      }
    },
    onRequest: ({ stream, headers }) => {
      if (headers[':path'] === '/silent' || headers[':method'] === 'CONNECT') return
      stream.respond({ ':status': 200 })
      stream.end('ok')
    },
  })
  cleanups.push(() => backend.stop())
  const proxy = await startProxy(kind, bootstrap(backend.port, options))
  cleanups.push(() => proxy.stop())
  return proxy
}

const bootstrap = (backendPort: number, options: string): string => `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
  - name: main
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: http
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: main
          codec_type: AUTO
          ${options}
          route_config: { virtual_hosts: [ { name: all, domains: ["*"], routes: [ { match: { prefix: / }, route: { cluster: backend } } ] } ] }
          http_filters: [ { name: router, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } } ]
  clusters:
  - name: backend
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
        "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
        explicit_http_config: { http2_protocol_options: { allow_connect: true } }
    load_assignment: { cluster_name: backend, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${backendPort} } } } } ] } ] }
`

async function client(proxy: ProxyProcess): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${proxy.port('main')}`)
  session.on('error', () => {})
  cleanups.push(() => session.destroy())
  await once(session, 'remoteSettings')
  return session
}

function request(session: ClientHttp2Session, headers: OutgoingHttpHeaders): ClientHttp2Stream {
  const stream = session.request({ ':authority': 'a.test', ...headers })
  stream.on('error', () => {})
  return stream
}

/** Resolves with the status when the whole response has come. */
async function statusOf(stream: ClientHttp2Stream): Promise<number> {
  const [head] = (await once(stream, 'response')) as [Record<string, unknown>]
  stream.resume()
  if (!stream.readableEnded) await once(stream, 'end')
  return Number(head[':status'])
}

describe.each<ProxyKind>(['nuncio', 'envoy'])('HTTP/2 clients of %s', (kind) => {
  it('that open streams to reset them at once are cut off', async () => {
    const proxy = await start(kind, '')
    const session = await client(proxy)
    const closed = once(session, 'close')
    for (let i = 0; i < 700 && !session.destroyed; i++) {
      const stream = request(session, { ':path': '/silent' })
      if (!stream.pending) stream.close(constants.NGHTTP2_CANCEL)
      else stream.once('ready', () => stream.close(constants.NGHTTP2_CANCEL))
    }
    await closed
    expect((await proxy.stats('too_many_premature')).get('http.main.downstream_rq_too_many_premature_resets')).toBe(1)
  })

  it('that give up some of many requests go on', async () => {
    const proxy = await start(kind, '')
    const session = await client(proxy)
    const answered: Promise<number>[] = []
    for (let i = 0; i < 300; i++) {
      const abandoned = request(session, { ':path': '/silent' })
      abandoned.once('ready', () => abandoned.close(constants.NGHTTP2_CANCEL))
      for (let j = 0; j < 2; j++) answered.push(statusOf(request(session, { ':path': '/' })))
      if (i % 50 === 49) await Promise.all(answered)
    }
    expect(new Set(await Promise.all(answered))).toEqual(new Set([200]))
    expect(session.destroyed).toBe(false)
    expect((await proxy.stats('too_many_premature')).get('http.main.downstream_rq_too_many_premature_resets')).toBe(0)
  })

  it('leave after max_requests_per_connection, with all of their answers', async () => {
    const proxy = await start(kind, 'common_http_protocol_options: { max_requests_per_connection: 3 }')
    const session = await client(proxy)
    const goAway = once(session, 'goaway')
    const statuses = [1, 2, 3].map(() => statusOf(request(session, { ':path': '/' })))
    expect(await Promise.all(statuses)).toEqual([200, 200, 200])
    expect((await goAway)[0]).toBe(constants.NGHTTP2_NO_ERROR)
  })

  it('are asked to leave by a graceful drain, and get what is under way', async () => {
    const proxy = await start(kind, 'drain_timeout: 0.2s')
    const session = await client(proxy)
    expect(await statusOf(request(session, { ':path': '/' }))).toBe(200)
    await proxy.admin('/healthcheck/fail', 'POST')
    const [goAway, closed] = [once(session, 'goaway'), once(session, 'close')]
    expect(await statusOf(request(session, { ':path': '/' }))).toBe(200)
    expect((await goAway)[0]).toBe(constants.NGHTTP2_NO_ERROR)
    await closed
  })

  it('whose extended CONNECT is refused are asked to leave too', async () => {
    const proxy = await start(kind, 'http2_protocol_options: { allow_connect: true }')
    const session = await client(proxy)
    const goAway = once(session, 'goaway')
    const upgrade = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':path': '/' }
    expect(await statusOf(request(session, upgrade))).toBe(403)
    expect((await goAway)[0]).toBe(constants.NGHTTP2_NO_ERROR)
  })

  it.each([
    ['/cut_early', 503],
    ['/cut_late', 200],
  ])('hear why a tunnel ends that lost its connection (%s)', async (path, status) => {
    const options =
      'upgrade_configs: [ { upgrade_type: websocket } ]\n          http2_protocol_options: { allow_connect: true }'
    const proxy = await start(kind, options)
    const session = await client(proxy)
    const tunnel = request(session, {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': 'http',
      ':path': path,
    })
    const closed = new Promise((resolve) => tunnel.once('close', resolve))
    const [head] = (await once(tunnel, 'response')) as [Record<string, unknown>]
    expect(head[':status']).toBe(status)
    tunnel.resume()
    await closed
    expect(tunnel.rstCode).toBe(constants.NGHTTP2_CONNECT_ERROR)
  })
})
