/** envoy.filters.http.cors: both spellings of policies, preflights and simple requests. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, request, response } from '../requests.ts'
import { bootstrap, cluster, httpFilter, httpListener, indent } from '../yaml.ts'

const POLICY = '"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy'
const typed = (policy: string) => `typed_per_filter_config: { envoy.filters.http.cors: { ${POLICY}, ${policy} } }`
const exact = (origin: string) => `allow_origin_string_match: [ { exact: "${origin}" } ]`
const OK_ORIGIN = exact('http://ok.test')

const newRoutes: readonly (readonly [path: string, policy: string])[] = [
  ['/plain', OK_ORIGIN],
  [
    '/full',
    `${OK_ORIGIN}, allow_methods: "GET,PUT", allow_headers: "x-a,x-b", expose_headers: "x-e", max_age: "60", allow_credentials: true`,
  ],
  [
    '/stars',
    `allow_origin_string_match: [ { exact: "*" } ], allow_methods: "*", allow_headers: "*", expose_headers: "*"`,
  ],
  ['/prefixstar', `allow_origin_string_match: [ { prefix: "*" } ]`],
  ['/anyregex', `allow_origin_string_match: [ { safe_regex: { regex: ".*" } } ]`],
  [
    '/regex',
    `allow_origin_string_match: [ { safe_regex: { regex: "https?://[a-z]+\\\\.test" } }, { suffix: ".example" } ]`,
  ],
  ['/case', 'allow_origin_string_match: [ { exact: "HTTP://OK.test", ignore_case: true } ]'],
  ['/nocred', `${OK_ORIGIN}, allow_credentials: false`],
  ['/private', `${OK_ORIGIN}, allow_private_network_access: true`],
  ['/noprivate', `${OK_ORIGIN}, allow_private_network_access: false`],
  [
    '/answered',
    `${OK_ORIGIN}, forward_not_matching_preflights: false, allow_methods: GET, allow_credentials: true, max_age: "5"`,
  ],
  ['/forwarded', `${OK_ORIGIN}, forward_not_matching_preflights: true`],
  ['/noorigins', 'allow_methods: GET'],
  ['/off', `${OK_ORIGIN}, filter_enabled: { default_value: { numerator: 0 } }`],
  [
    '/shadow',
    `${OK_ORIGIN}, filter_enabled: { default_value: { numerator: 0 } }, shadow_enabled: { default_value: { numerator: 100 } }`,
  ],
  [
    '/both',
    `${OK_ORIGIN}, filter_enabled: { default_value: { numerator: 100 } }, shadow_enabled: { default_value: { numerator: 100 } }`,
  ],
  ['/runtimeoff', `${OK_ORIGIN}, filter_enabled: { runtime_key: cors.off, default_value: { numerator: 100 } }`],
  ['/runtimeon', `${OK_ORIGIN}, filter_enabled: { runtime_key: cors.on, default_value: { numerator: 0 } }`],
]
const routeOf = (path: string, more: string, action = 'cluster: main') =>
  `- { match: { prefix: "${path}" }, route: { ${action} }${more === '' ? '' : `, ${more}`} }`
const host = (domain: string, more: string, routes: readonly string[]) =>
  `- name: "${domain}"\n  domains: ["${domain}"]\n${indent(more, 2)}\n  routes:\n${indent(routes.join('\n'), 2)}\n`

const VHOST_POLICY = `${exact('http://vhost.test')}, allow_methods: "VHOST", allow_headers: "vh", expose_headers: "ve", max_age: "1", allow_credentials: true`

const newSpelling = httpListener({
  name: 'main',
  filters: httpFilter('cors', 'Cors'),
  virtualHosts: [
    host('a.test', '', [
      ...newRoutes.map(([path, policy]) => routeOf(path, typed(policy))),
      `- { match: { prefix: "/direct" }, direct_response: { status: 200 }, ${typed(OK_ORIGIN)} }`,
      `- { match: { prefix: "/redirect" }, redirect: { path_redirect: "/x" }, ${typed(OK_ORIGIN)} }`,
      `- { match: { prefix: "/gone" }, route: { cluster: gone }, ${typed(`${OK_ORIGIN}, expose_headers: xe`)} }`,
      `- { match: { prefix: "/disabled" }, route: { cluster: main }, typed_per_filter_config: { envoy.filters.http.cors: { "@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, disabled: true } } }`,
      routeOf('/none', ''),
    ]),
    host('vhost.test', typed(VHOST_POLICY), [
      routeOf('/inherits', ''),
      routeOf('/merges', typed('allow_methods: "ROUTE", max_age: "2"')),
      routeOf('/origin', typed(OK_ORIGIN)),
      routeOf('/cred', typed('allow_credentials: false')),
      routeOf('/off', typed('filter_enabled: { default_value: { numerator: 0 } }')),
    ]),
    host('mixed.test', `cors: { ${exact('http://old.test')}, expose_headers: "old" }`, [
      routeOf('/typed', typed(OK_ORIGIN)),
      routeOf('/old', '', `cluster: main, cors: { ${OK_ORIGIN}, allow_methods: OLD }`),
      routeOf('/both', typed(exact('http://both.test')), `cluster: main, cors: { ${OK_ORIGIN}, allow_methods: OLD }`),
      routeOf('/inherits', ''),
    ]),
  ].join(''),
  routeConfig: `validate_clusters: false\nrequest_headers_to_add: [ { header: { key: x-seen, value: "yes" } } ]`,
})

const configLevel = httpListener({
  name: 'level',
  filters: httpFilter('cors', 'Cors'),
  routeConfig: typed(`${OK_ORIGIN}, allow_methods: "CONFIG", expose_headers: ce`),
  virtualHosts: host('*', '', [routeOf('/merges', typed('allow_methods: "ROUTE"')), routeOf('/', '')]),
})

const STATS = '^http\\.(main|level)\\.cors\\.'
const preflight = (path: string, origin: string, fields: readonly string[] = [], at = 'a.test', method = 'PUT') =>
  request('OPTIONS', path, [`Origin: ${origin}`, `Access-Control-Request-Method: ${method}`, ...fields], at)
const one = (name: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `cors: ${name}`,
  steps: [step],
  stats: STATS,
  ...more,
})

const paths = newRoutes.map(([path]) => path)
const OK = 'http://ok.test'

export const corsSuite: ParitySuite = {
  name: 'cors',
  yaml: bootstrap(
    [newSpelling, configLevel],
    [cluster('main')],
    'layered_runtime: { layers: [ { name: static, static_layer: { cors.off: 0, cors.on: 100 } } ] }',
  ),
  cases: [
    ...paths.flatMap((path) => [
      one(`${path} simple, good origin`, get(path, `Origin: ${OK}`)),
      one(`${path} simple, bad origin`, get(path, 'Origin: http://bad.test')),
      one(`${path} preflight, good origin`, preflight(path, OK, ['Access-Control-Request-Headers: x-q'])),
      one(`${path} preflight, bad origin`, preflight(path, 'http://bad.test')),
    ]),
    one('origin of another case', get('/case', 'Origin: http://ok.TEST')),
    one('regex origin by suffix', get('/regex', 'Origin: https://x.example')),
    one('no origin', get('/full')),
    one('empty origin', get('/full', 'Origin:')),
    one('null origin', get('/stars', 'Origin: null')),
    one('origin twice', get('/stars', 'Origin: http://a.test', 'Origin: http://b.test')),
    one('OPTIONS without a method asked for', request('OPTIONS', '/full', [`Origin: ${OK}`])),
    one('OPTIONS with an empty method asked for', preflight('/full', OK, [], 'a.test', '')),
    one('OPTIONS without origin', request('OPTIONS', '/full', ['Access-Control-Request-Method: GET'])),
    one(
      'preflight with a body',
      `${request('OPTIONS', '/full', [`Origin: ${OK}`, 'Access-Control-Request-Method: GET', 'Content-Length: 4'])}body`,
    ),
    one('private network asked', preflight('/private', OK, ['Access-Control-Request-Private-Network: true'])),
    one(
      'private network asked with another word',
      preflight('/private', OK, ['Access-Control-Request-Private-Network: TRUE']),
    ),
    one(
      'private network asked, not allowed',
      preflight('/noprivate', OK, ['Access-Control-Request-Private-Network: true']),
    ),
    one('upstream has headers of its own', get('/full', `Origin: ${OK}`), {
      reply: response(
        200,
        'ok',
        'access-control-allow-origin: http://up.test',
        'access-control-allow-credentials: up',
        'access-control-expose-headers: up',
        'access-control-allow-methods: up',
      ),
    }),
    one('upstream has headers, bad origin', get('/full', 'Origin: http://bad.test'), {
      reply: response(200, 'ok', 'access-control-allow-origin: *'),
    }),
    one('direct response', get('/direct', `Origin: ${OK}`)),
    one('direct response, preflight', preflight('/direct', OK)),
    one('redirect', get('/redirect', `Origin: ${OK}`)),
    one('no such cluster', get('/gone', `Origin: ${OK}`)),
    one('no such cluster, preflight', preflight('/gone', OK)),
    one('disabled for the route', preflight('/disabled', OK)),
    one('no policy', preflight('/none', OK)),
    one('no route', preflight('/nowhere', OK)),
    ...['/inherits', '/merges', '/origin', '/cred', '/off'].flatMap((path) => [
      one(`virtual host ${path} simple`, request('GET', path, ['Origin: http://vhost.test'], 'vhost.test')),
      one(`virtual host ${path} preflight`, preflight(path, 'http://vhost.test', [], 'vhost.test')),
      one(`virtual host ${path} the route's origin`, preflight(path, OK, [], 'vhost.test')),
    ]),
    ...['/typed', '/old', '/both', '/inherits'].flatMap((path) =>
      ['http://old.test', OK, 'http://both.test'].map((origin) =>
        one(`older spelling ${path} from ${origin}`, preflight(path, origin, [], 'mixed.test')),
      ),
    ),
    one('older spelling, simple', request('GET', '/inherits', ['Origin: http://old.test'], 'mixed.test')),
    one('route configuration', preflight('/any', OK), { listener: 'level' }),
    one('route configuration, simple', get('/any', `Origin: ${OK}`), { listener: 'level' }),
    one('route configuration and route', preflight('/merges', OK), { listener: 'level' }),
    one('preflight and request on one connection', `${preflight('/full', OK)}${get('/full', `Origin: ${OK}`)}`, {
      logLines: 2,
    }),
  ],
}
