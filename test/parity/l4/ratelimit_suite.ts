/** envoy.filters.network.ratelimit: connections wait for a service's answer; and what runtime says of both rate limit filters. */
import type { RateLimitReply } from '../../support/rate_limit_service.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, httpFilter, httpListener, routes } from '../yaml.ts'
import { listener, TYPE, tcpProxy } from './l4_yaml.ts'

const HTTP2 =
  'typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, explicit_http_config: { http2_protocol_options: {} } } }'
const serviceOf = (name: string) =>
  `rate_limit_service: { transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: ${name} } } }`
const LOG =
  'rx=%BYTES_RECEIVED% tx=%BYTES_SENT% %RESPONSE_FLAGS% end=%CONNECTION_TERMINATION_DETAILS% metadata=%DYNAMIC_METADATA(envoy.filters.network.ratelimit)%'
const ENTRIES = 'entries: [ { key: k, value: v } ]'
const ECHO = `- { name: echo, typed_config: { "@type": ${TYPE}.echo.v3.Echo } }`
const limited = (
  name: string,
  fields: string,
  service = 'rls',
  last = tcpProxy('cluster: main', 't', LOG),
  more = '',
) =>
  listener(
    name,
    `- name: envoy.filters.network.ratelimit\n  typed_config: { "@type": ${TYPE}.ratelimit.v3.RateLimit, stat_prefix: ${name}, domain: d, ${serviceOf(service)}, ${fields} }\n${last.trim()}`,
    more,
  )
const PATIENT = 'timeout: 5s'
const plain = `${PATIENT}, descriptors: [ { ${ENTRIES} } ]`

const clusters = [cluster('main'), cluster('rls', HTTP2, '{{rls}}'), cluster('refused', HTTP2, '1')]

const listeners = [
  limited('plain', plain),
  limited('deny', `${plain}, failure_mode_deny: true`),
  limited('short', `timeout: 0.2s, failure_mode_deny: true, descriptors: [ { ${ENTRIES} } ]`),
  limited('refused', `${plain}, failure_mode_deny: true`, 'refused'),
  limited('gone', plain, 'gone'),
  limited(
    'several',
    `${PATIENT}, descriptors: [ { entries: [ { key: k, value: v }, { key: ip, value: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%" } ] }, { entries: [ { key: none, value: "a %REQ(x)%" } ] } ]`,
  ),
  limited('small', plain, 'rls', ECHO, 'per_connection_buffer_limit_bytes: 1024'),
  limited('echo', plain, 'rls', ECHO),
  limited('hits', `${PATIENT}, descriptors: [ { ${ENTRIES}, hits_addend: 5 } ]`),
  limited('limit', `${PATIENT}, descriptors: [ { ${ENTRIES}, limit: { requests_per_unit: 5, unit: HOUR } } ]`),
]

const one = (
  name: string,
  listenerName: string,
  rateLimit: RateLimitReply | undefined,
  steps: ParityCase['steps'],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `network rate limit: ${name}`,
  listener: listenerName,
  steps,
  stats: '^(ratelimit\\.|tcp\\.|cluster\\.(rls|refused)\\..*upstream_rq_|listener\\..*downstream_cx)',
  // What no TCP proxy logs.
  ...(['echo', 'small'].includes(listenerName) ? { logLines: 0 } : {}),
  ...(rateLimit === undefined ? {} : { rateLimit }),
  ...more,
})
const over: RateLimitReply = { response: { overallCode: 'OVER_LIMIT' } }
const failure: RateLimitReply = { error: { code: 13, details: 'broken' } }
const PING = ['ping', { waitFor: 'echo(ping)' }]
const CLOSED = [{ waitClosed: true }] as const

const backend = {
  backends: ['main'],
  rateLimitService: true,
  scripts: { main: { raw: true, onEnd: (connection) => connection.finish('bye') } },
} satisfies Partial<ParitySuite>

export const networkRateLimitSuite: ParitySuite = {
  name: 'network rate limit',
  yaml: bootstrap(listeners, clusters),
  ...backend,
  cases: [
    one('all is well', 'plain', undefined, PING),
    one('data before the answer', 'plain', { response: { overallCode: 'OK' }, delayMs: 100 }, PING),
    one('an end before the answer', 'plain', { response: { overallCode: 'OK' }, delayMs: 100 }, [
      'ping',
      { halfClose: true },
      { waitFor: 'bye' },
    ]),
    ...['echo', 'small'].flatMap((name) => [
      one(`${name}, data before the answer`, name, { response: { overallCode: 'OK' }, delayMs: 100 }, [
        'ping',
        { waitFor: 'ping' },
        'pong',
        { waitFor: 'pong' },
      ]),
      one(`${name}, much data before the answer`, name, { response: { overallCode: 'OK' }, delayMs: 100 }, [
        'x'.repeat(100_000),
        { waitCount: ['x', 100_000] },
      ]),
      one(`${name}, an end before an answer that never comes`, name, { silent: true }, [
        'ping',
        { quietMs: 100 },
        { halfClose: true },
        { waitClosed: true },
      ]),
    ]),
    one('over the limit', 'plain', over, CLOSED),
    one('over the limit, with data', 'plain', over, ['ping', ...CLOSED]),
    one('an unknown answer', 'plain', { response: {} }, PING),
    one('a service that fails', 'plain', failure, PING),
    one('a service that fails, and nobody may pass', 'deny', failure, CLOSED),
    // The service's own library may end the call a moment before the proxy does: what the cluster counts is chance.
    one('no answer in time', 'short', { silent: true }, CLOSED, { stats: '^(ratelimit|tcp)\\.' }),
    one('a service that is not there', 'refused', undefined, CLOSED),
    one('a cluster that is not there', 'gone', undefined, PING),
    one('a client that goes away', 'plain', { silent: true }, [{ quietMs: 100 }, { reset: true }]),
    one('several descriptors, with formats', 'several', undefined, PING),
    one('hits', 'hits', undefined, PING),
    one('a limit of its own', 'limit', undefined, PING),
    one(
      'metadata',
      'plain',
      { response: { overallCode: 'OVER_LIMIT', dynamicMetadata: { a: { b: 'c' } }, rawBody: Buffer.from('x') } },
      CLOSED,
    ),
  ],
}

const runtimeSuite = (name: string, layer: string): ParitySuite => ({
  name: `rate limits by runtime, ${name}`,
  yaml: bootstrap(
    [
      limited('plain', plain),
      httpListener({
        name: 'http',
        filters: httpFilter('ratelimit', 'RateLimit', `domain: d, ${PATIENT}, ${serviceOf('rls')}`),
        virtualHosts: routes(
          '- { match: { prefix: "/" }, route: { cluster: main, rate_limits: [ { actions: [ { generic_key: { descriptor_value: rt } } ] } ] } }',
        ),
      }),
    ],
    clusters,
    `layered_runtime: { layers: [ { name: static, static_layer: { ${layer} } } ] }`,
  ),
  ...backend,
  cases: [
    one(`${name}, connection`, 'plain', over, PING),
    one(`${name}, request`, 'http', over, [get('/')], {
      stats: '^cluster\\.(main|rls)\\..*(ratelimit|upstream_rq_)',
      replyAt: 'connect',
      reply: 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
    }),
  ],
})

export const runtimeRateLimitSuites: readonly ParitySuite[] = [
  runtimeSuite('not enabled', 'ratelimit.tcp_filter_enabled: 0, ratelimit.http_filter_enabled: 0'),
  runtimeSuite('not enforced', 'ratelimit.tcp_filter_enforcing: 0, ratelimit.http_filter_enforcing: 0'),
]
