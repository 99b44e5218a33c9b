/** Pieces of bootstrap YAML that the parity suites share; indentation is done here so that the suites read well. */
import { LOG_PREFIX } from './driver.ts'

const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
const FILE_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'

/** What parity looks at in the access log of HTTP suites. */
export const HTTP_LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% %PROTOCOL% rx=%BYTES_RECEIVED% tx=%BYTES_SENT% ' +
  'host=%UPSTREAM_HOST% cluster=%UPSTREAM_CLUSTER% attempts=%UPSTREAM_REQUEST_ATTEMPT_COUNT% route=%ROUTE_NAME% ' +
  'path=%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% authority=%REQ(:AUTHORITY)% fail=%UPSTREAM_TRANSPORT_FAILURE_REASON% ' +
  'end=%CONNECTION_TERMINATION_DETAILS%'

/** Indents every line by `columns`. */
export function indent(text: string, columns: number): string {
  const pad = ' '.repeat(columns)
  return text
    .replace(/^\n+|\s+$/g, '')
    .split('\n')
    .map((line) => (line === '' ? line : pad + line))
    .join('\n')
}

export function accessLog(format = HTTP_LOG, prefix = LOG_PREFIX): string {
  return `
- name: envoy.access_loggers.file
  typed_config:
    "@type": ${FILE_LOG}
    path: "{{dir}}/access.log"
    log_format: { text_format_source: { inline_string: ${JSON.stringify(`${prefix}${format}\n`)} } }
`
}

export interface HttpListener {
  name: string
  /** Fields of the connection manager, at column 0. */
  hcm?: string
  /** `virtual_hosts` list items, at column 0; default one host that sends all to `main`. */
  virtualHosts?: string
  /** Fields of the route configuration, at column 0. */
  routeConfig?: string
  logFormat?: string
  /** The two ports of a line; other ones where the connection's own are replaced. */
  logPrefix?: string
  /** Fields of the listener, at column 0. */
  listener?: string
  statPrefix?: string
  /** HTTP filters before the router: list items, at column 0. */
  filters?: string
  /** Fields of the router filter, in flow style without braces. */
  router?: string
}

export const ALL_TO_MAIN = `
- name: all
  domains: ["*"]
  routes:
  - match: { prefix: "/" }
    route: { cluster: main }
`

export function httpListener(options: HttpListener): string {
  return `
- name: ${options.name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  stat_prefix: ${options.name}
${indent(options.listener ?? '', 2)}
  filter_chains:
  - filters:
    - name: envoy.filters.network.http_connection_manager
      typed_config:
        "@type": ${HCM}
        stat_prefix: ${options.statPrefix ?? options.name}
${indent(options.hcm ?? '', 8)}
        access_log:
${indent(accessLog(options.logFormat, options.logPrefix), 8)}
        http_filters:
${indent(options.filters ?? '', 8)}
        - name: envoy.filters.http.router
          typed_config: { "@type": ${ROUTER}${options.router === undefined ? '' : `, ${options.router}`} }
        route_config:
          name: ${options.name}
${indent(options.routeConfig ?? '', 10)}
          virtual_hosts:
${indent(options.virtualHosts ?? ALL_TO_MAIN, 10)}
`
}

/** One HTTP filter by the last part of its name; `config` in flow style, without braces. */
export function httpFilter(name: string, message: string, config = ''): string {
  const type = `type.googleapis.com/envoy.extensions.filters.http.${name}.v3.${message}`
  return `- { name: envoy.filters.http.${name}, typed_config: { "@type": ${type}${config === '' ? '' : `, ${config}`} } }`
}

/** One route entry list as a virtual host for all domains. */
export function routes(text: string): string {
  return `
- name: all
  domains: ["*"]
  routes:
${indent(text, 2)}
`
}

/** A STATIC cluster of one endpoint on a backend of the suite (or a port number). */
export function cluster(name: string, more = '', port = `{{backend:${name}}}`): string {
  return `
- name: ${name}
  connect_timeout: 1s
  load_assignment:
    cluster_name: ${name}
    endpoints:
    - lb_endpoints:
      - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }
${indent(more, 2)}
`
}

export function http1Options(fields: string): string {
  return `
typed_extension_protocol_options:
  envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
    "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
${indent(fields, 4)}
`
}

export function bootstrap(listeners: readonly string[], clusters: readonly string[], more = ''): string {
  return `admin: { address: { socket_address: { address: 127.0.0.1, port_value: 0 } } }
${more.trim()}
static_resources:
  listeners:
${indent(listeners.map((text) => indent(text, 0)).join('\n'), 2)}
  clusters:
${indent(clusters.map((text) => indent(text, 0)).join('\n'), 2)}
`
}
