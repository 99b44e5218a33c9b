/** The call of a rate limit service as the service sees it, and what becomes of answers that are none, byte by byte. */
import type { Http2ReplyStep } from '../../support/http2_backend.ts'
import type { ParityCase, ParitySuite, Step } from '../case.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, HTTP_LOG, httpFilter, httpListener } from '../yaml.ts'
import { frame } from './grpc_messages.ts'

const LIMITED = `
- name: all
  domains: ["*"]
  routes:
  - { match: { prefix: "/" }, route: { cluster: main, rate_limits: [ { actions: [ { request_headers: { header_name: x-key, descriptor_key: k, skip_if_absent: true } }, { generic_key: { descriptor_value: v } } ] } ] } }
`
const METADATA = [
  '{ key: X-One, value: "%PROTOCOL% %REQ(:path)% %REQ(te)%" }',
  '{ key: text-bin, value: a }',
  '{ key: text-bin, value: ab }',
  '{ key: x-raw, raw_value: AAEC }',
  '{ key: x-one-more, value: "" }',
  '{ key: x-twice, value: first }',
  '{ key: x-twice, value: second }',
  '{ key: user-agent, value: me }',
  '{ key: x-envoy-internal, value: maybe }',
  '{ key: x-forwarded-for, value: 10.0.0.1 }',
]

interface Way {
  readonly target?: string
  readonly metadata?: readonly string[]
  readonly timeout?: string
}

/** One listener for each way to ask. */
const ways: Readonly<Record<string, Way>> = {
  plain: {},
  fraction: { timeout: '20.0005s' },
  long: { timeout: '200000s' },
  tiny: { timeout: '0.0005s' },
  endless: { timeout: '0s' },
  /** Long enough for half an answer on a busy machine. */
  short: { timeout: '1s' },
  named: { target: 'cluster_name: rls, authority: rate.test, skip_envoy_headers: true' },
  metadata: { metadata: METADATA },
  small: { target: 'cluster_name: rls, max_receive_message_length: 2' },
  full: { target: 'cluster_name: full' },
  waiting: { target: 'cluster_name: waiting' },
  http1: { target: 'cluster_name: main' },
}

function listener(name: string, { target = 'cluster_name: rls', metadata = [], timeout = '20s' }: Way): string {
  const service = `{ envoy_grpc: { ${target} }, initial_metadata: [ ${metadata.join(', ')} ] }`
  const config = `domain: d, timeout: ${timeout}, failure_mode_deny: true, rate_limit_service: { transport_api_version: V3, grpc_service: ${service} }`
  const filters = httpFilter('ratelimit', 'RateLimit', config)
  return httpListener({ name, filters, virtualHosts: LIMITED, logFormat: HTTP_LOG })
}

const HTTP2 = 'http2_protocol_options: {}'
const service = (name: string, more = HTTP2) => cluster(name, more, '{{backend:rls}}')
const breaker = (limits: string) => `${HTTP2}\ncircuit_breakers: { thresholds: [ { ${limits} } ] }`

const ok = frame('\x08\x01')
const over = frame('\x08\x02')
const head = { headers: { ':status': 200, 'content-type': 'application/grpc' } }
const trailers = (fields: Record<string, string> = { 'grpc-status': '0' }) => ({ trailers: fields })
const headOnly = (status: number, fields: Record<string, string> = {}): Http2ReplyStep[] => [
  { headers: { ':status': status, 'content-type': 'application/grpc', ...fields }, end: true },
]
const message = (...data: readonly string[]): Http2ReplyStep[] => [
  head,
  ...data.map((each) => ({ data: each })),
  trailers(),
]
/** Never answers. */
const silence: Http2ReplyStep[] = [{ pauseMs: 0 }]

const call = (
  name: string,
  reply: readonly Http2ReplyStep[] = message(ok),
  at = 'plain',
  steps: readonly Step[] = [get('/'), { waitFor: 'HTTP/1.1 ' }],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `rate limit call: ${name}`,
  listener: at,
  steps,
  http2Replies: [reply],
  stats:
    '^cluster\\.(main|rls|full|waiting)\\..*(ratelimit|upstream_rq_|reset|upstream_cx_(total|http|close|destroy|none))|async-client',
  ...more,
})
const asked = (name: string, at: string, path = '/', ...fields: string[]) =>
  call(name, message(ok), at, [get(path, ...fields), { waitFor: 'HTTP/1.1 ' }])

export const rateLimitCallSuite: ParitySuite = {
  name: 'rate limit call',
  backends: ['main'],
  http2Backends: ['rls'],
  yaml: bootstrap(
    Object.entries(ways).map(([name, way]) => listener(name, way)),
    [
      cluster('main'),
      service('rls'),
      service('full', breaker('max_requests: 0')),
      service('waiting', breaker('max_pending_requests: 0')),
    ],
  ),
  cases: [
    ...Object.keys(ways)
      .filter((name) => name !== 'http1' && name !== 'short')
      .map((name) => asked(name, name, '/a?b', 'te: trailers')),
    asked('a longer message', 'plain', '/', `x-key: ${'k'.repeat(300)}`),
    call('to HTTP/1.1', undefined, 'http1', undefined, {
      reply: `HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ncontent-length: 7\r\n\r\n${ok}`,
    }),
    call('over the limit', message(over)),
    call('a message in pieces', message(over.slice(0, 3), over.slice(3, 6), over.slice(6))),
    call('the last of two messages', message(ok + over)),
    call('no message', [head, trailers()]),
    call('an empty message', message(frame(''))),
    call('half a message', message(over.slice(0, 6))),
    call('a message and more', message(over + ok.slice(0, 6))),
    call('what is no message of the service', message(frame('\xff\xff'))),
    call('a compressed message', message(frame('\x08\x01', 1))),
    call('a message that is too large', message(frame('\x08\x01\x08')), 'small'),
    call('a message that is not too large', message(over), 'small'),
    call('no status', [head, { data: ok }, trailers({ 'x-other': '0' })]),
    call('a status that is no number', [head, { data: ok }, trailers({ 'grpc-status': 'x' })]),
    call('a status after the message', [head, { data: ok }, trailers({ 'grpc-status': '7', 'grpc-message': 'n%20o' })]),
    call('no trailers', [head, { data: ok, end: true }]),
    call('a status alone', headOnly(200, { 'grpc-status': '7', 'grpc-message': 'no' })),
    call('that all is well and nothing else', headOnly(200, { 'grpc-status': '0' })),
    call('a head alone', headOnly(200)),
    call('503', headOnly(503)),
    call('503 with a status', headOnly(503, { 'grpc-status': '0' })),
    call('404 with a body', [{ headers: { ':status': 404 } }, { data: 'not found', end: true }]),
    call('another content type', [{ headers: { ':status': 200 } }, { data: ok }, trailers()]),
    call('a reset', [{ rst: 2 }]),
    call('a reset after the head', [head, { data: ok }, { rst: 2 }]),
    call('a refused stream', [{ rst: 7 }]),
    call('the end of the connection', [{ destroy: true }]),
    call('a connection that ends with it', [{ goAway: 0 }, ...message(ok)]),
    call('no answer in time', silence, 'short'),
    call('half an answer in time', [head, { data: ok.slice(0, 3) }], 'short'),
    call('a client that goes', silence, 'plain', [get('/'), { waitBackend: 'body' }, { reset: true }], {
      logLines: 0,
    }),
  ],
}
