/**
 * envoy.filters.http.stateful_session on backends that both proxies share: so that a session of one is a session of the
 * other, as in a migration.
 */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, post, request, response } from '../requests.ts'
import { bootstrap, httpFilter, httpListener, routes } from '../yaml.ts'

/** Their ports, by name. */
export const sessionHosts = ['a', 'b', 'unhealthy', 'draining', 'degraded', 'timeout'] as const
export type SessionPorts = Readonly<Record<(typeof sessionHosts)[number], number>>

const STATE = 'type.googleapis.com/envoy.extensions.http.stateful_session'
const state = (kind: string, message: string, fields: string) =>
  `session_state: { name: envoy.http.stateful_session.${kind}, typed_config: { "@type": ${STATE}.${kind}.v3.${message}, ${fields} } }`
const cookieState = (fields: string) => state('cookie', 'CookieBasedSessionState', `cookie: { ${fields} }`)
const headerState = (name: string) => state('header', 'HeaderBasedSessionState', `name: ${name}`)
const envelopeState = (name: string) => state('envelope', 'EnvelopeSessionState', `header: { name: ${name} }`)
const PER_ROUTE = 'type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute'
const perRoute = (path: string, fields: string) =>
  `- { match: { prefix: "/${path}" }, route: { cluster: main }, typed_per_filter_config: { envoy.filters.http.stateful_session: { "@type": ${PER_ROUTE}, ${fields} } } }\n`

const clusters = ['main', 'allowed', 'nobody', 'only', 'empty', 'aggregate', 'subset', 'hashed']
const table = routes(
  [
    ...clusters.map((name) => `- { match: { prefix: "/${name}" }, route: { cluster: ${name} } }\n`),
    '- { match: { prefix: "/hosted" }, route: { cluster: hosted } }\n',
    '- { match: { prefix: "/missing" }, route: { cluster: missing } }\n',
    '- { match: { prefix: "/direct" }, direct_response: { status: 200 } }\n',
    '- { match: { prefix: "/redirect" }, redirect: { path_redirect: /main } }\n',
    '- { match: { prefix: "/again" }, route: { cluster: refused, retry_policy: { retry_on: connect-failure, retry_back_off: { base_interval: 0.001s } } } }\n',
    '- { match: { prefix: "/refused" }, route: { cluster: refused } }\n',
    '- { match: { prefix: "/rewritten" }, route: { cluster: main, prefix_rewrite: /app/x } }\n',
    perRoute('disabled', 'disabled: true'),
    perRoute('own', `stateful_session: { ${headerState('x-own')} }`),
    perRoute(
      'strictown',
      `stateful_session: { ${headerState('x-own')}, strict: true, status_on_strict_destination_not_found: 421 }`,
    ),
    perRoute('prefixed', `stateful_session: { ${headerState('x-own')}, stat_prefix: own }`),
    perRoute('stateless', 'stateful_session: {}'),
    '- { match: { prefix: "/" }, route: { cluster: main } }\n',
  ].join(''),
)

const listener = (name: string, config: string) =>
  httpListener({
    name,
    virtualHosts: table,
    routeConfig: 'validate_clusters: false',
    filters: httpFilter(
      'stateful_session',
      'StatefulSession',
      `stat_prefix: ${name}${config === '' ? '' : `, ${config}`}`,
    ),
  })
const session = cookieState('name: session')

function cluster(name: string, priorities: readonly string[], more = ''): string {
  const endpoints = priorities.map((hosts, priority) => `  - { priority: ${priority}, lb_endpoints: [ ${hosts} ] }`)
  return `
- name: ${name}
  connect_timeout: 1s
  load_assignment:
    cluster_name: ${name}
    endpoints:${endpoints.length === 0 ? ' []' : ''}
  ${endpoints.join('\n  ')}
${more}
`
}

function yaml(ports: SessionPorts): string {
  const host = (port: number, more = '') =>
    `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: ${port} } } }${more} }`
  const others = [
    host(ports.b, ', metadata: { filter_metadata: { envoy.lb: { kind: other } } }'),
    host(ports.unhealthy, ', health_status: UNHEALTHY'),
    host(ports.draining, ', health_status: DRAINING'),
    host(ports.degraded, ', health_status: DEGRADED'),
    host(ports.timeout, ', health_status: TIMEOUT'),
  ].join(', ')
  const all = [host(ports.a, ', metadata: { filter_metadata: { envoy.lb: { kind: first } } }'), others]
  const common = (fields: string) => `  common_lb_config: { ${fields} }`
  return bootstrap(
    [
      listener('main', session),
      listener('strict', `${session}, strict: true`),
      listener('status', `${session}, strict: true, status_on_strict_destination_not_found: 410`),
      listener('loosestatus', `${session}, status_on_strict_destination_not_found: 410`),
      listener('lasting', cookieState('name: session, ttl: 3600s')),
      listener('short', cookieState('name: session, ttl: 0.5s')),
      listener('path', cookieState('name: session, path: /app')),
      listener('folder', cookieState('name: session, path: /app/')),
      listener('root', cookieState('name: session, path: /')),
      listener(
        'attributes',
        cookieState('name: session, attributes: [ { name: SameSite, value: Lax }, { name: Secure } ]'),
      ),
      listener('header', headerState('X-Session')),
      listener('strictheader', `${headerState('X-Session')}, strict: true`),
      listener('envelope', envelopeState('X-Session')),
      listener('strictenvelope', `${envelopeState('X-Session')}, strict: true`),
      listener('stateless', ''),
      httpListener({
        name: 'uncounted',
        virtualHosts: table,
        routeConfig: 'validate_clusters: false',
        filters: httpFilter('stateful_session', 'StatefulSession', session),
      }),
      httpListener({
        name: 'two',
        virtualHosts: table,
        routeConfig: 'validate_clusters: false',
        filters: `${httpFilter('stateful_session', 'StatefulSession', headerState('x-first'))}\n${httpFilter('stateful_session', 'StatefulSession', headerState('x-second')).replace('name: envoy.filters.http.stateful_session', 'name: second')}`,
      }),
    ],
    [
      cluster('main', all),
      cluster('allowed', all, common('override_host_status: { statuses: [ UNHEALTHY, DRAINING ] }')),
      cluster('nobody', all, common('override_host_status: {}')),
      cluster(
        'only',
        [host(ports.unhealthy, ', health_status: UNHEALTHY')],
        common('healthy_panic_threshold: { value: 0 }'),
      ),
      cluster('empty', []),
      cluster('hosted', [host(ports.b)]),
      cluster('refused', [host(ports.a), host(1)]),
      cluster('hashed', all, '  lb_policy: RING_HASH'),
      cluster(
        'subset',
        all,
        '  lb_subset_config: { fallback_policy: DEFAULT_SUBSET, default_subset: { kind: first }, subset_selectors: [ { keys: [ kind ] } ] }',
      ),
      `
- name: aggregate
  connect_timeout: 1s
  lb_policy: CLUSTER_PROVIDED
  cluster_type: { name: envoy.clusters.aggregate, typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ main ] } }
`,
    ],
  )
}

const base64 = (text: string) => Buffer.from(text, 'latin1').toString('base64')
/** A message with the address, and whatever bytes stand behind it. */
const message = (address: string, more = '') => base64(`\n${String.fromCharCode(address.length)}${address}${more}`)
const cookie = (value: string) => `Cookie: session=${value}`
const quoted = (value: string) => `Cookie: a=b; session="${value}"; c=d`

/** A second try may come milliseconds later. */
const REMAINING: [RegExp, string] = [/(rq-timeout-ms: )(\d+|<\S+>)/g, '$1<ms>']
const STATS =
  '^(cluster\\.(main|allowed|nobody|only|empty|subset|aggregate|refused|hashed)\\..*rq_|cluster\\..*(none_healthy|lb_)|http\\..*stateful|http\\..*\\.rq_)'
const one = (name: string, listenerName: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `session: ${name}`,
  listener: listenerName,
  steps: [step],
  stats: STATS,
  ...more,
})

function cases(ports: SessionPorts): ParityCase[] {
  const at = (name: keyof SessionPorts) => `127.0.0.1:${ports[name]}`
  const cookies: Readonly<Record<string, string>> = {
    ...Object.fromEntries(sessionHosts.map((name) => [name, cookie(message(at(name)))])),
    'no host': cookie(message('127.0.0.1:2')),
    none: 'x-no: cookie',
  }
  const headers: Readonly<Record<string, string>> = {
    ...Object.fromEntries(sessionHosts.map((name) => [name, `X-Session: ${base64(at(name))}`])),
    'no host': `X-Session: ${base64('127.0.0.1:2')}`,
    none: 'x-no: session',
  }
  const b = at('b')
  const odd: Readonly<Record<string, string>> = {
    quoted: quoted(message(b)),
    'in a second header': `Cookie: a=b\r\n${cookie(message(b))}`,
    'twice, the first': `Cookie: session=${message(b)}; session=${message(at('a'))}`,
    'old form': cookie(base64(b)),
    'no base64': cookie('!!!!'),
    'base64 without padding': cookie(message(b).replace(/=+$/, '')),
    'base64 with spare bits': cookie('MTI3LjAuMC4xOjF='),
    empty: cookie(''),
    'empty address': cookie(base64('\n\0')),
    'only an expiry': cookie(base64('\x10\x01')),
    expired: cookie(message(b, '\x10\x01')),
    'never expires': cookie(message(b, '\x10\0')),
    'expires in a long time': cookie(message(b, '\x10\xff\xff\xff\xff\xff\x7f')),
    'with another field': cookie(message(b, '\x1a\x03abc')),
    'with a number of another field': cookie(message(b, '\x18\xac\x02')),
    'with fixed numbers': cookie(message(b, '\x21\x01\x02\x03\x04\x05\x06\x07\x08\x2d\x01\x02\x03\x04')),
    'address twice': cookie(
      base64(`\n${String.fromCharCode(at('a').length)}${at('a')}\n${String.fromCharCode(b.length)}${b}`),
    ),
    'cut short': cookie(base64(`\n\x30${b}`)),
    'no UTF-8': cookie(base64('\n\x02\xff\xfe')),
    'field 0': cookie(base64('\x02\x01a')),
    'address as a number': cookie(base64('\x08\x01')),
    'another name': `Cookie: Session=${message(b)}`,
  }
  const envelope = (address: string, value: string) => `X-Session: ${base64(address)};UV:${base64(value)}`
  return [
    ...['main', 'strict', 'status', 'loosestatus'].flatMap((name) =>
      Object.entries(cookies).map(([kind, value]) => one(`cookie, ${name}: ${kind}`, name, get('/main', value))),
    ),
    ...['main', 'strict'].flatMap((name) =>
      clusters
        .slice(1)
        .flatMap((path) =>
          ['b', 'unhealthy', 'no host', 'none'].map((kind) =>
            one(`cookie, ${name}: /${path} ${kind}`, name, get(`/${path}`, cookies[kind])),
          ),
        ),
    ),
    ...['draining', 'degraded', 'timeout'].map((kind) =>
      one(`cookie: /allowed ${kind}`, 'main', get('/allowed', cookies[kind])),
    ),
    ...Object.entries(odd).map(([kind, value]) => one(`odd cookie: ${kind}`, 'main', get('/main', value))),
    ...['missing', 'direct', 'redirect', 'refused', 'again', 'disabled', 'stateless', 'rewritten'].flatMap((path) =>
      ['main', 'strict'].flatMap((name) => [
        one(`${name}: /${path}`, name, get(`/${path}`, cookies['b'])),
        one(`${name}: /${path} without`, name, get(`/${path}`)),
      ]),
    ),
    ...['refused', 'again'].flatMap((path) =>
      ['main', 'strict'].map((name) =>
        one(`${name}: /${path} to it`, name, get(`/${path}`, cookie(message('127.0.0.1:1'))), {
          normalize: [REMAINING],
        }),
      ),
    ),
    ...['only', 'empty', 'aggregate', 'nobody'].flatMap((path) =>
      ['b', 'unhealthy', 'no host'].map((kind) =>
        one(`status: /${path} ${kind}`, 'status', get(`/${path}`, cookies[kind])),
      ),
    ),
    ...['own', 'strictown', 'prefixed'].flatMap((path) =>
      ['b', 'unhealthy', 'none'].map((kind) =>
        one(`/${path} ${kind}`, 'main', get(`/${path}`, headers[kind].replace('X-Session', 'x-own'), cookies['b'])),
      ),
    ),
    ...['path', 'folder', 'root'].flatMap((name) =>
      ['/app', '/app/', '/app/x', '/apple', '/app?q', '/app#f', '/', '/APP'].map((path) =>
        one(`${name} ${path}`, name, get(path, cookies['b'])),
      ),
    ),
    ...['path', 'short', 'attributes', 'root', 'stateless', 'uncounted'].map((name) =>
      one(`made, ${name}`, name, get('/app')),
    ),
    ...['stateless', 'uncounted', 'lasting', 'short'].map((name) =>
      one(`kept, ${name}`, name, get('/app', cookies['b'])),
    ),
    ...['header', 'strictheader'].flatMap((name) =>
      Object.entries(headers).map(([kind, value]) => one(`${name}: ${kind}`, name, get('/main', value))),
    ),
    one('header, no base64', 'header', get('/main', `X-Session: ${b}`)),
    one('header twice', 'header', get('/main', headers['b'], headers['a'])),
    ...['envelope', 'strictenvelope'].flatMap((name) => [
      ...[b, at('a'), '127.0.0.1:2', at('unhealthy')].map((address, index) =>
        one(`${name} ${index}`, name, get('/main', envelope(address, 'id'))),
      ),
      one(`${name} without a value`, name, get('/main', `X-Session: ${base64(b)}`)),
      one(`${name} with an empty value`, name, get('/main', `X-Session: ${base64(b)};UV:`)),
      one(
        `${name} with other parts`,
        name,
        get('/main', `X-Session: ${base64(b)};;x;UV:${base64('id')};UV:${base64('no')}`),
      ),
      one(`${name} without a host`, name, get('/main', `X-Session: ;UV:${base64('id')}`)),
      one(`${name} with a host that is none`, name, get('/main', `X-Session: ?;UV:${base64('id')}`)),
      one(`${name} of the upstream's alone`, name, get('/main', 'X-Session: id')),
      one(`${name} of nothing`, name, get('/main')),
      one(`${name} that the upstream makes`, name, get('/main', 'x-make: id')),
      one(`${name} that the upstream makes twice`, name, get('/main', 'x-make: id', 'x-make-too: other')),
      one(`${name} that another upstream makes`, name, get('/main', envelope('127.0.0.1:2', 'id'), 'x-make: other')),
      one(`${name} that the upstream changes`, name, get('/main', envelope(b, 'id'), 'x-make: other')),
    ]),
    one('two filters, both', 'two', get('/main', `x-first: ${base64(b)}`, `x-second: ${base64(at('a'))}`)),
    one('two filters, the first', 'two', get('/main', `x-first: ${base64(b)}`)),
    one('two filters, the second', 'two', get('/main', `x-second: ${base64(b)}`)),
    one('body', 'main', post('/main', 'body', cookies['b'])),
    one(
      'gRPC, strict',
      'strict',
      request('POST', '/main', ['content-type: application/grpc', 'content-length: 0', cookies['no host']]),
    ),
    one('cookie of the upstream too', 'main', get('/main', 'x-cookie: mine=1')),
  ]
}

/** Tells who it is, and what it was asked. */
export function sessionScript(name: string) {
  return {
    onRequest: ({
      head,
      headers,
      connection,
    }: {
      head: string
      headers: Map<string, string>
      connection: { send(data: string): void }
    }) => {
      const made = [headers.get('x-make'), headers.get('x-make-too')].flatMap((value) =>
        value === undefined ? [] : [`x-session: ${value}`],
      )
      const cookies = headers.has('x-cookie') ? [`set-cookie: ${headers.get('x-cookie')}`] : []
      connection.send(response(200, head, `x-backend: ${name}`, ...made, ...cookies))
    },
  }
}

export function statefulSessionSuite(ports: SessionPorts): ParitySuite {
  return { name: 'stateful session', yaml: yaml(ports), backends: [], cases: cases(ports) }
}

/** The value of the session cookie that a response sets. */
export function cookieOf(received: string): string {
  const value = /set-cookie: session="([^"]*)"/.exec(received)?.[1]
  if (value === undefined) throw new Error(`no session in ${received}`)
  return value
}
