/**
 * envoy.filters.http.rbac: every permission and principal, each on a route of its own whose policy allows what it matches;
 * actions, shadow rules, matchers, stats and what logs are told.
 */
import type { ParityCase, ParitySuite } from '../case.ts'
import { CRLF, get, request } from '../requests.ts'
import { bootstrap, cluster, httpFilter, httpListener, routes } from '../yaml.ts'
import { cacheConfig, forwardProxyCluster } from './forward_proxy_yaml.ts'

const T = 'type.googleapis.com'
const EXT = `${T}/envoy.extensions`
export const RBAC_LOG =
  '%RESPONSE_CODE% %RESPONSE_CODE_DETAILS% %RESPONSE_FLAGS% rbac=%DYNAMIC_METADATA(envoy.filters.http.rbac)% ' +
  'hint=%DYNAMIC_METADATA(envoy.common)% policy=%DYNAMIC_METADATA(envoy.filters.http.rbac:enforced_effective_policy_id)%'
const ANY = '{ any: true }'
const METADATA =
  'metadata: { filter_metadata: { ns: { a: { b: text }, "n": 5.5, t: true, l: [ one, two ], nothing: null } } }'

export const policy = (name: string, permission = ANY, principal = ANY): string =>
  `${JSON.stringify(name)}: { permissions: [ ${permission} ], principals: [ ${principal} ] }`
export const rules = (action: string, ...policies: string[]): string =>
  `{ action: ${action}, policies: { ${policies.join(', ')} } }`
export const perRoute = (config: string): string =>
  `typed_per_filter_config: { envoy.filters.http.rbac: { "@type": ${EXT}.filters.http.rbac.v3.RBACPerRoute, rbac: { ${config} } } }`
const route = (path: string, more: string): string =>
  `- { match: { prefix: "/${path}" }, route: { cluster: main }, ${METADATA}, ${more} }`
export const rbac = (config: string): string => httpFilter('rbac', 'RBAC', config)

const header = (fields: string) => `{ header: { name: x-h, ${fields} } }`
const path = (matcher: string) => `{ url_path: { path: { ${matcher} } } }`
const template = (text: string) =>
  `{ uri_template: { name: t, typed_config: { "@type": ${EXT}.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "${text}" } } }`
const range = (start: number, end: number) => `{ destination_port_range: { start: ${start}, end: ${end} } }`
const cidr = (field: string, prefix: string, length: number) =>
  `{ ${field}: { address_prefix: "${prefix}", prefix_len: ${length} } }`
const keys = (...names: string[]) => names.map((name) => `{ key: "${name}" }`).join(', ')
const metadataOf = (namespace: string, names: readonly string[], value: string, more = '') =>
  `{ filter: ${namespace}, path: [ ${keys(...names)} ], value: { ${value} }${more} }`
/** What the filter before this one has left. */
const dynamic = (name: string, value: string, more = '') =>
  `{ metadata: ${metadataOf('envoy.filters.http.rbac', [name], value, more)} }`
const ofRoute = (names: readonly string[], value: string, more = '') =>
  `{ sourced_metadata: { metadata_source: ROUTE, metadata_matcher: ${metadataOf('ns', names, value, more)} } }`
const ofRequest = (name: string, value: string) =>
  `{ sourced_metadata: { metadata_matcher: ${metadataOf('envoy.filters.http.rbac', [name], value)} } }`

const headers: Readonly<Record<string, string>> = {
  exact: header('string_match: { exact: a }'),
  ignore: header('string_match: { exact: Ab, ignore_case: true }'),
  prefix: header('string_match: { prefix: a }'),
  suffix: header('string_match: { suffix: a }'),
  contains: header('string_match: { contains: ",a" }'),
  regex: header('string_match: { safe_regex: { regex: "a+" } }'),
  rangematch: header('range_match: { start: 1, end: 10 }'),
  present: header('present_match: true'),
  absent: header('present_match: false'),
  inverted: header('string_match: { exact: a }, invert_match: true'),
  empty: header('string_match: { exact: "" }, treat_missing_header_as_empty: true'),
}
const metadata: Readonly<Record<string, string>> = {
  dynamic: dynamic('first_shadow_effective_policy_id', 'string_match: { exact: seen }'),
  dynamicnot: dynamic('first_shadow_effective_policy_id', 'string_match: { exact: seen }', ', invert: true'),
  dynamicpresent: dynamic('first_shadow_effective_policy_id', 'present_match: true'),
  dynamicabsent: dynamic('first_shadow_effective_policy_id', 'present_match: false'),
  sourced: ofRequest('first_shadow_engine_result', 'string_match: { prefix: den }'),
  routetext: ofRoute(['a', 'b'], 'string_match: { exact: text }'),
  routeother: ofRoute(['a', 'b'], 'string_match: { exact: texts }'),
  routenot: ofRoute(['a', 'b'], 'string_match: { exact: texts }', ', invert: true'),
  routenumber: ofRoute(['n'], 'double_match: { range: { start: 5, end: 6 } }'),
  routetrue: ofRoute(['t'], 'bool_match: true'),
  routelist: ofRoute(['l'], 'list_match: { one_of: { string_match: { exact: two } } }'),
  routenull: ofRoute(['nothing'], 'null_match: {}'),
  routenone: ofRoute(['none'], 'null_match: {}'),
}
/** Of connections. */
const addressed: Readonly<Record<string, string>> = {
  ip: cidr('destination_ip', '127.0.0.0', 8),
  ipother: cidr('destination_ip', '10.0.0.0', 8),
  ip6: cidr('destination_ip', '::', 0),
  port: '{ destination_port: 2000 }',
  portrange: range(1, 65_536),
  portfrom: range(2000, 2001),
  portto: range(1999, 2000),
  psource: cidr('source_ip', '127.0.0.1', 32),
  psourceother: cidr('source_ip', '10.0.0.1', 32),
  pdirect: cidr('direct_remote_ip', '127.0.0.1', 32),
  pdirectother: cidr('direct_remote_ip', '10.0.0.1', 32),
  premote: cidr('remote_ip', '127.0.0.1', 32),
  premoteother: cidr('remote_ip', '10.0.0.0', 8),
  premote6: cidr('remote_ip', '2001:db8::', 32),
}
function addressedBy(isMeant: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(Object.entries(addressed).filter(([name]) => isMeant(name)))
}
const permissions: Readonly<Record<string, string>> = {
  any: ANY,
  ...headers,
  ...metadata,
  and: `{ and_rules: { rules: [ ${header('present_match: true')}, ${path('suffix: x')} ] } }`,
  or: `{ or_rules: { rules: [ ${header('present_match: true')}, ${path('suffix: x')} ] } }`,
  not: `{ not_rule: ${header('present_match: true')} }`,
  deep: `{ not_rule: { and_rules: { rules: [ ${header('present_match: true')}, { not_rule: ${path('suffix: x')} } ] } } }`,
  pathexact: path('exact: /pathexact/p'),
  pathprefix: path('prefix: /pathprefix/p'),
  pathregex: path('safe_regex: { regex: "/pathregex/[a-z]+" }'),
  pathcase: path('suffix: P, ignore_case: true'),
  pathcontains: path('contains: "?"'),
  template: template('/template/{v}/x'),
  templateglob: template('/templateglob/**'),
  ...addressedBy((name) => !name.startsWith('p') || name.startsWith('port')),
  server: '{ requested_server_name: { exact: "" } }',
  serverother: '{ requested_server_name: { exact: a.test } }',
}
const principals: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.entries(headers).map(([name, one]) => [`p${name}`, one])),
  ...Object.fromEntries(Object.entries(metadata).map(([name, one]) => [`p${name}`, one])),
  pand: `{ and_ids: { ids: [ ${header('present_match: true')}, ${path('suffix: x')} ] } }`,
  por: `{ or_ids: { ids: [ ${header('present_match: true')}, ${path('suffix: x')} ] } }`,
  pnot: `{ not_id: ${header('present_match: true')} }`,
  ppath: path('prefix: /ppath/p'),
  pauthenticated: '{ authenticated: {} }',
  pname: '{ authenticated: { principal_name: { safe_regex: { regex: ".*" } } } }',
  ...addressedBy((name) => name.startsWith('p') && !name.startsWith('port')),
  pstate: '{ filter_state: { key: some.state, string_match: { exact: a } } }',
  pmtls: `{ custom: { name: c, typed_config: { "@type": ${EXT}.rbac.principals.mtls_authenticated.v3.Config, any_validated_client_certificate: true } } }`,
}
const tested = { ...permissions, ...principals }

const action = (name: string, kind: string) =>
  `{ action: { name: a, typed_config: { "@type": ${T}/envoy.config.rbac.v3.Action, name: "${name}", action: ${kind} } } }`
const input = (type: string, fields = '') => `input: { name: i, typed_config: { "@type": ${T}/${type}${fields} } }`
const HEADER_INPUT = input('envoy.type.matcher.v3.HttpRequestHeaderMatchInput', ', header_name: x-m')
const NETWORK = 'envoy.extensions.matching.common_inputs.network.v3'
const tree = (source: string, map: string, more = '') =>
  `{ matcher_tree: { ${source}, exact_match_map: { map: { ${map} } } }${more} }`
const ipTree = (type: string) =>
  `{ matcher_tree: { ${input(`${NETWORK}.${type}`)}, custom_match: { name: ip, typed_config: { "@type": ${T}/xds.type.matcher.v3.IPMatcher, range_matchers: [ { ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ], on_match: ${action('local', 'ALLOW')} } ] } } } }`
const ACTIONS = `allow: ${action('an allow', 'ALLOW')}, deny: ${action('a deny', 'DENY')}`
const WITH_LOG = `${ACTIONS}, log: ${action('a log', 'LOG')}`
const seen = rules('DENY', policy('seen', header('present_match: true')))
const byHeader = (name: string, value: string) => policy(name, header(`string_match: { exact: ${value} }`))

/** Before all others: shadow rules whose result is metadata for those behind. */
const FIRST = rbac(`shadow_rules: ${seen}, shadow_rules_stat_prefix: first_`).replace(
  'name: envoy.filters.http.rbac',
  'name: first',
)
const testedRoutes = routes(
  Object.entries(tested)
    .map(([name, text]) => {
      const one = name in permissions ? policy(name, text) : policy(name, ANY, text)
      return route(`${name}/`, perRoute(`rules: ${rules('ALLOW', one)}`))
    })
    .join('\n'),
)

const listeners = [
  httpListener({
    name: 'main',
    logFormat: RBAC_LOG,
    hcm: 'use_remote_address: true\nxff_num_trusted_hops: 1',
    filters: `${FIRST}
${rbac('')}`,
    virtualHosts: testedRoutes,
  }),
  httpListener({
    name: 'proxied',
    logFormat: RBAC_LOG,
    logPrefix: '%DOWNSTREAM_DIRECT_LOCAL_PORT%:%DOWNSTREAM_DIRECT_REMOTE_PORT%|',
    filters: `${FIRST}\n${rbac('')}`,
    listener: `listener_filters: [ { name: p, typed_config: { "@type": ${EXT}.filters.listener.proxy_protocol.v3.ProxyProtocol } } ]`,
    virtualHosts: testedRoutes,
  }),
  httpListener({
    name: 'actions',
    logFormat: RBAC_LOG,
    filters: rbac(
      `rules: ${rules('DENY', byHeader('b  b', 'b'), byHeader('Ü', 'u'), byHeader('a', 'ab'), policy('A', header('string_match: { prefix: ab }')))}, shadow_rules: ${rules('ALLOW', byHeader('shadow', 'b'))}, track_per_rule_stats: true`,
    ),
    virtualHosts: routes(
      [
        route(
          'own',
          perRoute(
            `rules: ${rules('ALLOW', byHeader('own', 'b'))}, rules_stat_prefix: x, shadow_rules: ${rules('DENY', byHeader('own shadow', 'b'))}, shadow_rules_stat_prefix: y.`,
          ),
        ),
        route('tracked', perRoute(`rules: ${rules('ALLOW', byHeader('own', 'b'))}, track_per_rule_stats: true`)),
        route('nothing', perRoute('')),
        route(
          'without',
          `typed_per_filter_config: { envoy.filters.http.rbac: { "@type": ${EXT}.filters.http.rbac.v3.RBACPerRoute } }`,
        ),
        route(
          'off',
          `typed_per_filter_config: { envoy.filters.http.rbac: { "@type": ${T}/envoy.config.route.v3.FilterConfig, disabled: true } }`,
        ),
        route('log', perRoute(`rules: ${rules('LOG', byHeader('logged', 'b'))}`)),
        route('shadowlog', perRoute(`shadow_rules: ${rules('LOG', byHeader('logged', 'b'))}`)),
        route('empty', perRoute('rules: {}')),
        route('denynone', perRoute('rules: { action: DENY }')),
        '- { match: { prefix: "/direct" }, direct_response: { status: 204 } }',
        '- { match: { prefix: "/none", headers: [ { name: x-none, present_match: true } ] }, route: { cluster: main } }',
        '- { match: { path: "/" }, route: { cluster: main } }',
      ].join('\n'),
    ),
  }),
  httpListener({
    name: 'prefixes',
    logFormat: RBAC_LOG,
    filters: rbac(
      `rules: ${rules('DENY', byHeader('b', 'b'))}, rules_stat_prefix: rp, shadow_rules: ${rules('DENY', byHeader('s', 'b'))}, shadow_rules_stat_prefix: sp., track_per_rule_stats: true`,
    ),
  }),
  httpListener({
    name: 'matchers',
    logFormat: RBAC_LOG,
    filters: rbac(`matcher: ${tree(HEADER_INPUT, WITH_LOG)}, track_per_rule_stats: true`),
    virtualHosts: routes(
      [
        route('plain', perRoute(`matcher: ${tree(HEADER_INPUT, ACTIONS)}`)),
        route('shadow', perRoute(`shadow_matcher: ${tree(HEADER_INPUT, WITH_LOG)}`)),
        route('both', perRoute(`rules: ${rules('DENY', policy('all'))}, matcher: ${tree(HEADER_INPUT, ACTIONS)}`)),
        route(
          'default',
          perRoute(`matcher: ${tree(HEADER_INPUT, ACTIONS, `, on_no_match: ${action('rest', 'ALLOW')}`)}`),
        ),
        ...['DestinationIPInput', 'SourceIPInput', 'DirectSourceIPInput'].map((type) =>
          route(type, perRoute(`matcher: ${ipTree(type)}`)),
        ),
        route(
          'metadata',
          perRoute(
            `matcher: ${tree(input(`${NETWORK}.DynamicMetadataInput`, ', filter: ns, path: [ { key: a } ]'), ACTIONS)}`,
          ),
        ),
        '- { match: { path: "/" }, route: { cluster: main } }',
      ].join('\n'),
    ),
  }),
  httpListener({
    name: 'forward',
    logFormat: RBAC_LOG,
    filters: `${httpFilter('dynamic_forward_proxy', 'FilterConfig', `${cacheConfig('cache', 1)}, save_upstream_address: true`)}\n${rbac('')}`,
    virtualHosts: routes(
      Object.entries({
        address: 'upstream_ip: { address_prefix: 127.0.0.0, prefix_len: 8 }',
        other: 'upstream_ip: { address_prefix: 10.0.0.0, prefix_len: 8 }',
        port: 'upstream_port_range: { start: {{backend:main}}, end: {{backend:main}} }',
        low: 'upstream_port_range: { start: 1, end: 2 }',
        both: 'upstream_ip: { address_prefix: 127.0.0.1, prefix_len: 32 }, upstream_port_range: { start: 1, end: 65535 }',
        half: 'upstream_ip: { address_prefix: 127.0.0.1, prefix_len: 32 }, upstream_port_range: { start: 1, end: 2 }',
      })
        .map(([name, fields]) => {
          const permission = `{ matcher: { name: m, typed_config: { "@type": ${EXT}.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher, ${fields} } } }`
          return `- { match: { prefix: "/${name}" }, route: { cluster: forward }, ${perRoute(`rules: ${rules('ALLOW', policy(name, permission))}`)} }`
        })
        .concat(
          `- { match: { prefix: "/unknown" }, route: { cluster: main }, ${perRoute(`rules: ${rules('ALLOW', policy('unknown', `{ matcher: { name: m, typed_config: { "@type": ${EXT}.rbac.matchers.upstream_ip_port.v3.UpstreamIpPortMatcher, upstream_port_range: { start: 1, end: 65535 } } } }`))}`)} }`,
        )
        .join('\n'),
    ),
  }),
]

const one = (
  name: string,
  listener: string,
  requests: readonly string[],
  more: Partial<ParityCase> = {},
): ParityCase => ({
  name: `rbac: ${name}`,
  listener,
  steps: requests.flatMap((text, i) => [text, { waitCount: ['HTTP/1.1 ', i + 1] as [string, number] }]),
  logLines: requests.length,
  stats: '^http\\..*rbac',
  ...more,
})
/** Those that tell all that is tested apart: without the header, with it in many ways, and with other paths. */
const variants = (name: string): string[] => [
  get(`/${name}/p`),
  get(`/${name}/x`, 'x-h: a'),
  get(`/${name}/p?q=x`, 'X-H: aB'),
  get(`/${name}/P`, 'x-h: b', 'x-h: a'),
  get(`/${name}/p/x?x`, 'x-h: b,a'),
  get(`/${name}/5/x`, 'x-h: 5'),
  get(`/${name}/`, 'x-h:'),
]
const forwarded = (address: string) => `x-forwarded-for: ${address}`

export const rbacSuite: ParitySuite = {
  name: 'rbac',
  yaml: bootstrap(listeners, [cluster('main'), forwardProxyCluster('forward', cacheConfig('cache', 1))]),
  cases: [
    ...Object.entries(tested).map(([name]) => one(`what ${name} matches`, 'main', variants(name))),
    ...['psource', 'psourceother', 'pdirect', 'pdirectother', 'premote', 'premoteother', 'premote6'].map((name) =>
      one(`forwarded for others, ${name}`, 'main', [
        get(`/${name}/p`, forwarded('10.1.1.1')),
        get(`/${name}/p`, forwarded('9.9.9.9, 10.1.1.1')),
        get(`/${name}/p`, forwarded('2001:db8::5')),
        get(`/${name}/p`, forwarded('x')),
      ]),
    ),
    ...Object.keys(addressed).map((name) =>
      one(`addresses of another proxy, ${name}`, 'proxied', [
        `PROXY TCP4 10.0.0.1 10.0.0.2 1000 2000${CRLF}${get(`/${name}/p`)}`,
      ]),
    ),
    one('denied and allowed, with shadow rules', 'actions', [
      get('/'),
      get('/', 'x-h: b'),
      get('/', 'x-h: u'),
      get('/', 'x-h: ab'),
      get('/', 'x-h: c'),
    ]),
    one('a POST is denied before its body', 'actions', [`${request('POST', '/', ['x-h: b', 'content-length: 3'])}abc`]),
    one('HEAD is denied without a body', 'actions', [request('HEAD', '/', ['x-h: b'])]),
    one('gRPC is denied in its own words', 'actions', [
      request('POST', '/', ['x-h: b', 'content-type: application/grpc', 'content-length: 0']),
    ]),
    ...['own', 'tracked', 'nothing', 'without', 'off', 'log', 'shadowlog', 'empty', 'denynone', 'direct', 'none'].map(
      (name) =>
        one(`on the route ${name}`, 'actions', [get(`/${name}`), get(`/${name}`, 'x-h: b'), get(`/${name}`, 'x-h: c')]),
    ),
    one('prefixes of stats', 'prefixes', [get('/'), get('/', 'x-h: b')]),
    ...['', 'plain', 'shadow', 'both', 'default', 'metadata'].map((name) =>
      one(`matcher ${name}`, 'matchers', [
        get(`/${name}`),
        get(`/${name}`, 'x-m: allow'),
        get(`/${name}`, 'x-m: deny'),
        get(`/${name}`, 'x-m: log'),
        get(`/${name}`, 'x-m: other'),
        get(`/${name}`, 'x-m: allow', 'x-m: deny'),
      ]),
    ),
    ...['DestinationIPInput', 'SourceIPInput', 'DirectSourceIPInput'].map((name) =>
      one(`matcher by ${name}`, 'matchers', [get(`/${name}`), get(`/${name}`, forwarded('10.1.1.1'))]),
    ),
    ...['address', 'other', 'port', 'low', 'both', 'half', 'unknown'].map((name) =>
      one(`where a forward proxy leads to, ${name}`, 'forward', [
        `GET /${name} HTTP/1.1${CRLF}Host: 127.0.0.1:{{backend:main}}${CRLF}${CRLF}`,
      ]),
    ),
  ],
}
