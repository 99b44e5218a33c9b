/** Pieces of YAML and steps that the suites of this folder share. */
import type { ParityCase, ParitySuite, Step } from '../case.ts'
import { accessLog, bootstrap, indent } from '../yaml.ts'

/** Says whose line it is by the socket's own ports, which a PROXY header does not change. */
export const PREFIX = '%DOWNSTREAM_DIRECT_LOCAL_PORT%:%DOWNSTREAM_DIRECT_REMOTE_PORT%|'
export const LOG =
  'chain=%FILTER_CHAIN_NAME% sni=%REQUESTED_SERVER_NAME% flags=%RESPONSE_FLAGS% details=%RESPONSE_CODE_DETAILS% ' +
  'fail=%DOWNSTREAM_TRANSPORT_FAILURE_REASON% rx=%BYTES_RECEIVED% tx=%BYTES_SENT% close=%DOWNSTREAM_DETECTED_CLOSE_TYPE% ' +
  'reason=%DOWNSTREAM_LOCAL_CLOSE_REASON%'

export const TYPE = 'type.googleapis.com/envoy.extensions.filters'
export const ECHO = `- { name: envoy.filters.network.echo, typed_config: { "@type": ${TYPE}.network.echo.v3.Echo } }`

/** `name: match` of each chain; `default` is the default chain. All echo. */
export type Chains = Readonly<Record<string, string>>

export function listenerFilter(name: string, message: string, fields = '', more = ''): string {
  return `
- name: envoy.filters.listener.${name}
  typed_config:
    "@type": ${TYPE}.listener.${name}.v3.${message}
${indent(fields, 4)}
${indent(more, 2)}
`
}

export const tlsInspector = (fields = '', more = '') => listenerFilter('tls_inspector', 'TlsInspector', fields, more)
export const httpInspector = (more = '') => listenerFilter('http_inspector', 'HttpInspector', '', more)
export const proxyProtocol = (fields = '', more = '') => listenerFilter('proxy_protocol', 'ProxyProtocol', fields, more)

export function listener(name: string, filters: readonly string[], chains: Chains = {}, more = '', log = LOG): string {
  const { default: fallback, ...matched } = chains
  const list = Object.entries(matched).map(
    ([chain, match]) => `- name: ${chain}\n  filter_chain_match: ${match}\n  filters:\n${indent(ECHO, 2)}`,
  )
  if (list.length === 0) list.push(`- name: only\n  filters:\n${indent(ECHO, 2)}`)
  const byDefault =
    fallback === undefined ? '' : `default_filter_chain:\n  name: default\n  filters:\n${indent(ECHO, 2)}`
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  listener_filters:
${filters.map((filter) => indent(filter, 2)).join('\n')}
${indent(more, 2)}
  access_log:
${indent(accessLog(log, PREFIX), 2)}
  filter_chains:
${indent(list.join('\n'), 2)}
${indent(byDefault, 2)}
`
}

const STATS =
  '^(tls_inspector|http_inspector|proxy_proto|downstream_cx_proxy|listener_local_ratelimit|listener\\..*(downstream|no_filter))'

/** Sends bytes and waits for the echo of them, or for the end. */
export function sends(name: string, to: string, bytes: Buffer | string, more: Partial<ParityCase> = {}): ParityCase {
  const text = typeof bytes === 'string' ? bytes : bytes.toString('latin1')
  return { name, listener: to, steps: [text], stats: STATS, quietMs: 50, ...more }
}

/** As above, in pieces that arrive apart. */
export function sendsPieces(name: string, to: string, pieces: readonly (Buffer | string)[]): ParityCase {
  const steps = pieces.flatMap((piece): Step[] => [
    typeof piece === 'string' ? piece : piece.toString('latin1'),
    { quietMs: 15 },
  ])
  return { name, listener: to, steps, stats: STATS, quietMs: 50 }
}

export function suite(
  name: string,
  listeners: readonly string[],
  cases: readonly ParityCase[],
  more = '',
): ParitySuite {
  return { name, yaml: bootstrap(listeners, ['- { name: unused, type: STATIC }'], more), cases }
}
