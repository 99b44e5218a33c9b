/** TLS towards clients: what is negotiated, which certificate is shown, which clients are let in, and what is said of it. */
import type { ConnectionOptions } from 'node:tls'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { get } from '../requests.ts'
import { ALL_TO_MAIN, accessLog, bootstrap, cluster, httpListener, indent, routes } from '../yaml.ts'

const ca = new CertificateAuthority()
const otherCa = new CertificateAuthority('other', ca.folder)
export const removeCertificates = (): void => ca.remove()

const rsa = ca.issue({ name: 'rsa', altNames: ['DNS:a.test', 'DNS:*.w.test', 'URI:spiffe://a.test/x'], keyType: 'rsa' })
const ec = ca.issue({ name: 'ec', altNames: ['DNS:a.test', 'DNS:ec.test'] })
const third = ca.issue({ name: 'third', altNames: ['DNS:third.test'] })
const client = ca.issue({
  name: 'client',
  altNames: ['URI:spiffe://a.test/client', 'DNS:client.test', 'IP:10.0.0.1', 'email:a@client.test'],
  keyType: 'rsa',
})
const ecClient = ca.issue({ name: 'ec_client', altNames: ['DNS:x.client.test'] })
const expired = ca.issue({ name: 'expired', altNames: ['DNS:client.test'], expired: true })
const untrusted = otherCa.issue({ name: 'untrusted', altNames: ['DNS:client.test'] })

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
const LOG =
  '%RESPONSE_CODE% %DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_TLS_GROUP% sni=%REQUESTED_SERVER_NAME% ' +
  'subject=%DOWNSTREAM_PEER_SUBJECT% issuer=%DOWNSTREAM_PEER_ISSUER% uri=%DOWNSTREAM_PEER_URI_SAN% ' +
  'dns=%DOWNSTREAM_PEER_DNS_SAN% ip=%DOWNSTREAM_PEER_IP_SAN% email=%DOWNSTREAM_PEER_EMAIL_SAN% ' +
  'serial=%DOWNSTREAM_PEER_SERIAL% hash=%DOWNSTREAM_PEER_FINGERPRINT_256% local=%DOWNSTREAM_LOCAL_SUBJECT% ' +
  'local_dns=%DOWNSTREAM_LOCAL_DNS_SAN% local_uri=%DOWNSTREAM_LOCAL_URI_SAN% end=%DOWNSTREAM_PEER_CERT_V_END(%Y-%m-%d)% ' +
  'fail=%DOWNSTREAM_TRANSPORT_FAILURE_REASON%'

const pair = ({ certPath, keyPath }: { certPath: string; keyPath: string }): string =>
  `{ certificate_chain: { filename: ${certPath} }, private_key: { filename: ${keyPath} } }`

const pairWith = (certificate: { certPath: string; keyPath: string }, fields: string): string =>
  pair(certificate).replace(/ }$/, `, ${fields} }`)

interface TlsListener {
  readonly certificates?: string
  /** Fields of the common context. */
  readonly common?: string
  /** Fields of the downstream context. */
  readonly context?: string
  readonly hcm?: string
  readonly virtualHosts?: string
}

function tlsListener(name: string, options: TlsListener = {}): string {
  const socket = `
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": ${TLS}
${indent(options.context ?? '', 6)}
      common_tls_context:
        tls_certificates: [${options.certificates ?? pair(rsa)}]
${indent(options.common ?? '', 8)}
`
  const plain = httpListener({
    name,
    logFormat: LOG,
    listener: `access_log:\n${indent(accessLog(`listener peer=%DOWNSTREAM_PEER_SUBJECT% fail=%DOWNSTREAM_TRANSPORT_FAILURE_REASON%`), 0)}`,
    hcm: `codec_type: HTTP1\n${options.hcm ?? ''}`,
    virtualHosts: options.virtualHosts ?? ALL_TO_MAIN,
  })
  return plain.replace(
    '  filter_chains:\n  - filters:',
    `  filter_chains:\n${indent(socket, 2).replace('    transport', '  - transport')}\n    filters:`,
  )
}

const validation = (fields: string): string =>
  `validation_context: { trusted_ca: { filename: ${ca.certPath} }${fields} }`
const required = 'require_client_certificate: true'
const xfcc = (mode: string): string => `forward_client_cert_details: ${mode}
set_current_client_cert_details: { subject: true, cert: true, chain: true, dns: true, uri: true }`

const tlsRoutes = routes(`
- match: { prefix: "/", tls_context: { presented: true, validated: true } }
  direct_response: { status: 200, body: { inline_string: "validated" } }
- match: { prefix: "/", tls_context: { presented: true } }
  direct_response: { status: 200, body: { inline_string: "presented" } }
- match: { prefix: "/" }
  direct_response: { status: 200, body: { inline_string: "none" } }
`)

const listeners = [
  tlsListener('main', { common: 'alpn_protocols: [h2, http/1.1]' }),
  tlsListener('several', { certificates: [pair(rsa), pair(ec), pair(third)].join(', ') }),
  tlsListener('scan', {
    certificates: [pair(rsa), pair(third)].join(', '),
    context: 'full_scan_certs_on_sni_mismatch: true',
  }),
  tlsListener('old', {
    common: 'tls_params: { tls_minimum_protocol_version: TLSv1_0, tls_maximum_protocol_version: TLSv1_2 }',
  }),
  tlsListener('new', { common: 'tls_params: { tls_minimum_protocol_version: TLSv1_3 }' }),
  tlsListener('ciphers', {
    common:
      'tls_params: { tls_maximum_protocol_version: TLSv1_2, cipher_suites: [ECDHE-RSA-AES256-GCM-SHA384, AES128-SHA], ecdh_curves: [P-384] }',
  }),
  ...['FIPS_202205', 'CNSA1_202603', 'CNSA2_202603'].map((policy) =>
    tlsListener(policy, {
      common: `tls_params: { compliance_policies: [${policy}], tls_minimum_protocol_version: TLSv1_0, cipher_suites: [AES128-SHA] }`,
    }),
  ),
  tlsListener('own_params', {
    certificates: [
      pairWith(rsa, 'tls_params: { tls_minimum_protocol_version: TLSv1_3, ecdh_curves: [P-384] }'),
      pairWith(
        third,
        'tls_params: { tls_maximum_protocol_version: TLSv1_2, cipher_suites: [ECDHE-ECDSA-AES256-GCM-SHA384] }',
      ),
      pairWith(ec, 'tls_params: { compliance_policies: [FIPS_202205] }'),
    ].join(', '),
    common: 'tls_params: { ecdh_curves: [X25519, P-256] }',
  }),
  tlsListener('client_order', { context: 'prefer_client_ciphers: true' }),
  tlsListener('optional', { common: validation(''), hcm: xfcc('SANITIZE_SET') }),
  tlsListener('required', { common: validation(''), context: required, hcm: xfcc('APPEND_FORWARD') }),
  tlsListener('forward', { common: validation(''), context: required, hcm: xfcc('FORWARD_ONLY') }),
  tlsListener('sanitize', { common: validation(''), context: required }),
  tlsListener('always', { hcm: xfcc('ALWAYS_FORWARD_ONLY') }),
  tlsListener('routed', {
    common: validation(', trust_chain_verification: ACCEPT_UNTRUSTED'),
    virtualHosts: tlsRoutes,
  }),
  tlsListener('named', {
    common: validation(
      ', match_typed_subject_alt_names: [{ san_type: DNS, matcher: { exact: client.test } }, { san_type: URI, matcher: { prefix: "spiffe://b.test/" } }]',
    ),
    context: required,
  }),
  tlsListener('old_names', {
    common: validation(', match_subject_alt_names: [{ suffix: ".client.test" }]'),
    context: required,
  }),
  tlsListener('expired_allowed', { common: validation(', allow_expired_certificate: true'), context: required }),
  tlsListener('pinned', {
    common: `validation_context: { verify_certificate_hash: ["${'0'.repeat(64)}"] }`,
    context: required,
  }),
  tlsListener('no_validation', { context: required }),
]

const shown = { cert: client.cert, key: client.key }
const stats = '^listener\\..*\\.ssl\\.|downstream_cx_ssl|downstream_cx_total$|downstream_cx_destroy'
const request = [get('/'), { waitFor: 'ok' }]
const one = (name: string, more: Partial<ParityCase>): ParityCase => ({
  name: `downstream TLS: ${name}`,
  steps: request,
  stats,
  logLines: 2,
  tls: {},
  ...more,
})
/** A client that is not let in. */
const refused = (name: string, more: Partial<ParityCase>): ParityCase =>
  one(name, { steps: [get('/'), { waitClosed: true }], logLines: 1, ...more })

/** What a client offers alone, and the policies that take it. */
function policyCases(): ParityCase[] {
  const [fips, cnsa1, cnsa2] = ['FIPS_202205', 'CNSA1_202603', 'CNSA2_202603']
  const curves = 'P-384:MLKEM1024'
  const offers: readonly [string, ConnectionOptions, readonly string[]][] = [
    ['TLS 1.1', { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'AES128-SHA:@SECLEVEL=0' }, []],
    [
      'AES-128 in TLS 1.2',
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256', ecdhCurve: 'P-384' },
      [fips],
    ],
    [
      'AES-256 in TLS 1.2',
      { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384', ecdhCurve: 'P-384' },
      [fips, cnsa1],
    ],
    ['a suite of the configuration', { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA:@SECLEVEL=0' }, []],
    ['ChaCha20 in TLS 1.3', { minVersion: 'TLSv1.3', ciphers: 'TLS_CHACHA20_POLY1305_SHA256', ecdhCurve: curves }, []],
    [
      'AES-256 in TLS 1.3',
      { minVersion: 'TLSv1.3', ciphers: 'TLS_AES_256_GCM_SHA384', ecdhCurve: curves },
      [fips, cnsa1, cnsa2],
    ],
    ['X25519', { minVersion: 'TLSv1.3', ecdhCurve: 'X25519' }, []],
    ['a SHA-256 signature', { minVersion: 'TLSv1.3', sigalgs: 'rsa_pss_rsae_sha256', ecdhCurve: curves }, [fips]],
  ]
  return [fips, cnsa1, cnsa2].flatMap((listener) =>
    offers.map(([name, tls, takenBy]) => {
      const make = takenBy.includes(listener) ? one : refused
      return make(`${listener}: ${name}`, { listener, tls })
    }),
  )
}

const cases: ParityCase[] = [
  one('TLS 1.3', {}),
  one('TLS 1.2', { tls: { maxVersion: 'TLSv1.2' } }),
  one('TLS 1.3, ChaCha20 first', { tls: { ciphers: 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256' } }),
  one('TLS 1.2, ChaCha20 before AES-128', {
    tls: { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256' },
  }),
  one('TLS 1.2, AES-256 before AES-128', {
    tls: { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256' },
  }),
  one('the client prefers AES-256', {
    listener: 'client_order',
    tls: { maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256' },
  }),
  one('groups of the client alone', { tls: { ecdhCurve: 'P-256' } }),
  one('a post-quantum group', { tls: { ecdhCurve: 'X25519MLKEM768:X25519' } }),
  one('a post-quantum group that the client has no key for yet', { tls: { ecdhCurve: 'X25519:X25519MLKEM768' } }),
  one('groups in the other order', { tls: { ecdhCurve: 'P-256:X25519' } }),
  one('groups in the other order in TLS 1.2', { tls: { ecdhCurve: 'P-256:X25519', maxVersion: 'TLSv1.2' } }),
  one('groups by the order of the client', { listener: 'client_order', tls: { ecdhCurve: 'P-256:X25519' } }),
  one('suites of TLS 1.3 by the order of the client', {
    listener: 'client_order',
    tls: { ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256' },
  }),
  refused('no group in common', { tls: { ecdhCurve: 'P-521' } }),
  one('http/1.1 by ALPN', { tls: { ALPNProtocols: ['http/1.1'] } }),
  one('no protocol in common', { tls: { ALPNProtocols: ['foo', 'bar'] } }),
  one('a server name of no certificate', { tls: { servername: 'nobody.test' } }),
  refused('TLS 1.1', { tls: { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } }),
  refused('a cipher of nobody', { tls: { maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' } }),
  one('TLS 1.0 where it is allowed', {
    listener: 'old',
    tls: { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL@SECLEVEL=0' },
    logLines: 1,
    steps: [get('/'), { quietMs: 100 }],
  }),
  one('no TLS 1.3 where it is not allowed', { listener: 'old' }),
  refused('no TLS 1.2 where 1.3 is the least', { listener: 'new', tls: { maxVersion: 'TLSv1.2' } }),
  one('configured ciphers and curves', { listener: 'ciphers', tls: {} }),
  one('configured ciphers without a curve', { listener: 'ciphers', tls: { ciphers: 'AES128-SHA:AES256-SHA' } }),
  ...policyCases(),
  one('parameters of a certificate: TLS 1.3 and its curve', {
    listener: 'own_params',
    tls: { servername: 'a.test', sigalgs: 'rsa_pss_rsae_sha256', ecdhCurve: 'X25519:P-384' },
  }),
  refused('parameters of a certificate: no TLS 1.2', {
    listener: 'own_params',
    tls: { servername: 'x.w.test', maxVersion: 'TLSv1.2' },
  }),
  one('parameters of a certificate: TLS 1.2 and its suite', {
    listener: 'own_params',
    tls: { servername: 'third.test' },
  }),
  one('parameters of a certificate: a policy', {
    listener: 'own_params',
    tls: { servername: 'ec.test', ciphers: 'TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256' },
  }),
  refused('parameters of a certificate: against a policy', {
    listener: 'own_params',
    tls: { servername: 'ec.test', ciphers: 'TLS_CHACHA20_POLY1305_SHA256', minVersion: 'TLSv1.3' },
  }),
  one('ECDSA by name', { listener: 'several', tls: { servername: 'ec.test' } }),
  one('ECDSA and RSA of one name', { listener: 'several', tls: { servername: 'a.test' } }),
  one('RSA for who knows no ECDSA', {
    listener: 'several',
    tls: { servername: 'a.test', sigalgs: 'rsa_pss_rsae_sha256:rsa_pkcs1_sha256' },
  }),
  one('RSA for an old client', {
    listener: 'several',
    tls: { servername: 'a.test', maxVersion: 'TLSv1.2', ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' },
  }),
  one('a wildcard', { listener: 'several', tls: { servername: 'x.w.test' } }),
  one('no wildcard for two labels', { listener: 'several', tls: { servername: 'x.y.w.test' } }),
  one('no server name', { listener: 'several' }),
  one('an unknown server name', { listener: 'several', tls: { servername: 'nobody.test' } }),
  one('an unknown server name and a full scan', { listener: 'scan', tls: { servername: 'nobody.test' } }),
  one('a client without its optional certificate', {
    listener: 'optional',
    steps: [get('/', 'x-forwarded-client-cert: By=evil'), { waitFor: 'ok' }],
  }),
  one('an optional certificate', {
    listener: 'optional',
    tls: shown,
    steps: [get('/', 'x-forwarded-client-cert: By=evil'), { waitFor: 'ok' }],
  }),
  refused('an optional certificate of nobody', {
    listener: 'optional',
    tls: { cert: untrusted.cert, key: untrusted.key },
  }),
  one('a required certificate', {
    listener: 'required',
    tls: shown,
    steps: [get('/', 'x-forwarded-client-cert: By=before'), { waitFor: 'ok' }],
  }),
  one('a required certificate in TLS 1.2', { listener: 'required', tls: { ...shown, maxVersion: 'TLSv1.2' } }),
  one('an ECDSA certificate', { listener: 'required', tls: { cert: ecClient.cert, key: ecClient.key } }),
  refused('no certificate', { listener: 'required' }),
  refused('no certificate in TLS 1.2', { listener: 'required', tls: { maxVersion: 'TLSv1.2' } }),
  refused('a certificate of nobody', { listener: 'required', tls: { cert: untrusted.cert, key: untrusted.key } }),
  refused('an expired certificate', { listener: 'required', tls: { cert: expired.cert, key: expired.key } }),
  one('an expired certificate where that is allowed', {
    listener: 'expired_allowed',
    tls: { cert: expired.cert, key: expired.key },
  }),
  refused('an untrusted certificate where expired ones are allowed', {
    listener: 'expired_allowed',
    tls: { cert: untrusted.cert, key: untrusted.key },
  }),
  one('x-forwarded-client-cert passed on', {
    listener: 'forward',
    tls: shown,
    steps: [get('/', 'x-forwarded-client-cert: By=before'), { waitFor: 'ok' }],
  }),
  one('x-forwarded-client-cert removed', {
    listener: 'sanitize',
    tls: shown,
    steps: [get('/', 'x-forwarded-client-cert: By=before'), { waitFor: 'ok' }],
  }),
  one('x-forwarded-client-cert always passed on', {
    listener: 'always',
    steps: [get('/', 'x-forwarded-client-cert: By=before'), { waitFor: 'ok' }],
  }),
  one('routed without a certificate', { listener: 'routed', steps: [get('/'), { waitFor: 'none' }] }),
  one('routed with a good certificate', {
    listener: 'routed',
    tls: shown,
    steps: [get('/'), { waitFor: 'validated' }],
  }),
  one('routed with an untrusted certificate', {
    listener: 'routed',
    tls: { cert: untrusted.cert, key: untrusted.key },
    steps: [get('/'), { waitFor: 'presented' }],
  }),
  one('a name that is wanted', { listener: 'named', tls: shown }),
  refused('a name that is not wanted', { listener: 'named', tls: { cert: ecClient.cert, key: ecClient.key } }),
  one('a name by the old list', { listener: 'old_names', tls: { cert: ecClient.cert, key: ecClient.key } }),
  refused('no name of the old list', { listener: 'old_names', tls: shown }),
  refused('a certificate that is not pinned', { listener: 'pinned', tls: shown }),
  one('any certificate where nothing is validated', {
    listener: 'no_validation',
    tls: { cert: untrusted.cert, key: untrusted.key },
  }),
  one('no certificate where nothing is validated', { listener: 'no_validation' }),
  refused('plain HTTP', { tls: undefined }),
  refused('something else', { tls: undefined, steps: ['hello, is this TLS?\r\n', { waitClosed: true }] }),
  refused('nothing but a FIN', { tls: undefined, steps: [{ halfClose: true }, { waitClosed: true }] }),
  refused('half a hello', {
    tls: undefined,
    steps: ['\x16\x03\x01\x00\xf0\x01\x00', { halfClose: true }, { waitClosed: true }],
  }),
  refused('an empty hello', { tls: undefined, steps: ['\x16\x03\x01\x00\x04\x01\x00\x00\x00', { waitClosed: true }] }),
]

export const downstreamSuite: ParitySuite = {
  name: 'TLS towards clients',
  yaml: bootstrap(listeners, [cluster('main')]),
  cases,
}
