/** What limits retries beside their policy: budgets of the cluster, over all workers, and the runtime. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, OK, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, routes } from '../yaml.ts'

const STATS = '^cluster\\..*(retry|upstream_rq_[0-9ct])'
const FAST = 'retry_back_off: { base_interval: 0.001s, max_interval: 0.002s }'
/** A retry that waits holds its place in the circuit breaker. */
const LONG = 'rate_limited_retry_back_off: { reset_headers: [ { name: retry-after, format: SECONDS } ] }'
const bad = [response(503, 'bad')]
const wait = [response(503, 'bad', 'retry-after: 20')]
const good = [OK]

const breaker = (fields: string): string => `circuit_breakers: { thresholds: [ { ${fields} } ] }`
const route = (name: string): string =>
  `- { match: { path_separated_prefix: /${name} }, route: { cluster: ${name}, retry_policy: { retry_on: 5xx, num_retries: 3, ${FAST}, ${LONG} } } }`
const limits: Readonly<Record<string, string>> = {
  two: 'retry_budget: { min_retry_concurrency: 2, budget_percent: { value: 1 } }',
  none: 'retry_budget: { min_retry_concurrency: 0, budget_percent: { value: 0 } }',
  all: 'retry_budget: { min_retry_concurrency: 0, budget_percent: { value: 100 } }',
  usual: 'retry_budget: {}, max_retries: 0',
  fixed: 'max_retries: 1',
}
const names = Object.keys(limits)

type Held = Pick<ParityCase, 'holdConnections' | 'holdBytes'>

function one(name: string, cluster: string, replies: ParityCase['replies'], held: Held = {}): ParityCase {
  return {
    name: `limits of retries: ${name}`,
    steps: [get(`/${cluster}`), { waitFor: '\r\n\r\n' }],
    replies,
    stats: `${STATS.slice(0, -1)}|circuit_breakers.*retry)`,
    ...held,
  }
}

export const retryBudgetsSuite: ParitySuite = {
  name: 'limits of retries',
  yaml: bootstrap(
    [httpListener({ name: 'main', virtualHosts: routes(names.map(route).join('\n')) })],
    names.map((name) => cluster(name, breaker(limits[name]), '{{backend:main}}')),
  ),
  flags: ['--concurrency', '2'],
  cases: [
    ...names.map((name) => one(`${name}, one at a time`, name, [bad, good])),
    one('two wait, and no more', 'two', [wait], { holdConnections: 6, holdBytes: get('/two') }),
    one('one waits, and no more', 'fixed', [wait], { holdConnections: 3, holdBytes: get('/fixed') }),
  ],
}

const layered = (values: string): string =>
  `layered_runtime: { layers: [ { name: l, static_layer: { upstream: { ${values} } } } ] }`
const plain = `- { match: { prefix: / }, route: { cluster: main, timeout: 0.3s, retry_policy: { retry_on: 5xx } } }`

function byRuntime(name: string, values: string, replies: ParityCase['replies']): ParitySuite {
  return {
    name: `runtime of retries, ${name}`,
    yaml: bootstrap([httpListener({ name: 'main', virtualHosts: routes(plain) })], [cluster('main')], layered(values)),
    cases: [
      {
        name: `runtime of retries: ${name}`,
        steps: [get('/'), { waitFor: '\r\n\r\n' }],
        replies,
        stats: STATS,
        normalize: [[/(rq-timeout-ms: )\d+/, '$1<ms>']],
      },
    ],
  }
}

export const retryRuntimeSuites: readonly ParitySuite[] = [
  byRuntime('none are made', 'use_retry: 0', [bad, good]),
  byRuntime('all are made', 'use_retry: 100', [bad, good]),
  byRuntime('the first wait', 'base_retry_backoff_ms: 10000000', [bad, good]),
]
