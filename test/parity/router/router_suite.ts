/** Route matching, rewrites, redirects, header changes, retries and x-envoy headers. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, getHost, head, OK, post, request, response } from '../requests.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'

const TRUSTED =
  'use_remote_address: true\ninternal_address_config: { cidr_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] }'
const HOST_STATS = 'track_cluster_stats: { per_endpoint_stats: true }'
const STATS = '^(cluster\\.|http\\.main|vhost\\.)'

const virtualHosts = `
- name: match
  domains: ["match.test"]
  routes:
  - { match: { path: "/exact" }, route: { cluster: main }, name: exact }
  - { match: { path: "/CaseLess", case_sensitive: false }, route: { cluster: main }, name: caseless }
  - { match: { prefix: "/Prefix", case_sensitive: false }, route: { cluster: main }, name: prefix_caseless }
  - { match: { prefix: "/prefix/" }, route: { cluster: main }, name: prefix }
  - { match: { path_separated_prefix: "/sep" }, route: { cluster: main }, name: separated }
  - { match: { safe_regex: { regex: "/re/[0-9]+" } }, route: { cluster: main }, name: regex }
  - match:
      path_match_policy:
        name: t
        typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "/tpl/{id=*}/{rest=**}" }
    route: { cluster: main }
    name: template
  - { match: { prefix: "/h/", headers: [ { name: x, string_match: { exact: a } } ] }, route: { cluster: main }, name: h_exact }
  - { match: { prefix: "/h/", headers: [ { name: x, string_match: { prefix: pre } } ] }, route: { cluster: main }, name: h_prefix }
  - { match: { prefix: "/h/", headers: [ { name: x, string_match: { suffix: suf } } ] }, route: { cluster: main }, name: h_suffix }
  - { match: { prefix: "/h/", headers: [ { name: x, string_match: { contains: "-in-" } } ] }, route: { cluster: main }, name: h_contains }
  - { match: { prefix: "/h/", headers: [ { name: x, string_match: { exact: "IGN", ignore_case: true } } ] }, route: { cluster: main }, name: h_ignore_case }
  - { match: { prefix: "/h/", headers: [ { name: x, string_match: { safe_regex: { regex: "r[0-9]+" } } } ] }, route: { cluster: main }, name: h_regex }
  - { match: { prefix: "/h/", headers: [ { name: x, range_match: { start: 10, end: 20 } } ] }, route: { cluster: main }, name: h_range }
  - { match: { prefix: "/h/", headers: [ { name: "y", present_match: true } ] }, route: { cluster: main }, name: h_present }
  - { match: { prefix: "/h/absent", headers: [ { name: z, present_match: false } ] }, route: { cluster: main }, name: h_absent }
  - { match: { prefix: "/h/inv", headers: [ { name: v, string_match: { exact: a }, invert_match: true } ] }, route: { cluster: main }, name: h_inverted }
  - { match: { prefix: "/h/missing", headers: [ { name: m, string_match: { exact: "" }, treat_missing_header_as_empty: true } ] }, route: { cluster: main }, name: h_missing }
  - { match: { prefix: "/h/method", headers: [ { name: ":method", string_match: { exact: PUT } } ] }, route: { cluster: main }, name: h_method }
  - { match: { prefix: "/q", query_parameters: [ { name: a, string_match: { exact: "1" } } ] }, route: { cluster: main }, name: q_exact }
  - { match: { prefix: "/q", query_parameters: [ { name: b, present_match: true } ] }, route: { cluster: main }, name: q_present }
  - { match: { prefix: "/q", query_parameters: [ { name: c, string_match: { safe_regex: { regex: "x+" } } } ] }, route: { cluster: main }, name: q_regex }
  - { match: { prefix: "/cookie", cookies: [ { name: s, string_match: { exact: v } } ] }, route: { cluster: main }, name: cookie }
  - { match: { prefix: "/grpc", grpc: {} }, route: { cluster: main }, name: grpc }
  - { match: { prefix: "/tls", tls_context: { presented: true } }, route: { cluster: main }, name: tls }
  - { match: { prefix: "/never", runtime_fraction: { default_value: { numerator: 0 }, runtime_key: never } }, route: { cluster: main }, name: never }
  - { match: { prefix: "/always", runtime_fraction: { default_value: { numerator: 100 }, runtime_key: always } }, route: { cluster: main }, name: always }
  - { match: { prefix: "/never" }, direct_response: { status: 201 }, name: never_else }
  - { match: { prefix: "/nothing" }, non_forwarding_action: {} }
- name: exact_domain
  domains: ["exact.test", "port.test:8080"]
  routes: [ { match: { prefix: "/" }, route: { cluster: main }, name: exact_domain } ]
- name: suffix_domain
  domains: ["*.suffix.test"]
  routes: [ { match: { prefix: "/" }, route: { cluster: main }, name: suffix_domain } ]
- name: long_suffix_domain
  domains: ["*.long.suffix.test", "*-dash.test"]
  routes: [ { match: { prefix: "/" }, route: { cluster: main }, name: long_suffix_domain } ]
- name: prefix_domain
  domains: ["prefix.*"]
  routes: [ { match: { prefix: "/" }, route: { cluster: main }, name: prefix_domain } ]
- name: tls_only
  domains: ["tls.test"]
  require_tls: ALL
  routes: [ { match: { prefix: "/" }, route: { cluster: main } } ]
- name: rewrite
  domains: ["rewrite.test"]
  routes:
  - { match: { prefix: "/a/" }, route: { cluster: main, prefix_rewrite: "/b/" } }
  - { match: { path: "/exact" }, route: { cluster: main, prefix_rewrite: "/new" } }
  - { match: { prefix: "/CI", case_sensitive: false }, route: { cluster: main, prefix_rewrite: "/x" } }
  - { match: { path_separated_prefix: "/sep" }, route: { cluster: main, prefix_rewrite: "/new" } }
  - { match: { prefix: "/re/" }, route: { cluster: main, regex_rewrite: { pattern: { regex: "/re/([^/]+)/(.*)" }, substitution: "/\\\\2/\\\\1" } } }
  - { match: { prefix: "/host_literal" }, route: { cluster: main, host_rewrite_literal: new.test } }
  - { match: { prefix: "/append_host_literal" }, route: { cluster: main, host_rewrite_literal: new.test, append_x_forwarded_host: true } }
  - { match: { prefix: "/host_header" }, route: { cluster: main, host_rewrite_header: x-host, append_x_forwarded_host: true } }
  - { match: { prefix: "/host_auto_append" }, route: { cluster: named, auto_host_rewrite: true, append_x_forwarded_host: true, retry_policy: { retry_on: 5xx, num_retries: 2 } } }
  - { match: { prefix: "/host_auto_unnamed" }, route: { cluster: main, auto_host_rewrite: true } }
  - { match: { prefix: "/host_auto" }, route: { cluster: named, auto_host_rewrite: true, retry_policy: { retry_on: 5xx, num_retries: 2 } } }
  - { match: { prefix: "/host_path" }, route: { cluster: main, host_rewrite_path_regex: { pattern: { regex: "^/host_path/([^/]+)/.*$" }, substitution: "\\\\1.test" } } }
  - match:
      path_match_policy:
        name: t
        typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "/tpl/{id}/{rest=**}" }
    route:
      cluster: main
      path_rewrite_policy:
        name: t
        typed_config: { "@type": type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig, path_template_rewrite: "/{rest}/of/{id}" }
- name: redirect
  domains: ["redirect.test"]
  routes:
  - { match: { prefix: "/host" }, redirect: { host_redirect: other.test } }
  - { match: { prefix: "/https" }, redirect: { https_redirect: true } }
  - { match: { prefix: "/port" }, redirect: { port_redirect: 8443 } }
  - { match: { prefix: "/scheme" }, redirect: { scheme_redirect: ftp, host_redirect: other.test } }
  - { match: { prefix: "/path" }, redirect: { path_redirect: "/new" } }
  - { match: { prefix: "/qpath" }, redirect: { path_redirect: "/new?x=1" } }
  - { match: { prefix: "/stripq" }, redirect: { path_redirect: "/new", strip_query: true } }
  - { match: { prefix: "/prefix/" }, redirect: { prefix_rewrite: "/p/" } }
  - { match: { prefix: "/regex/" }, redirect: { regex_rewrite: { pattern: { regex: "^/regex/(.*)$" }, substitution: "/\\\\1" } } }
  - { match: { prefix: "/302" }, redirect: { response_code: FOUND } }
  - { match: { prefix: "/303" }, redirect: { response_code: SEE_OTHER } }
  - { match: { prefix: "/307" }, redirect: { response_code: TEMPORARY_REDIRECT } }
  - { match: { prefix: "/308" }, redirect: { response_code: PERMANENT_REDIRECT, host_redirect: "[::1]:80" } }
- name: headers
  domains: ["headers.test"]
  request_headers_to_add: [ { header: { key: x-vhost, value: v } }, { header: { key: x-level, value: vhost } } ]
  request_headers_to_remove: [ x-remove-vhost ]
  response_headers_to_add: [ { header: { key: x-vhost, value: v } }, { header: { key: x-level, value: vhost } } ]
  response_headers_to_remove: [ x-remove-vhost ]
  routes:
  - match: { prefix: "/" }
    name: headers_route
    request_headers_to_add:
    - { header: { key: x-level, value: route } }
    - { header: { key: x-append, value: b }, append_action: APPEND_IF_EXISTS_OR_ADD }
    - { header: { key: x-if-absent, value: b }, append_action: ADD_IF_ABSENT }
    - { header: { key: x-overwrite, value: b }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }
    - { header: { key: x-only-over, value: b }, append_action: OVERWRITE_IF_EXISTS }
    - { header: { key: x-empty, value: "%REQ(absent)%" } }
    - { header: { key: x-kept-empty, value: "%REQ(absent)%" }, keep_empty_value: true }
    - { header: { key: x-op, value: "m=%REQ(:method)% p=%PROTOCOL% r=%ROUTE_NAME% pct=%% a=%REQ(x-in?user-agent):3%" } }
    - { header: { key: x-raw, raw_value: "cmF3" } }
    request_headers_to_remove: [ x-remove-route ]
    response_headers_to_add:
    - { header: { key: x-level, value: route } }
    - { header: { key: x-code, value: "%RESPONSE_CODE% %RESPONSE_FLAGS% %UPSTREAM_CLUSTER%" } }
    - { header: { key: x-overwrite, value: b }, append_action: OVERWRITE_IF_EXISTS_OR_ADD }
    response_headers_to_remove: [ x-remove-route, server ]
    route: { weighted_clusters: { clusters: [ { name: main, weight: 1, request_headers_to_add: [ { header: { key: x-level, value: cluster } } ], response_headers_to_add: [ { header: { key: x-level, value: cluster } } ], request_headers_to_remove: [ x-remove-cluster ] } ] } }
- name: actions
  domains: ["actions.test"]
  routes:
  - { match: { prefix: "/header" }, route: { cluster_header: x-cluster } }
  - { match: { prefix: "/missing" }, route: { cluster: missing } }
  - { match: { prefix: "/404missing" }, route: { cluster: missing, cluster_not_found_response_code: NOT_FOUND } }
  - { match: { prefix: "/500missing" }, route: { cluster: missing, cluster_not_found_response_code: INTERNAL_SERVER_ERROR } }
  - { match: { prefix: "/empty" }, route: { cluster: empty } }
  - { match: { prefix: "/direct" }, direct_response: { status: 299, body: { inline_string: "hello" } }, response_headers_to_add: [ { header: { key: content-type, value: "text/html" }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } ] }
  - { match: { prefix: "/no_body" }, direct_response: { status: 403 } }
  - { match: { prefix: "/weighted" }, route: { weighted_clusters: { clusters: [ { name: main, weight: 0 }, { name: other, weight: 100 } ] } } }
  - { match: { prefix: "/by_header" }, route: { weighted_clusters: { header_name: x-w, clusters: [ { name: main, weight: 50 }, { name: other, weight: 50 } ] } } }
  - { match: { prefix: "/timeout" }, route: { cluster: main, timeout: 0.1s } }
  - { match: { prefix: "/notimeout" }, route: { cluster: main, timeout: 0s } }
  - { match: { prefix: "/idle" }, route: { cluster: main, timeout: 0s, idle_timeout: 0.12s } }
  - { match: { prefix: "/maxstream" }, route: { cluster: main, max_stream_duration: { max_stream_duration: 0.1s } } }
  - { match: { prefix: "/grpctimeout" }, route: { cluster: main, max_stream_duration: { grpc_timeout_header_max: 0.1s } } }
  - { match: { prefix: "/retry5xx" }, route: { cluster: main, retry_policy: { retry_on: "5xx", num_retries: 2, retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } } }
  - { match: { prefix: "/retryreset" }, route: { cluster: main, retry_policy: { retry_on: "reset", num_retries: 1, retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } } }
  - { match: { prefix: "/retrycodes" }, route: { cluster: main, retry_policy: { retry_on: "retriable-status-codes", retriable_status_codes: [ 409 ], retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } } }
  - { match: { prefix: "/retrygateway" }, route: { cluster: main, retry_policy: { retry_on: "gateway-error", retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } } }
  - { match: { prefix: "/retryconnect" }, route: { cluster: refused, retry_policy: { retry_on: "connect-failure", num_retries: 2, retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } } }
  - { match: { prefix: "/pertry" }, route: { cluster: main, retry_policy: { retry_on: "5xx", num_retries: 1, per_try_timeout: 0.06s, retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } } }
  - { match: { prefix: "/internal" }, route: { cluster: main, internal_redirect_policy: { max_internal_redirects: 1 } } }
  - { match: { prefix: "/target" }, route: { cluster: main } }
  - { match: { prefix: "/attempts" }, route: { cluster: main } }
- name: attempts
  domains: ["attempts.test"]
  include_request_attempt_count: true
  include_attempt_count_in_response: true
  request_headers_to_add: [ { header: { key: x-after, value: request } } ]
  response_headers_to_add: [ { header: { key: x-after, value: "%RESPONSE_CODE_DETAILS%" } } ]
  routes: [ { match: { prefix: "/refused" }, route: { cluster: refused } }, { match: { prefix: "/" }, route: { cluster: main, retry_policy: { retry_on: 5xx, retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } } } ]
- name: virtual_clusters
  domains: ["vc.test"]
  virtual_clusters: [ { name: vc1, headers: [ { name: ":path", string_match: { prefix: "/vc" } } ] } ]
  routes:
  - { match: { prefix: "/vc/rewritten" }, route: { cluster: main, prefix_rewrite: "/new" } }
  - { match: { prefix: "/vc/refused" }, route: { cluster: refused }, stat_prefix: refused }
  - { match: { prefix: "/vc/retry" }, route: { cluster: main, retry_policy: { retry_on: 5xx, retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } } }, stat_prefix: retry }
  - { match: { prefix: "/" }, route: { cluster: main }, stat_prefix: myroute }
- name: tree
  domains: ["tree.test"]
  matcher:
    matcher_tree:
      input: { name: request-headers, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: ":path" } }
      exact_match_map:
        map:
          "/one": { action: { name: route, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.Route, match: { prefix: "/" }, route: { cluster: main }, name: tree_one } } }
          "/two": { action: { name: route, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.Route, match: { prefix: "/" }, direct_response: { status: 202 }, name: tree_two } } }
`

/** Its host has a name of its own. */
const named = cluster('named', '', '{{backend}}').replace('endpoint: {', 'endpoint: { hostname: chosen.test,')

const yaml = bootstrap(
  [
    httpListener({
      name: 'main',
      hcm: 'delayed_close_timeout: 0.02s',
      virtualHosts,
      routeConfig: `
validate_clusters: false
request_headers_to_add: [ { header: { key: x-level, value: config } } ]
response_headers_to_add: [ { header: { key: x-level, value: config } } ]
request_headers_to_remove: [ x-remove-config ]
internal_only_headers: [ x-internal-only ]`,
    }),
    httpListener({
      name: 'trusted',
      hcm: TRUSTED,
      virtualHosts:
        '- { name: t, domains: ["*"], routes: [ { match: { prefix: "/refused" }, route: { cluster: refused } }, { match: { prefix: "/" }, route: { cluster: main } } ] }',
    }),
    httpListener({
      name: 'most_specific',
      virtualHosts:
        '- { name: a, domains: ["*"], request_headers_to_add: [ { header: { key: x, value: vhost }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } ], routes: [ { match: { prefix: "/" }, route: { cluster: main }, request_headers_to_add: [ { header: { key: x, value: route }, append_action: OVERWRITE_IF_EXISTS_OR_ADD } ] } ] }',
      routeConfig: 'most_specific_header_mutations_wins: true',
    }),
    httpListener({
      name: 'ignore_port',
      virtualHosts:
        '- { name: a, domains: ["a.test"], routes: [ { match: { prefix: "/" }, route: { cluster: main } } ] }',
      routeConfig: 'ignore_port_in_host_matching: true',
    }),
    httpListener({
      name: 'vhost_header',
      virtualHosts:
        '- { name: a, domains: ["x.test"], routes: [ { match: { prefix: "/" }, route: { cluster: main } } ] }',
      routeConfig: 'vhost_header: x-vhost',
    }),
    httpListener({ name: 'suppressed', hcm: TRUSTED }).replace(
      'v3.Router }',
      'v3.Router, suppress_envoy_headers: true }',
    ),
    httpListener({
      name: 'strict',
      hcm: TRUSTED,
      virtualHosts:
        '- { name: a, domains: ["*"], routes: [ { match: { path: /bad }, direct_response: { status: 400, body: { inline_string: bad } } }, { match: { prefix: "/" }, route: { cluster: main } } ] }',
    }).replace(
      'v3.Router }',
      'v3.Router, strict_check_headers: [ x-envoy-upstream-rq-timeout-ms, x-envoy-retry-on ] }',
    ),
  ],
  [
    cluster('main', HOST_STATS),
    cluster('other'),
    cluster('refused', HOST_STATS, '1'),
    named,
    '- { name: empty, type: STATIC }',
  ],
)

const match = (path: string, ...fields: string[]): ParityCase => ({
  name: `match ${path} ${fields.join(' ')}`.trim(),
  steps: [getHost('match.test', path, ...fields)],
})

const matching: ParityCase[] = [
  ...[
    '/exact',
    '/exact?q=1',
    '/exact/',
    '/Exact',
    '/caseless',
    '/CASELESS?x',
    '/pREFIX/x',
    '/prefix/x',
    '/prefix',
    '/sep',
    '/sep/',
    '/sep/x',
    '/sep?x',
    '/separate',
    '/re/12',
    '/re/12?x',
    '/re/12a',
    '/re/',
    '/tpl/a/b',
    '/tpl/a/b/c?d',
    '/tpl/a',
    '/tls',
    '/never',
    '/always',
    '/nothing',
    '/none',
  ].map((path) => match(path)),
  ...['a', 'pre1', '1suf', 'x-in-y', 'ign', 'iGn', 'r12', 'r', '10', '19', '20', '-5', '10x'].map((value) =>
    match('/h/', `x: ${value}`),
  ),
  match('/h/', 'x: b', 'x: a'),
  match('/h/', 'y:'),
  match('/h/', 'y: 1'),
  match('/h/'),
  match('/h/absent'),
  match('/h/absent', 'z: 1'),
  match('/h/inv'),
  match('/h/inv', 'v: a'),
  match('/h/inv', 'v: b'),
  match('/h/missing'),
  match('/h/missing', 'm: 1'),
  { name: 'match method', steps: [request('PUT', '/h/method', [], 'match.test')] },
  ...[
    '/q?a=1',
    '/q?a=2',
    '/q?a=2&a=1',
    '/q?b',
    '/q?b=',
    '/q?c=xx',
    '/q?c=xy',
    '/q?A=1',
    '/q?x=1&a=1#f',
    '/q?a=%31',
  ].map((path) => match(path)),
  match('/cookie', 'Cookie: s=v'),
  match('/cookie', 'Cookie: a=b; s=v; c=d'),
  match('/cookie', 'Cookie: s=w'),
  match('/cookie', 'Cookie: a=b', 'Cookie: s=v'),
  match('/cookie', 'Cookie: s="v"'),
  match('/grpc', 'Content-Type: application/grpc'),
  match('/grpc', 'Content-Type: application/grpc+proto'),
  match('/grpc', 'Content-Type: application/json'),
  ...[
    'exact.test',
    'EXACT.test',
    'exact.test:80',
    'port.test:8080',
    'port.test',
    'a.suffix.test',
    'a.b.suffix.test',
    'suffix.test',
    'x.long.suffix.test',
    'x-dash.test',
    '-dash.test',
    'prefix.x',
    'prefix.suffix.test',
    'prefix.',
    'nothing.test',
    'exact.test.',
  ].map((host) => ({ name: `domain ${host}`, steps: [getHost(host)] })),
  ...['/one', '/two', '/three'].map((path) => ({ name: `matcher tree ${path}`, steps: [getHost('tree.test', path)] })),
  { name: 'ignore port', listener: 'ignore_port', steps: [getHost('a.test:99')] },
  { name: 'vhost header', listener: 'vhost_header', steps: [get('/', 'x-vhost: x.test')] },
  { name: 'vhost header absent', listener: 'vhost_header', steps: [get('/')] },
]

const rewriting: ParityCase[] = [
  ...[
    '/a/x?y',
    '/a/',
    '/exact?q',
    '/ci/x',
    '/CIx',
    '/sep',
    '/sep/x?y',
    '/re/one/two?q=1',
    '/re/one',
    '/host_literal',
    '/append_host_literal',
    '/host_path/abc/x?y',
    '/host_auto',
    '/host_auto_append',
    '/host_auto_unnamed',
    '/tpl/7/a/b?q',
  ].map((path) => ({ name: `rewrite ${path}`, steps: [getHost('rewrite.test', path)] })),
  { name: 'rewrite host header', steps: [getHost('rewrite.test', '/host_header', 'x-host: from.header')] },
  {
    name: 'rewrite host of the host chosen, retried',
    steps: [getHost('rewrite.test', '/host_auto'), { waitFor: '\r\n\r\nno' }],
    reply: response(503, 'no'),
  },
  {
    name: 'rewrite host of the host chosen, retried and appended',
    steps: [getHost('rewrite.test', '/host_auto_append', 'x-forwarded-host: first.test'), { waitFor: '\r\n\r\nno' }],
    reply: response(503, 'no'),
  },
  { name: 'rewrite host header absent', steps: [getHost('rewrite.test', '/host_header')] },
  ...[
    '/host/x?y=1',
    '/https',
    '/port',
    '/scheme',
    '/path?x=1',
    '/qpath?y=2',
    '/stripq?y',
    '/prefix/a/b?c',
    '/regex/x/y?z',
    '/302',
    '/303',
    '/307',
    '/308',
  ].map((path) => ({ name: `redirect ${path}`, steps: [getHost('redirect.test', path)] })),
  { name: 'redirect with port in host', steps: [getHost('redirect.test', '/https')] },
  { name: 'redirect POST', steps: [request('POST', '/302', ['Content-Length: 0'], 'redirect.test')] },
  { name: 'redirect HEAD', steps: [request('HEAD', '/302', [], 'redirect.test')] },
  { name: 'require_tls', steps: [getHost('tls.test', '/x?y')], stats: STATS },
  { name: 'require_tls, forwarded https', steps: [getHost('tls.test', '/x', 'x-forwarded-proto: https')] },
]

const changed = [
  'X-Append: a',
  'X-If-Absent: a',
  'X-Overwrite: a',
  'X-Only-Over: a',
  'X-Remove-Vhost: 1',
  'X-Remove-Route: 1',
  'X-Remove-Cluster: 1',
  'X-Remove-Config: 1',
  'X-Internal-Only: 1',
  'X-In: abcdef',
  'X-Level: client',
]
const headerChanges: ParityCase[] = [
  { name: 'headers none there', steps: [getHost('headers.test')] },
  {
    name: 'headers all there',
    steps: [getHost('headers.test', '/', ...changed)],
    reply: response(200, 'ok', 'X-Level: up', 'X-Overwrite: a', 'X-Remove-Vhost: 1', 'X-Remove-Route: 1', 'Server: x'),
  },
  { name: 'headers on no answer', steps: [getHost('headers.test')], reply: [{ finish: true }] },
  { name: 'headers most specific wins', listener: 'most_specific', steps: [get()] },
]

const host = (path: string, more: Partial<ParityCase> = {}, ...fields: string[]): ParityCase => ({
  name: `action ${path} ${fields.join(' ')}`.trim(),
  steps: [getHost('actions.test', path, ...fields), { waitFor: '\r\n\r\n' }],
  stats: STATS,
  ...more,
})
const bad = [response(503, 'bad')]
const good = [OK]

const fromInside = (name: string, fields: string[], more: Partial<ParityCase> = {}): ParityCase => ({
  name: `trusted ${name}`,
  listener: 'trusted',
  steps: [get('/', ...fields), { waitFor: '\r\n\r\n' }],
  stats: STATS,
  ...more,
})

const trusted: ParityCase[] = [
  fromInside('plain', []),
  fromInside('retry-on and max-retries', ['x-envoy-retry-on: 5xx', 'x-envoy-max-retries: 2'], {
    replies: [bad, bad, good],
  }),
  fromInside('retry-on of unknown name', ['x-envoy-retry-on: foo'], { replies: [bad, good] }),
  fromInside(
    'retriable status codes',
    ['x-envoy-retry-on: retriable-status-codes', 'x-envoy-retriable-status-codes: 418,409'],
    { replies: [[response(409, 'x')], good] },
  ),
  fromInside(
    'retriable header names',
    ['x-envoy-retry-on: retriable-headers', 'x-envoy-retriable-header-names: x-again'],
    { replies: [[response(200, 'x', 'x-again: 1')], good] },
  ),
  fromInside('timeout', ['x-envoy-upstream-rq-timeout-ms: 50'], { reply: [] }),
  fromInside(
    'timeout alt response',
    ['x-envoy-upstream-rq-timeout-ms: 50', 'x-envoy-upstream-rq-timeout-alt-response: 1'],
    { reply: [] },
  ),
  fromInside('bad timeout', ['x-envoy-upstream-rq-timeout-ms: 5x']),
  fromInside('per-try timeout', ['x-envoy-retry-on: 5xx', 'x-envoy-upstream-rq-per-try-timeout-ms: 50'], {
    replies: [[], good],
  }),
  fromInside('alternative stat name', ['x-envoy-upstream-alt-stat-name: alt']),
  fromInside('upstream stream duration', ['x-envoy-upstream-stream-duration-ms: 60'], { reply: [] }),
  fromInside('ip tags and downstream cluster', [
    'x-envoy-ip-tags: a',
    'x-envoy-downstream-service-cluster: c',
    'x-envoy-downstream-service-node: n',
  ]),
  fromInside('immediate health check fail', [], {
    reply: response(
      200,
      'ok',
      'x-envoy-immediate-health-check-fail: 1',
      'x-envoy-degraded: 1',
      'x-envoy-canary: true',
      'x-envoy-overloaded: 1',
    ),
  }),
]

const actions: ParityCase[] = [
  host('/header', {}, 'x-cluster: other'),
  host('/header', {}, 'x-cluster: nope'),
  host('/header'),
  host('/missing'),
  host('/404missing'),
  host('/500missing'),
  host('/empty'),
  host('/direct'),
  host('/no_body'),
  host('/weighted'),
  host('/by_header', {}, 'x-w: 10'),
  host('/by_header', {}, 'x-w: 75'),
  host('/by_header', {}, 'x-w: 50'),
  host('/timeout', { reply: [] }),
  host('/notimeout'),
  host('/idle', { reply: [] }),
  host('/maxstream', { reply: [] }),
  host('/grpctimeout', { reply: [] }, 'grpc-timeout: 50m', 'content-type: application/grpc'),
  host('/grpctimeout', {}, 'grpc-timeout: 5S', 'content-type: application/grpc'),
  ...['0', '5', '14', 'x'].map((status) =>
    host(
      '/grpctimeout',
      { name: `grpc-status ${status} in the head`, reply: response(200, '', `grpc-status: ${status}`) },
      'content-type: application/grpc',
    ),
  ),
  host('/retry5xx', { name: 'retry then good', replies: [bad, good] }),
  host('/retry5xx', { name: 'retry all bad', replies: [bad] }),
  host('/retry5xx', { name: 'retry not on 404', reply: response(404, 'x') }),
  {
    name: 'retry POST with body',
    steps: [post('/retry5xx', 'abc').replace('a.test', 'actions.test')],
    replies: [bad, good],
    stats: STATS,
  },
  host('/retryreset', { name: 'retry after reset', replies: [[{ reset: true }], good] }),
  host('/retryreset', { name: 'retry after finish', replies: [[{ finish: true }], good] }),
  host('/retryreset', {
    name: 'no retry once the response began',
    replies: [['HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab', { pauseMs: 10 }, { reset: true }], good],
  }),
  host('/retrycodes', { name: 'retry 409', replies: [[response(409, 'x')], good] }),
  host('/retrycodes', { name: 'retry codes, 503', replies: [bad, good] }),
  host('/retrygateway', { name: 'retry 502', replies: [[response(502, 'x')], good] }),
  host('/retrygateway', { name: 'gateway-error, 500', replies: [[response(500, 'x')], good] }),
  host('/retryconnect'),
  host('/pertry', { name: 'per-try timeout twice', reply: [] }),
  host('/pertry', { name: 'per-try timeout then good', replies: [[], good] }),
  host(
    '/target',
    { name: 'x-envoy retry headers are ignored from outside', replies: [bad, good] },
    'x-envoy-retry-on: 5xx',
    'x-envoy-max-retries: 2',
  ),
  host('/target', {
    reply: [],
    name: 'x-envoy timeout from outside',
    steps: [getHost('actions.test', '/target', 'x-envoy-upstream-rq-timeout-ms: 50'), { quietMs: 100 }],
  }),
  host('/target', {}, 'x-envoy-upstream-alt-stat-name: alt'),
  host('/target', {}, 'x-envoy-expected-rq-timeout-ms: 5'),
  host('/internal', {
    name: 'internal redirect',
    logLines: 2,
    replies: [[response(302, '', 'location: http://actions.test/target?x=1')], good],
  }),
  host('/internal', { name: 'internal redirect, relative', replies: [[response(302, '', 'location: /target')], good] }),
  host('/internal', {
    name: 'internal redirect, other scheme',
    replies: [[response(302, '', 'location: https://actions.test/target')], good],
  }),
  host('/internal', { name: 'internal redirect, no location', replies: [[response(302, 'x')], good] }),
  host('/internal', {
    name: 'internal redirect, 307 not listed',
    replies: [[response(307, '', 'location: http://actions.test/target')], good],
  }),
  host('/internal', {
    name: 'internal redirect twice',
    logLines: 2,
    replies: [
      [response(302, '', 'location: http://actions.test/internal')],
      [response(302, '', 'location: http://actions.test/target')],
      good,
    ],
  }),
  ...trusted,
  { name: 'attempt counts', steps: [getHost('attempts.test')], replies: [bad, good] },
  { name: 'attempt count, plain', steps: [getHost('attempts.test')] },
  { name: 'virtual cluster', steps: [getHost('vc.test', '/vc/1')], stats: STATS },
  { name: 'attempt count, refused', steps: [getHost('attempts.test', '/refused')] },
  { name: 'virtual cluster of the path as it came', steps: [getHost('vc.test', '/vc/rewritten')], stats: STATS },
  { name: 'virtual cluster refused', steps: [getHost('vc.test', '/vc/refused')], stats: STATS },
  {
    name: 'virtual cluster retried',
    steps: [getHost('vc.test', '/vc/retry')],
    replies: [bad, good],
    stats: STATS,
    normalize: [[/(expected-rq-timeout-ms: )(15000|<remaining>)/g, '$1<about 15000>']],
  },
  { name: 'virtual cluster retried in vain', steps: [getHost('vc.test', '/vc/retry')], reply: bad, stats: STATS },
  {
    name: 'virtual cluster, interim response',
    steps: [getHost('vc.test', '/vc/1')],
    reply: `HTTP/1.1 103 Early\r\n\r\n${OK}`,
    stats: STATS,
  },
  { name: 'virtual cluster other', steps: [getHost('vc.test', '/x')], stats: STATS },
  { name: 'suppressed envoy headers', listener: 'suppressed', steps: [get()] },
  {
    name: 'suppressed envoy headers, overflow-like local reply',
    listener: 'suppressed',
    steps: [head()],
    reply: [{ finish: true }],
  },
  {
    name: 'strict headers bad',
    listener: 'strict',
    steps: [get('/', 'x-envoy-upstream-rq-timeout-ms: x')],
    stats: '^http\\.',
  },
  { name: 'strict headers bad retry-on', listener: 'strict', steps: [get('/', 'x-envoy-retry-on: 5xx,nonsense')] },
  { name: 'strict headers good retry-on', listener: 'strict', steps: [get('/', 'x-envoy-retry-on: 5xx, reset')] },
  { name: 'strict headers empty', listener: 'strict', steps: [get('/', 'x-envoy-upstream-rq-timeout-ms:')] },
  { name: 'strict headers negative', listener: 'strict', steps: [get('/', 'x-envoy-upstream-rq-timeout-ms: -1')] },
  {
    name: 'strict headers too large',
    listener: 'strict',
    steps: [get('/', 'x-envoy-upstream-rq-timeout-ms: 99999999999')],
  },
  { name: 'direct response 400', listener: 'strict', steps: [get('/bad'), { waitFor: 'bad' }], stats: '^http\\.' },
  { name: 'strict headers good', listener: 'strict', steps: [get('/', 'x-envoy-upstream-rq-timeout-ms: 100')] },
]

export const routerSuite: ParitySuite = {
  name: 'router',
  yaml,
  backends: ['main', 'other'],
  cases: [...matching, ...rewriting, ...headerChanges, ...actions],
}
