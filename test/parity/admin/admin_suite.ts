/** The admin interface: status, content type and body of each endpoint that can be compared. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'

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
