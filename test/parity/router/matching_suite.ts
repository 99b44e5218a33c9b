/** Domains, match specifiers and matcher trees in the spellings that are easy to read differently. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { getHost, request } from '../requests.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'

/** Answers at once with a status and its route's name in the log. */
const named = (name: string, match: string) =>
  `- { name: "${name}", match: { ${match} }, direct_response: { status: 200 } }`
const vhost = (name: string, domains: string) =>
  `- { name: ${name}, domains: [ ${domains} ], routes: [ { name: ${name}, match: { prefix: "/" }, direct_response: { status: 200 } } ] }`

const domains = [
  vhost('any', '"*"'),
  vhost('exact', '"a.b.test", "with.port:8080", "[::1]", "[::2]:80", "UPPER.test"'),
  vhost('suffix', '"*.b.test", "*.test:8080"'),
  vhost('longer_suffix', '"*.c.b.test", "*-x.b.test", "*b.b.test"'),
  vhost('prefix', '"a.*", "pre*", "10.0.*"'),
  vhost('longer_prefix', '"a.b.*", "a.b.c*"'),
].join('\n')

const hosts = [
  'a.b.test',
  'A.B.TEST',
  'a.b.test:80',
  'a.b.test.',
  'b.test',
  '.b.test',
  'z.b.test',
  'z.c.b.test',
  'c.b.test',
  'z-x.b.test',
  'bb.b.test',
  'b.b.test',
  'zb.b.test',
  'a.z',
  'a.',
  'a.b.z',
  'a.b.',
  'a.b.c',
  'a.b.cd',
  'pre',
  'prefix',
  'PREfix',
  'with.port:8080',
  'with.port',
  'z.test:8080',
  'z.test:8081',
  '[::1]',
  '[::1]:80',
  '[::2]:80',
  '[::2]',
  '10.0.0.1',
  '10.0.0.1:99',
  'upper.test',
  'none',
]

const matchRoutes = [
  named('sep_ci', 'path_separated_prefix: "/Sep", case_sensitive: false'),
  named('regex_ci', 'safe_regex: { regex: "/rE[0-9]*" }, case_sensitive: false'),
  named('regex_anchor', 'safe_regex: { regex: "^/anchor$" }'),
  named('regex_part', 'safe_regex: { regex: "/part|/par" }'),
  named('regex_dot', 'safe_regex: { regex: "/dot.x" }'),
  named('authority', 'prefix: "/p/authority", headers: [ { name: ":authority", string_match: { suffix: ".test" } } ]'),
  named('host', 'prefix: "/p/host", headers: [ { name: "Host", string_match: { exact: "m.test" } } ]'),
  named('path', 'prefix: "/p/path", headers: [ { name: ":path", string_match: { contains: "?q" } } ]'),
  named('scheme', 'prefix: "/p/scheme", headers: [ { name: ":scheme", string_match: { exact: http } } ]'),
  named('present_inv', 'prefix: "/h/present_inv", headers: [ { name: x, present_match: true, invert_match: true } ]'),
  named('absent_inv', 'prefix: "/h/absent_inv", headers: [ { name: x, present_match: false, invert_match: true } ]'),
  named('bare', 'prefix: "/h/bare", headers: [ { name: x } ]'),
  named('bare_inv', 'prefix: "/h/bare_inv", headers: [ { name: x, invert_match: true } ]'),
  named(
    'two',
    'prefix: "/h/two", headers: [ { name: x, string_match: { exact: a } }, { name: "Y", string_match: { exact: b } } ]',
  ),
  named(
    'same_twice',
    'prefix: "/h/same", headers: [ { name: x, string_match: { exact: a } }, { name: x, string_match: { exact: b } } ]',
  ),
  named('inv', 'prefix: "/h/inv", headers: [ { name: x, string_match: { exact: a }, invert_match: true } ]'),
  named(
    'inv_empty',
    'prefix: "/h/emptyinv", headers: [ { name: x, string_match: { exact: a }, invert_match: true, treat_missing_header_as_empty: true } ]',
  ),
  named('range', 'prefix: "/h/range", headers: [ { name: x, range_match: { start: -10, end: 10 } } ]'),
  named(
    'range_inv',
    'prefix: "/h/rng_inv", headers: [ { name: x, range_match: { start: 0, end: 10 }, invert_match: true } ]',
  ),
  named(
    'range_empty',
    'prefix: "/h/empty_range", headers: [ { name: x, range_match: { start: 0, end: 10 }, treat_missing_header_as_empty: true } ]',
  ),
  named('regex_h', 'prefix: "/h/regex", headers: [ { name: x, string_match: { safe_regex: { regex: "a|ab" } } } ]'),
  named(
    'regex_empty',
    'prefix: "/h/void", headers: [ { name: x, string_match: { safe_regex: { regex: ".*" } }, treat_missing_header_as_empty: true } ]',
  ),
  named(
    'suffix_ci',
    'prefix: "/h/suffix", headers: [ { name: x, string_match: { suffix: "EnD", ignore_case: true } } ]',
  ),
  named(
    'contains_ci',
    'prefix: "/h/contains", headers: [ { name: x, string_match: { contains: "MiD", ignore_case: true } } ]',
  ),
  named('comma', 'prefix: "/h/comma", headers: [ { name: x, string_match: { exact: "a,b" } } ]'),
  named('inline', 'prefix: "/h/inline", headers: [ { name: accept, string_match: { exact: "a" } } ]'),
  named('inline_comma', 'prefix: "/h/inline", headers: [ { name: accept, string_match: { exact: "a,b" } } ]'),
  named('cookie_header', 'prefix: "/h/cookie", headers: [ { name: cookie, string_match: { contains: "b=2" } } ]'),
  named('q_absent', 'prefix: "/q/absent", query_parameters: [ { name: a, present_match: false } ]'),
  named('q_bare', 'prefix: "/q/bare", query_parameters: [ { name: a } ]'),
  named(
    'q_two',
    'prefix: "/q/two", query_parameters: [ { name: a, string_match: { exact: "1" } }, { name: b, string_match: { prefix: "x" } } ]',
  ),
  named(
    'q_ci',
    'prefix: "/q/ci", query_parameters: [ { name: a, string_match: { exact: "aBc", ignore_case: true } } ]',
  ),
  named(
    'q_empty',
    'prefix: "/q/empty", query_parameters: [ { name: a, string_match: { safe_regex: { regex: "()" } } } ]',
  ),
  named('q_space', 'prefix: "/q/space", query_parameters: [ { name: a, string_match: { exact: "x y" } } ]'),
  named('q_odd', 'prefix: "/q/odd", query_parameters: [ { name: "a b", present_match: true } ]'),
  named('c_inv', 'prefix: "/c/inv", cookies: [ { name: s, string_match: { exact: v }, invert_match: true } ]'),
  named(
    'c_two',
    'prefix: "/c/two", cookies: [ { name: s, string_match: { exact: v } }, { name: t, string_match: { prefix: w } } ]',
  ),
  named('c_regex', 'prefix: "/c/regex", cookies: [ { name: s, string_match: { safe_regex: { regex: "[0-9]*" } } } ]'),
  named('tls_none', 'prefix: "/tls/none", tls_context: { presented: false }'),
  named('tls_invalid', 'prefix: "/tls/invalid", tls_context: { validated: false }'),
  named('tls_any', 'prefix: "/tls/any", tls_context: {}'),
  named(
    'md',
    'prefix: "/md/plain", dynamic_metadata: [ { filter: f, path: [ { key: k } ], value: { present_match: true } } ]',
  ),
  named(
    'md_inv',
    'prefix: "/md/inv", dynamic_metadata: [ { filter: f, path: [ { key: k } ], value: { string_match: { exact: a } }, invert: true } ]',
  ),
  named(
    'md_absent',
    'prefix: "/md/absent", dynamic_metadata: [ { filter: f, path: [ { key: k } ], value: { present_match: false } } ]',
  ),
  named('fs', 'prefix: "/fs", filter_state: [ { key: k, string_match: { exact: a } } ]'),
  named('connect', 'connect_matcher: {}').replace('200', '403'),
  named('empty_prefix_get', 'prefix: "", headers: [ { name: x-empty-prefix, present_match: true } ]'),
  named('star', 'path: "*"'),
  named('encoded', 'prefix: "/enc%2F"'),
  named('utf8', 'prefix: "/ü"'),
]

const template = (name: string, pattern: string) =>
  named(
    name,
    `path_match_policy: { name: t, typed_config: { "@type": type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig, path_template: "${pattern}" } }`,
  )
const templates = [
  template('t_star', '/t1/*/end'),
  template('t_two', '/t2/**'),
  template('t_mid', '/t3/**/end'),
  template('t_var', '/t4/{a}/{b=x/*}'),
  template('t_ext', '/t5/*.js'),
  template('t_rest', '/t6/{a=**}.m3u8'),
  template('t_plain', '/t7/plain'),
]

const match = (path: string, ...fields: string[]): ParityCase => ({
  name: `match ${path} ${fields.join(' | ')}`.trim(),
  steps: [getHost('m.test', path, ...fields)],
})

const trees = `
- name: list
  domains: ["list.test"]
  matcher:
    matcher_list:
      matchers:
      - predicate:
          and_matcher:
            predicate:
            - { single_predicate: { input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x } }, value_match: { prefix: a } } }
            - { not_matcher: { single_predicate: { input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: "y" } }, value_match: { exact: b } } } }
        on_match: { action: { name: route, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.Route, match: { prefix: "/in" }, direct_response: { status: 200 }, name: l_and } } }
      - predicate:
          or_matcher:
            predicate:
            - { single_predicate: { input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x } }, value_match: { safe_regex: { google_re2: {}, regex: "[0-9]+" } } } }
            - { single_predicate: { input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x } }, value_match: { contains: Mid, ignore_case: true } } }
        on_match:
          matcher:
            matcher_tree:
              input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: ":path" } }
              prefix_match_map:
                map:
                  "/": { action: { name: route, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.Route, match: { prefix: "/" }, direct_response: { status: 200 }, name: l_root } } }
                  "/long": { action: { name: route, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.Route, match: { path: "/longer" }, direct_response: { status: 200 }, name: l_longer } } }
                  "/longest": { matcher: { matcher_tree: { input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: z } }, exact_match_map: { map: { "1": { action: { name: route, typed_config: { "@type": type.googleapis.com/envoy.config.route.v3.Route, match: { prefix: "/" }, direct_response: { status: 200 }, name: l_longest } } } } } } } }
    on_no_match:
      action:
        name: routes
        typed_config:
          "@type": type.googleapis.com/envoy.config.route.v3.RouteList
          routes:
          - { match: { prefix: "/a" }, direct_response: { status: 200 }, name: l_else_a }
          - { match: { prefix: "/b", headers: [ { name: x, present_match: true } ] }, direct_response: { status: 200 }, name: l_else_b }
`
const tree = (path: string, ...fields: string[]): ParityCase => ({
  name: `tree ${path} ${fields.join(' | ')}`.trim(),
  listener: 'trees',
  steps: [getHost('list.test', path, ...fields)],
})

const FRACTIONS: readonly [key: string, value: string, fallback: string][] = [
  ['none', '0', '{ numerator: 100 }'],
  ['all', '100', '{ numerator: 0 }'],
  ['over', '200', '{ numerator: 0 }'],
  ['million', '100', '{ numerator: 0, denominator: MILLION }'],
  ['hundred_of_ten_thousand', '10000', '{ numerator: 0, denominator: TEN_THOUSAND }'],
  ['message', '{ numerator: 100, denominator: HUNDRED }', '{ numerator: 0 }'],
  ['message_none', '{ numerator: 0 }', '{ numerator: 100 }'],
  ['text', '"100"', '{ numerator: 0 }'],
  ['words', '"no number"', '{ numerator: 100 }'],
  ['negative', '-1', '{ numerator: 100 }'],
  ['yes', 'true', '{ numerator: 0 }'],
  ['broken', '100.5', '{ numerator: 0 }'],
  ['broken_none', '0.5', '{ numerator: 100 }'],
  ['text_fraction', '"{ numerator: 100 }"', '{ numerator: 0 }'],
  ['text_lines', '"numerator: 0\\ndenominator: MILLION"', '{ numerator: 100 }'],
  ['empty', '""', '{ numerator: 100 }'],
  ['huge', '4294967396', '{ numerator: 0 }'],
  ['odd_denominator', '{ numerator: 100, denominator: NONSENSE }', '{ numerator: 0 }'],
  ['odd_field', '{ numerator: 100, nonsense: 1 }', '{ numerator: 0 }'],
  ['only_denominator', '{ denominator: MILLION }', '{ numerator: 100 }'],
  ['text_numerator', '{ numerator: "100" }', '{ numerator: 0 }'],
]
const fractions = FRACTIONS.map(([key, , fallback]) =>
  named(key, `path: "/${key}", runtime_fraction: { default_value: ${fallback}, runtime_key: f.${key} }`),
)
const fractionLayer = `layered_runtime: { layers: [ { name: s, static_layer: { f: { ${FRACTIONS.map(([key, value]) => `${key}: ${value}`).join(', ')} } } } ] }`

const yaml = bootstrap(
  [
    httpListener({ name: 'domains', virtualHosts: domains }),
    httpListener({
      name: 'ignore_port',
      virtualHosts: domains
        .replace('"with.port:8080", ', '')
        .replace(', "[::2]:80"', '')
        .replace(', "*.test:8080"', ''),
      routeConfig: 'ignore_port_in_host_matching: true',
    }),
    httpListener({
      name: 'main',
      hcm: 'upgrade_configs: [ { upgrade_type: CONNECT } ]',
      virtualHosts: `- name: m\n  domains: ["*"]\n  routes:\n${[...matchRoutes, ...templates].map((line) => `  ${line}`).join('\n')}`,
    }),
    httpListener({
      name: 'parameters',
      virtualHosts: `- name: m\n  domains: ["*"]\n  routes:\n${[
        named('exact', 'path: "/exact"'),
        named('sep', 'path_separated_prefix: "/sep"'),
        named('prefix', 'prefix: "/prefix/x"'),
        named('regex', 'safe_regex: { regex: "/re/[a-z]+" }'),
      ]
        .map((line) => `  ${line}`)
        .join('\n')}`,
      routeConfig: 'ignore_path_parameters_in_path_matching: true',
    }),
    ...['EXTERNAL_ONLY', 'ALL'].flatMap((kind) =>
      ['false', 'true'].map((remote) =>
        httpListener({
          name: `${kind} ${remote}`,
          hcm: `use_remote_address: ${remote}\ninternal_address_config: { cidr_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 }, { address_prefix: 10.0.0.0, prefix_len: 8 } ] }`,
          virtualHosts: vhost('tls', '"*"')
            .replace('domains:', `require_tls: ${kind}, domains:`)
            .replace('name: tls,', 'name: tls, response_headers_to_add: [ { header: { key: x-added, value: "1" } } ],'),
        }),
      ),
    ),
    httpListener({
      name: 'vhost_header',
      virtualHosts: [vhost('exact', '"a.test"'), vhost('joined', '"a.test,b.test"'), vhost('any', '"*"')].join('\n'),
      routeConfig: 'vhost_header: X-Vhost',
    }),
    httpListener({
      name: 'vhost_header without port',
      virtualHosts: [vhost('exact', '"a.test"'), vhost('any', '"*"')].join('\n'),
      routeConfig: 'vhost_header: x-vhost\nignore_port_in_host_matching: true',
    }),
    httpListener({
      name: 'fractions',
      virtualHosts: `- name: m\n  domains: ["*"]\n  routes:\n${fractions.map((line) => `  ${line}`).join('\n')}`,
    }),
    httpListener({ name: 'trees', virtualHosts: trees }),
  ],
  [cluster('main')],
  fractionLayer,
)

const cases: ParityCase[] = [
  ...hosts.map((host) => ({ name: `domain ${host}`, listener: 'domains', steps: [getHost(host)] })),
  ...[
    'a.b.test:99',
    '[::1]:99',
    '[::1]',
    'z.b.test:1',
    'a.z:1',
    '10.0.0.1:99',
    'none:1',
    'a.b.test:',
    'a.b.test:x',
  ].map((host) => ({
    name: `domain without port ${host}`,
    listener: 'ignore_port',
    steps: [getHost(host)],
  })),
  ...[
    '/sep',
    '/SEP/x',
    '/sepx',
    '/sep?/x',
    '/re1',
    '/rE1',
    '/rE1?x',
    '/rE1/',
    '/anchor',
    '/anchor?x',
    '/part',
    '/par',
    '/parts',
    '/dot%0ax',
    '/dotyx',
    '/p/authority',
    '/p/host',
    '/p/path',
    '/p/path?q',
    '/p/scheme',
    '/tls/none',
    '/tls/invalid',
    '/tls/any',
    '/md/plain',
    '/md/inv',
    '/md/absent',
    '/fs',
    '/enc%2Fx',
    '/enc%2fx',
    '/enc/x',
    '/%C3%BC',
    '/\xc3\xbcx',
    '//sep',
    '/./sep',
    '/none',
    '/t1/a/end',
    '/t1//end',
    '/t1/a/end/',
    '/t1/a/b/end',
    '/t1/%41/end',
    '/t2',
    '/t2/',
    '/t2/a/b',
    '/t2/a//b',
    '/t3/a/b/end',
    '/t3/end',
    '/t4/1/x/2',
    '/t4/1/y/2',
    '/t4/1/x/2/3',
    '/t5/a.js',
    '/t5/.js',
    '/t5/a.jsx',
    '/t5/a/b.js',
    '/t6/a/b.m3u8',
    '/t7/plain?q',
    '/t7/Plain',
  ].map((path) => match(path)),
  ...['present_inv', 'absent_inv', 'bare', 'bare_inv'].flatMap((path) => [
    match(`/h/${path}`),
    match(`/h/${path}`, 'x: 1'),
    match(`/h/${path}`, 'x:'),
  ]),
  match('/h/two', 'x: a', 'y: b'),
  match('/h/two', 'x: a'),
  match('/h/two', 'x: a', 'y: c', 'Y: b'),
  match('/h/same', 'x: a'),
  match('/h/same', 'x: a', 'x: b'),
  match('/h/inv'),
  match('/h/inv', 'x: b', 'x: a'),
  match('/h/inv', 'x: b', 'x: c'),
  match('/h/inv', 'x:'),
  match('/h/emptyinv'),
  match('/h/emptyinv', 'x: a'),
  ...['-10', '10', '+5', '5', '-0', '0x5', '5.0', ' 5', '9999999999999999999', '', '5 5', '05'].map((value) =>
    match('/h/range', `x: ${value}`),
  ),
  match('/h/range', 'x: 50', 'x: 5'),
  match('/h/rng_inv', 'x: 50', 'x: 5'),
  match('/h/rng_inv', 'x: a'),
  match('/h/rng_inv'),
  match('/h/empty_range'),
  match('/h/empty_range', 'x: 1'),
  match('/h/regex', 'x: ab'),
  match('/h/regex', 'x: abc'),
  match('/h/regex', 'x: c', 'x: ab'),
  match('/h/void'),
  match('/h/suffix', 'x: theEND'),
  match('/h/contains', 'x: amidst'),
  match('/h/comma', 'x: a,b'),
  match('/h/comma', 'x: a', 'x: b'),
  match('/h/comma', 'x: a, b'),
  match('/h/inline', 'accept: a', 'accept: b'),
  match('/h/inline', 'accept: b', 'accept: a'),
  match('/h/cookie', 'cookie: a=1', 'cookie: b=2'),
  ...[
    '/q/absent',
    '/q/absent?a',
    '/q/absent?b',
    '/q/bare?a',
    '/q/bare?a=',
    '/q/bare?b&a',
    '/q/bare?aa=1',
    '/q/bare?&&a=1',
    '/q/bare?=1',
    '/q/bare',
    '/q/bare?%61=1',
    '/q/bare?x=?a=1',
    '/q/bare?x;a=1',
    '/q/two?a=1&b=xy',
    '/q/two?b=xy&a=1&a=2',
    '/q/two?a=2&a=1&b=x',
    '/q/ci?a=ABC',
    '/q/empty?a',
    '/q/empty?a=',
    '/q/empty?a=x',
    '/q/space?a=x+y',
    '/q/space?a=x%20y',
    '/q/odd?a%20b=1',
    '/q/odd?a+b=1',
  ].map((path) => match(path)),
  match('/c/inv'),
  match('/c/inv', 'cookie: s=v'),
  match('/c/inv', 'cookie: s=w'),
  match('/c/inv', 'cookie: t=v'),
  match('/c/two', 'cookie: t=w1; s=v'),
  match('/c/two', 'cookie: s=v', 'cookie: t=w'),
  match('/c/two', 'cookie: s=v'),
  match('/c/two', 'cookie: s=v;t=w'),
  match('/c/two', 'cookie: s=x; s=v; t=w'),
  match('/c/two', 'cookie: s=v; s=x; t=w'),
  match('/c/two', 'cookie:   s=v ; t=w '),
  match('/c/two', 'cookie: s = v; t=w'),
  match('/c/two', 'cookie: S=v; t=w'),
  match('/c/two', 'cookie: s="v"; t="w"'),
  match('/c/two', 'cookie: s="v; t=w'),
  match('/c/two', 'cookie: s=v, t=w'),
  match('/c/regex', 'cookie: s='),
  match('/c/regex', 'cookie: s'),
  match('/c/regex', 'cookie: s=12'),
  match('/c/regex', 'cookie: s=1=2'),
  match('/', 'x-empty-prefix: 1'),
  { name: 'match asterisk', steps: [request('OPTIONS', '*', [], 'm.test')] },
  { name: 'match CONNECT', steps: [request('CONNECT', 'm.test:443', [], 'm.test:443')] },
  ...[
    '/exact;a=1',
    '/exact;',
    '/sep;x/y',
    '/sep/a;b',
    '/prefix/x;y',
    '/prefix;a/x',
    '/re/abc;d',
    '/exact;a?b',
    '/exact?a;b',
    '/;/exact',
  ].map((path) => ({ name: `parameters ${path}`, listener: 'parameters', steps: [getHost('p.test', path)] })),
  ...['EXTERNAL_ONLY', 'ALL'].flatMap((kind) =>
    ['false', 'true'].flatMap((remote) =>
      [
        [],
        ['x-forwarded-proto: https'],
        ['x-forwarded-for: 10.0.0.1'],
        ['x-forwarded-for: 10.0.0.1', 'x-forwarded-proto: https'],
        ['x-forwarded-for: 192.0.2.1'],
        ['x-envoy-internal: true'],
      ].map((fields) => ({
        name: `require_tls ${kind} ${remote} ${fields.join(' | ')}`.trim(),
        listener: `${kind} ${remote}`,
        steps: [getHost('t.test:80', '/x?y', ...fields)],
      })),
    ),
  ),
  ...[['x-vhost: a.test'], ['x-vhost: A.test:80'], ['x-vhost: a.test', 'x-vhost: b.test'], ['x-vhost:'], []].flatMap(
    (fields) =>
      ['vhost_header', 'vhost_header without port'].map((listener) => ({
        name: `${listener} ${fields.join(' | ')}`.trim(),
        listener,
        steps: [getHost('a.test', '/', ...fields)],
      })),
  ),
  ...FRACTIONS.map(([key]) => ({
    name: `fraction ${key}`,
    listener: 'fractions',
    steps: [getHost('f.test', `/${key}`)],
  })),
  tree('/in', 'x: abc'),
  tree('/out', 'x: abc'),
  tree('/in', 'x: abc', 'y: b'),
  tree('/in', 'x: b', 'x: a'),
  tree('/in', 'x: a', 'x: b'),
  tree('/other', 'x: 12'),
  tree('/longer', 'x: 12'),
  tree('/longed', 'x: 12'),
  tree('/longest', 'x: 12', 'z: 1'),
  tree('/longest', 'x: 12'),
  tree('/longer', 'x: in MIDdle'),
  tree('/a', 'x: none'),
  tree('/a'),
  tree('/b'),
  tree('/b', 'x: none'),
  tree('/c'),
]

export const matchingSuite: ParitySuite = { name: 'matching', yaml, cases }
