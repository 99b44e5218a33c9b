/** Upstream transport sockets that Envoy accepts or refuses in `--mode validate`. */
import type { VerdictCase } from './verdict_cases.ts'
import { boot } from './verdict_cases.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets'
const ASSIGNMENT =
  'load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 80 } } } } ] } ] }'
const RAW = `{ name: r, typed_config: { "@type": ${TYPE}.raw_buffer.v3.RawBuffer } }`
const tls = (fields: string): string =>
  `{ name: t, typed_config: { "@type": ${TYPE}.tls.v3.UpstreamTlsContext${fields && `, ${fields}`} } }`
const proxyProtocol = (fields: string): string =>
  `{ name: p, typed_config: { "@type": ${TYPE}.proxy_protocol.v3.ProxyProtocolUpstreamTransport${fields && `, ${fields}`} } }`
const startTls = (fields: string): string =>
  `{ name: s, typed_config: { "@type": ${TYPE}.starttls.v3.UpstreamStartTlsConfig${fields && `, ${fields}`} } }`
const options = (fields: string): string =>
  `typed_extension_protocol_options: { envoy.extensions.upstreams.http.v3.HttpProtocolOptions: { "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions, ${fields}, explicit_http_config: { http_protocol_options: {} } } }`

const socket = (name: string, transportSocket: string, more = ''): VerdictCase =>
  cluster(name, `transport_socket: ${transportSocket}${more}`)

function cluster(name: string, fields: string): VerdictCase {
  return { name: `transport: ${name}`, yaml: boot({ clusters: `- { name: c, ${ASSIGNMENT}, ${fields} }` }) }
}

const matches = (list: string): string => `transport_socket_matches: [ ${list} ]`
const twoCertificates =
  'common_tls_context: { tls_certificates: [ { certificate_chain: { inline_string: x }, private_key: { inline_string: x } }, { certificate_chain: { inline_string: x }, private_key: { inline_string: x } } ] }'

export const transportVerdictCases: readonly VerdictCase[] = [
  socket('tls without settings', tls('')),
  socket('tls by name alone', '{ name: envoy.transport_sockets.tls }'),
  socket('raw buffer by name alone', '{ name: envoy.transport_sockets.raw_buffer }'),
  socket('starttls by name alone', '{ name: envoy.transport_sockets.starttls }'),
  socket('no name', `{ typed_config: { "@type": ${TYPE}.raw_buffer.v3.RawBuffer } }`),
  socket('tls of listeners', `{ name: t, typed_config: { "@type": ${TYPE}.tls.v3.DownstreamTlsContext } }`),
  socket('two certificates', tls(twoCertificates)),
  socket(
    'bad certificate',
    tls(
      'common_tls_context: { tls_certificates: [ { certificate_chain: { inline_string: x }, private_key: { inline_string: x } } ] }',
    ),
  ),
  socket('sni of 255 bytes', tls(`sni: ${'a'.repeat(255)}`)),
  socket('sni of 256 bytes', tls(`sni: ${'a'.repeat(256)}`)),
  socket('sni that is an address', tls('sni: 127.0.0.1')),
  socket('no sessions', tls('max_session_keys: 0')),
  socket('renegotiation', tls('allow_renegotiation: true')),
  socket('sni check without validation', tls('auto_sni_san_validation: true, sni: a')),
  socket(
    'sni check without a name',
    tls(
      'auto_sni_san_validation: true, common_tls_context: { validation_context: { trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt } } }',
    ),
  ),
  socket(
    'names without trusted certificates',
    tls(
      'common_tls_context: { validation_context: { match_typed_subject_alt_names: [ { san_type: DNS, matcher: { exact: a } } ] } }',
    ),
  ),
  socket('empty ALPN', tls('common_tls_context: { alpn_protocols: [ "" ] }')),
  socket('long ALPN', tls(`common_tls_context: { alpn_protocols: [ ${'a'.repeat(256)} ] }`)),
  socket(
    'versions the wrong way round',
    tls(
      'common_tls_context: { tls_params: { tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_2 } }',
    ),
  ),
  socket(
    'only a minimum of TLS 1.3',
    tls('common_tls_context: { tls_params: { tls_minimum_protocol_version: TLSv1_3 } }'),
  ),
  socket('unknown secret', tls('common_tls_context: { tls_certificate_sds_secret_configs: [ { name: x } ] }')),
  socket(
    'two secrets',
    tls('common_tls_context: { tls_certificate_sds_secret_configs: [ { name: x }, { name: y } ] }'),
  ),
  socket('proxy protocol without a socket inside', proxyProtocol('')),
  socket('proxy protocol', proxyProtocol(`transport_socket: ${RAW}`)),
  socket('proxy protocol in itself', proxyProtocol(`transport_socket: ${proxyProtocol(`transport_socket: ${RAW}`)}`)),
  socket('proxy protocol over tls', proxyProtocol(`transport_socket: ${tls('')}`)),
  socket(
    'proxy protocol type too large',
    proxyProtocol(`transport_socket: ${RAW}, config: { added_tlvs: [ { type: 256, value: "" } ] }`),
  ),
  socket(
    'proxy protocol with a format',
    proxyProtocol(
      `transport_socket: ${RAW}, config: { version: V2, added_tlvs: [ { type: 224, format_string: { text_format_source: { inline_string: x } } } ] }`,
    ),
  ),
  socket(
    'proxy protocol with a value and a format',
    proxyProtocol(
      `transport_socket: ${RAW}, config: { version: V2, added_tlvs: [ { type: 224, value: eA==, format_string: { text_format_source: { inline_string: x } } } ] }`,
    ),
  ),
  socket(
    'proxy protocol with an empty value',
    proxyProtocol(`transport_socket: ${RAW}, config: { version: V2, added_tlvs: [ { type: 224 } ] }`),
  ),
  socket(
    'proxy protocol with a type twice',
    proxyProtocol(
      `transport_socket: ${RAW}, config: { version: V2, added_tlvs: [ { type: 224, value: eA== }, { type: 224, value: eA== } ] }`,
    ),
  ),
  socket(
    'proxy protocol 1 with values',
    proxyProtocol(`transport_socket: ${RAW}, config: { version: V1, added_tlvs: [ { type: 224, value: eA== } ] }`),
  ),
  socket('starttls without tls', startTls('')),
  socket('starttls', startTls('tls_socket_config: {}')),
  cluster('match without a name', matches(`{ transport_socket: ${RAW} }`)),
  cluster('match without a socket', matches('{ name: m }')),
  cluster('match without labels', matches(`{ name: m, transport_socket: ${RAW} }`)),
  cluster(
    'two matches of a name',
    matches(
      `{ name: m, match: { a: b }, transport_socket: ${RAW} }, { name: m, match: { a: c }, transport_socket: ${RAW} }`,
    ),
  ),
  cluster(
    'match with a bad socket',
    matches(
      `{ name: m, transport_socket: { name: x, typed_config: { "@type": ${TYPE}.tls.v3.DownstreamTlsContext } } }`,
    ),
  ),
  cluster('auto_sni without tls', options('upstream_http_protocol_options: { auto_sni: true }')),
  cluster(
    'auto_san_validation without auto_sni',
    options('upstream_http_protocol_options: { auto_san_validation: true }'),
  ),
  cluster(
    'auto_san_validation over tls without trust',
    `${options('upstream_http_protocol_options: { auto_sni: true, auto_san_validation: true }')}, transport_socket: ${tls('')}`,
  ),
  cluster(
    'auto_sni header',
    options('upstream_http_protocol_options: { auto_sni: true, override_auto_sni_header: "x-a" }'),
  ),
  cluster(
    'auto_sni header that is none',
    options('upstream_http_protocol_options: { auto_sni: true, override_auto_sni_header: "x a" }'),
  ),
]
