/** Hosts under health checks of every kind, and how each is found. */
import type { HealthBackends } from '../../support/xds/health_backends.ts'

const TLS_CONTEXT = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'

/** Long enough for a machine that has much to do; checks that are to be late wait for `soon`. */
const timings = { timeout: 5000, interval: 200, noTrafficInterval: 200, unhealthyThreshold: 2, healthyThreshold: 2 }
const soon = { timeout: 300 }
export const httpCheck = (path: string, more: object = {}) => ({ ...timings, httpHealthCheck: { path, ...more } })
const tcp = (send: string | undefined, receive: readonly string[] = [], more: object = {}) => {
  const hex = (text: string) => ({ text: Buffer.from(text).toString('hex') })
  const tcpHealthCheck = { ...(send === undefined ? {} : { send: hex(send) }), receive: receive.map(hex), ...more }
  return { ...timings, tcpHealthCheck }
}
const grpc = (serviceName: string, more: object = {}) => ({ ...timings, grpcHealthCheck: { serviceName, ...more } })
const range = (start: number, end: number) => ({ start, end })

interface Checked {
  readonly port: (backends: HealthBackends) => number
  readonly check: object
  /** As the server is told, with the status of the answer if there was one. */
  readonly health: string
  readonly endpoint?: (backends: HealthBackends) => object
  readonly cluster?: object
}

const toHttp = (check: object, health: string, endpoint?: Checked['endpoint']): Checked => {
  return { port: (of) => of.http.port, check, health, ...(endpoint && { endpoint }) }
}
const toTcp = (check: object, health: string): Checked => ({ port: (of) => of.tcp.port, check, health })
const toHttp2 = (check: object, health: string): Checked => ({ port: (of) => of.http2.port, check, health })

/** Transport sockets: the check asks for one by its criteria. */
const overTls = {
  transportSocketMatches: [
    {
      name: 'secured',
      match: { secured: true },
      transportSocket: { name: 'tls', typedConfig: { typeUrl: TLS_CONTEXT, value: { sni: 'host.test' } } },
    },
  ],
}
const secured = { transportSocketMatchCriteria: { secured: true } }

export const checkedClusters: Readonly<Record<string, Checked>> = {
  healthy: toHttp(httpCheck('/ok'), 'HEALTHY 200'),
  failing: toHttp(httpCheck('/fail'), 'UNHEALTHY 500'),
  unavailable: toHttp(httpCheck('/unavailable'), 'UNHEALTHY 503'),
  degraded: toHttp(httpCheck('/degraded'), 'UNHEALTHY 200'),
  immediate: toHttp(httpCheck('/immediate'), 'UNHEALTHY 500'),
  expected: toHttp(httpCheck('/found', { expectedStatuses: [range(201, 205)] }), 'HEALTHY 204'),
  not_expected: toHttp(httpCheck('/ok', { expectedStatuses: [range(201, 205)] }), 'UNHEALTHY 200'),
  retriable: toHttp(httpCheck('/unavailable', { retriableStatuses: [range(500, 504)] }), 'UNHEALTHY 503'),
  late: toHttp({ ...httpCheck('/hang'), ...soon }, 'TIMEOUT'),
  nonsense: toHttp(httpCheck('/nonsense'), 'UNHEALTHY'),
  until_close: toHttp(httpCheck('/until_close'), 'HEALTHY 200'),
  closing: toHttp(httpCheck('/close'), 'HEALTHY 200'),
  refused: { port: (of) => of.refusedPort, check: httpCheck('/ok'), health: 'UNHEALTHY' },
  own_host: toHttp(httpCheck('/ok', { host: 'own.test' }), 'HEALTHY 200'),
  host_of_endpoint: toHttp(httpCheck('/ok', { host: 'own.test' }), 'HEALTHY 200', () => ({
    hostname: 'no.test',
    healthCheckConfig: { hostname: 'endpoint.test' },
  })),
  port_of_endpoint: {
    port: (of) => of.refusedPort,
    check: httpCheck('/ok'),
    health: 'HEALTHY 200',
    endpoint: (of) => ({ healthCheckConfig: { portValue: of.http.port } }),
  },
  address_of_endpoint: {
    port: (of) => of.refusedPort,
    check: httpCheck('/ok'),
    health: 'HEALTHY 200',
    endpoint: (of) => ({
      healthCheckConfig: { address: { socketAddress: { address: '127.0.0.1', portValue: of.http.port } } },
    }),
  },
  head: toHttp(httpCheck('/ok', { method: 'HEAD' }), 'HEALTHY 200'),
  post: toHttp(httpCheck('/ok', { method: 'POST', send: { text: '616263' } }), 'HEALTHY 200'),
  put: toHttp(httpCheck('/ok', { method: 'PUT' }), 'HEALTHY 200'),
  headers: toHttp(
    httpCheck('/ok', {
      requestHeadersToAdd: [
        { header: { key: 'x-from', value: '%DOWNSTREAM_LOCAL_ADDRESS% %PROTOCOL% %UPSTREAM_CLUSTER%.' } },
        { header: { key: 'User-Agent', value: 'mine' } },
      ],
    }),
    'HEALTHY 200',
  ),
  other_agent: toHttp(
    httpCheck('/ok', {
      requestHeadersToRemove: ['user-agent'],
      requestHeadersToAdd: [
        { header: { key: 'x-one', value: '1' } },
        { header: { key: 'x-one', value: '2' }, appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' },
      ],
    }),
    'HEALTHY 200',
  ),
  body: toHttp(httpCheck('/ok', { receive: [{ text: '616c6c' }, { binary: Buffer.from('well') }] }), 'HEALTHY 200'),
  wrong_body: toHttp(httpCheck('/ok', { receive: [{ text: '77656c6c' }, { text: '616c6c' }] }), 'UNHEALTHY 200'),
  long_body: toHttp(httpCheck('/ok', { receive: [{ text: '77656c6c' }], responseBufferSize: 6 }), 'UNHEALTHY 200'),
  named: toHttp(httpCheck('/named', { serviceNameMatcher: { prefix: 'ri' } }), 'HEALTHY 200'),
  not_named: toHttp(httpCheck('/ok', { serviceNameMatcher: { exact: 'right' } }), 'UNHEALTHY 200'),
  connected: toTcp(tcp(undefined), 'HEALTHY'),
  connected_only: toTcp(tcp('never sent'), 'HEALTHY'),
  pong: toTcp(tcp('ping pong', ['po', 'ng']), 'HEALTHY'),
  slow_pong: toTcp(tcp('slow', ['po', 'ng']), 'HEALTHY'),
  wrong_pong: toTcp({ ...tcp('ping wrong', ['gnop']), ...soon }, 'TIMEOUT'),
  binary_ping: toTcp(
    { ...timings, ...soon, tcpHealthCheck: { send: { binary: Buffer.from('ping') }, receive: [{ text: '70' }] } },
    'TIMEOUT',
  ),
  proxy_v1: toTcp(tcp('ping v1', ['pong'], { proxyProtocolConfig: { version: 'V1' } }), 'HEALTHY'),
  proxy_v2: toTcp(tcp('ping v2', ['pong'], { proxyProtocolConfig: { version: 'V2' } }), 'HEALTHY'),
  pong_once: toTcp({ ...tcp('ping once', ['pong']), reuseConnection: false }, 'HEALTHY'),
  rude: { port: (of) => of.rudePort, check: tcp('ping rude', ['pong']), health: 'UNHEALTHY' },
  h2: toHttp2(httpCheck('/ok', { codecClientType: 'HTTP2' }), 'HEALTHY 200'),
  h2_failing: toHttp2(httpCheck('/fail', { codecClientType: 'HTTP2' }), 'UNHEALTHY 500'),
  h2_late: toHttp2({ ...httpCheck('/hang', { codecClientType: 'HTTP2' }), ...soon }, 'TIMEOUT'),
  h2_reset: toHttp2(httpCheck('/reset', { codecClientType: 'HTTP2' }), 'UNHEALTHY'),
  h2_leaving: toHttp2(httpCheck('/leaving', { codecClientType: 'HTTP2' }), 'HEALTHY 200'),
  h2_gone: toHttp2(httpCheck('/gone', { codecClientType: 'HTTP2' }), 'UNHEALTHY'),
  h2_of_http1: toHttp(httpCheck('/ok', { codecClientType: 'HTTP2' }), 'UNHEALTHY'),
  serving: toHttp2(grpc('serving'), 'HEALTHY'),
  as_a_whole: toHttp2(grpc('', { authority: 'whole.test' }), 'HEALTHY'),
  not_serving: toHttp2(grpc('not_serving'), 'UNHEALTHY'),
  unknown: toHttp2(grpc('unknown'), 'UNHEALTHY'),
  without_status: toHttp2(grpc('no_status'), 'UNHEALTHY'),
  without_gRPC: toHttp2(grpc('no_grpc'), 'UNHEALTHY'),
  gateway: toHttp2(grpc('gateway'), 'UNHEALTHY'),
  gRPC_late: toHttp2({ ...grpc('hang'), ...soon }, 'TIMEOUT'),
  gRPC_gone: toHttp2(grpc('gone'), 'UNHEALTHY'),
  metadata: toHttp2(grpc('serving', { initialMetadata: [{ header: { key: 'x-tenant', value: 'one' } }] }), 'HEALTHY'),
  tls: {
    port: (of) => of.tls.port,
    check: { ...httpCheck('/ok'), ...secured },
    health: 'HEALTHY 200',
    cluster: overTls,
  },
  alpn: {
    port: (of) => of.tls.port,
    check: { ...httpCheck('/ok'), ...secured, tlsOptions: { alpnProtocols: ['checks'] } },
    health: 'HEALTHY 200',
    cluster: overTls,
  },
  plain_to_tls: { port: (of) => of.tls.port, check: httpCheck('/ok'), health: 'UNHEALTHY', cluster: overTls },
}
