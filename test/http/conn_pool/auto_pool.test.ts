import { once } from 'node:events'
import { createSecureServer } from 'node:http2'
import { createServer, type Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { tlsUpstreamFactory } from '../../../src/extensions/transport_sockets/tls/config.ts'
import type { Cluster } from '../../../src/upstream/cluster.ts'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { serverContext, startCluster, staticClusterYaml } from '../../upstream/support.ts'
import { Exchange, exchange } from './pool_user.ts'

const ca = new CertificateAuthority()
const good = ca.issue({ name: 'good', altNames: ['DNS:a.test'] })
afterAll(() => ca.remove())

const sockets = new Set<Socket>()
const servers: { close(): void }[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
  for (const socket of sockets) socket.destroy()
  sockets.clear()
})

/** The versions of the requests that came, in order. */
const seen: string[] = []

/** A server whose ALPN offers these; answers what it is asked. */
async function start(protocols: readonly string[]): Promise<number> {
  const answer = (request: { httpVersion: string }, response: { end(text: string): void }) => {
    seen.push(request.httpVersion)
    response.end('ok')
  }
  const options = { cert: good.cert, key: good.key }
  const server = protocols.includes('h2')
    ? createSecureServer({ ...options, allowHTTP1: protocols.includes('http/1.1') }, answer)
    : createServer({ ...options, ALPNProtocols: [...protocols] }, answer)
  servers.push(server)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server as Server, 'listening')
  seen.length = 0
  return (server.address() as AddressInfo).port
}

function clusterOn(port: number, options = 'auto_config: {}', tls = ''): Cluster {
  const type = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
  const tlsType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
  const more = `  transport_socket: {name: t, typed_config: {"@type": ${tlsType}${tls}}}
  typed_extension_protocol_options:
    ${type}:
      "@type": type.googleapis.com/${type}
      ${options}`
  return startCluster(
    staticClusterYaml([`127.0.0.1:${port}`], more),
    serverContext({ extensions: [tlsUpstreamFactory] }),
  )
}

const all = (exchanges: readonly Exchange[]) => Promise.all(exchanges.map((each) => each.done.promise))

describe('auto_config', () => {
  it('speaks HTTP/2 where the host agrees on it: streams share a connection', async () => {
    const cluster = clusterOn(await start(['h2', 'http/1.1']))
    expect(await exchange(cluster, '/')).toMatchObject({ status: 200, body: 'ok', protocol: 'HTTP/2' })
    const exchanges = await all(Array.from({ length: 5 }, () => new Exchange(cluster, '/')))
    expect(exchanges.map((each) => each.status)).toEqual([200, 200, 200, 200, 200])
    const { stats } = cluster.info
    expect(stats.upstreamCxHttp2Total.value()).toBe(1)
    expect(stats.upstreamCxHttp1Total.value()).toBe(0)
    expect(seen).toEqual(Array.from({ length: 6 }, () => '2.0'))
  })

  it.each([
    ['http/1.1 alone', ['http/1.1']],
    ['no ALPN', []],
  ] as const)('speaks HTTP/1 with a host of %s: a connection each', async (_title, protocols) => {
    const cluster = clusterOn(await start(protocols))
    const exchanges = await all([new Exchange(cluster, '/1'), new Exchange(cluster, '/2')])
    expect(exchanges.map(({ status, protocol }) => [status, protocol])).toEqual([
      [200, 'HTTP/1.1'],
      [200, 'HTTP/1.1'],
    ])
    const { stats, resourceManager } = cluster.info
    expect(stats.upstreamCxHttp1Total.value()).toBe(2)
    expect(stats.upstreamCxHttp2Total.value()).toBe(0)
    expect(await exchange(cluster, '/3')).toMatchObject({ status: 200 })
    expect(stats.upstreamCxTotal.value()).toBe(2)
    expect(resourceManager('DEFAULT').requests.current).toBe(0)
  })

  it('gives requests that wait for several connections to the first one that can have them all', async () => {
    const cluster = clusterOn(await start(['h2']))
    const exchanges = await all(Array.from({ length: 20 }, () => new Exchange(cluster, '/')))
    expect(exchanges.every(({ status, protocol }) => status === 200 && protocol === 'HTTP/2')).toBe(true)
    const { stats, resourceManager } = cluster.info
    expect(stats.upstreamRqTotal.value()).toBe(20)
    expect(resourceManager('DEFAULT').requests.current).toBe(0)
    expect(stats.upstreamRqPendingActive.value()).toBe(0)
  })

  it('offers what the transport socket is told to offer instead', async () => {
    const cluster = clusterOn(
      await start(['h2', 'http/1.1']),
      undefined,
      ', common_tls_context: {alpn_protocols: [http/1.1]}',
    )
    expect(await exchange(cluster, '/')).toMatchObject({ status: 200, protocol: 'HTTP/1.1' })
  })

  it('is refused without a transport socket that can agree on a protocol', () => {
    const type = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
    const more = `  typed_extension_protocol_options: {${type}: {"@type": type.googleapis.com/${type}, auto_config: {}}}`
    expect(() => startCluster(staticClusterYaml(['127.0.0.1:1'], more), serverContext())).toThrow(
      'ALPN configured for cluster c which has a non-ALPN transport socket',
    )
  })
})

it('explicit HTTP/2 over TLS offers h2', async () => {
  const cluster = clusterOn(await start(['h2']), 'explicit_http_config: {http2_protocol_options: {}}')
  expect(await exchange(cluster, '/')).toMatchObject({ status: 200, protocol: 'HTTP/2' })
})
