/** Entries for access log services, field by field, of HTTP requests and of connections. */
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, indent } from '../yaml.ts'

const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
const TCP_PROXY = 'type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy'
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
const LOGGERS = 'type.googleapis.com/envoy.extensions.access_loggers.grpc.v3'

const authority = new CertificateAuthority()
export const removeCertificates = (): void => authority.remove()
const server = authority.issue({ name: 'server', altNames: ['DNS:name.test', 'URI:spiffe://name.test/x'] })
const client = authority.issue({
  name: 'client',
  altNames: ['URI:spiffe://a.test/client', 'DNS:client.test', 'IP:10.0.0.1', 'email:a@client.test'],
})

const customTags = `
- { tag: literal, literal: { value: "text" } }
- { tag: of_environment, environment: { name: NUNCIO_NO_SUCH_VARIABLE, default_value: "by default" } }
- { tag: no_environment, environment: { name: NUNCIO_NO_SUCH_VARIABLE } }
- { tag: of_header, request_header: { name: X-A, default_value: "no x-a" } }
- { tag: no_header, request_header: { name: x-none } }
- { tag: of_route, metadata: { kind: { route: {} }, metadata_key: { key: rm, path: [ { key: s } ] } } }
- { tag: of_route_number, metadata: { kind: { route: {} }, metadata_key: { key: rm, path: [ { key: number } ] } } }
- { tag: of_route_true, metadata: { kind: { route: {} }, metadata_key: { key: rm, path: [ { key: yes_it_is } ] } } }
- { tag: of_route_list, metadata: { kind: { route: {} }, metadata_key: { key: rm, path: [ { key: l } ] } } }
- { tag: of_route_struct, metadata: { kind: { route: {} }, metadata_key: { key: rm, path: [ { key: o } ] } } }
- { tag: of_route_empty, metadata: { kind: { route: {} }, metadata_key: { key: rm, path: [ { key: e } ] } } }
- { tag: of_route_absent, metadata: { kind: { route: {} }, metadata_key: { key: rm, path: [ { key: x } ] }, default_value: "absent" } }
- { tag: of_cluster, metadata: { kind: { cluster: {} }, metadata_key: { key: cm, path: [ { key: s } ] } } }
- { tag: of_host, metadata: { kind: { host: {} }, metadata_key: { key: hm, path: [ { key: s } ] } } }
- { tag: of_request, metadata: { kind: { request: {} }, metadata_key: { key: none, path: [ { key: s } ] }, default_value: "none" } }
- { tag: of_format, value: "%PROTOCOL% of %REQ(x-a)%" }
- { tag: of_empty_format, value: "%REQ(x-none)%" }
`

function grpcLog(kind: 'http' | 'tcp', logName: string, common = '', more = '', service = 'als'): string {
  const message = kind === 'http' ? 'HttpGrpcAccessLogConfig' : 'TcpGrpcAccessLogConfig'
  return `
- name: envoy.access_loggers.${kind}_grpc
  typed_config:
    "@type": ${LOGGERS}.${message}
    common_config:
      log_name: ${logName}
      transport_api_version: V3
      buffer_flush_interval: 0.1s
      grpc_service: { envoy_grpc: { cluster_name: ${service} } }
${indent(common, 6)}
${indent(more, 4)}
`
}

const additional = `
additional_request_headers_to_log: [X-A, ":path", ":scheme", host, x-none, x-bytes]
additional_response_headers_to_log: [X-Up, ":status", x-twice]
additional_response_trailers_to_log: [X-Trailer]
`

const rm = '{ filter_metadata: { rm: { s: "text", number: 1.5, yes_it_is: true, l: [1, two], o: { k: v }, e: "" } } }'

function httpListener(name: string, log: string, listener = '', hcm = '', socket = ''): string {
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
${indent(listener, 2)}
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": ${HCM}
        stat_prefix: ${name}
        http_protocol_options: { enable_trailers: true, accept_http_10: true, default_host_for_http_10: old.test }
${indent(hcm, 8)}
        access_log:
${indent(log, 8)}
        http_filters:
        - { name: envoy.filters.http.router, typed_config: { "@type": ${ROUTER}, suppress_envoy_headers: true } }
        route_config:
          validate_clusters: false
          virtual_hosts:
          - name: all
            domains: ["*"]
            routes:
            - { match: { path: "/direct" }, direct_response: { status: 418, body: { inline_string: "no" } }, name: direct }
            - { match: { path: "/refused" }, route: { cluster: refused } }
            - { match: { path: "/hostless" }, route: { cluster: hostless } }
            - { match: { path: "/gone" }, route: { cluster: gone } }
            - { match: { path: "/rewritten" }, route: { cluster: main, prefix_rewrite: "/re" }, name: rewritten }
            - { match: { path: "/late" }, route: { cluster: main, timeout: 0.05s } }
            - { match: { prefix: "/p" }, route: { cluster: main }, name: all, metadata: ${rm} }
            - { match: { path: "/" }, route: { cluster: main }, name: all, metadata: ${rm} }
${indent(socket, 4)}
`
}

function tcpListener(name: string, log: string, proxyFields: string, listener = '', socket = ''): string {
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
${indent(listener, 2)}
  filter_chains:
  - filters:
    - name: envoy.filters.network.tcp_proxy
      typed_config:
        "@type": ${TCP_PROXY}
        stat_prefix: ${name}
${indent(proxyFields, 8)}
        access_log:
${indent(log, 8)}
${indent(socket, 4)}
`
}

const tlsSocket = `
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": ${TLS}
    common_tls_context:
      tls_certificates:
      - { certificate_chain: { filename: ${server.certPath} }, private_key: { filename: ${server.keyPath} } }
      validation_context: { trusted_ca: { filename: ${authority.certPath} } }
`
const inspector = `
listener_filters:
- name: envoy.filters.listener.tls_inspector
  typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector, enable_ja3_fingerprinting: true }
`

const yaml = bootstrap(
  [
    httpListener('main', grpcLog('http', 'requests', `custom_tags:\n${customTags}`, additional)),
    httpListener(
      'early',
      grpcLog('http', 'early'),
      '',
      'access_log_options: { flush_access_log_on_new_request: true }',
    ),
    httpListener('tls', grpcLog('http', 'tls'), inspector, '', tlsSocket),
    httpListener(
      'as_tcp',
      grpcLog('tcp', 'connections of requests', 'custom_tags: [ { tag: a, request_header: { name: x-a } } ]'),
    ),
    httpListener('lost', grpcLog('http', 'lost', 'buffer_size_bytes: 1', '', 'refused')),
    httpListener('buffered', grpcLog('http', 'buffered', 'buffer_size_bytes: 100000')),
    httpListener('tcp_of_http', grpcLog('http', 'tcp of http'), `access_log:\n${grpcLog('tcp', 'listener')}`),
    tcpListener(
      'tcp',
      grpcLog('tcp', 'connections', 'custom_tags: [ { tag: a, literal: { value: b } } ]'),
      'cluster: main',
    ),
    tcpListener('tcp_refused', grpcLog('tcp', 'connections'), 'cluster: refused'),
    tcpListener('tcp_as_http', grpcLog('http', 'requests of connections', '', additional), 'cluster: main'),
    tcpListener('tcp_tls', grpcLog('tcp', 'connections'), 'cluster: main', '', tlsSocket),
  ],
  [
    cluster('main', 'alt_stat_name: other_name\nmetadata: { filter_metadata: { cm: { s: "of cluster" } } }').replace(
      '      - endpoint',
      '      - metadata: { filter_metadata: { hm: { s: "of host" } } }\n        endpoint',
    ),
    cluster('refused', '', '1'),
    '- { name: hostless, connect_timeout: 1s }',
    cluster('als', http1Options('explicit_http_config: { http2_protocol_options: {} }'), '{{als}}'),
  ],
)

const twice = `HTTP/1.1 201 X\r\nx-up: é\r\nx-twice: 1\r\nx-twice: 2\r\ncontent-length: 4\r\n\r\nbody`
const withTrailers =
  'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx-trailer: t1\r\nx-trailer: t2\r\n\r\n'

const cases: ParityCase[] = [
  {
    name: 'a request',
    steps: [get('/', 'x-a: 1', 'X-A: 2', 'user-agent: ua', 'referer: from', 'x-forwarded-for: 1.2.3.4')],
    reply: twice,
  },
  { name: 'a request without fields', steps: [get()] },
  { name: 'a body', steps: [post('/p?q=1', 'some text')] },
  { name: 'a method of its own', steps: [request('PROPFIND', '/', [])] },
  ...['HEAD', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PATCH'].map((method) => ({
    name: `method ${method}`,
    steps: [request(method, '/', [])],
    reply: response(200, ''),
  })),
  {
    name: 'bytes that are no UTF-8',
    steps: [get('/p', 'x-a: \xc3\xa9', 'x-bytes: a\xc3', 'user-agent: \xe4')],
  },
  { name: 'HTTP/1.0', steps: ['GET / HTTP/1.0\r\nAccept: x\r\n\r\n'] },
  { name: 'trailers of a response', steps: [get()], reply: withTrailers },
  { name: 'a direct response', steps: [get('/direct')] },
  { name: 'no route', steps: [get('/nowhere')] },
  { name: 'no cluster', steps: [get('/gone')] },
  {
    name: 'a refused connection',
    steps: [get('/refused', 'x-envoy-retry-on: connect-failure', 'x-envoy-max-retries: 2')],
  },
  { name: 'a rewritten path', steps: [get('/rewritten?x=y', 'x-request-id: 00000000-0000-4000-8000-000000000000')] },
  { name: 'a timeout', steps: [get('/late'), { waitFor: 'timeout' }], reply: [{ waitFor: 'never' }] },
  { name: 'a backend that resets', steps: [get()], reply: [{ reset: true }] },
  { name: 'a broken request', steps: ['GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n'] },
  {
    name: 'a client that leaves',
    steps: [get(), { waitBackend: 'GET' }, { reset: true }],
    reply: [{ waitFor: 'never' }],
  },
  { name: 'two requests of a connection', steps: [get(), { waitFor: 'ok' }, get('/p')], logLines: 2 },
  {
    name: 'entries of a buffer',
    listener: 'buffered',
    steps: [
      get('/direct'),
      { waitFor: '\r\n\r\nno' },
      get('/direct'),
      { waitCount: ['\r\n\r\nno', 2] },
      get('/direct'),
    ],
    logLines: 3,
  },
  { name: 'nobody to send to', listener: 'lost', steps: [get('/direct')], logLines: 0 },
  {
    name: 'nobody to send to, twice',
    listener: 'lost',
    steps: [get('/direct'), { waitFor: 'no' }, { quietMs: 100 }, get('/direct')],
    logLines: 0,
  },
  { name: 'no host', steps: [get('/hostless')] },
  { name: 'a log of the listener', listener: 'tcp_of_http', steps: [get()], logLines: 2 },
  { name: 'an entry at the start of a request', listener: 'early', steps: [get()], logLines: 2 },
  {
    name: 'TLS without a certificate of the client',
    listener: 'tls',
    tls: { servername: 'name.test', minVersion: 'TLSv1.3' },
    steps: [get()],
  },
  {
    name: 'TLS with a certificate of the client',
    listener: 'tls',
    tls: { servername: 'name.test', maxVersion: 'TLSv1.2', cert: client.cert, key: client.key },
    steps: [get()],
  },
  { name: 'a log of connections gets requests', listener: 'as_tcp', steps: [post('/', 'text', 'x-a: 1')] },
  { name: 'a connection', listener: 'tcp', steps: ['hello', { waitBackend: 'hello' }, { halfClose: true }] },
  { name: 'a connection that is cut', listener: 'tcp', steps: ['hello', { waitBackend: 'hello' }, { reset: true }] },
  { name: 'a connection to nobody', listener: 'tcp_refused', steps: [{ waitClosed: true }] },
  { name: 'a log of requests gets connections', listener: 'tcp_as_http', steps: [get(), { waitFor: 'ok' }] },
  {
    name: 'a connection with TLS',
    listener: 'tcp_tls',
    tls: { servername: 'name.test', cert: client.cert, key: client.key },
    steps: [get(), { waitFor: 'ok' }],
  },
]

export const grpcAccessLogSuite: ParitySuite = {
  name: 'access log services',
  accessLogService: true,
  yaml,
  cases: cases.map((one) => ({
    ...one,
    name: `access log service: ${one.name}`,
    stats: '^access_logs\\.',
    normalize: [
      // Chosen by the kernel, the handshake and the client's connection.
      [/(upstream_local_address: "127\.0\.0\.1:)\d+/g, '$1<any>'],
      [/(tls_session_id: ")[0-9a-f]+/g, '$1<any>'],
    ],
  })),
}
