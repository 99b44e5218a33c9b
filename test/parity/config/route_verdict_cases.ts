/** Route configurations that Envoy accepts or refuses in `--mode validate`. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const route = (name: string, text: string): VerdictCase => ({
  name: `route: ${name}`,
  yaml: boot({ routes: `- ${text}` }),
})
const action = (name: string, fields: string) =>
  route(name, `{ match: { prefix: "/" }, route: { cluster: c, ${fields} } }`)
const match = (name: string, fields: string) =>
  route(`match ${name}`, `{ match: { ${fields} }, route: { cluster: c } }`)
const redirect = (name: string, fields: string) =>
  route(`redirect ${name}`, `{ match: { prefix: "/" }, redirect: { ${fields} } }`)
const direct = (name: string, fields: string) =>
  route(`direct ${name}`, `{ match: { prefix: "/" }, direct_response: { ${fields} } }`)
const weighted = (name: string, fields: string) =>
  route(`weighted ${name}`, `{ match: { prefix: "/" }, route: { weighted_clusters: { ${fields} } } }`)
const retry = (name: string, fields: string) => action(`retry ${name}`, `retry_policy: { ${fields} }`)
const domains = (list: string): VerdictCase => ({
  name: `domains ${list}`,
  yaml: boot().replace('domains: ["*"]', `domains: [${list}]`),
})
const config = (name: string, routeConfig: string): VerdictCase => ({
  name: `route config: ${name}`,
  yaml: boot({ routeConfig }),
})
const host = (name: string, fields: string): VerdictCase => ({
  name: `virtual host: ${name}`,
  yaml: boot().replace('domains: ["*"]', `domains: ["*"]\n              ${fields}`),
})
const add = (name: string, header: string, more = '') =>
  route(
    `header ${name}`,
    `{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_add: [ { header: { ${header} }${more} } ] }`,
  )
const template = (pattern: string) =>
  match(
    `template ${pattern}`,
    `path_match_policy: { name: t, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "${pattern}" } }`,
  )
const templateRewrite = (pattern: string, rewrite: string) =>
  route(
    `template rewrite ${pattern} ${rewrite}`,
    `{ match: { path_match_policy: { name: t, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "${pattern}" } } }, route: { cluster: c, path_rewrite_policy: { name: t, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig, path_template_rewrite: "${rewrite}" } } } }`,
  )
const INPUT =
  '{ name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x } }'
const LEAF =
  'action: { name: route, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.Route, match: { prefix: "/" }, route: { cluster: c } } }'
const tree = (name: string, matcher: string): VerdictCase => ({
  name: `tree: ${name}`,
  yaml: boot()
    .replace('domains: ["*"]', `domains: ["*"]\n              matcher: { ${matcher} }`)
    .replace(/ +routes:\n +- .*\n/, ''),
})
const ROUTER_PER_ROUTE = 'type.googleapis.com/envoy.config.route.v3.FilterConfig'

export const routeVerdictCases: readonly VerdictCase[] = [
  ...[
    '"a.test", "A.test"',
    '"*.a", "*.A"',
    '"a.*", "a.*"',
    '"*a", "a*"',
    '"**"',
    '"*.*"',
    '""',
    '"a.test:80"',
    '"[::1]:80"',
    '"*:80"',
    '"a\\n"',
  ].map(domains),
  match('separated with a slash', 'path_separated_prefix: "/a/"'),
  match('separated with a query', 'path_separated_prefix: "/a?b"'),
  match('back-reference', 'safe_regex: { regex: "/(a)\\\\1" }'),
  match('header with odd name', 'prefix: "/", headers: [ { name: "a b", string_match: { exact: a } } ]'),
  match('header range upside down', 'prefix: "/", headers: [ { name: a, range_match: { start: 9, end: 1 } } ]'),
  match('header of no kind', 'prefix: "/", headers: [ { name: a, string_match: {} } ]'),
  match(
    'header ignoring the case of a regex',
    'prefix: "/", headers: [ { name: a, string_match: { safe_regex: { regex: a }, ignore_case: true } } ]',
  ),
  match('cookie without kind', 'prefix: "/", cookies: [ { name: a } ]'),
  match('metadata without value', 'prefix: "/", dynamic_metadata: [ { filter: f, path: [ { key: k } ] } ]'),
  ...['/a/**/b/**', '/{a=**}/{b=**}', '/a**', '/{a}{b}', '/{a=/b}', '/ü'].map(template),
  templateRewrite('/{a}/{b}', '/{b}'),
  templateRewrite('/{a}/{b}', '/{c}'),
  templateRewrite('/{a}/{b}', '{a}'),
  templateRewrite('/{a}/{b}', '/{a}{b}'),
  templateRewrite('/{a}/{b}', '/{a'),
  templateRewrite('/a', '/b'),
  templateRewrite('/{a}', '/{a}//x'),
  templateRewrite('/{a}', '/*'),
  action('two rewrites', 'prefix_rewrite: "/a", regex_rewrite: { pattern: { regex: a }, substitution: b }'),
  action('rewrite and format', 'prefix_rewrite: "/a", path_rewrite: "/b"'),
  action('regex rewrite and format', 'regex_rewrite: { pattern: { regex: a }, substitution: b }, path_rewrite: "/b"'),
  action('bad format', 'path_rewrite: "/%NOTHING%"'),
  action('two hosts', 'host_rewrite_literal: a, host_rewrite_header: b'),
  action('odd host header', 'host_rewrite_header: "a b"'),
  action('substitution of a missing group', 'regex_rewrite: { pattern: { regex: a }, substitution: "\\\\1" }'),
  action('substitution of a bad escape', 'regex_rewrite: { pattern: { regex: a }, substitution: "\\\\x" }'),
  action('line feed in a rewrite', 'prefix_rewrite: "/a\\nb"'),
  action('internal redirects', 'internal_redirect_policy: { redirect_response_codes: [ 200, 302 ] }'),
  action('internal redirect copies host', 'internal_redirect_policy: { response_headers_to_copy: [ "host" ] }'),
  action('old internal redirects', 'internal_redirect_action: HANDLE_INTERNAL_REDIRECT, max_internal_redirects: 2'),
  action(
    'internal redirects twice',
    'internal_redirect_action: HANDLE_INTERNAL_REDIRECT, internal_redirect_policy: {}',
  ),
  route('empty cluster header', '{ match: { prefix: "/" }, route: { cluster_header: "" } }'),
  retry('back-off without base', 'retry_back_off: { max_interval: 1s }'),
  retry('back-off of nothing', 'retry_back_off: { base_interval: 0s }'),
  retry('back-off upside down', 'retry_back_off: { base_interval: 2s, max_interval: 1s }'),
  retry('odd codes', 'retry_on: retriable-status-codes, retriable_status_codes: [ 0, 99, 1000 ]'),
  retry('unknown predicate', 'retry_host_predicate: [ { name: nothing } ]'),
  weighted('of no weight', 'clusters: [ { name: c } ]'),
  weighted('of name and header', 'clusters: [ { name: c, cluster_header: x, weight: 1 } ]'),
  weighted('too heavy', 'clusters: [ { name: c, weight: 4294967295 }, { name: c, weight: 1 } ]'),
  weighted('by header', 'header_name: "a b", clusters: [ { name: c, weight: 1 } ]'),
  redirect('https and scheme', 'https_redirect: true, scheme_redirect: http'),
  redirect('port too large', 'port_redirect: 65536'),
  redirect('line feed in path', 'path_redirect: "/a\\nb"'),
  redirect('badly formatted', 'path_rewrite: "/%REQ%"'),
  direct('199', 'status: 199'),
  direct('600', 'status: 600'),
  direct('missing file', 'status: 200, body: { filename: /nonexistent/file }'),
  direct('proc file', 'status: 200, body: { filename: /proc/version }'),
  direct('long body', `status: 200, body: { inline_string: "${'x'.repeat(4097)}" }`),
  direct('missing variable', 'status: 200, body: { environment_variable: NO_SUCH_VARIABLE_HERE }'),
  direct('body of no kind', 'status: 200, body: {}'),
  add('with odd key', 'key: "a b", value: a'),
  add('of Host', 'key: Host, value: a'),
  add('with a bad operator', 'key: a, value: "%NOTHING%"'),
  add('with a lone percent', 'key: a, value: "50%"'),
  add('append twice', 'key: a, value: b', ', append: true, append_action: ADD_IF_ABSENT'),
  add('old metadata', 'key: a, value: "%UPSTREAM_METADATA([\\"f\\", \\"k\\"])%"'),
  add('long', `key: a, value: "${'x'.repeat(16385)}"`),
  route('removes host', '{ match: { prefix: "/" }, route: { cluster: c }, request_headers_to_remove: [ HOST ] }'),
  route(
    'adds a pseudo-header to the response',
    '{ match: { prefix: "/" }, route: { cluster: c }, response_headers_to_add: [ { header: { key: ":status", value: "1" } } ] }',
  ),
  config('vhost_header odd name', 'vhost_header: "a b"'),
  config('vhost_header and port', 'vhost_header: a\nignore_port_in_host_matching: true'),
  host('virtual cluster without headers', 'virtual_clusters: [ { name: a } ]'),
  host(
    'virtual cluster twice',
    'virtual_clusters: [ { name: a, headers: [ { name: a } ] }, { name: a, headers: [ { name: b } ] } ]',
  ),
  host(
    'matcher beside routes',
    `matcher: { matcher_list: { matchers: [ { predicate: { single_predicate: { input: ${INPUT}, value_match: { exact: a } } }, on_match: { ${LEAF} } } ] } }`,
  ),
  host('settings of an unknown filter', 'typed_per_filter_config: { a: { "@type": type.googleapis.com/nonsense } }'),
  host(
    'optional settings of an unknown filter',
    `typed_per_filter_config: { a: { "@type": ${ROUTER_PER_ROUTE}, is_optional: true, config: { "@type": type.googleapis.com/nonsense } } }`,
  ),
  host('settings that disable', `typed_per_filter_config: { a: { "@type": ${ROUTER_PER_ROUTE}, disabled: true } }`),
  host('settings that say nothing', `typed_per_filter_config: { a: { "@type": ${ROUTER_PER_ROUTE} } }`),
  host(
    'settings that disable the router',
    `typed_per_filter_config: { r: { "@type": ${ROUTER_PER_ROUTE}, disabled: true } }`,
  ),
  host(
    'settings of the router',
    'typed_per_filter_config: { r: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }',
  ),
  tree('on_no_match alone', `on_no_match: { ${LEAF} }`),
  tree('without input', `matcher_tree: { exact_match_map: { map: { a: { ${LEAF} } } } }`),
  tree('of an empty map', `matcher_tree: { input: ${INPUT}, exact_match_map: {} }`),
  tree(
    'of a query parameter',
    `matcher_tree: { input: { name: q, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestQueryParamMatchInput, query_param: a } }, exact_match_map: { map: { a: { ${LEAF} } } } }`,
  ),
  tree(
    'with a foreign action',
    `matcher_tree: { input: ${INPUT}, exact_match_map: { map: { a: { action: { name: a, typed_config: { "@type": type.googleapis.com/google.protobuf.StringValue, value: a } } } } } }`,
  ),
  tree(
    'of one and',
    `matcher_list: { matchers: [ { predicate: { and_matcher: { predicate: [ { single_predicate: { input: ${INPUT}, value_match: { exact: a } } } ] } }, on_match: { ${LEAF} } } ] }`,
  ),
  tree(
    'that goes on',
    `matcher_list: { matchers: [ { predicate: { single_predicate: { input: ${INPUT}, value_match: { exact: a } } }, on_match: { keep_matching: true, ${LEAF} } } ] }`,
  ),
  tree('of an unknown cluster', `on_no_match: { ${LEAF.replace('cluster: c', 'cluster: d')} }`),
]
