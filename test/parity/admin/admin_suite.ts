/** The admin interface: status, content type and body of each endpoint that can be compared. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, httpListener, routes } from '../yaml.ts'

/** Hosts in every state that a configuration can give them. */
const states = `
- name: states
  connect_timeout: 0.2s
  load_assignment:
    cluster_name: states
    endpoints:
    - locality: { region: r, zone: z, sub_zone: s }
      load_balancing_weight: 3
      lb_endpoints:
      - { endpoint: { hostname: h1, address: { socket_address: { address: 127.0.0.1, port_value: 1 } } }, health_status: UNHEALTHY, load_balancing_weight: 5 }
      - { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 2 } } }, health_status: DRAINING }
      - { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 3 } } }, health_status: TIMEOUT }
      - { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 4 } } }, health_status: DEGRADED }
      - { endpoint: { address: { socket_address: { address: "::1", port_value: 5 } } }, health_status: HEALTHY }
      - { endpoint: { address: { pipe: { path: /tmp/no-such-socket } } } }
    - { priority: 1, lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 6 } } } } ] }
`

const yaml = bootstrap(
  [httpListener({ name: 'main', hcm: 'delayed_close_timeout: 0.02s' })],
  [cluster('main'), cluster('second', 'circuit_breakers: { thresholds: [ { max_connections: 7 } ] }', '{{backend}}')],
  `
node: { id: n1, cluster: c1, locality: { region: r, zone: z } }
layered_runtime:
  layers:
  - { name: static, static_layer: { a: 1, b: { c: text }, f: { numerator: 5, denominator: HUNDRED } } }
  - { name: admin, admin_layer: {} }
`,
)

/** Everything that differs from start to start or from build to build. */
const NOISE: [RegExp, string][] = [
  // Envoy prints structs with a random number of spaces, so that nobody parses them.
  [/goo\.gle\/debug\w+ +/g, 'goo.gle/debug '],
  [/"(last_updated|uptime_[a-z_]+)": "[^"]*"/g, '"$1": "T"'],
  [/"uptime_current_epoch": "\d+s"/g, '"uptime_current_epoch": "T"'],
  [/\/tmp\/(envoy|nuncio)-[A-Za-z0-9]+/g, '<dir>'],
  [/"port_value": \d+/g, '"port_value": N'],
  [/"version_info": "[^"]*"/g, '"version_info": "V"'],
]

const read = (path: string, more: Partial<ParityCase> = {}, method = 'GET'): ParityCase => ({
  name: `${method} ${path}`,
  steps: [{ admin: path, method }],
  logLines: 0,
  normalize: NOISE,
  ...more,
})
const change = (path: string, more: Partial<ParityCase> = {}) => read(path, more, 'POST')

/** Only the status and the content type: the body lists what only one of the two has. */
const STATUS_ONLY: [RegExp, string][] = [[/^(\d+ [^\n]*\n)[\s\S]*$/, '$1']]
const statusOf = (path: string, method = 'GET') =>
  read(path, { normalize: STATUS_ONLY, name: `status of ${method} ${path}` }, method)

const readOnly = [
  '/ready',
  '/listeners',
  '/listeners?format=json',
  '/clusters',
  '/clusters?format=json',
  '/clusters?filter=sec',
  '/certs',
  '/init_dump',
  '/hot_restart_version',
  '/runtime',
]

/** Parameters that are unknown, empty or wrong: who answers what. */
const odd = [
  'GET /clusters?filter=zzz',
  'GET /clusters?filter=(',
  'GET /clusters?format=bad',
  'GET /listeners?format=bad',
  'GET /ready?x',
  'GET /init_dump?mask=listener',
  'GET /init_dump?mask=bad',
  'GET /config_dump?mask=bad',
  'GET /config_dump?resource=bootstrap&mask=nope',
  'GET /config_dump?resource=static_clusters&mask=cluster.name,cluster.type',
  'GET /config_dump?resource=static_clusters&name_regex=(',
  'GET /config_dump?resource=dynamic_listeners',
  'GET /config_dump?resource=static_listeners&name_regex=x',
  'GET /config_dump?mask=dynamic_listeners.active_state',
  'GET /stats?usedonly=0&filter=^server.live',
  'GET /stats?filter=^server.live&format=',
  'GET /stats?filter=^server.live&format=JSON',
  'GET /stats?filter=^server.live&format=prometheus&type=Gauges',
  'GET /stats?type=counters',
  'GET /stats?pretty&format=json&filter=^server.live',
  'GET /stats?format=json&filter=zzz&histogram_buckets=cumulative',
  'GET /stats?histogram_buckets=prometheusnative',
  'GET /stats/prometheus?histogram_buckets=detailed',
  'GET /stats/prometheus?histogram_buckets=disjoint',
  'GET /stats/prometheus?histogram_buckets=bad',
  'GET /stats/prometheus?filter=(',
  'GET /stats/prometheus?filter=zzz',
  'GET /stats/prometheus?format=json&filter=server.live',
  'GET /stats/prometheus?invert_filter&filter=[a-z]',
  'GET /stats?filter=^listener_manager&type=Gauges',
  'GET /stats?filter=^(cluster_manager|main_thread|workers|overload|http.async|thread_local|runtime)',
  'GET /stats?usedonly&filter=^(cluster_manager|listener_manager|server.(static|dynamic|wip)|runtime)',
  'POST /logging?level=',
  'POST /logging?paths=',
  'POST /logging?paths=http:debug,upstream:bogus',
  'POST /logging?paths=nope:debug',
  'POST /logging?group=x',
  'POST /logging?http=bogus',
  'POST /logging?nope=debug',
  'POST /logging?level=debug&paths=http:info',
  'POST /healthcheck/fail?x',
  'POST /healthcheck/ok?x',
  'POST /drain_listeners?skip_exit=1&graceful=0',
  'POST /runtime_modify?x',
  'POST /runtime_modify?x=',
  'POST /cpuprofiler?enable=x',
  'POST /cpuprofiler?x=1',
  'POST /allocprofiler?enable=x',
  'POST /listeners',
  'POST /certs',
  'POST /config_dump?resource=nothing',
  'POST /hot_restart_version',
  'PUT /ready',
  'DELETE /ready',
  'OPTIONS /ready',
  'PUT /reset_counters',
  'HEAD /reset_counters',
  'GET /cpuprofiler?enable=y',
].map((line) => line.split(' '))

const configDumps = [
  '/config_dump?resource=dynamic_active_clusters',
  '/config_dump?resource=static_clusters',
  '/config_dump?resource=static_listeners&mask=listener.name',
  '/config_dump?resource=static_clusters&mask=cluster.name',
  '/config_dump?resource=static_clusters&name_regex=sec.*',
  '/config_dump?resource=static_route_configs',
  '/config_dump?resource=nothing',
  '/config_dump?resource=bootstrap&mask=bootstrap.node.id',
  '/config_dump?mask=bootstrap.node.cluster',
  '/config_dump?name_regex=*',
  '/config_dump?include_eds&resource=static_endpoint_configs',
]

/** One cluster alone: Envoy lists several in an order of chance. */
export const hostStatesSuite: ParitySuite = {
  name: 'admin: host states',
  yaml: bootstrap(
    [httpListener({ name: 'main', virtualHosts: routes('- { match: { prefix: / }, route: { cluster: states } }') })],
    [states],
  ),
  cases: ['/clusters', '/clusters?format=json', '/config_dump?include_eds&resource=static_endpoint_configs'].map(
    (path) => read(path, { name: `GET ${path}, hosts in every state` }),
  ),
}

export const adminSuite: ParitySuite = {
  name: 'admin',
  yaml,
  cases: [
    ...readOnly.map((path) => read(path)),
    read('/runtime', { steps: [{ admin: '/runtime', sortJson: true }] }),
    ...configDumps.map((path) => read(path)),
    ...[
      '/',
      '/help',
      '/server_info',
      '/stats',
      '/stats/prometheus',
      '/config_dump',
      '/memory',
      '/contention',
      '/nothing',
      '//server_info',
      '//stats',
      '/stats/recentlookups',
    ].map((path) => statusOf(path)),
    ...['/ready', '/stats', '/server_info', '/clusters'].map((path) => statusOf(path, 'HEAD')),
    ...['/ready', '/stats', '/server_info'].map((path) => statusOf(path, 'POST')),
    ...[
      '/quitquitquit',
      '/healthcheck/fail',
      '/healthcheck/ok',
      '/reset_counters',
      '/drain_listeners',
      '/runtime_modify?x=1',
      '/logging',
      '/reopen_logs',
      '/cpuprofiler',
      '/heapprofiler',
    ].map((path) => statusOf(path)),
    ...odd.map(([method, path]) => read(path, {}, method)),
    change('/logging?level=bogus'),
    change('/logging?nothing=info'),
    { ...change('/logging?level=warning', { normalize: STATUS_ONLY }), name: 'status of POST /logging?level=warning' },
    change('/healthcheck/fail', {
      steps: [
        { admin: '/healthcheck/fail', method: 'POST' },
        { admin: '/ready' },
        { admin: '/healthcheck/ok', method: 'POST' },
        { admin: '/ready' },
      ],
      name: 'healthcheck fail and ok',
    }),
    change('/runtime_modify'),
    change('/runtime_modify?a=2', {
      steps: [
        { admin: '/runtime_modify?a=2&new=x', method: 'POST' },
        { admin: '/runtime', sortJson: true },
        { admin: '/runtime_modify?a=&new=', method: 'POST' },
        { admin: '/runtime', sortJson: true },
      ],
      name: 'runtime modified and restored',
    }),
    change('/reopen_logs'),
    change('/cpuprofiler'),
    change('/stats/recentlookups/enable', { normalize: STATUS_ONLY }),
    change('/stats/recentlookups/clear', { normalize: STATUS_ONLY }),
    change('/stats/recentlookups/disable', { normalize: STATUS_ONLY }),
    read('/stats', {
      steps: [
        get(),
        { waitFor: 'ok' },
        { admin: '/stats?filter=%5Ecluster.main.upstream_rq_total' },
        { admin: '/reset_counters', method: 'POST' },
        { admin: '/stats?filter=%5Ecluster.main.upstream_rq_total' },
      ],
      logLines: 1,
      name: 'reset_counters',
    }),
    read('/clusters', {
      steps: [get(), { waitFor: 'ok' }, { admin: '/clusters?filter=main' }],
      logLines: 1,
      name: 'clusters after a request',
    }),
    read('/drain', {
      steps: [{ admin: '/drain_listeners?skip_exit', method: 'POST' }],
      name: 'drain_listeners parameters',
    }),
    read('/drain', {
      steps: [
        get(),
        { waitFor: 'ok' },
        { admin: '/drain_listeners?inboundonly', method: 'POST' },
        get('/2'),
        { quietMs: 100 },
      ],
      logLines: 2,
      name: 'drain_listeners inboundonly leaves other listeners',
    }),
  ],
}
