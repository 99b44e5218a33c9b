/** Rewrites, redirects, direct responses and header changes in the spellings that are easy to read differently. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, getHost, request, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent } from '../yaml.ts'

const REGEX = (regex: string, substitution: string) =>
  `{ pattern: { regex: "${regex}" }, substitution: "${substitution.replaceAll('\\', '\\\\')}" }`
const route = (match: string, action: string, more = '') =>
  `- { match: { ${match} }, route: { cluster: main, ${action} }${more === '' ? '' : `, ${more}`} }`
const TEMPLATE = (pattern: string) =>
  `path_match_policy: { name: t, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "${pattern}" } }`
const TEMPLATE_REWRITE = (pattern: string) =>
  `path_rewrite_policy: { name: t, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.rewrite.uri_template.v3.UriTemplateRewriteConfig, path_template_rewrite: "${pattern}" } }`

const rewrites = [
  route('prefix: "/strip/"', 'prefix_rewrite: "/"'),
  route('prefix: "/noslash"', 'prefix_rewrite: "/"'),
  route('prefix: "/query"', 'prefix_rewrite: "/new?a=b"'),
  route('prefix: "/rel"', 'prefix_rewrite: "rel"'),
  route('path: "/Ci", case_sensitive: false', 'prefix_rewrite: "/New"'),
  route('safe_regex: { regex: "/by_regex/.*" }', 'prefix_rewrite: "/whole"'),
  route('path_separated_prefix: "/sep", case_sensitive: false', 'prefix_rewrite: "/x/y"'),
  route('prefix: "/groups/"', `regex_rewrite: ${REGEX('^/groups/([^/]+)/([^/]+)(/.*)?$', '\\3/\\2-\\1-\\0')}`),
  route('prefix: "/all/"', `regex_rewrite: ${REGEX('a', 'b')}`),
  route('prefix: "/slashes"', `regex_rewrite: ${REGEX('/+', '/')}`),
  route('prefix: "/emptied"', `regex_rewrite: ${REGEX('^/.*$', '')}`),
  route('prefix: "/emptyformat"', 'path_rewrite: "%REQ(x-a)%"'),
  route('prefix: "/hregexempty"', `host_rewrite_path_regex: ${REGEX('.*', '')}`),
  route('prefix: "/unrooted"', `regex_rewrite: ${REGEX('^/unrooted/(.*)$', '\\1')}`),
  route('prefix: "/ci_regex"', `regex_rewrite: ${REGEX('(?i)/CI_REGEX', '/x')}`),
  route('prefix: "/formatted"', 'path_rewrite: "/f/%REQ(x-a)%/%REQ(:method)%"'),
  route('prefix: "/fquery"', 'path_rewrite: "/f?x=%REQ(x-a)%"'),
  route('prefix: "/hformat"', 'host_rewrite: "%REQ(x-a)%.test"'),
  route('prefix: "/hempty"', 'host_rewrite: "%REQ(x-absent)%"'),
  route('prefix: "/hheader"', 'host_rewrite_header: X-Host'),
  route('prefix: "/hregex"', `host_rewrite_path_regex: ${REGEX('^/hregex/(.+)$', '\\1')}`),
  route('prefix: "/hnomatch"', `host_rewrite_path_regex: ${REGEX('^/other/(.+)$', '\\1')}`),
  route('prefix: "/happend"', 'host_rewrite_literal: new.test, append_x_forwarded_host: true'),
  route('prefix: "/hport"', 'host_rewrite_literal: "new.test:8080"'),
  `- { match: { prefix: "/auto" }, route: { cluster: dns, auto_host_rewrite: true } }`,
  `- { match: { prefix: "/aappend" }, route: { cluster: dns, auto_host_rewrite: true, append_x_forwarded_host: true } }`,
  route('prefix: "/astatic"', 'auto_host_rewrite: true'),
  `- { match: { prefix: "/whost" }, route: { weighted_clusters: { clusters: [ { name: main, weight: 1, host_rewrite_literal: weighted.test } ] } } }`,
  `- { match: { prefix: "/wboth" }, route: { host_rewrite_literal: route.test, append_x_forwarded_host: true, weighted_clusters: { clusters: [ { name: main, weight: 1, host_rewrite_literal: weighted.test } ] } } }`,
  `- { match: { prefix: "/wappend" }, route: { append_x_forwarded_host: true, weighted_clusters: { clusters: [ { name: main, weight: 1, host_rewrite_literal: weighted.test } ] } } }`,
  `- { match: { prefix: "/wheader" }, route: { weighted_clusters: { clusters: [ { cluster_header: x-cluster, weight: 1, request_headers_to_add: [ { header: { key: x-w, value: "%UPSTREAM_CLUSTER%" } } ] } ] } } }`,
  `- { match: { prefix: "/wzero" }, route: { weighted_clusters: { clusters: [ { name: main, weight: 0 }, { name: other, weight: 1 }, { name: main, weight: 0 } ] } } }`,
  `- { match: { prefix: "/wnumber" }, route: { weighted_clusters: { header_name: X-W, clusters: [ { name: main, weight: 10 }, { name: other, weight: 90 } ] } } }`,
  `- { match: { prefix: "/wruntime" }, route: { weighted_clusters: { runtime_key_prefix: weights, clusters: [ { name: main, weight: 1 }, { name: other, weight: 0 } ] } } }`,
  `- { match: { prefix: "/cheader" }, route: { cluster_header: X-Cluster } }`,
  `- { match: { ${TEMPLATE('/t1/{a}/{b=**}')} }, route: { cluster: main, ${TEMPLATE_REWRITE('/n/{b}/x/{a}/{a}')} } }`,
  `- { match: { ${TEMPLATE('/t2/{a=x/*}')} }, route: { cluster: main, ${TEMPLATE_REWRITE('/{a}.html')} } }`,
  `- { match: { prefix: "/order", }, request_headers_to_add: [ { header: { key: x-path, value: "%REQ(:path)%" } }, { header: { key: x-host, value: "%REQ(:authority)%" } }, { header: { key: x-orig, value: "%REQ(x-envoy-original-path)%" } } ], route: { cluster: main, prefix_rewrite: "/done", host_rewrite_literal: done.test } }`,
]

const redirect = (match: string, action: string, more = '') =>
  `- { match: { ${match} }, redirect: { ${action} }${more === '' ? '' : `, ${more}`} }`
const redirects = [
  redirect('prefix: "/https"', 'https_redirect: true'),
  redirect('prefix: "/porthttps"', 'https_redirect: true, port_redirect: 8443'),
  redirect('prefix: "/https443"', 'https_redirect: true, port_redirect: 443'),
  redirect('prefix: "/http"', 'scheme_redirect: http'),
  redirect('prefix: "/SCHEME"', 'scheme_redirect: HTTPS'),
  redirect('prefix: "/port80"', 'port_redirect: 80'),
  redirect('prefix: "/host"', 'host_redirect: "other.test:99"'),
  redirect('prefix: "/bothport"', 'host_redirect: "other.test:99", port_redirect: 100'),
  redirect('prefix: "/v6"', 'host_redirect: "[::1]", port_redirect: 100'),
  redirect('prefix: "/path"', 'path_redirect: "/new"'),
  redirect('prefix: "/relpath"', 'path_redirect: "new"'),
  redirect('prefix: "/fragment"', 'path_redirect: "/new#f"'),
  redirect('prefix: "/fquery"', 'path_redirect: "/new?a#f", strip_query: true'),
  redirect('prefix: "/strip"', 'strip_query: true'),
  redirect('prefix: "/prefix"', 'prefix_rewrite: "/p"'),
  redirect('prefix: "/pquery"', 'prefix_rewrite: "/p?x=1"'),
  redirect('prefix: "/pstrip"', 'prefix_rewrite: "/p?x=1", strip_query: true'),
  redirect('path: "/PExact", case_sensitive: false', 'prefix_rewrite: "/p"'),
  redirect('path_separated_prefix: "/psep"', 'prefix_rewrite: "/p/"'),
  redirect('safe_regex: { regex: "/pregex.*" }', 'prefix_rewrite: "/p"'),
  redirect('prefix: "/regex"', `regex_rewrite: ${REGEX('^/regex/([^/]*)/?(.*)$', '/\\2/\\1')}`),
  redirect('prefix: "/rstrip"', `regex_rewrite: ${REGEX('^/rstrip', '/x?y')}, strip_query: true`),
  redirect('prefix: "/rnone"', `regex_rewrite: ${REGEX('^/other', '/x')}`),
  redirect('prefix: "/rempty"', `regex_rewrite: ${REGEX('.*', '')}`),
  redirect('prefix: "/fempty"', 'path_rewrite: "%REQ(x-a)%"'),
  redirect('prefix: "/strempty"', 'path_rewrite: "%REQ(x-a)%", strip_query: true'),
  redirect('prefix: "/fstrip"', 'path_rewrite: "/f", strip_query: true'),
  redirect('prefix: "/formatted"', 'path_rewrite: "/f/%REQ(x-a)%"'),
  redirect('prefix: "/fmtquery"', 'path_rewrite: "/f?%REQ(x-a)%"'),
  redirect('prefix: "/fmtstrip"', 'path_rewrite: "/f?%REQ(x-a)%", strip_query: true'),
  redirect(
    'prefix: "/all"',
    'https_redirect: true, host_redirect: o.test, port_redirect: 1, path_redirect: "/q", response_code: PERMANENT_REDIRECT',
    'response_headers_to_add: [ { header: { key: x-added, value: "%RESPONSE_CODE% %REQ(:path)%" } } ], response_headers_to_remove: [ location ], request_headers_to_add: [ { header: { key: x, value: "y" } } ]',
  ),
  redirect('prefix: "/same"', 'response_code: SEE_OTHER'),
]

const direct = (path: string, action: string, more = '') =>
  `- { match: { prefix: "${path}" }, direct_response: { ${action} }${more === '' ? '' : `, ${more}`} }`
const directs = [
  direct('/plain', 'status: 200, body: { inline_string: "hello" }'),
  direct('/bytes', 'status: 200, body: { inline_bytes: "AP8B" }'),
  direct('/204', 'status: 204, body: { inline_string: "hello" }'),
  direct('/205', 'status: 205'),
  direct('/304', 'status: 304, body: { inline_string: "hello" }'),
  direct('/201', 'status: 201, body: { inline_string: "made" }'),
  direct('/302', 'status: 302'),
  direct('/300', 'status: 300, body: { inline_string: "many" }'),
  direct('/599', 'status: 599, body: { inline_string: "e" }'),
  direct('/utf8', 'status: 200, body: { inline_string: "ü" }'),
  direct('/percent', 'status: 200, body: { inline_string: "%REQ(:path)%" }'),
  direct('/file', 'status: 200, body: { filename: /etc/hosts }'),
  direct('/env', 'status: 200, body: { environment_variable: HOME }'),
  direct(
    '/format',
    'status: 200, body_format: { text_format_source: { inline_string: "%REQ(:path)% %RESPONSE_CODE% %LOCAL_REPLY_BODY%" } }, body: { inline_string: "b" }',
  ),
  direct(
    '/json',
    'status: 403, body_format: { json_format: { path: "%REQ(:path)%", code: "%RESPONSE_CODE%", no: "%REQ(no)%" } }',
  ),
  direct(
    '/ctype',
    'status: 200, body_format: { text_format_source: { inline_string: "x" }, content_type: "text/css" }',
  ),
  direct(
    '/typed',
    'status: 200, body: { inline_string: "<p>" }',
    'response_headers_to_add: [ { header: { key: content-type, value: text/html } } ]',
  ),
  direct(
    '/untyped',
    'status: 200, body: { inline_string: "x" }',
    'response_headers_to_remove: [ content-type, content-length, date, server ]',
  ),
  '- { match: { prefix: "/nonforwarding" }, non_forwarding_action: {}, response_headers_to_add: [ { header: { key: x-nf, value: "1" } } ] }',
]

const change = (name: string, value: string, more = '') =>
  `{ header: { key: ${name}, value: "${value}" }${more === '' ? '' : `, ${more}`} }`
const ACTIONS = ['APPEND_IF_EXISTS_OR_ADD', 'ADD_IF_ABSENT', 'OVERWRITE_IF_EXISTS_OR_ADD', 'OVERWRITE_IF_EXISTS']
const forAll = (name: string, value: string) =>
  ACTIONS.map((action, i) => change(`${name}-${i}`, value, `append_action: ${action}`))
const headersHost = (level: string, requests: readonly string[], responses: readonly string[]) =>
  `request_headers_to_add: [ ${requests.join(', ')} ]\nresponse_headers_to_add: [ ${responses.join(', ')} ]\nrequest_headers_to_remove: [ x-no-${level} ]\nresponse_headers_to_remove: [ x-no-${level} ]`
const LEVELS = (level: string) => forAll('x', level)
const inline = ['accept', 'user-agent', 'content-type', 'x-forwarded-for', 'x-request-id', 'te', 'via']
const operators = [
  '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  '%PROTOCOL%',
  '%VIRTUAL_CLUSTER_NAME%',
  '%ROUTE_NAME%',
  '%UPSTREAM_CLUSTER%',
  '%UPSTREAM_HOST%',
  '%METADATA(ROUTE:f:k)%',
  '%METADATA(VIRTUAL_HOST:f:k)%',
  '%METADATA(CLUSTER:f:k)%',
  '%DYNAMIC_METADATA(f:k)%',
  '%REQ(x-many)%',
  '%REQ(absent?x-one)%',
  '%REQ(x-one):2%',
  '%RESP(x)%',
  '%RESPONSE_CODE%',
  '%FILTER_STATE(a:PLAIN)%',
  '%REQUESTED_SERVER_NAME%',
  '%DOWNSTREAM_TLS_VERSION%',
  '%PATH(WQ:ORIG)%',
  '%QUERY_PARAM(a)%',
  '%COMMON_DURATION(DS_RX_BEG:DS_RX_BEG:ms)%',
  '%CONNECTION_ID%',
  'a%%b',
  '%ENVIRONMENT(HOME)%',
].filter((operator) => operator !== '%CONNECTION_ID%')

const levels = (name: string, routeConfig: string) =>
  httpListener({
    name,
    routeConfig: `${routeConfig}\n${headersHost('config', LEVELS('config'), LEVELS('config'))}`,
    virtualHosts: `
- name: all
  domains: ["*"]
${indent(headersHost('vhost', LEVELS('vhost'), LEVELS('vhost')), 2)}
  routes:
  - match: { prefix: "/direct" }
${indent(headersHost('route', LEVELS('route'), LEVELS('route')), 4)}
    direct_response: { status: 200 }
  - match: { prefix: "/redirect" }
${indent(headersHost('route', LEVELS('route'), LEVELS('route')), 4)}
    redirect: { host_redirect: x.test }
  - match: { prefix: "/missing" }
${indent(headersHost('route', LEVELS('route'), LEVELS('route')), 4)}
    route: { cluster_header: x-cluster }
  - match: { prefix: "/" }
${indent(headersHost('route', LEVELS('route'), LEVELS('route')), 4)}
    route:
      weighted_clusters:
        clusters:
        - name: main
          weight: 1
${indent(headersHost('cluster', LEVELS('cluster'), LEVELS('cluster')), 10)}
`,
  })

const yaml = bootstrap(
  [
    httpListener({
      name: 'rewrite',
      virtualHosts: `- name: all\n  domains: ["*"]\n  routes:\n${indent(rewrites.join('\n'), 2)}`,
      routeConfig: 'validate_clusters: false',
    }),
    httpListener({
      name: 'suppressed',
      virtualHosts: `- name: all\n  domains: ["*"]\n  routes:\n${indent(rewrites.join('\n'), 2)}`,
      routeConfig: 'validate_clusters: false',
    }).replace('v3.Router }', 'v3.Router, suppress_envoy_headers: true }'),
    httpListener({
      name: 'redirect',
      virtualHosts: `- name: all\n  domains: ["*"]\n  routes:\n${indent(redirects.join('\n'), 2)}`,
    }),
    httpListener({
      name: 'direct',
      virtualHosts: `- name: all\n  domains: ["*"]\n  routes:\n${indent(directs.join('\n'), 2)}`,
    }),
    levels('levels', ''),
    levels('specific', 'most_specific_header_mutations_wins: true'),
    httpListener({
      name: 'odd',
      virtualHosts: `
- name: odd
  domains: ["*"]
  metadata: { filter_metadata: { f: { k: vhost } } }
  virtual_clusters: [ { name: vc, headers: [ { name: ":path", string_match: { prefix: "/op" } } ] } ]
  routes:
  - { name: inline, match: { prefix: "/append" }, request_headers_to_add: [ ${inline.map((name) => change(name, 'new', 'append_action: APPEND_IF_EXISTS_OR_ADD')).join(', ')} ], route: { cluster: main } }
  - { name: inline, match: { prefix: "/overwrite" }, request_headers_to_add: [ ${inline.map((name) => change(name, 'new', 'append_action: OVERWRITE_IF_EXISTS_OR_ADD')).join(', ')} ], route: { cluster: main } }
  - { name: inline, match: { prefix: "/remove" }, request_headers_to_remove: [ ${[...inline, 'X-Upper', 'cookie'].join(', ')} ], route: { cluster: main } }
  - { name: hop, match: { prefix: "/hop" }, request_headers_to_add: [ ${['connection', 'transfer-encoding', 'keep-alive', 'upgrade', 'expect'].map((name) => change(name, 'x')).join(', ')} ], route: { cluster: main } }
  - { name: length, match: { prefix: "/length" }, request_headers_to_remove: [ content-length ], route: { cluster: main } }
  - { name: resplength, match: { prefix: "/resplength" }, response_headers_to_remove: [ content-length, date, x-envoy-upstream-service-time ], route: { cluster: main } }
  - { name: same, match: { prefix: "/same" }, request_headers_to_remove: [ x-a ], request_headers_to_add: [ ${change('x-a', '1')}, ${change('x-a', '2')}, ${change('x-a', '3', 'append_action: OVERWRITE_IF_EXISTS_OR_ADD')}, ${change('x-b', '%REQ(x-a)%')}, ${change('X-Case', 'Y')} ], route: { cluster: main } }
  - { name: empty, match: { prefix: "/empty" }, request_headers_to_add: [ ${change('x-a', '')}, ${change('x-b', '', 'keep_empty_value: true')}, ${change('x-c', '%REQ(no)%', 'append_action: OVERWRITE_IF_EXISTS_OR_ADD')}, ${change('x-d', '%REQ(no)%', 'keep_empty_value: true, append_action: OVERWRITE_IF_EXISTS_OR_ADD')}, ${change('x-e', 'a%REQ(no)%b')}, ${change('x-f', '%REQ(no)%', 'keep_empty_value: true, append_action: ADD_IF_ABSENT')} ], route: { cluster: main } }
  - name: ops
    match: { prefix: "/op" }
    metadata: { filter_metadata: { f: { k: [ a, 1 ] } } }
    request_headers_to_add: [ ${operators.map((operator, i) => change(`x-${i}`, operator, 'keep_empty_value: true')).join(', ')} ]
    response_headers_to_add: [ ${operators.map((operator, i) => change(`x-${i}`, operator, 'keep_empty_value: true')).join(', ')} ]
    route: { cluster: main }
  - { name: cookies, match: { prefix: "/cookies" }, response_headers_to_add: [ ${change('set-cookie', 'c=3')}, ${change('x-all', '%RESP(set-cookie)%')} ], route: { cluster: main } }
  - { name: respinline, match: { prefix: "/respinline" }, response_headers_to_add: [ ${['vary', 'server', 'content-type', 'date', 'location', 'cache-control', 'etag'].map((name) => change(name, 'new')).join(', ')} ], route: { cluster: main } }
`,
    }),
  ],
  [
    cluster('main', 'metadata: { filter_metadata: { f: { k: cluster } } }'),
    cluster('other'),
    cluster('dns', 'type: STRICT_DNS\ndns_lookup_family: V4_ONLY', '{{backend:main}}').replace(
      'address: 127.0.0.1',
      'address: localhost',
    ),
  ],
  'layered_runtime: { layers: [ { name: s, static_layer: { weights: { main: 0.9, other: 5 } } } ] }',
)

const on = (listener: string, path: string, ...fields: string[]): ParityCase => ({
  name: `${listener} ${path} ${fields.join(' | ')}`.trim(),
  listener,
  steps: [get(path, ...fields)],
})
const redirectAt = (host: string, path: string, ...fields: string[]): ParityCase => ({
  name: `redirect ${host}${path} ${fields.join(' | ')}`.trim(),
  listener: 'redirect',
  steps: [getHost(host, path, ...fields)],
})

const rewriteCases: ParityCase[] = [
  ...[
    '/strip/',
    '/strip/a',
    '/strip//a',
    '/strip/?q',
    '/noslash',
    '/noslash/a',
    '/noslasha?b',
    '/query?x',
    '/query/y',
    '/rel/x',
    '/CI?x',
    '/by_regex/a?b',
    '/SEP',
    '/sep/',
    '/Sep/z?y',
    '/groups/a/b',
    '/groups/a/b/c/d?e',
    '/groups/a',
    '/all/aaa?a',
    '/slashes//a///b?//',
    '/emptied?x',
    '/emptied',
    '/emptyformat?a',
    '/hregexempty',
    '/unrooted/a',
    '/CI_regex/a',
    '/ci_regex/a',
    '/formatted?q',
    '/fquery?q',
    '/hformat',
    '/hempty',
    '/hheader',
    '/hregex/a.test/b?c',
    '/hregex/a.test',
    '/hnomatch',
    '/hport',
    '/auto',
    '/astatic',
    '/whost',
    '/wboth',
    '/wappend',
    '/wzero',
    '/wnumber',
    '/wruntime',
    '/cheader',
    '/t1/a/b/c?d',
    '/t1/a/',
    '/t2/x/y',
    '/order?q',
  ].map((path) => on('rewrite', path)),
  ...['/strip/a', '/happend', '/aappend', '/wboth', '/t2/x/y'].map((path) => on('suppressed', path)),
  on('rewrite', '/formatted', 'x-a: v'),
  on('rewrite', '/formatted', 'x-a: v', 'x-a: w'),
  on('rewrite', '/hformat', 'x-a: v'),
  on('rewrite', '/hheader', 'x-host:'),
  on('rewrite', '/hheader', 'x-host: a', 'x-host: b'),
  on('rewrite', '/happend', 'x-forwarded-host: first.test'),
  on('rewrite', '/happend', 'x-forwarded-host: first.test', 'x-forwarded-host: a.test'),
  on('rewrite', '/happend'),
  on('rewrite', '/aappend'),
  on('rewrite', '/aappend', 'x-forwarded-host: a.test'),
  on('rewrite', '/wheader', 'x-cluster: main'),
  on('rewrite', '/wheader', 'x-cluster: none'),
  on('rewrite', '/wheader'),
  on('rewrite', '/cheader', 'x-cluster: other', 'x-cluster: main'),
  on('rewrite', '/cheader', 'x-cluster:'),
  ...['9', '10', '109', '110', '-1', 'x', '', '18446744073709551615', '18446744073709551616', '0x1']
    .map((value) => on('rewrite', '/wnumber', `x-w: ${value}`))
    .filter((one) => !/: (-1|x|18446744073709551616|0x1)?$/.test(one.name)),
  on('rewrite', '/order', 'x-envoy-original-path: /given', 'x-envoy-original-host: given'),
]

const redirectCases: ParityCase[] = [
  ...[
    '/https',
    '/https?x=1',
    '/porthttps',
    '/https443',
    '/http',
    '/SCHEME',
    '/port80',
    '/host/a?b',
    '/bothport',
    '/v6',
    '/path/x?y',
    '/relpath',
    '/fragment?x',
    '/fquery?x',
    '/strip?x',
    '/prefix/a?b',
    '/prefixa',
    '/pquery/x?y',
    '/pstrip/x?y',
    '/pexact?x',
    '/psep/a',
    '/psep',
    '/pregex/a?b',
    '/regex/a/b/c?d',
    '/rstrip/a?b',
    '/rnone?b',
    '/formatted?b',
    '/rempty?b',
    '/fempty?b',
    '/strempty?b',
    '/fstrip?b',
    '/fmtquery?b',
    '/fmtstrip?b',
    '/all?b',
    '/same',
  ].map((path) => redirectAt('r.test', path)),
  ...['r.test:80', 'r.test:443', 'r.test:8080', '[::1]', '[::1]:80', '[::1]:8080'].flatMap((host) =>
    ['/https', '/porthttps', '/http', '/port80', '/same', '/path'].map((path) => redirectAt(host, path)),
  ),
  redirectAt('r.test:443', '/http', 'x-forwarded-proto: https'),
  redirectAt('r.test', '/same', 'x-forwarded-proto: https'),
  redirectAt('r.test', '/https', 'x-forwarded-proto: https'),
  redirectAt('r.test', '/same', 'x-forwarded-proto: ftp'),
  redirectAt('r.test', '/formatted?c', 'x-a: v'),
  {
    name: 'redirect HTTP/1.0-like POST with a body',
    listener: 'redirect',
    steps: [`${request('POST', '/same', ['content-length: 3'], 'r.test')}abc`],
  },
]

const directCases: ParityCase[] = [
  ...[
    '/plain',
    '/bytes',
    '/204',
    '/205',
    '/304',
    '/201?x',
    '/302?x',
    '/300',
    '/599',
    '/utf8',
    '/percent',
    '/file',
    '/env',
    '/format?x',
    '/json',
    '/ctype',
    '/typed',
    '/untyped',
    '/nonforwarding',
  ].map((path) => on('direct', path)),
  ...['/plain', '/201', '/format', '/304'].map((path) => ({
    name: `direct HEAD ${path}`,
    listener: 'direct',
    steps: [request('HEAD', path, [])],
  })),
  on('direct', '/plain', 'content-type: application/grpc'),
  on('direct', '/302', 'content-type: application/grpc'),
]

const given = (suffix: string) => [0, 1, 2, 3].map((i) => `x-${i}: ${suffix}`)
const both = [...given('a'), ...given('b'), 'x-no-config: 1', 'x-no-vhost: 1', 'x-no-route: 1', 'x-no-cluster: 1']
const headerCases: ParityCase[] = [
  ...['levels', 'specific'].flatMap((listener) => [
    on(listener, '/'),
    on(listener, '/', ...given('a')),
    { ...on(listener, '/', 'x-0: both'), steps: [get('/', ...both)], reply: response(200, 'ok', ...both) },
    on(listener, '/direct'),
    on(listener, '/redirect'),
    on(listener, '/missing'),
    { ...on(listener, '/', 'y: no answer'), reply: [{ finish: true }] as const },
  ]),
  on('odd', '/append'),
  on('odd', '/append', ...inline.filter((name) => name !== 'te').map((name) => `${name}: old`)),
  on('odd', '/overwrite', ...inline.map((name) => `${name}: old`)),
  on('odd', '/overwrite'),
  on('odd', '/remove', ...inline.map((name) => `${name}: old`), 'x-upper: 1', 'cookie: a', 'cookie: b'),
  on('odd', '/hop'),
  { name: 'odd length', listener: 'odd', steps: [`${request('POST', '/length', ['content-length: 3'])}abc`] },
  on('odd', '/resplength'),
  on('odd', '/same', 'x-a: 0'),
  on('odd', '/empty'),
  on('odd', '/empty', ...['a', 'b', 'c', 'd', 'e', 'f'].map((name) => `x-${name}: old`)),
  { ...on('odd', '/op?a=1&b=2', 'x-many: 1', 'x-many: 2', 'x-one: abc'), reply: response(200, 'ok', 'x: 1', 'x: 2') },
  { ...on('odd', '/cookies'), reply: response(200, 'ok', 'set-cookie: a=1', 'set-cookie: b=2') },
  {
    ...on('odd', '/respinline'),
    reply: response(
      200,
      'ok',
      'vary: a',
      'vary: b',
      'location: /x',
      'cache-control: a',
      'server: s',
      'content-type: t',
    ),
  },
]

export const changesSuite: ParitySuite = {
  name: 'changes',
  yaml,
  backends: ['main', 'other'],
  cases: [...rewriteCases, ...redirectCases, ...directCases, ...headerCases],
}
