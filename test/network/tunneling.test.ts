import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EchoBackend } from '../support/echo_backend.ts'
import { type ProxyProcess, startProxy } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'

// Tunnels from one listener to another of the same proxy, which takes the bytes out again.
const type = 'type.googleapis.com/envoy.extensions'
const http2 = `
    typed_extension_protocol_options:
      envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": ${type}.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } }`

const cluster = (name: string, address: string, more = '') => `
  - name: ${name}
    load_assignment: { cluster_name: ${name}, endpoints: [ { lb_endpoints: [ { endpoint: { address: { ${address} } } } ] } ] }${more}`

const entrance = (name: string, to: string, more = '') => `
  - name: ${name}
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    filter_chains:
    - filters:
      - name: t
        typed_config:
          "@type": ${type}.filters.network.tcp_proxy.v3.TcpProxy
          stat_prefix: ${name}
          cluster: ${to}
          tunneling_config: { hostname: "a.test:1"${more} }`

const yaml = (tcpPort: number, httpPort: number) => `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:${entrance('http1', 'end1')}${entrance('http2', 'end2')}${entrance('post', 'web', ', use_post: true')}
  - name: end
    address: { pipe: { path: "{{dir}}/end" } }
    filter_chains:
    - filters:
      - name: h
        typed_config:
          "@type": ${type}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: end
          upgrade_configs: [ { upgrade_type: CONNECT } ]
          http2_protocol_options: { allow_connect: true }
          http_filters: [ { name: r, typed_config: { "@type": ${type}.filters.http.router.v3.Router } } ]
          route_config:
            virtual_hosts:
            - name: v
              domains: ["*"]
              routes:
              - match: { connect_matcher: {} }
                route: { cluster: tcp, timeout: 0s, upgrade_configs: [ { upgrade_type: CONNECT, connect_config: {} } ] }
  clusters:${cluster('end1', 'pipe: { path: "{{dir}}/end" }')}${cluster('end2', 'pipe: { path: "{{dir}}/end" }', http2)}${cluster('tcp', `socket_address: { address: 127.0.0.1, port_value: ${tcpPort} }`)}${cluster('web', `socket_address: { address: 127.0.0.1, port_value: ${httpPort} }`)}
`

let proxy: ProxyProcess
let echo: Server
let web: EchoBackend

beforeAll(async () => {
  echo = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1')
  await once(echo, 'listening')
  web = await EchoBackend.start({
    onHead: ({ connection }) => connection.send('HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nbye'),
  })
  proxy = await startProxy('nuncio', yaml((echo.address() as { port: number }).port, web.port), ['--concurrency', '1'])
})

afterAll(async () => {
  await proxy.stop()
  await web.stop()
  echo.close()
})

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

/** Sends everything at once; reads nothing until the first pause is over, so that all buffers on the way fill up. */
async function thereAndBack(port: number, bytes: Buffer): Promise<Buffer> {
  const socket: Socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  socket.write(bytes)
  await once(socket, 'readable')
  const chunks: Buffer[] = []
  let received = 0
  for await (const chunk of socket) {
    chunks.push(chunk)
    received += chunk.length
    if (received === bytes.length) break
  }
  return Buffer.concat(chunks)
}

describe.each(['http1', 'http2'])('a tunnel over %s', (name) => {
  it('carries many bytes both ways, whole and in order', async () => {
    const bytes = randomBytes(6 * 1024 * 1024)
    const received = await thereAndBack(proxy.port(name), bytes)
    expect(digest(received)).toBe(digest(bytes))
  }, 30_000)

  it('carries several at the same time', async () => {
    const all = Array.from({ length: 8 }, () => randomBytes(300_000))
    const received = await Promise.all(all.map((bytes) => thereAndBack(proxy.port(name), bytes)))
    expect(received.map(digest)).toEqual(all.map(digest))
  }, 30_000)
})

it('ends with an answer that has an end of its own', async () => {
  const client = await RawClient.connect(proxy.port('post'))
  await client.waitClosed()
  expect(client.text).toBe('bye')
  expect(client.errorCode).toBeUndefined()
})
