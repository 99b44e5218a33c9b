/** Role-based access control that Envoy accepts or refuses in a configuration. */
import { policy, rules } from '../http_filters/rbac_suite.ts'
import { bootstrap } from '../yaml.ts'
import { boot, type VerdictCase } from './verdict_cases.ts'

const T = 'type.googleapis.com'
const EXT = `${T}/envoy.extensions`
const ANY = '{ any: true }'
const ROUTER_TYPE = `${EXT}.filters.http.router.v3.Router`

const http = (name: string, fields: string): VerdictCase => ({
  name: `rbac: ${name}`,
  yaml: boot({
    filters: `- { name: f, typed_config: { "@type": ${EXT}.filters.http.rbac.v3.RBAC, ${fields} } }\n- { name: r, typed_config: { "@type": ${ROUTER_TYPE} } }`,
  }),
})
const perRoute = (name: string, fields: string): VerdictCase => ({
  name: `rbac: per route, ${name}`,
  yaml: boot({
    filters: `- { name: f, typed_config: { "@type": ${EXT}.filters.http.rbac.v3.RBAC } }\n- { name: r, typed_config: { "@type": ${ROUTER_TYPE} } }`,
    routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { f: { "@type": ${EXT}.filters.http.rbac.v3.RBACPerRoute, ${fields} } } }`,
  }),
})
const bareNetwork = (name: string, fields: string): VerdictCase => ({
  name: `network rbac: ${name}`,
  yaml: bootstrap(
    [
      `- name: l\n  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }\n  filter_chains: [ { filters: [ { name: n, typed_config: { "@type": ${EXT}.filters.network.rbac.v3.RBAC, ${fields} } }, { name: e, typed_config: { "@type": ${EXT}.filters.network.echo.v3.Echo } } ] } ]`,
    ],
    ['- { name: c }'],
  ),
})
const network = (name: string, fields: string): VerdictCase => bareNetwork(name, `stat_prefix: p, ${fields}`)
const permission = (name: string, text: string): VerdictCase =>
  http(`permission, ${name}`, `rules: ${rules('ALLOW', policy('p', text))}`)
const principal = (name: string, text: string): VerdictCase =>
  http(`principal, ${name}`, `rules: ${rules('ALLOW', policy('p', ANY, text))}`)

const HEADER = '{ header: { name: a, present_match: true } }'
const METADATA = '{ filter: a, path: [ { key: b } ], value: { bool_match: true } }'
const extension = (type: string, fields = '') =>
  `{ name: x, typed_config: { "@type": ${EXT}.${type}${fields === '' ? '' : `, ${fields}`} } }`
const template = (text: string) =>
  extension('path.match.uri_template.v3.UriTemplateMatchConfig', `path_template: "${text}"`)
const upstream = (fields: string) =>
  `{ matcher: ${extension('rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher', fields)} }`
const mtls = (fields: string) => `{ custom: ${extension('rbac.principals.mtls_authenticated.v3.Config', fields)} }`
const OTHER = extension('filters.http.router.v3.Router')
const range = (start: number, end: number) => `{ destination_port_range: { start: ${start}, end: ${end} } }`
const ACTION = `${T}/envoy.config.rbac.v3.Action`
const leaf = (fields: string) => `{ action: { name: a, typed_config: { "@type": ${ACTION}, ${fields} } } }`
const tree = (input: string) =>
  `{ matcher_tree: { input: ${input}, exact_match_map: { map: { a: ${leaf('name: a')} } } } }`
const input = (type: string, fields = '') =>
  `{ name: i, typed_config: { "@type": ${T}/envoy.${type}${fields === '' ? '' : `, ${fields}`} } }`
const NETWORK_INPUTS = 'extensions.matching.common_inputs.network.v3'
const inputs: Readonly<Record<string, string>> = {
  header: input('type.matcher.v3.HttpRequestHeaderMatchInput', 'header_name: a'),
  trailer: input('type.matcher.v3.HttpRequestTrailerMatchInput', 'header_name: a'),
  query: input('type.matcher.v3.HttpRequestQueryParamMatchInput', 'query_param: a'),
  ...Object.fromEntries(
    ['DestinationIP', 'SourceType', 'TransportProtocol'].map((type) => [type, input(`${NETWORK_INPUTS}.${type}Input`)]),
  ),
  state: input(`${NETWORK_INPUTS}.FilterStateInput`, 'key: a'),
  metadata: input(`${NETWORK_INPUTS}.DynamicMetadataInput`, 'filter: a, path: [ { key: b } ]'),
  subject: input('extensions.matching.common_inputs.ssl.v3.SubjectInput'),
}

export const rbacVerdictCases: readonly VerdictCase[] = [
  http('nothing', 'rules_stat_prefix: a'),
  http('unknown action', 'rules: { action: FOO }'),
  http('no permissions', 'rules: { policies: { p: { permissions: [], principals: [ { any: true } ] } } }'),
  http('no principals', 'rules: { policies: { p: { permissions: [ { any: true } ] } } }'),
  http('rules and a matcher', `rules: ${rules('DENY')}, matcher: ${tree(inputs['header'])}`),
  http('an audit condition', 'rules: { audit_logging_options: { audit_condition: ON_DENY } }'),
  permission('nothing', '{}'),
  permission('address', '{ destination_ip: { address_prefix: "::1", prefix_len: 200 } }'),
  permission('bad address', '{ destination_ip: { address_prefix: x } }'),
  permission('bad port', '{ destination_port: 65536 }'),
  permission('empty range', range(2, 2)),
  permission('range from below', range(-1, 3)),
  permission('range too far', range(2, 65_537)),
  permission('no rules to hold', '{ and_rules: { rules: [] } }'),
  permission('nested', `{ or_rules: { rules: [ { not_rule: ${HEADER} } ] } }`),
  permission('server name of nothing', '{ requested_server_name: {} }'),
  permission('bad regex', '{ requested_server_name: { safe_regex: { regex: "(" } } }'),
  permission('metadata', `{ metadata: ${METADATA} }`),
  permission('metadata of a source', `{ sourced_metadata: { metadata_matcher: ${METADATA}, metadata_source: ROUTE } }`),
  permission('metadata of a source of nothing', '{ sourced_metadata: {} }'),
  permission('template', `{ uri_template: ${template('/a/{b}')} }`),
  permission('another template', `{ uri_template: ${OTHER} }`),
  permission('upstream address', upstream('upstream_ip: { address_prefix: 127.0.0.1 }')),
  permission('upstream ports backwards', upstream('upstream_port_range: { start: 3, end: 2 }')),
  permission('upstream of nothing', upstream('')),
  permission('bad upstream address', upstream('upstream_ip: { address_prefix: x }')),
  permission('another matcher', `{ matcher: ${OTHER} }`),
  principal('nothing', '{}'),
  principal('a name of nothing', '{ authenticated: { principal_name: {} } }'),
  principal('bad address', '{ remote_ip: { address_prefix: foo } }'),
  principal(
    'state',
    '{ filter_state: { key: a, address_match: { ranges: [ { address_prefix: 10.0.0.0, prefix_len: 8 } ] } } }',
  ),
  principal('state of nothing', '{ filter_state: { string_match: { exact: a } } }'),
  principal('mtls', mtls('any_validated_client_certificate: true')),
  principal('mtls by name', mtls('san_matcher: { san_type: URI, matcher: { exact: a } }')),
  principal('mtls of nothing', mtls('')),
  principal('another one', `{ custom: ${OTHER} }`),
  perRoute('nothing', ''),
  perRoute('rules', `rbac: { rules: ${rules('DENY', policy('p'))} }`),
  perRoute('bad rules', `rbac: { rules: ${rules('DENY', policy('p', range(2, 1)))} }`),
  ...Object.entries(inputs).map(([name, text]) => http(`matcher by ${name}`, `matcher: ${tree(text)}`)),
  http('matcher without a name', `shadow_matcher: { on_no_match: ${leaf('action: DENY')} }`),
  http('matcher with another action', `matcher: { on_no_match: { action: ${OTHER} } }`),
  network('nothing', ''),
  bareNetwork('no prefix', 'rules: {}'),
  network('header', `rules: ${rules('ALLOW', policy('p', HEADER))}`),
  network(
    'header deep',
    `shadow_rules: ${rules('ALLOW', policy('p', ANY, `{ not_id: { and_ids: { ids: [ ${HEADER} ] } } }`))}`,
  ),
  network('path', `rules: ${rules('ALLOW', policy('p', '{ url_path: { path: { exact: a } } }'))}`),
  network('delay', 'delay_deny: 1s'),
  network('delay below nothing', 'delay_deny: -1s'),
  network('continuous', 'enforcement_type: CONTINUOUS'),
  network('unknown enforcement', 'enforcement_type: ALWAYS'),
  ...Object.entries(inputs).map(([name, text]) => network(`matcher by ${name}`, `matcher: ${tree(text)}`)),
]
