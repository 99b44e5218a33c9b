/** Pieces of YAML that the suites of this folder share. */
import { accessLog, indent } from '../yaml.ts'

export const STATS = '^(tcp\\.|cluster\\.|listener\\.|connection_limit\\.|tcp_local_rate_limit\\.|local_rate_limit\\.)'
export const TYPE = 'type.googleapis.com/envoy.extensions.filters.network'
const LOG =
  'rx=%BYTES_RECEIVED% tx=%BYTES_SENT% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% host=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% ' +
  'attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% end=%CONNECTION_TERMINATION_DETAILS% chain=%FILTER_CHAIN_NAME% ' +
  'fail=%UPSTREAM_TRANSPORT_FAILURE_REASON% wire=%DOWNSTREAM_WIRE_BYTES_RECEIVED%/%DOWNSTREAM_WIRE_BYTES_SENT%/%UPSTREAM_WIRE_BYTES_RECEIVED%/%UPSTREAM_WIRE_BYTES_SENT%'

export function tcpProxy(fields: string, prefix = 't', log = LOG, logPrefix?: string): string {
  return `
- name: envoy.filters.network.tcp_proxy
  typed_config:
    "@type": ${TYPE}.tcp_proxy.v3.TcpProxy
    stat_prefix: ${prefix}
${indent(fields, 4)}
    access_log:
${indent(accessLog(log, logPrefix), 4)}
`
}

export function listener(name: string, filters: string, more = '', chain = ''): string {
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
${indent(more, 2)}
  filter_chains:
  - filters:
${indent(filters, 4)}
${indent(chain, 4)}
`
}

export const direct = (text: string) =>
  `- { name: envoy.filters.network.direct_response, typed_config: { "@type": ${TYPE}.direct_response.v3.Config, response: { inline_string: "${text}" } } }`
