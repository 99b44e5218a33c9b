/** TLS towards upstreams: names, protocols, verification of the server, client certificates, resumption, and what fails. */
import type { TlsOptions } from 'node:tls'
import { CertificateAuthority, type IssuedCertificate } from '../../support/certificate_authority.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { listener, tcpProxy } from '../l4/l4_yaml.ts'
import { get, getHost, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpListener, indent } from '../yaml.ts'

const ca = new CertificateAuthority()
const otherCa = new CertificateAuthority('other', ca.folder)
export const removeCertificates = (): void => ca.remove()

const certificates = {
  good: ca.issue({ name: 'good', altNames: ['DNS:a.test', 'DNS:*.b.test', 'URI:spiffe://a.test/x', 'IP:127.0.0.1'] }),
  rsa: ca.issue({ name: 'rsa', altNames: ['DNS:a.test'], keyType: 'rsa' }),
  rsaNoSigning: ca.issue({
    name: 'rsa_no_signing',
    altNames: ['DNS:a.test'],
    keyType: 'rsa',
    extensions: ['keyUsage = keyEncipherment'],
  }),
  expired: ca.issue({ name: 'expired', altNames: ['DNS:a.test'], expired: true }),
  untrusted: otherCa.issue({ name: 'untrusted', altNames: ['DNS:a.test'] }),
  nameless: ca.issue({ name: 'nameless' }),
  client: ca.issue({ name: 'client', altNames: ['URI:spiffe://a.test/client', 'DNS:client.test'] }),
}

const server = ({ cert, key }: IssuedCertificate, more: TlsOptions = {}): TlsOptions => ({ cert, key, ...more })
const asksClient: TlsOptions = { ca: ca.cert, requestCert: true, rejectUnauthorized: true }

const tlsBackends: Record<string, TlsOptions> = {
  good: server(certificates.good),
  rsa: server(certificates.rsa),
  rsa_no_signing: server(certificates.rsaNoSigning, { maxVersion: 'TLSv1.2' }),
  expired: server(certificates.expired),
  untrusted: server(certificates.untrusted),
  mutual: server(certificates.good, asksClient),
  mutual12: server(certificates.good, { ...asksClient, maxVersion: 'TLSv1.2' }),
  tls12: server(certificates.good, { maxVersion: 'TLSv1.2' }),
  nameless: server(certificates.nameless),
  x25519: server(certificates.good, { ecdhCurve: 'X25519' }),
  tcp: server(certificates.good),
  alpn: server(certificates.good, { ALPNProtocols: ['http/1.1', 'h2'] }),
}

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'

export function tls(fields: string): string {
  return `
transport_socket:
  name: envoy.transport_sockets.tls
  typed_config:
    "@type": ${TLS}
${indent(fields, 4)}
`
}

const common = (fields: string): string => `common_tls_context:\n${indent(fields, 2)}`
const trusted = `trusted_ca: { filename: ${ca.certPath} }`
const validation = (fields = ''): string => common(`validation_context: { ${trusted}${fields && `, ${fields}`} }`)
const sanMatch = (type: string, matcher: string): string =>
  validation(`match_typed_subject_alt_names: [ { san_type: ${type}, matcher: { ${matcher} } } ]`)
const clientCertificate = ({ certPath, keyPath }: IssuedCertificate): string =>
  `tls_certificates: [ { certificate_chain: { filename: ${certPath} }, private_key: { filename: ${keyPath} } } ]`
const names = (fields: string): string =>
  http1Options(`upstream_http_protocol_options: { ${fields} }\nexplicit_http_config: { http_protocol_options: {} }`)

const tls13 = (fields: string, more = ''): string =>
  common(
    `tls_params: { tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3${more} }\n${fields}`,
  )

const GOOD = '{{backend:good}}'
const HASH = '00'.repeat(32)

/** Cluster name to its YAML; requests to `/name` go there. */
const clusters: Record<string, string> = {
  unverified: cluster('unverified', tls(''), GOOD),
  sni: cluster('sni', tls('sni: a.test'), GOOD),
  sni_ip: cluster('sni_ip', tls('sni: 127.0.0.1'), GOOD),
  trusted: cluster('trusted', tls(validation()), GOOD),
  rsa: cluster('rsa', tls(validation()), '{{backend:rsa}}'),
  san_dns: cluster('san_dns', tls(sanMatch('DNS', 'exact: a.test')), GOOD),
  san_wildcard: cluster('san_wildcard', tls(sanMatch('DNS', 'exact: x.b.test')), GOOD),
  san_uri: cluster('san_uri', tls(sanMatch('URI', 'prefix: "spiffe://a.test/"')), GOOD),
  san_ip: cluster('san_ip', tls(sanMatch('IP_ADDRESS', 'exact: 127.0.0.1')), GOOD),
  san_wrong: cluster('san_wrong', tls(sanMatch('DNS', 'exact: z.test')), GOOD),
  hash_wrong: cluster('hash_wrong', tls(validation(`verify_certificate_hash: [ "${HASH}" ]`)), GOOD),
  expired: cluster('expired', tls(validation()), '{{backend:expired}}'),
  expired_allowed: cluster(
    'expired_allowed',
    tls(validation('allow_expired_certificate: true')),
    '{{backend:expired}}',
  ),
  untrusted: cluster('untrusted', tls(validation()), '{{backend:untrusted}}'),
  accept_untrusted: cluster(
    'accept_untrusted',
    tls(validation('trust_chain_verification: ACCEPT_UNTRUSTED')),
    '{{backend:untrusted}}',
  ),
  rsa_no_signing: cluster('rsa_no_signing', tls(validation()), '{{backend:rsa_no_signing}}'),
  mutual: cluster('mutual', tls(common(clientCertificate(certificates.client))), '{{backend:mutual}}'),
  mutual12: cluster('mutual12', tls(common(clientCertificate(certificates.client))), '{{backend:mutual12}}'),
  mutual_without: cluster('mutual_without', tls(''), '{{backend:mutual}}'),
  mutual12_without: cluster('mutual12_without', tls(''), '{{backend:mutual12}}'),
  mutual_wrong: cluster('mutual_wrong', tls(common(clientCertificate(certificates.untrusted))), '{{backend:mutual}}'),
  tls12: cluster('tls12', tls(''), '{{backend:tls12}}'),
  too_new: cluster(
    'too_new',
    tls(common('tls_params: { tls_minimum_protocol_version: TLSv1_3, tls_maximum_protocol_version: TLSv1_3 }')),
    '{{backend:tls12}}',
  ),
  tls13: cluster('tls13', tls(`sni: a.test\n${tls13(`validation_context: { ${trusted} }`)}`), GOOD),
  tls13_curves: cluster('tls13_curves', tls(tls13('', ', ecdh_curves: [ P-256 ]')), GOOD),
  mutual13: cluster('mutual13', tls(tls13(clientCertificate(certificates.client))), '{{backend:mutual}}'),
  mutual13_without: cluster('mutual13_without', tls(tls13('')), '{{backend:mutual}}'),
  mutual13_wrong: cluster(
    'mutual13_wrong',
    tls(tls13(clientCertificate(certificates.untrusted))),
    '{{backend:mutual}}',
  ),
  key_usage_lenient: cluster('key_usage_lenient', tls('enforce_rsa_key_usage: false'), '{{backend:rsa_no_signing}}'),
  cipher: cluster('cipher', tls(common('tls_params: { cipher_suites: [ ECDHE-ECDSA-AES256-GCM-SHA384 ] }')), GOOD),
  cipher_none: cluster(
    'cipher_none',
    tls(common('tls_params: { cipher_suites: [ ECDHE-RSA-AES256-GCM-SHA384 ] }')),
    GOOD,
  ),
  curve_none: cluster('curve_none', tls(common('tls_params: { ecdh_curves: [ P-384 ] }')), '{{backend:x25519}}'),
  alpn_none: cluster('alpn_none', tls(common('alpn_protocols: [ foo ]')), '{{backend:alpn}}'),
  san_list_untrusted: cluster('san_list_untrusted', tls('') + names('auto_sni: true, auto_san_validation: true'), GOOD),
  san_accept_untrusted: cluster(
    'san_accept_untrusted',
    tls(validation('trust_chain_verification: ACCEPT_UNTRUSTED')) + names('auto_sni: true, auto_san_validation: true'),
    '{{backend:untrusted}}',
  ),
  no_name: cluster('no_name', tls(sanMatch('DNS', 'exact: a.test')), '{{backend:nameless}}'),
  plain_server: cluster('plain_server', tls(''), '{{backend:plain}}'),
  plain_client: cluster('plain_client', '', GOOD),
  closer: cluster('closer', tls(''), '{{backend:closer}}'),
  silent: cluster('silent', `${tls('')}`, '{{backend:silent}}').replace('connect_timeout: 1s', 'connect_timeout: 0.2s'),
  refused: cluster('refused', tls(''), '1'),
  alpn_default: cluster('alpn_default', tls(''), '{{backend:alpn}}'),
  alpn: cluster('alpn', tls(common('alpn_protocols: [ foo, http/1.1 ]')), '{{backend:alpn}}'),
  auto_sni: cluster('auto_sni', tls('sni: configured.test') + names('auto_sni: true'), GOOD),
  auto_sni_header: cluster(
    'auto_sni_header',
    tls('') + names('auto_sni: true, override_auto_sni_header: X-Name'),
    GOOD,
  ),
  auto_san: cluster('auto_san', tls(validation()) + names('auto_sni: true, auto_san_validation: true'), GOOD),
  auto_sni_plain: cluster('auto_sni_plain', names('auto_sni: true'), '{{backend:plain_http}}'),
  auto_host_sni: cluster('auto_host_sni', tls('auto_host_sni: true'), GOOD).replace(
    'endpoint: { ',
    'endpoint: { hostname: host.test, ',
  ),
  auto_host_sni_none: cluster('auto_host_sni_none', tls('auto_host_sni: true\nsni: fallback.test'), GOOD),
  auto_sni_san: cluster('auto_sni_san', tls(`auto_sni_san_validation: true\nsni: a.test\n${validation()}`), GOOD),
  auto_sni_san_wrong: cluster(
    'auto_sni_san_wrong',
    tls(`auto_sni_san_validation: true\nsni: z.test\n${validation()}`),
    GOOD,
  ),
  no_sessions: cluster('no_sessions', tls('max_session_keys: 0'), GOOD),
  resumed12: cluster('resumed12', tls('max_session_keys: 2'), '{{backend:tls12}}'),
  matches: cluster(
    'matches',
    `transport_socket_matches:\n- name: secure\n  match: { tls: "yes" }\n${indent(tls('sni: matched.test'), 2)}`,
    GOOD,
  ).replace(
    '- endpoint:',
    '- metadata: { filter_metadata: { envoy.transport_socket_match: { tls: "yes" } } }\n        endpoint:',
  ),
}

const LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% fail=%UPSTREAM_TRANSPORT_FAILURE_REASON% ' +
  'tls=%UPSTREAM_TLS_VERSION%/%UPSTREAM_TLS_CIPHER%/%UPSTREAM_TLS_GROUP% sni=%UPSTREAM_SERVER_NAME% ' +
  'peer=%UPSTREAM_PEER_SUBJECT%/%UPSTREAM_PEER_ISSUER%/%UPSTREAM_PEER_URI_SAN%/%UPSTREAM_PEER_DNS_SAN%/%UPSTREAM_PEER_IP_SAN% ' +
  'local=%UPSTREAM_LOCAL_URI_SAN%/%UPSTREAM_LOCAL_DNS_SAN%/%UPSTREAM_LOCAL_IP_SAN% ' +
  'cert=%UPSTREAM_PEER_CERT_V_START%/%UPSTREAM_PEER_CERT_V_END%/%UPSTREAM_PEER_CERT%'

const hosts = `
- name: all
  domains: ["*"]
  routes:
${Object.keys(clusters)
  .map((name) => `  - { match: { path: /${name} }, route: { cluster: ${name} } }`)
  .join('\n')}
  - { match: { path: /rewritten }, route: { cluster: auto_sni, host_rewrite_literal: rewritten.test } }
  - { match: { path: /twice }, route: { cluster: untrusted, retry_policy: { retry_on: connect-failure, num_retries: 1 } } }
`

const yaml = bootstrap(
  [
    httpListener({ name: 'main', virtualHosts: hosts, logFormat: LOG }),
    listener('tcp', tcpProxy('cluster: tcp', 'tcp', LOG)),
    listener('tcp_mutual', tcpProxy('cluster: tcp_mutual', 'tcp_mutual', LOG)),
    listener('tcp_refused', tcpProxy('cluster: tcp_refused', 'tcp_refused', LOG)),
    httpListener({
      name: 'scheme',
      virtualHosts: hosts,
      logFormat: LOG,
      hcm: 'scheme_header_transformation: { match_upstream: true }',
    }),
  ],
  [
    ...Object.values(clusters),
    cluster('tcp', tls('sni: a.test'), '{{backend:tcp}}'),
    cluster('tcp_mutual', tls(tls13('')), '{{backend:mutual}}'),
    cluster('tcp_refused', tls(validation()), '{{backend:untrusted}}'),
    cluster('never', tls(common(clientCertificate(certificates.client))), GOOD),
    cluster('never_plain', '', GOOD),
    cluster(
      'never_matched',
      `transport_socket_matches:\n- name: secure\n  match: { tls: "yes" }\n${indent(tls(''), 2)}`,
      GOOD,
    ),
  ],
)

const STATS = (name: string): string => `^cluster\\.${name}\\.`

/** What a backend without TLS gets, which two TLS libraries word differently. */
const HELLO: readonly [RegExp, string][] = [[/\x16\x03\x01[\s\S]*/g, '<hello>']]

function to(name: string, more: Partial<ParityCase> = {}, host = 'x.test:80'): ParityCase {
  const steps = [getHost(host, `/${name}`), { waitFor: '\r\n\r\n' }]
  return { name: `upstream tls: ${name}`, steps, stats: STATS(name), normalize: HELLO, ...more }
}

/** Each answer ends its connection: the next request needs another handshake. */
const CLOSING = response(200, 'ok', 'connection: close')

const twice = (name: string): ParityCase => ({
  name: `upstream tls: ${name} resumed`,
  steps: [
    get(`/${name}`),
    { waitCount: ['\r\n\r\nok', 1] },
    { quietMs: 30 },
    get(`/${name}`),
    { waitCount: ['\r\n\r\nok', 2] },
  ],
  reply: CLOSING,
  stats: STATS(name),
  logLines: 2,
})

const special = new Set(['auto_san', 'auto_sni_header', 'silent'])

export const upstreamSuite: ParitySuite = {
  name: 'upstream tls',
  yaml,
  backends: [...Object.keys(tlsBackends), 'plain', 'plain_http', 'closer', 'silent'],
  tlsBackends,
  scripts: {
    plain: {
      raw: true,
      onConnection: (connection) => connection.send('HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n'),
    },
    tcp: {
      raw: true,
      onTunnelData: (connection, data) =>
        data === 'end' ? connection.finish('bye') : connection.send(`echo(${data})`),
    },
    closer: { raw: true, onTunnelData: (connection) => connection.finish() },
    silent: { raw: true, onTunnelData() {} },
  },
  cases: [
    ...Object.keys(clusters)
      .filter((name) => !special.has(name))
      .map((name) => to(name)),
    to('silent', { quietMs: 300 }),
    { ...to('auto_san', {}, 'a.test'), name: 'upstream tls: auto_san right' },
    { ...to('san_list_untrusted', {}, 'a.test'), name: 'upstream tls: auto_san without trusted certificates' },
    { ...to('san_accept_untrusted', {}, 'a.test'), name: 'upstream tls: auto_san of an accepted stranger' },
    { ...to('auto_san', {}, 'z.test'), name: 'upstream tls: auto_san wrong' },
    { ...to('auto_san', {}, '127.0.0.1:99'), name: 'upstream tls: auto_san address' },
    { ...to('auto_sni', {}, '127.0.0.1'), name: 'upstream tls: auto_sni address' },
    { ...to('auto_sni', {}, '[::1]:80'), name: 'upstream tls: auto_sni IPv6 address' },
    { ...to('rewritten'), name: 'upstream tls: auto_sni rewritten host', stats: STATS('auto_sni') },
    {
      ...to('auto_sni_header'),
      name: 'upstream tls: auto_sni from a header',
      steps: [
        'GET /auto_sni_header HTTP/1.1\r\nhost: x.test\r\nx-name: header.test:1\r\n\r\n',
        { waitFor: '\r\n\r\n' },
      ],
    },
    { ...to('auto_sni_header'), name: 'upstream tls: auto_sni without its header' },
    {
      ...to('auto_sni_plain'),
      name: 'upstream tls: auto_sni keeps plain connections apart',
      steps: [
        getHost('a.test', '/auto_sni_plain'),
        { waitCount: ['\r\n\r\nok', 1] },
        getHost('b.test', '/auto_sni_plain'),
        { waitCount: ['\r\n\r\nok', 2] },
        getHost('a.test', '/auto_sni_plain'),
        { waitCount: ['\r\n\r\nok', 3] },
      ],
      logLines: 3,
    },
    { ...to('twice'), name: 'upstream tls: retried', stats: STATS('untrusted') },
    twice('unverified'),
    twice('no_sessions'),
    twice('tls13'),
    {
      name: 'upstream tls: statistics of a cluster',
      steps: [
        { admin: '/stats?filter=^cluster\\.(never|never_plain)\\.(ssl|client_ssl|default|secure)' },
        { admin: '/stats?filter=^cluster\\.never_matched\\.(.*total_match|ssl|client_ssl)' },
      ],
      logLines: 0,
    },
    {
      name: 'upstream tls: tcp',
      listener: 'tcp',
      steps: ['hello', { waitFor: 'echo(hello)' }, { halfClose: true }, { waitClosed: true }],
      stats: STATS('tcp'),
    },
    {
      name: 'upstream tls: tcp without a certificate',
      listener: 'tcp_mutual',
      steps: ['x', { waitClosed: true }],
      stats: STATS('tcp_mutual'),
    },
    {
      name: 'upstream tls: tcp refused',
      listener: 'tcp_refused',
      steps: ['x', { waitClosed: true }],
      stats: STATS('tcp_refused'),
    },
    {
      name: 'upstream tls: tcp the backend ends',
      listener: 'tcp',
      steps: ['end', { waitFor: 'bye' }, { waitClosed: true }],
      stats: STATS('tcp'),
    },
    {
      name: 'upstream tls: tcp the client resets',
      listener: 'tcp',
      steps: ['hello', { waitFor: 'echo(hello)' }, { reset: true }],
      stats: STATS('tcp'),
    },
    twice('resumed12'),
    { ...to('unverified'), name: 'upstream tls: scheme of the upstream', listener: 'scheme' },
    {
      ...to('plain_client'),
      name: 'upstream tls: scheme of a plain upstream',
      listener: 'scheme',
      stats: STATS('plain_client'),
    },
  ],
}
