/** envoy.filters.network.rbac: connections are closed with their first bytes, or go on; whatever a connection can be told by. */
import { ipv4Addresses, proxyHeader } from '../../support/proxy_header.ts'
import type { ParityCase, ParitySuite, Step } from '../case.ts'
import { policy, rules } from '../http_filters/rbac_suite.ts'
import { accessLog, bootstrap, cluster, indent } from '../yaml.ts'
import { listener, TYPE, tcpProxy } from './l4_yaml.ts'

const T = 'type.googleapis.com'
const PREFIX = '%DOWNSTREAM_DIRECT_LOCAL_PORT%:%DOWNSTREAM_DIRECT_REMOTE_PORT%|'
const LOG =
  'rx=%BYTES_RECEIVED% tx=%BYTES_SENT% %RESPONSE_FLAGS% end=%CONNECTION_TERMINATION_DETAILS% ' +
  'close=%DOWNSTREAM_LOCAL_CLOSE_REASON% rbac=%DYNAMIC_METADATA(envoy.filters.network.rbac)% hint=%DYNAMIC_METADATA(envoy.common)%'
const ANY = '{ any: true }'
const ALL = rules('ALLOW', policy('all'))
const NONE = rules('DENY', policy('all of  them'))

const filter = (fields: string, prefix = 'net') =>
  `- name: envoy.filters.network.rbac\n  typed_config: { "@type": ${TYPE}.rbac.v3.RBAC, stat_prefix: ${prefix}, ${fields} }`
const guarded = (name: string, fields: string, more = '', last = tcpProxy('cluster: main', 't', LOG, PREFIX)) =>
  listener(name, `${filter(fields)}\n${last.trim()}`, more)
const proxied = (name: string, fields: string) =>
  guarded(
    name,
    fields,
    `listener_filters: [ { name: p, typed_config: { "@type": ${T}/envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol, rules: [ { tlv_type: 0xE0, on_tlv_present: { key: who } } ] } } ]`,
  )

const range = (address: string, length: number) => `{ address_prefix: ${address}, prefix_len: ${length} }`
const tlv = (value: string) =>
  `{ metadata: { filter: envoy.filters.listener.proxy_protocol, path: [ { key: who } ], value: { string_match: { exact: ${value} } } } }`
/** Each on a listener behind a proxy that names addresses and who is there. */
const permissions: Readonly<Record<string, string>> = {
  ip: `{ destination_ip: ${range('10.0.0.2', 32)} }`,
  ip_other: `{ destination_ip: ${range('127.0.0.1', 32)} }`,
  port: '{ destination_port: 2000 }',
  port_other: '{ destination_port: 2001 }',
  ports: '{ destination_port_range: { start: 2000, end: 2001 } }',
  ports_end: '{ destination_port_range: { start: 1, end: 2000 } }',
  not: '{ not_rule: { destination_port: 2000 } }',
  and: `{ and_rules: { rules: [ { destination_port: 2000 }, { destination_ip: ${range('10.0.0.0', 8)} } ] } }`,
  or: '{ or_rules: { rules: [ { destination_port: 1 }, { destination_port: 2 } ] } }',
  path: '{ url_path: { path: { safe_regex: { regex: ".*" } } } }',
  template: `{ uri_template: { name: t, typed_config: { "@type": ${T}/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "/**" } } }`,
  server: '{ requested_server_name: { exact: "" } }',
  metadata: tlv('me'),
  metadata_other: tlv('you'),
  route: `{ sourced_metadata: { metadata_source: ROUTE, metadata_matcher: { filter: f, path: [ { key: k } ], value: { present_match: true }, invert: true } } }`,
}
const principals: Readonly<Record<string, string>> = {
  source: `{ source_ip: ${range('10.0.0.1', 32)} }`,
  source_other: `{ source_ip: ${range('127.0.0.1', 32)} }`,
  direct: `{ direct_remote_ip: ${range('127.0.0.1', 32)} }`,
  direct_other: `{ direct_remote_ip: ${range('10.0.0.1', 32)} }`,
  remote: `{ remote_ip: ${range('10.0.0.1', 32)} }`,
  remote_other: `{ remote_ip: ${range('127.0.0.1', 32)} }`,
  authenticated: '{ authenticated: {} }',
  who: tlv('me'),
  not_who: `{ not_id: ${tlv('me')} }`,
  state: '{ filter_state: { key: some.state, string_match: { exact: a } } }',
}
const action = (name: string, kind: string) =>
  `{ action: { name: a, typed_config: { "@type": ${T}/envoy.config.rbac.v3.Action, name: "${name}", action: ${kind} } } }`
const tree = (input: string, map: string, more = '') =>
  `{ matcher_tree: { input: { name: i, typed_config: { "@type": ${T}/envoy.extensions.matching.common_inputs.${input} } }, exact_match_map: { map: { ${map} } } }${more} }`
const matchers: Readonly<Record<string, string>> = {
  source_ip: tree('network.v3.SourceIPInput', `10.0.0.1: ${action('allow it', 'ALLOW')}`),
  source_port: tree('network.v3.SourcePortInput', `"1000": ${action('deny it', 'DENY')}`),
  direct_ip: tree('network.v3.DirectSourceIPInput', `127.0.0.1: ${action('log it', 'LOG')}`),
  destination_ip: tree('network.v3.DestinationIPInput', `127.0.0.1: ${action('allow it', 'ALLOW')}`),
  destination_port: tree('network.v3.DestinationPortInput', `"2000": ${action('allow it', 'ALLOW')}`),
  default: tree('network.v3.ServerNameInput', `x: ${action('x', 'DENY')}`, `, on_no_match: ${action('rest', 'ALLOW')}`),
}

const listeners = [
  guarded('allow', `rules: ${ALL}`),
  guarded('deny', `rules: ${NONE}`),
  guarded('deny_none', `rules: ${rules('DENY')}`),
  guarded('allow_none', `rules: ${rules('ALLOW')}`),
  guarded('nothing', ''),
  guarded('log', `rules: ${rules('LOG', policy('logged'))}`),
  guarded('log_none', `rules: ${rules('LOG')}`),
  guarded('shadow', `shadow_rules: ${NONE}`),
  guarded('shadow_log', `shadow_rules: ${rules('LOG', policy('logged'))}, shadow_rules_stat_prefix: s`),
  guarded('shadow_prefix', `rules: ${ALL}, shadow_rules: ${rules('ALLOW')}, shadow_rules_stat_prefix: sp.`),
  guarded('continuous', `rules: ${ALL}, shadow_rules: ${NONE}, enforcement_type: CONTINUOUS`),
  guarded('once', `rules: ${ALL}, shadow_rules: ${NONE}, enforcement_type: ONE_TIME_ON_FIRST_BYTE`),
  guarded('continuous_deny', `rules: ${NONE}, enforcement_type: CONTINUOUS`),
  guarded('delay', `rules: ${NONE}, delay_deny: 0.3s`),
  guarded('delay_continuous', `rules: ${NONE}, delay_deny: 0.3s, enforcement_type: CONTINUOUS`),
  guarded('both', `rules: ${NONE}, matcher: ${matchers['default']}`),
  guarded(
    'echo',
    `rules: ${NONE}`,
    `access_log:\n${indent(accessLog(LOG, PREFIX), 0)}`,
    `- { name: echo, typed_config: { "@type": ${TYPE}.echo.v3.Echo } }`,
  ),
  ...Object.entries(permissions).map(([name, text]) =>
    proxied(`permission_${name}`, `rules: ${rules('ALLOW', policy(name, text))}`),
  ),
  ...Object.entries(principals).map(([name, text]) =>
    proxied(`principal_${name}`, `rules: ${rules('ALLOW', policy(name, ANY, text))}`),
  ),
  ...Object.entries(matchers).map(([name, text]) => proxied(`matcher_${name}`, `matcher: ${text}`)),
  ...Object.entries(matchers).map(([name, text]) => proxied(`shadow_${name}`, `shadow_matcher: ${text}`)),
]

const HELLO = proxyHeader({
  addresses: ipv4Addresses('10.0.0.1', 1000, '10.0.0.2', 2000),
  tlvs: [[0xe0, 'me']],
}).toString('latin1')

const one = (
  name: string,
  listenerName: string,
  steps: readonly Step[],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `network rbac: ${name}`,
  listener: listenerName,
  steps,
  stats: '\\.rbac\\.|^tcp\\.|downstream_cx_(total|destroy)$',
  ...more,
})
const closes: readonly Step[] = ['ping', { waitClosed: true }]
const echoes: readonly Step[] = ['ping', { waitFor: 'echo(ping)' }, 'pong', { waitFor: 'echo(pong)' }]
/** Answered, or closed: both proxies have to agree on which. */
const either: readonly Step[] = [`${HELLO}ping`, { waitFor: 'echo(ping)' }]
const isDenied = (name: string): boolean =>
  /_(other|end)$|^(not|or|path|template|route|authenticated|not_who|state)$/.test(name)
const proxiedCase = (kind: string, name: string, denied: boolean): ParityCase =>
  one(`${kind} ${name}`, `${kind}_${name}`, denied ? [`${HELLO}ping`, { waitClosed: true }] : either)

export const networkRbacSuite: ParitySuite = {
  name: 'network rbac',
  yaml: bootstrap(listeners, [cluster('main')]),
  backends: ['main'],
  scripts: { main: { raw: true, onEnd: (connection) => connection.finish('bye') } },
  cases: [
    ...[
      'allow',
      'deny_none',
      'nothing',
      'log',
      'log_none',
      'shadow',
      'shadow_log',
      'shadow_prefix',
      'continuous',
      'once',
      'both',
    ].map((name) => one(name, name, echoes)),
    ...['deny', 'allow_none', 'continuous_deny', 'delay', 'delay_continuous', 'echo'].map((name) =>
      one(name, name, closes),
    ),
    one('a client that says nothing is not asked', 'deny', [{ quietMs: 200 }]),
    one('a client that ends at once', 'deny', [{ halfClose: true }]),
    one('a client that ends at once, allowed', 'allow', [{ halfClose: true }]),
    one('a client that ends during the delay', 'delay', ['ping', { halfClose: true }, { waitClosed: true }]),
    ...Object.keys(permissions).map((name) => proxiedCase('permission', name, isDenied(name))),
    ...Object.keys(principals).map((name) => proxiedCase('principal', name, isDenied(name))),
    ...Object.keys(matchers).map((name) =>
      proxiedCase('matcher', name, ['source_port', 'destination_ip'].includes(name)),
    ),
    ...Object.keys(matchers).map((name) => proxiedCase('shadow', name, false)),
  ],
}
