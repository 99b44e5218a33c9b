/** Role-based access control by what TLS tells of clients: names in certificates, server names; of requests and connections. */
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ParityCase, ParitySuite } from '../case.ts'
import { perRoute, policy, RBAC_LOG, rbac, rules } from '../http_filters/rbac_suite.ts'
import { listener, TYPE, tcpProxy } from '../l4/l4_yaml.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent, routes } from '../yaml.ts'

const T = 'type.googleapis.com'
const EXT = `${T}/envoy.extensions`
const ca = new CertificateAuthority()
export const removeCertificates = (): void => ca.remove()

const server = ca.issue({ name: 'server', altNames: ['DNS:a.test'] })
const clients: Readonly<Record<string, ParityCase['tls']>> = {
  nobody: {},
  'with URIs': shown('uris', ['URI:spiffe://a.test/one', 'URI:spiffe://a.test/two', 'DNS:client.test']),
  'with names': shown('names', ['DNS:client.test', 'DNS:*.wild.test', 'email:me@a.test', 'IP:10.0.0.1']),
  'with a subject': shown('plain client', []),
  'asking for a.test': { ...shown('asking', ['URI:spiffe://a.test/one']), servername: 'a.test' },
  'asking for another': { servername: 'x.other.test' },
}

function shown(name: string, altNames: readonly string[]): NonNullable<ParityCase['tls']> {
  const { cert, key } = ca.issue({ name, altNames })
  return { cert, key }
}

const ANY = '{ any: true }'
const named = (matcher: string) => `{ authenticated: { principal_name: { ${matcher} } } }`
const mtls = (fields: string) =>
  `{ custom: { name: c, typed_config: { "@type": ${EXT}.rbac.principals.mtls_authenticated.v3.Config, ${fields} } } }`
const san = (type: string, matcher: string) => mtls(`san_matcher: { san_type: ${type}, matcher: { ${matcher} } }`)
const principals: Readonly<Record<string, string>> = {
  tls: '{ authenticated: {} }',
  uri: named('exact: "spiffe://a.test/two"'),
  uris: named('prefix: "spiffe://a.test/"'),
  dns: named('exact: client.test'),
  subject: named('exact: "CN=plain client"'),
  subject_of_all: named('prefix: "CN="'),
  nothing: named('exact: ""'),
  regex: named('safe_regex: { regex: ".*test.*" }'),
  not: `{ not_id: ${named('prefix: spiffe')} }`,
  validated: mtls('any_validated_client_certificate: true'),
  san_uri: san('URI', 'exact: "spiffe://a.test/one"'),
  san_dns: san('DNS', 'exact: client.test'),
  san_wildcard: san('DNS', 'exact: x.wild.test'),
  san_email: san('EMAIL', 'suffix: "@a.test"'),
  san_ip: san('IP_ADDRESS', 'exact: 10.0.0.1'),
}
const permissions: Readonly<Record<string, string>> = {
  server: '{ requested_server_name: { exact: a.test } }',
  server_suffix: '{ requested_server_name: { suffix: .test } }',
  no_server: '{ requested_server_name: { exact: "" } }',
}
const action = `{ action: { name: a, typed_config: { "@type": ${T}/envoy.config.rbac.v3.Action, name: found } } }`
const tree = (input: string, value: string) =>
  `{ matcher_tree: { input: { name: i, typed_config: { "@type": ${EXT}.matching.common_inputs.${input} } }, exact_match_map: { map: { "${value}": ${action} } } } }`
const matchers: Readonly<Record<string, string>> = {
  by_uri: tree('ssl.v3.UriSanInput', 'spiffe://a.test/one,spiffe://a.test/two'),
  by_dns: tree('ssl.v3.DnsSanInput', 'client.test'),
  by_subject: tree('ssl.v3.SubjectInput', 'CN=plain client'),
  by_server: tree('network.v3.ServerNameInput', 'a.test'),
}
const rulesOf: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    Object.entries(principals).map(([name, text]) => [name, `rules: ${rules('ALLOW', policy(name, ANY, text))}`]),
  ),
  ...Object.fromEntries(
    Object.entries(permissions).map(([name, text]) => [name, `rules: ${rules('ALLOW', policy(name, text))}`]),
  ),
  ...Object.fromEntries(Object.entries(matchers).map(([name, text]) => [name, `matcher: ${text}`])),
}

const socket = `
  transport_socket:
    name: envoy.transport_sockets.tls
    typed_config:
      "@type": ${EXT}.transport_sockets.tls.v3.DownstreamTlsContext
      common_tls_context:
        tls_certificates:
        - certificate_chain: { filename: ${server.certPath} }
          private_key: { filename: ${server.keyPath} }
        validation_context: { trusted_ca: { filename: ${ca.certPath} } }
`
const secured = (text: string): string =>
  text.replace(
    '  filter_chains:\n  - filters:',
    `  filter_chains:\n${indent(socket, 2).replace('    transport', '  - transport')}\n    filters:`,
  )
const inspected = `listener_filters: [ { name: i, typed_config: { "@type": ${EXT}.filters.listener.tls_inspector.v3.TlsInspector } } ]`
const LOG = 'end=%CONNECTION_TERMINATION_DETAILS% rbac=%DYNAMIC_METADATA(envoy.filters.network.rbac)%'
const requestRoutes = routes(
  Object.entries(rulesOf)
    .map(([name, text]) => `- { match: { path: "/${name}" }, route: { cluster: main }, ${perRoute(text)} }`)
    .join('\n'),
)

const listeners = [
  secured(httpListener({ name: 'main', logFormat: RBAC_LOG, filters: rbac(''), virtualHosts: requestRoutes })),
  secured(
    httpListener({
      name: 'inspected',
      logFormat: RBAC_LOG,
      filters: rbac(''),
      virtualHosts: requestRoutes,
      listener: inspected,
    }),
  ),
  // Shadow rules tell what they find, and let the connection be.
  ...Object.entries(rulesOf).map(([name, text]) =>
    secured(
      listener(
        `connection_${name}`,
        `- name: envoy.filters.network.rbac\n  typed_config: { "@type": ${TYPE}.rbac.v3.RBAC, stat_prefix: net, shadow_${text} }\n${tcpProxy('cluster: main', 't', LOG).trim()}`,
        inspected,
      ),
    ),
  ),
]

const names = Object.keys(rulesOf)
const requestCases = ['main', 'inspected'].flatMap((to) =>
  Object.entries(clients).map(
    ([name, tls]): ParityCase => ({
      name: `rbac by TLS: a client ${name}, ${to}`,
      listener: to,
      ...(tls === undefined ? {} : { tls }),
      steps: names.flatMap((rule, i) => [get(`/${rule}`), { waitCount: ['HTTP/1.1 ', i + 1] as [string, number] }]),
      logLines: names.length,
      stats: '^http\\..*rbac',
    }),
  ),
)
const connectionCases = names.flatMap((rule) =>
  ['with URIs', 'asking for a.test'].map(
    (name): ParityCase => ({
      name: `rbac by TLS: a connection ${name}, ${rule}`,
      listener: `connection_${rule}`,
      tls: clients[name]!,
      steps: [get('/'), { waitFor: 'HTTP/1.1 200' }],
      stats: 'rbac',
    }),
  ),
)

export const tlsRbacSuite: ParitySuite = {
  name: 'rbac by TLS',
  yaml: bootstrap(listeners, [cluster('main')]),
  cases: [...requestCases, ...connectionCases],
}
