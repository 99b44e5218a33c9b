/** envoy.filters.http.health_check: checks that are answered, passed on, remembered or failed. */
import type { ParityCase, ParitySuite, Step } from '../case.ts'
import { get, head, post, response } from '../requests.ts'
import { bootstrap, cluster, httpFilter, httpListener } from '../yaml.ts'

const at = (path: string) => `headers: [ { name: ":path", string_match: { exact: ${path} } } ]`
const filter = (fields: string) => httpFilter('health_check', 'HealthCheck', fields)
const answered = (path: string, more = '') => filter(`pass_through_mode: false, ${at(path)}${more}`)
const passed = (path: string, more = '') => filter(`pass_through_mode: true, ${at(path)}${more}`)
const percents = (...list: [cluster: string, percent: number][]) =>
  `, cluster_min_healthy_percentages: { ${list.map(([name, value]) => `${name}: { value: ${value} }`).join(', ')} }`
/** No case waits for its end. */
const cached = ', cache_time: 3600s'

const filters = [
  answered('/answered'),
  passed('/passed'),
  passed('/cached', cached),
  passed('/cached_degraded', cached),
  passed('/cached_failure', cached),
  answered('/half', percents(['half', 50])),
  answered('/less_than_half', percents(['half', 50.9])),
  answered('/more_than_half', percents(['half', 51])),
  answered('/degraded_counts', percents(['degraded', 100])),
  answered('/draining', percents(['draining', 1])),
  answered('/none_needed', percents(['down', 0])),
  answered('/down', percents(['down', 1])),
  answered('/empty', percents(['empty', 1])),
  answered('/empty_not_needed', percents(['empty', 0])),
  answered('/nobody', percents(['nobody', 0])),
  answered('/both', percents(['main', 100], ['down', 1])),
  passed('/passed_percents', percents(['down', 100])),
  filter(
    'pass_through_mode: false, headers: [ { name: x-a, present_match: true }, { name: x-b, string_match: { exact: b } } ]',
  ),
].join('\n')

const hosts = (...healths: string[]) => {
  const host = 'endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 1 } } }'
  const list = healths.map((health) => `{ health_status: ${health}, ${host} }`)
  return `endpoints: [ { lb_endpoints: [ ${list.join(', ')} ] } ]`
}
const fixed = (name: string, ...healths: string[]) =>
  `- { name: ${name}, load_assignment: { cluster_name: ${name}, ${hosts(...healths)} } }`

const stats = '^(http\\.(main|all)\\.|cluster\\.main\\..*rq_|listener\\..*\\.http\\.)'
const one = (name: string, step: Step, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `health check: ${name}`,
  steps: [step, { waitFor: '\r\n\r\n' }],
  stats,
  ...more,
})

/** While the proxy is to fail checks. Envoy leaves it to the client to end connections that are to end then. */
const failing = (name: string, step: Step, more: Partial<ParityCase> = {}): ParityCase =>
  one(`${name}, while checks fail`, step, {
    steps: [
      { admin: '/healthcheck/fail', method: 'POST' },
      step,
      { waitFor: '\r\n\r\n' },
      { halfClose: true },
      { waitClosed: true },
      { admin: '/healthcheck/ok', method: 'POST' },
    ],
    stats: '^http\\.main\\.(health_check|tracing|downstream_rq)',
    ...more,
  })

const grpc = ['Content-Type: application/grpc', 'TE: trailers']
const quietLog = (listener: string) =>
  listener.replace(
    /- name: envoy.access_loggers.file/,
    (text) => `${text}\n          filter: { not_health_check_filter: {} }`,
  )

export const healthCheckSuite: ParitySuite = {
  name: 'health_check filter',
  flags: ['--service-cluster', 'own-cluster', '--service-node', 'node'],
  yaml: bootstrap(
    [
      httpListener({ name: 'main', filters }),
      httpListener({ name: 'all', filters: filter('pass_through_mode: false') }),
      quietLog(httpListener({ name: 'quiet', filters: passed('/passed') })),
    ],
    [
      cluster('main'),
      fixed('half', 'HEALTHY', 'UNHEALTHY'),
      fixed('degraded', 'DEGRADED', 'HEALTHY'),
      fixed('draining', 'DRAINING'),
      fixed('down', 'UNHEALTHY'),
      '- { name: empty }',
    ],
  ),
  cases: [
    ...[
      '/answered',
      '/passed',
      '/half',
      '/less_than_half',
      '/more_than_half',
      '/degraded_counts',
      '/draining',
      '/none_needed',
      '/down',
      '/empty',
      '/empty_not_needed',
      '/nobody',
      '/both',
      '/passed_percents',
      '/other',
    ].map((path) => one(path, get(path))),
    one('all matchers match', get('/x', 'x-a: 1', 'x-b: b')),
    one('one matcher does not', get('/x', 'x-a: 1', 'x-b: c')),
    one('without matchers', get('/whatever'), { listener: 'all' }),
    one('HEAD', head('/answered')),
    one('with a body', post('/answered', 'body')),
    one('with a body that passes', post('/passed', 'body')),
    one('of gRPC', post('/answered', 'body', ...grpc)),
    one('of gRPC, failed', post('/down', 'body', ...grpc)),
    one('passed to a host that fails', get('/passed'), { reply: response(503, 'no') }),
    one('passed to a host that names another', get('/passed'), {
      reply: response(200, 'ok', 'x-envoy-upstream-healthchecked-cluster: other'),
    }),
    one('passed, degraded', get('/passed'), { reply: response(200, 'ok', 'x-envoy-degraded: yes') }),
    one('remembered', get('/cached'), { reply: response(204, '') }),
    one('remembered, the second time', get('/cached'), { reply: response(500, '') }),
    one('remembered, degraded', get('/cached_degraded'), { reply: response(200, 'ok', 'x-envoy-degraded: yes') }),
    one('remembered, degraded, the second time', get('/cached_degraded')),
    one('remembered failure', get('/cached_failure'), { reply: response(500, 'no') }),
    one('remembered failure, the second time', get('/cached_failure')),
    one('is not logged', get('/passed') + get('/other'), {
      listener: 'quiet',
      steps: [get('/passed'), { waitCount: ['\r\n\r\n', 1] }, get('/other'), { waitCount: ['\r\n\r\n', 2] }],
    }),
    failing('/answered', get('/answered')),
    failing('/passed', get('/passed')),
    failing('/half', get('/half')),
    failing('/cached', get('/cached')),
    failing('another request', get('/other')),
    failing('a body', post('/passed', 'body')),
  ],
}
