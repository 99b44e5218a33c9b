/** The malformed corpus as parity suites: each raw request or response is one case on listeners that differ in one option. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../yaml.ts'
import { type CorpusListener, get, HOST, type RawRequestCase, type RawResponseCase } from './raw_case.ts'
import { framingRequests } from './requests_framing.ts'
import { headRequests } from './requests_head.ts'
import { rawResponses } from './responses.ts'

const LOG = '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %PROTOCOL%'
const SHORT_CLOSE = 'delayed_close_timeout: 0.02s'

const LISTENER_OPTIONS: Record<CorpusListener, string> = {
  plain: '',
  http10: 'http_protocol_options: { accept_http_10: true }',
  chunked_length: 'http_protocol_options: { allow_chunked_length: true }',
  tunnels: 'upgrade_configs: [ { upgrade_type: websocket }, { upgrade_type: CONNECT } ]',
  trailers: 'http_protocol_options: { enable_trailers: true }',
  lenient: 'normalize_path: true\nmerge_slashes: true\nstrip_trailing_host_dot: true',
}

const CLUSTER_OPTIONS: Partial<Record<CorpusListener, string>> = {
  chunked_length: 'http_protocol_options: { allow_chunked_length: true }',
  trailers: 'http_protocol_options: { enable_trailers: true }',
}

const listenerNames = Object.keys(LISTENER_OPTIONS) as CorpusListener[]

/** One request a connection upstream, so that no case sees what another left behind. */
function upstreamOptions(name: CorpusListener): string {
  return http1Options(`
common_http_protocol_options: { max_requests_per_connection: 1 }
explicit_http_config:
  ${CLUSTER_OPTIONS[name] ?? 'http_protocol_options: {}'}
`)
}

function yaml(): string {
  const listeners = listenerNames.map((name) =>
    httpListener({
      name,
      hcm: `${SHORT_CLOSE}\n${LISTENER_OPTIONS[name]}`,
      logFormat: LOG,
      virtualHosts: routes(`
- match: { connect_matcher: {} }
  route: { cluster: ${name} }
- match: { prefix: "/" }
  route: { cluster: ${name}, timeout: 0s }
`),
    }),
  )
  const clusters = listenerNames.map((name) => cluster(name, upstreamOptions(name), '{{backend}}'))
  return bootstrap(listeners, clusters)
}

function requestCase(one: RawRequestCase): ParityCase {
  const steps = one.second === undefined ? [one.raw] : [one.raw, { quietMs: 40 }, one.second]
  const tunnel = one.listener === 'tunnels'
  const switching = 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n'
  const established = 'HTTP/1.1 200 OK\r\n\r\n'
  const reply = one.raw.startsWith('CONNECT') ? established : switching
  return { name: `request: ${one.name}`, listener: one.listener ?? 'plain', steps, ...(tunnel ? { reply } : {}) }
}

function responseCase(one: RawResponseCase): ParityCase {
  const raw = one.method === 'HEAD' ? `HEAD / HTTP/1.1\r\n${HOST}\r\n` : get()
  return {
    name: `response: ${one.name}`,
    listener: one.listener ?? 'plain',
    steps: [raw],
    reply: one.finish === true ? [one.raw, { finish: true }] : [one.raw],
  }
}

export const corpusSuites: readonly ParitySuite[] = [
  { name: 'malformed requests, framing', yaml: yaml(), cases: framingRequests.map(requestCase) },
  { name: 'malformed requests, head', yaml: yaml(), cases: headRequests.map(requestCase) },
  { name: 'malformed responses', yaml: yaml(), cases: rawResponses.map(responseCase) },
]
