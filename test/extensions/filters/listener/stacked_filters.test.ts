import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { connect as connectTls, createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CertificateAuthority } from '../../../support/certificate_authority.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../../../support/proxy_process.ts'

// A PROXY header, then TLS or HTTP behind it: all listener filters see to the same connection, in both proxies alike.
const ca = new CertificateAuthority()
const own = ca.issue({ name: 'own', altNames: ['DNS:a.test', 'DNS:b.test'] })
const passed = ca.issue({ name: 'passed', altNames: ['DNS:c.test'] })

const type = 'type.googleapis.com/envoy.extensions'
const filter = (name: string, message: string) =>
  `{ name: envoy.filters.listener.${name}, typed_config: { "@type": ${type}.filters.listener.${name}.v3.${message} } }`
const tls = `transport_socket: { name: envoy.transport_sockets.tls, typed_config: { "@type": ${type}.transport_sockets.tls.v3.DownstreamTlsContext, common_tls_context: { alpn_protocols: [ http/1.1 ], tls_certificates: [ { certificate_chain: { filename: ${own.certPath} }, private_key: { filename: ${own.keyPath} } } ] } } }`
const said = [
  'chain=%FILTER_CHAIN_NAME%',
  'remote=%DOWNSTREAM_REMOTE_ADDRESS%',
  'local=%DOWNSTREAM_LOCAL_ADDRESS%',
  'direct=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%',
  'sni=%REQUESTED_SERVER_NAME%',
  'tls=%DOWNSTREAM_TLS_VERSION%',
].join(' ')
const http = `
      - name: h
        typed_config:
          "@type": ${type}.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: h
          http_filters: [ { name: r, typed_config: { "@type": ${type}.filters.http.router.v3.Router } } ]
          route_config:
            response_headers_to_add: [ { header: { key: x-said, value: "${said}" } } ]
            virtual_hosts: [ { name: v, domains: ["*"], routes: [ { match: { prefix: / }, direct_response: { status: 200 } } ] } ]`
const chain = (name: string, match: string, filters: string, more = '') => `
    - name: ${name}
      filter_chain_match: ${match}
      ${more}
      filters:${filters}`

const yaml = (port: number) => `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
  - name: main
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    listener_filters:
    - ${filter('proxy_protocol', 'ProxyProtocol')}
    - ${filter('tls_inspector', 'TlsInspector')}
    - ${filter('http_inspector', 'HttpInspector')}
    filter_chains:${chain('by_name', '{ server_names: [ a.test ] }', http, tls)}${chain(
      'by_name_and_source',
      '{ server_names: [ b.test ], source_prefix_ranges: [ { address_prefix: 9.0.0.0, prefix_len: 8 } ] }',
      http,
      tls,
    )}${chain(
      'by_port',
      '{ destination_port: 8443, transport_protocol: tls, application_protocols: [ http/1.1 ] }',
      http,
      tls,
    )}${chain(
      'passed_on',
      '{ server_names: [ c.test ] }',
      `
      - name: t
        typed_config: { "@type": ${type}.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: t, cluster: c }`,
    )}${chain('plain', '{ transport_protocol: raw_buffer, application_protocols: [ http/1.1 ] }', http)}
  clusters:
  - name: c
    load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } } } ] } ] }
`

const header = (port = 443) => `PROXY TCP4 9.2.3.4 10.0.0.1 5678 ${port}\r\n`
const GET = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'

/** What comes back for a request, over TLS where a server name is given; the reason where the connection breaks. */
async function ask(port: number, head: string, servername?: string): Promise<string> {
  const plain = connect(port, '127.0.0.1')
  await once(plain, 'connect')
  plain.write(head)
  const options = { socket: plain, servername, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }
  const socket = servername === undefined ? plain : connectTls(options)
  socket.write(GET)
  let text = ''
  try {
    for await (const data of socket) text += String(data)
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code)
  }
  return /x-said: (.*)\r\n/.exec(text)?.[1] ?? text
}

describe.each<ProxyKind>(['envoy', 'nuncio'])('listener filters behind each other in %s', (kind) => {
  let proxy: ProxyProcess
  let backend: Server

  beforeAll(async () => {
    const options = { key: readFileSync(passed.keyPath), cert: readFileSync(passed.certPath) }
    backend = createServer(options, (socket) => {
      socket.on('data', () => socket.end(`x-said: passed on for ${socket.servername}\r\n`))
    }).listen(0, '127.0.0.1')
    await once(backend, 'listening')
    proxy = await startProxy(kind, yaml((backend.address() as { port: number }).port), ['--concurrency', '1'])
  }, 30_000)

  afterAll(async () => {
    await proxy.stop()
    backend.close()
  })

  it('finds a chain by the server name', async () => {
    expect(await ask(proxy.port('main'), header(), 'a.test')).toBe(
      'chain=by_name remote=9.2.3.4:5678 local=10.0.0.1:443 direct=127.0.0.1 sni=a.test tls=TLSv1.3',
    )
  })

  it('finds a chain by the server name and the address that the header gave', async () => {
    expect(await ask(proxy.port('main'), header(), 'b.test')).toContain('chain=by_name_and_source remote=9.2.3.4:5678')
    expect(await ask(proxy.port('main'), header().replace('9.2.3.4', '8.2.3.4'), 'b.test')).toBe('ECONNRESET')
  })

  it('finds a chain by the port that the header gave, before any name', async () => {
    expect(await ask(proxy.port('main'), header(8443), 'a.test')).toContain('chain=by_port')
  })

  it('passes TLS on untouched', async () => {
    expect(await ask(proxy.port('main'), header(), 'c.test')).toBe('passed on for c.test')
  })

  it('finds a chain for plain HTTP', async () => {
    expect(await ask(proxy.port('main'), header())).toBe(
      'chain=plain remote=9.2.3.4:5678 local=10.0.0.1:443 direct=127.0.0.1 sni= tls=',
    )
  })

  it('closes what has no header, and what has no chain', async () => {
    expect(await ask(proxy.port('main'), '', 'a.test')).toBe('ECONNRESET')
    expect(await ask(proxy.port('main'), header(), 'd.test')).toBe('ECONNRESET')
  })
})

afterAll(() => ca.remove())
