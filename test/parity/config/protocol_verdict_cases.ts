/** Which HTTP clusters and listeners may be told to speak: bootstraps that Envoy accepts or refuses in `--mode validate`. */
import { indent } from '../yaml.ts'
import { boot, type VerdictCase } from './verdict_cases.ts'

const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
const overTls = `transport_socket: { name: tls, typed_config: { "@type": ${TLS} } }`

/** A cluster with these fields, at column 0. */
function withCluster(name: string, fields: string): VerdictCase {
  const clusters = `
- name: c
  load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 80 } } } } ] } ] }
${indent(fields, 2)}
`
  return { name: `cluster protocol: ${name}`, yaml: boot({ clusters: clusters.trim() }) }
}

function typed(fields: string): string {
  return `typed_extension_protocol_options: { ${OPTIONS}: { "@type": type.googleapis.com/${OPTIONS}${fields && `, ${fields}`} } }`
}

const http2 = (fields: string) => `explicit_http_config: { http2_protocol_options: { ${fields} } }`

export const protocolVerdictCases: readonly VerdictCase[] = [
  withCluster('old http2', 'http2_protocol_options: {}'),
  withCluster('both old fields', 'http_protocol_options: {}\nhttp2_protocol_options: {}'),
  withCluster(
    'both old fields and the downstream choice',
    'http_protocol_options: {}\nhttp2_protocol_options: {}\nprotocol_selection: USE_DOWNSTREAM_PROTOCOL',
  ),
  withCluster(
    'old and new fields',
    `http2_protocol_options: {}\n${typed('explicit_http_config: { http_protocol_options: {} }')}`,
  ),
  withCluster('none chosen', typed('')),
  withCluster('explicit none', typed('explicit_http_config: {}')),
  withCluster('explicit http2', typed(http2(''))),
  withCluster('downstream', typed('use_downstream_protocol_config: {}')),
  withCluster(
    'downstream with both',
    typed('use_downstream_protocol_config: { http_protocol_options: {}, http2_protocol_options: {} }'),
  ),
  withCluster('auto in plain text', typed('auto_config: {}')),
  withCluster(
    'auto over TLS',
    `${overTls}\n${typed('auto_config: { http2_protocol_options: { max_concurrent_streams: 10 } }')}`,
  ),
  withCluster('no streams', typed(http2('max_concurrent_streams: 0'))),
  withCluster('one stream', typed(http2('max_concurrent_streams: 1'))),
  withCluster('too many streams', typed(http2('max_concurrent_streams: 2147483648'))),
  withCluster('small stream window', typed(http2('initial_stream_window_size: 65534'))),
  withCluster('smallest stream window', typed(http2('initial_stream_window_size: 65535'))),
  withCluster('small connection window', typed(http2('initial_connection_window_size: 1000'))),
  withCluster('keepalive without interval', typed(http2('connection_keepalive: { timeout: 1s }'))),
  withCluster(
    'keepalive',
    typed(http2('connection_keepalive: { interval: 30s, timeout: 5s, interval_jitter: { value: 10 } }')),
  ),
  withCluster('keepalive without timeout', typed(http2('connection_keepalive: { interval: 30s }'))),
  withCluster('custom setting', typed(http2('custom_settings_parameters: [ { identifier: 10, value: 1 } ]'))),
  withCluster('custom setting of push', typed(http2('custom_settings_parameters: [ { identifier: 2, value: 1 } ]'))),
  withCluster('custom setting of connect', typed(http2('custom_settings_parameters: [ { identifier: 8, value: 1 } ]'))),
  withCluster(
    'custom setting twice',
    typed(http2('custom_settings_parameters: [ { identifier: 10, value: 1 }, { identifier: 10, value: 2 } ]')),
  ),
  withCluster(
    'custom setting of a field',
    typed(http2('max_concurrent_streams: 4, custom_settings_parameters: [ { identifier: 3, value: 5 } ]')),
  ),
  withCluster(
    'custom setting of a field, same value',
    typed(http2('max_concurrent_streams: 4, custom_settings_parameters: [ { identifier: 3, value: 4 } ]')),
  ),
  withCluster('override of stream errors', typed(http2('override_stream_error_on_invalid_http_message: true'))),
  withCluster(
    'wrong formatter',
    'http_protocol_options: { header_key_format: { stateful_formatter: { name: x, typed_config: { "@type": type.googleapis.com/google.protobuf.Duration, value: 1s } } } }',
  ),
]
