/** x-forwarded-client-cert: every mode with every set of details, as text and as JSON, and chosen by a matcher. */
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent } from '../yaml.ts'

const ca = new CertificateAuthority()
export const removeCertificates = (): void => ca.remove()

const server = ca.issue({ name: 'server', altNames: ['DNS:a.test', 'URI:spiffe://a.test/x', 'URI:spiffe://a.test/y'] })
const nameless = ca.issue({ name: 'nameless' })
const client = ca.issue({
  name: 'client, "quoted" \\ =;',
  altNames: ['URI:spiffe://a.test/client', 'URI:urn:b;c=d', 'DNS:client.test', 'DNS:b.client.test', 'IP:10.0.0.1'],
})
const plainClient = ca.issue({ name: 'plain' })

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
const CONFIG =
  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ForwardClientCertConfig'

function tlsListener(name: string, hcm: string, certificate = server): string {
  const socket = `
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": ${TLS}
      common_tls_context:
        tls_certificates:
        - certificate_chain: { filename: ${certificate.certPath} }
          private_key: { filename: ${certificate.keyPath} }
        validation_context: { trusted_ca: { filename: ${ca.certPath} } }
`
  return httpListener({ name, logFormat: '%RESPONSE_CODE%', hcm }).replace(
    '  filter_chains:\n  - filters:',
    `  filter_chains:\n${indent(socket, 2).replace('    transport', '  - transport')}\n    filters:`,
  )
}

const ALL = 'subject: true, cert: true, chain: true, dns: true, uri: true, issuer: true'
const modes = ['SANITIZE', 'FORWARD_ONLY', 'APPEND_FORWARD', 'SANITIZE_SET', 'ALWAYS_FORWARD_ONLY']
const formats: Readonly<Record<string, string>> = {
  nothing: '',
  all: ALL,
  subject: 'subject: true',
  subject_off: 'subject: false, uri: true',
  json: 'format: JSON',
  json_all: `${ALL}, format: JSON`,
}
const details = (mode: string, fields: string): string => `forward_client_cert_details: ${mode}
set_current_client_cert_details: { ${fields} }`

const action = (mode: string, fields: string): string =>
  `action: { name: x, typed_config: { "@type": ${CONFIG}, forward_client_cert_details: ${mode}, set_current_client_cert_details: { ${fields} } } }`

const input = (type: string, fields = ''): string =>
  `input: { name: in, typed_config: { "@type": type.googleapis.com/${type}${fields} } }`

const header = (name: string): string =>
  input('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', `, header_name: ${name}`)

const matched = `
forward_client_cert_details: FORWARD_ONLY
forward_client_cert_matcher:
  matcher_tree:
    ${header('x-mode')}
    exact_match_map:
      map:
        set: { ${action('SANITIZE_SET', 'subject: true')} }
        json: { ${action('SANITIZE_SET', 'format: JSON, dns: true')} }
        append: { ${action('APPEND_FORWARD', '')} }
        sanitize: { ${action('SANITIZE', '')} }
        always: { ${action('ALWAYS_FORWARD_ONLY', '')} }
        bare: { action: { name: x, typed_config: { "@type": ${CONFIG} } } }
`

const bySan = (type: string, value: string, fields = ''): string => `
forward_client_cert_matcher:
  matcher_list:
    matchers:
    - predicate: { single_predicate: { ${input(type, fields)}, value_match: { exact: "${value}" } } }
      on_match: { ${action('SANITIZE_SET', 'uri: true')} }
  on_no_match: { ${action('APPEND_FORWARD', '')} }
`
const ssl = 'envoy.extensions.matching.common_inputs.ssl.v3'
const net = 'envoy.extensions.matching.common_inputs.network.v3'

const listeners = [
  ...modes.flatMap((mode) =>
    Object.entries(formats).map(([name, fields]) =>
      tlsListener(`${mode}_${name}`.toLowerCase(), details(mode, fields)),
    ),
  ),
  tlsListener('nameless', details('SANITIZE_SET', ALL), nameless),
  tlsListener('nameless_json', details('SANITIZE_SET', `${ALL}, format: JSON`), nameless),
  tlsListener('matched', matched),
  tlsListener('by_uri', bySan(`${ssl}.UriSanInput`, 'spiffe://a.test/client,urn:b;c=d')),
  tlsListener('by_dns', bySan(`${ssl}.DnsSanInput`, 'client.test,b.client.test')),
  tlsListener('by_subject', bySan(`${ssl}.SubjectInput`, 'CN=plain')),
  tlsListener('by_source', bySan(`${net}.DirectSourceIPInput`, '127.0.0.1')),
  tlsListener('by_name', bySan(`${net}.ServerNameInput`, 'a.test')),
  tlsListener('by_type', bySan(`${net}.SourceTypeInput`, 'local')),
  tlsListener(
    'by_query',
    bySan('envoy.type.matcher.v3.HttpRequestQueryParamMatchInput', 'a b', ', query_param: "x y"'),
  ),
  httpListener({ name: 'plain', logFormat: '%RESPONSE_CODE%', hcm: details('SANITIZE_SET', ALL) }),
  httpListener({ name: 'plain_matched', logFormat: '%RESPONSE_CODE%', hcm: matched }),
  httpListener({
    name: 'plain_by_subject',
    logFormat: '%RESPONSE_CODE%',
    hcm: bySan(`${ssl}.SubjectInput`, 'CN=plain'),
  }),
]

const jsonBefore = [
  '[{"by":"x"}]',
  '[ ]',
  '[]',
  '[{"a":1} ] ',
  ' [{"a":1}]',
  '{"a":1}',
  '[1,2',
  '[x]',
  '[',
  ']',
  'x]',
  '',
  '[{"b":2,"a":[1, 2.50, null]},  "t\\u00e9"]',
  '[{"a":1}], [{"b":2}]',
]
const before = 'x-forwarded-client-cert: By=before;Hash=1'
const shown = { cert: client.cert, key: client.key }
const one = (name: string, more: Partial<ParityCase>): ParityCase => ({
  name: `xfcc: ${name}`,
  steps: [get('/', before), { waitFor: 'ok' }],
  tls: shown,
  ...more,
})

const cases: ParityCase[] = [
  ...modes.flatMap((mode) =>
    Object.keys(formats).map((name) => one(`${mode} ${name}`, { listener: `${mode}_${name}`.toLowerCase() })),
  ),
  ...modes.map((mode) => one(`${mode} without a certificate`, { listener: `${mode}_all`.toLowerCase(), tls: {} })),
  ...['all', 'json_all'].flatMap((name) => [
    one(`SANITIZE_SET ${name}, nothing before`, {
      listener: `sanitize_set_${name}`,
      steps: [get('/'), { waitFor: 'ok' }],
    }),
    one(`APPEND_FORWARD ${name}, nothing before`, {
      listener: `append_forward_${name}`,
      steps: [get('/'), { waitFor: 'ok' }],
    }),
    one(`APPEND_FORWARD ${name}, several before`, {
      listener: `append_forward_${name}`,
      steps: [get('/', before, 'x-forwarded-client-cert: [{"By":"x"}]'), { waitFor: 'ok' }],
    }),
    one(`SANITIZE_SET ${name}, a certificate without names`, {
      listener: `sanitize_set_${name}`,
      tls: { cert: plainClient.cert, key: plainClient.key },
    }),
    one(`a server without names, ${name}`, { listener: name === 'all' ? 'nameless' : 'nameless_json' }),
  ]),
  ...['set', 'json', 'append', 'sanitize', 'always', 'bare', 'other'].flatMap((mode) => [
    one(`matched ${mode}`, {
      listener: 'matched',
      steps: [get('/', before, `x-mode: ${mode}`), { waitFor: 'ok' }],
    }),
    one(`matched ${mode} without TLS`, {
      listener: 'plain_matched',
      tls: undefined,
      steps: [get('/', before, `x-mode: ${mode}`), { waitFor: 'ok' }],
    }),
  ]),
  one('matched by a header that is not there', { listener: 'matched' }),
  ...['by_uri', 'by_dns', 'by_subject', 'by_source', 'by_name'].flatMap((listener) => [
    one(`${listener}`, { listener, tls: { ...shown, servername: 'a.test' } }),
    one(`${listener}, another client`, { listener, tls: { cert: plainClient.cert, key: plainClient.key } }),
  ]),
  ...[...['json', 'nothing'].flatMap((name) => jsonBefore.map((value) => [name, value]))].map(([name, value]) =>
    one(`APPEND_FORWARD ${name} after ${value}`, {
      listener: `append_forward_${name}`,
      steps: [get('/', `x-forwarded-client-cert: ${value}`), { waitFor: 'ok' }],
    }),
  ),
  ...['/?x%20y=a%20b', '/?a=1&x%20y=a+b', '/?x y=a b', '/?x%20y=c&x%20y=a%20b', '/?x%20y=a%20b#f', '/?z'].map((path) =>
    one(`by the query ${path}`, { listener: 'by_query', steps: [get(path, before), { waitFor: 'HTTP/1.1' }] }),
  ),
  one('by the type of source', { listener: 'by_type' }),
  one('by the subject without TLS', { listener: 'plain_by_subject', tls: undefined }),
  one('without TLS', { listener: 'plain', tls: undefined }),
]

export const forwardClientCertSuite: ParitySuite = {
  name: 'x-forwarded-client-cert',
  yaml: bootstrap(listeners, [cluster('main')]),
  cases,
}
