/** Listeners of a captured sidecar: those that the kernel sends connections to, and those that have no sockets. */
import { indent } from '../yaml.ts'

const TYPE = 'type.googleapis.com/envoy.extensions'

export const listenerFilter = (name: string, type: string): string =>
  `- { name: envoy.filters.listener.${name}, typed_config: { "@type": ${TYPE}.filters.listener.${name}.v3.${type} } }`

export const originalDst = listenerFilter('original_dst', 'OriginalDst')
export const httpInspector = listenerFilter('http_inspector', 'HttpInspector')

/** A filter chain that says its own name. */
export const answer = (name: string): string =>
  http(name, `{ direct_response: { status: 200, body: { inline_string: "${name}" } } }`)

/** A filter chain that does with every request what \`action\` says. */
export const http = (name: string, action: string): string => `
- name: ${name}
  filters:
  - name: hcm
    typed_config:
      "@type": ${TYPE}.filters.network.http_connection_manager.v3.HttpConnectionManager
      stat_prefix: ${name}
      delayed_close_timeout: 0s
      http_filters: [ { name: r, typed_config: { "@type": ${TYPE}.filters.http.router.v3.Router } } ]
      route_config:
        virtual_hosts: [ { name: all, domains: ["*"], routes: [ { match: { prefix: / }, ${action.slice(2)} ] } ]
`

/** A filter chain to a cluster. */
export const tcp = (name: string, cluster: string): string => `
- name: ${name}
  filters:
  - name: tcp
    typed_config: { "@type": ${TYPE}.filters.network.tcp_proxy.v3.TcpProxy, stat_prefix: ${name}, cluster: ${cluster} }
`

export const onPort = (port: number, chain: string): string =>
  `${chain.trimEnd()}\n  filter_chain_match: { destination_port: ${port} }\n`

export const onSubnet = (prefix: string, length: number, chain: string): string =>
  `${chain.trimEnd()}\n  filter_chain_match: { prefix_ranges: [ { address_prefix: "${prefix}", prefix_len: ${length} } ] }\n`

export interface ListenerParts {
  readonly name: string
  readonly address: string
  readonly port: number
  /** An address of IPv6 that stands for IPv4 too. */
  readonly compat?: boolean
  /** At column 0. */
  readonly fields?: string
  readonly chains?: string
}

/** Its log tells where its connections were going. */
export function listener({
  name,
  address,
  port,
  compat = false,
  fields = '',
  chains = answer(name),
}: ListenerParts): string {
  const log = `LOG listener=${name} local=%DOWNSTREAM_LOCAL_ADDRESS% direct=%DOWNSTREAM_DIRECT_LOCAL_ADDRESS% chain=%FILTER_CHAIN_NAME% flags=%RESPONSE_FLAGS% to=%UPSTREAM_HOST% details=%RESPONSE_CODE_DETAILS%\n`
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: "${address}", port_value: ${port}, ipv4_compat: ${compat} } }
  access_log:
  - name: envoy.access_loggers.file
    typed_config:
      "@type": ${TYPE}.access_loggers.file.v3.FileAccessLog
      path: "{{dir}}/access.log"
      log_format: { text_format_source: { inline_string: ${JSON.stringify(log)} } }
${indent(fields, 2)}
  filter_chains:
${indent(chains, 2)}
`
}

export function captureBootstrap(listeners: readonly string[], clusters: readonly string[] = []): string {
  return `
admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
static_resources:
  listeners:
${indent(listeners.map((each) => each.trim()).join('\n'), 2)}
  clusters:${clusters.length === 0 ? ' []' : ''}
${indent(clusters.map((each) => each.trim()).join('\n'), 2)}
`
}
