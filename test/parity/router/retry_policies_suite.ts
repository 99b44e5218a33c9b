/** Where retries go, how long they wait, what they keep of a request, and attempts side by side (hedging). */
import type { ParityCase, ParitySuite } from '../case.ts'
import { chunkedResponse, get, OK, post, request, response } from '../requests.ts'
import { bootstrap, cluster, HTTP_LOG, httpListener, indent, routes } from '../yaml.ts'

const FAST = 'retry_back_off: { base_interval: 0.001s, max_interval: 0.002s }'
const STATS =
  '^(cluster\\..*(retry|upstream_rq_[0-9ct]|upstream_rq_max|upstream_rq_per_try|external)|http\\..*(rq_[1-5]|rq_reset)|vhost\\.)'
const EXTENSIONS = 'type.googleapis.com/envoy.extensions.retry'

const predicate = (name: string, type: string, fields = ''): string =>
  `{ name: envoy.retry_host_predicates.${name}, typed_config: { "@type": ${EXTENSIONS}.host.${name}.v3.${type}${fields} } }`
const PREVIOUS = predicate('previous_hosts', 'PreviousHostsPredicate')
const NO_CANARIES = predicate('omit_canary_hosts', 'OmitCanaryHostsPredicate')
const without = (labels: string): string =>
  predicate(
    'omit_host_metadata',
    'OmitHostMetadataConfig',
    `, metadata_match: { filter_metadata: { envoy.lb: { ${labels} }, other: { x: 1 } } }`,
  )
const priorities = (frequency: number): string =>
  `retry_priority: { name: envoy.retry_priorities.previous_priorities, typed_config: { "@type": ${EXTENSIONS}.priority.previous_priorities.v3.PreviousPrioritiesConfig, update_frequency: ${frequency} } }`

function route(path: string, policy: string, more = '', to = 'main'): string {
  return `- { match: { path_separated_prefix: "${path}" }, route: { cluster: ${to}, retry_policy: { ${policy} }${more} } }\n`
}

const KEYED = ', hash_policy: [ { header: { header_name: x-key } } ]'
const chosen = (
  path: string,
  predicates: string,
  more = 'host_selection_retry_max_attempts: 40',
  to = 'ring',
): string =>
  route(path, `retry_on: 5xx, num_retries: 2, retry_host_predicate: [ ${predicates} ], ${more}, ${FAST}`, KEYED, to)

const hosts = [
  chosen('/previous', PREVIOUS),
  chosen('/once', PREVIOUS, 'retriable_status_codes: []'),
  chosen('/canary', NO_CANARIES),
  chosen('/labels', without('stage: beta')),
  chosen('/listed', without('tags: red')),
  chosen('/unlisted', without('tags: blue')),
  chosen('/both_labels', without('stage: beta, tags: blue')),
  chosen('/no_labels', without('')),
  chosen('/several', `${PREVIOUS}, ${NO_CANARIES}`),
  chosen('/maglev', PREVIOUS, 'host_selection_retry_max_attempts: 40', 'table'),
  chosen('/nowhere_else', PREVIOUS, 'host_selection_retry_max_attempts: 3', 'main'),
  ...[1, 2, 3].map((frequency) =>
    route(`/priorities${frequency}`, `retry_on: 5xx, num_retries: 5, ${priorities(frequency)}, ${FAST}`, '', 'levels'),
  ),
  route('/priorities_of_one', `retry_on: 5xx, num_retries: 2, ${priorities(1)}, ${FAST}`),
  route('/priorities_in_need', `retry_on: 5xx, num_retries: 3, ${priorities(1)}, ${FAST}`, '', 'half'),
  route('/priorities_ring', `retry_on: 5xx, num_retries: 2, ${priorities(1)}, ${FAST}`, KEYED, 'ring_levels'),
  route('/priorities_over', `retry_on: "5xx,connect-failure", num_retries: 2, ${priorities(1)}, ${FAST}`, '', 'over'),
].join('')

const reset = (headers: string, more = ''): string =>
  `retry_on: 5xx, ${FAST}, rate_limited_retry_back_off: { reset_headers: [ ${headers} ]${more} }`
const SECONDS = '{ name: Retry-After, format: SECONDS }'
const STAMP = '{ name: x-reset, format: UNIX_TIMESTAMP }'
const waits = [
  route('/seconds', reset(SECONDS), ', timeout: 0.2s'),
  route('/short_wait', reset(SECONDS)),
  route('/at_most', reset(SECONDS, ', max_interval: 10s'), ', timeout: 0.2s'),
  route('/two', reset(`${SECONDS}, ${STAMP}`, ', max_interval: 3000000000s'), ', timeout: 0.2s'),
  route('/later', reset(STAMP, ', max_interval: 3000000000s'), ', timeout: 0.2s'),
  route('/later_default', reset(STAMP), ', timeout: 0.2s'),
  route('/early', `retry_on: retriable-status-codes, retriable_status_codes: [ 425 ], ${FAST}`),
  route('/early_5xx', `retry_on: "5xx,retriable-status-codes", retriable_status_codes: [ 425, 503 ], ${FAST}`),
].join('')

const idle = [
  route('/idle', 'retry_on: reset, num_retries: 0, per_try_idle_timeout: 0.1s'),
  route('/idle_again', `retry_on: 5xx, per_try_idle_timeout: 0.1s, ${FAST}`),
  route('/idle_alone', 'per_try_idle_timeout: 0.1s'),
  route('/idle_long', 'per_try_idle_timeout: 0.4s'),
  route('/idle_first', 'per_try_idle_timeout: 0.08s, per_try_timeout: 0.5s'),
  route('/idle_last', 'per_try_idle_timeout: 0.5s, per_try_timeout: 0.08s'),
].join('')

const kept = [
  `- { match: { path_separated_prefix: /limit }, route: { cluster: main, retry_policy: { retry_on: 5xx, ${FAST} } }, request_body_buffer_limit: 4 }`,
  `- { match: { path_separated_prefix: /old_limit }, route: { cluster: main, retry_policy: { retry_on: 5xx, ${FAST} } }, per_request_buffer_limit_bytes: 4 }`,
  `- { match: { path_separated_prefix: /no_room }, route: { cluster: main, retry_policy: { retry_on: 5xx, ${FAST} } }, request_body_buffer_limit: 0 }`,
  `- { match: { path_separated_prefix: /no_old_room }, route: { cluster: main, retry_policy: { retry_on: 5xx, ${FAST} } }, per_request_buffer_limit_bytes: 0 }`,
  `- { match: { path_separated_prefix: /large_limit }, route: { cluster: main, retry_policy: { retry_on: 5xx, ${FAST} } }, request_body_buffer_limit: 1000000 }`,
  `- { match: { path_separated_prefix: /large_old_limit }, route: { cluster: main, retry_policy: { retry_on: 5xx, ${FAST} } }, per_request_buffer_limit_bytes: 1000000 }`,
  `- { match: { path_separated_prefix: /late }, route: { cluster: main, retry_policy: { ${reset(SECONDS)} } }, request_body_buffer_limit: 4 }`,
  `- { match: { path_separated_prefix: /moved }, route: { cluster: main, internal_redirect_policy: {} }, request_body_buffer_limit: 4 }`,
  '',
].join('\n')

const HEDGE = ', hedge_policy: { hedge_on_per_try_timeout: true }'
const hedges = [
  route('/hedge', `retry_on: 5xx, num_retries: 1, per_try_timeout: 0.15s, ${FAST}`, `${HEDGE}, timeout: 2s`),
  route('/hedge3', `retry_on: 5xx, num_retries: 3, per_try_timeout: 0.15s, ${FAST}`, `${HEDGE}, timeout: 2s`),
  route('/hedge0', `retry_on: 5xx, num_retries: 0, per_try_timeout: 0.1s`, `${HEDGE}, timeout: 2s`),
  route('/hedge_reset', `retry_on: reset, num_retries: 1, per_try_timeout: 0.15s, ${FAST}`, `${HEDGE}, timeout: 2s`),
  route('/hedge_short', `retry_on: 5xx, num_retries: 1, per_try_timeout: 0.15s, ${FAST}`, `${HEDGE}, timeout: 0.5s`),
  route('/hedge_idle', `retry_on: 5xx, num_retries: 1, per_try_idle_timeout: 0.15s, ${FAST}`, `${HEDGE}, timeout: 2s`),
  route('/hedge_full', `retry_on: 5xx, per_try_timeout: 0.1s, ${FAST}`, `${HEDGE}, timeout: 2s`, 'no_retries'),
  route('/hedge_not', `retry_on: 5xx, per_try_timeout: 0.15s, ${FAST}`, ', hedge_policy: {}, timeout: 2s'),
  route(
    '/hedge_moved',
    `retry_on: 5xx, per_try_timeout: 0.15s, ${FAST}`,
    `${HEDGE}, timeout: 2s, internal_redirect_policy: {}`,
  ),
  `- { match: { path_separated_prefix: /hedge_no_policy }, route: { cluster: main${HEDGE}, timeout: 2s } }\n`,
  route('/budget', `retry_on: 5xx, num_retries: 1, per_try_timeout: 0.6s, ${FAST}`, ', timeout: 4s', 'budgets'),
  route('/budget_all', `retry_on: 5xx, num_retries: 1`, ', timeout: 0.4s', 'budgets'),
  '- { match: { prefix: "/" }, route: { cluster: main, timeout: 2s } }',
].join('')

const LOG = `${HTTP_LOG} tried=%UPSTREAM_HOSTS_ATTEMPTED% up=%UPSTREAM_PROTOCOL%`
const INSIDE =
  'use_remote_address: true\ninternal_address_config: { cidr_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] }'
const host = (backend: string, labels: string): string =>
  `{ endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: {{backend:${backend}}} } } }, metadata: { filter_metadata: { envoy.lb: { ${labels} } } } }`

function assigned(name: string, groups: string[], fields = ''): string {
  return `
- name: ${name}
  connect_timeout: 1s
${indent(fields, 2)}
  load_assignment:
    cluster_name: ${name}
    endpoints:
${indent(groups.map((each) => `- ${each}`).join('\n'), 4)}
`
}

const LABELLED = [
  host('main', 'hash_key: a, canary: true, stage: beta, tags: [ red, green ]'),
  host('other', 'hash_key: b, stage: stable, tags: [ blue ]'),
]
const level = (backend: string, priority: number, more = ''): string =>
  `{ priority: ${priority}, lb_endpoints: [ ${host(backend, `hash_key: ${backend}`).replace(/ \}$/, `${more} }`)} ] }`

const yaml = bootstrap(
  [
    httpListener({ name: 'hosts', virtualHosts: routes(hosts), logFormat: LOG }),
    httpListener({ name: 'waits', virtualHosts: routes(waits), logFormat: LOG }),
    httpListener({ name: 'idle', virtualHosts: routes(idle), logFormat: LOG }),
    httpListener({
      name: 'kept',
      virtualHosts: routes(kept),
      logFormat: LOG,
      listener: 'per_connection_buffer_limit_bytes: 64',
    }),
    httpListener({ name: 'hedging', virtualHosts: routes(hedges), logFormat: LOG, hcm: INSIDE }),
    httpListener({
      name: 'hedging_host',
      logFormat: LOG,
      virtualHosts: `
- name: v
  domains: ["*"]
  include_request_attempt_count: true
  include_attempt_count_in_response: true
  include_is_timeout_retry_header: true
  hedge_policy: { hedge_on_per_try_timeout: true }
  retry_policy: { retry_on: 5xx, per_try_timeout: 0.15s, ${FAST} }
  routes:
  - { match: { prefix: "/own" }, route: { cluster: main, hedge_policy: {} } }
  - { match: { prefix: "/" }, route: { cluster: main, timeout: 2s }, stat_prefix: r }
`,
    }),
  ],
  [
    cluster('main'),
    cluster('no_retries', 'circuit_breakers: { thresholds: [ { max_retries: 0 } ] }', '{{backend:main}}'),
    cluster('budgets', 'track_cluster_stats: { timeout_budgets: true }', '{{backend:main}}'),
    cluster('refused', '', '1'),
    assigned('ring', [`{ lb_endpoints: [ ${LABELLED.join(', ')} ] }`], 'lb_policy: RING_HASH'),
    assigned('table', [`{ lb_endpoints: [ ${LABELLED.join(', ')} ] }`], 'lb_policy: MAGLEV'),
    assigned('levels', [level('main', 0), level('other', 1), level('third', 2)]),
    assigned('half', [level('main', 0), level('other', 1, ', health_status: UNHEALTHY'), level('third', 2)]),
    assigned('ring_levels', [level('main', 0), level('other', 1)], 'lb_policy: RING_HASH'),
    `
- name: over
  connect_timeout: 1s
  lb_policy: CLUSTER_PROVIDED
  cluster_type:
    name: envoy.clusters.aggregate
    typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ refused, levels ] }
`,
  ],
  'stats_flush_interval: 0.1s',
)

const bad = [response(503, 'bad')]
const good = [OK]
const slow = (ms: number, ...answer: string[]) => [{ pauseMs: ms }, ...answer]
const more = '\r\n\r\n'
const never = { pauseMs: 4000 }

type Rest = Partial<Omit<ParityCase, 'name' | 'listener'>>

function one(listener: string, name: string, text: string, rest: Rest): ParityCase {
  const normalize: ParityCase['normalize'] = [[/(rq-timeout-ms: )(\d+|<\S+>)/g, '$1<ms>'], ...(rest.normalize ?? [])]
  return { name: `${listener}: ${name}`, listener, steps: [text, { waitFor: more }], stats: STATS, ...rest, normalize }
}

const toHosts = (path: string, name: string, rest: Rest, ...fields: string[]) =>
  one('hosts', `${path} ${name}`, get(path, ...fields), rest)
const KEYS = ['a', 'b']
const choices: ParityCase[] = [
  ...[
    '/previous',
    '/canary',
    '/labels',
    '/listed',
    '/unlisted',
    '/both_labels',
    '/no_labels',
    '/several',
    '/maglev',
  ].flatMap((path) => KEYS.map((key) => toHosts(path, `from ${key}`, { replies: [bad, bad, good] }, `x-key: ${key}`))),
  ...KEYS.map((key) => toHosts('/once', `from ${key}`, { replies: [bad, good] }, `x-key: ${key}`)),
  toHosts('/previous', 'in vain', { replies: [bad] }, 'x-key: a'),
  toHosts('/nowhere_else', 'there is one host', { replies: [bad] }),
  ...[1, 2, 3].map((frequency) => toHosts(`/priorities${frequency}`, 'in vain', { replies: [bad] })),
  toHosts('/priorities1', 'the third', { replies: [bad, bad, good] }),
  toHosts('/priorities_of_one', 'in vain', { replies: [bad] }),
  toHosts('/priorities_in_need', 'in vain', { replies: [bad] }),
  toHosts('/priorities_ring', 'in vain', { replies: [bad] }, 'x-key: main'),
  toHosts('/priorities_over', 'a refused connection first', { replies: [bad, good] }),
]

const wait = (path: string, fields: string[], status = 503, ...own: string[]) =>
  one('waits', `${path} ${status} ${[...fields, ...own].join(', ')}`, get(path, ...own), {
    replies: [[response(status, 'x', ...fields)], good],
  })
const waiting: ParityCase[] = [
  ...['5', '0', '+5', ' 5 ', '5.5', '-5', 'soon', '', '300', '301', '99999999999999999999999'].map((value) =>
    wait('/seconds', [`retry-after: ${value}`]),
  ),
  wait('/seconds', []),
  wait('/seconds', ['retry-after: 400', 'retry-after: 5']),
  wait('/seconds', ['retry-after: 5'], 404),
  wait('/short_wait', ['retry-after: 1']),
  wait('/at_most', ['retry-after: 10']),
  wait('/at_most', ['retry-after: 11']),
  wait('/two', ['x-reset: 4000000000']),
  wait('/two', ['retry-after: soon', 'x-reset: 4000000000']),
  wait('/two', ['retry-after: 0', 'x-reset: 4000000000']),
  wait('/two', ['retry-after: 5', 'x-reset: 1']),
  wait('/later', ['x-reset: 4000000000']),
  wait('/later', ['x-reset: 1000000000']),
  wait('/later', ['x-reset: now']),
  wait('/later_default', ['x-reset: 4000000000']),
  wait('/early', [], 425),
  wait('/early', [], 425, 'early-data: 1'),
  wait('/early_5xx', [], 425),
  wait('/early_5xx', [], 503),
]

const pauses: ParityCase[] = [
  one('idle', 'no answer', get('/idle'), { reply: [never] }),
  one('idle', 'no answer, no policy to speak of', get('/idle_alone'), { reply: [never] }),
  one('idle', 'no answer once', get('/idle_again'), { replies: [[never], good] }),
  one('idle', 'no answer ever', get('/idle_again'), { reply: [never] }),
  one('idle', 'half an answer', '', {
    steps: [get('/idle_again'), { waitClosed: true }],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab', never],
  }),
  one('idle', 'an answer in pieces', '', {
    steps: [get('/idle_long'), { waitFor: 'ef' }],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nab', { pauseMs: 250 }, 'cd', { pauseMs: 250 }, 'ef'],
  }),
  one('idle', 'a hint, and nothing', get('/idle_again'), { reply: ['HTTP/1.1 103 E\r\nlink: a\r\n\r\n', never] }),
  one('idle', 'within a request', '', {
    steps: [request('POST', '/idle', ['content-length: 4']), 'ab', { quietMs: 250 }, 'cd', { waitFor: more }],
  }),
  one('idle', 'before the whole', get('/idle_first'), { reply: [never] }),
  one('idle', 'behind the whole', get('/idle_last'), { reply: [never] }),
]

const chunks = (path: string, ...parts: string[]) =>
  `${request('POST', path, ['Transfer-Encoding: chunked'])}${chunkedResponse(...parts)
    .split('\r\n\r\n')
    .slice(1)
    .join('\r\n\r\n')}`
const bodies: ParityCase[] = [
  ...['/limit', '/old_limit', '/no_room', '/no_old_room', '/large_limit', '/large_old_limit'].flatMap((path) =>
    ['abcd', 'abcde', 'x'.repeat(100)].map((body) =>
      one('kept', `${body.length} bytes for ${path}`, post(path, body), { replies: [bad, good] }),
    ),
  ),
  one('kept', 'too much in chunks', chunks('/limit', 'abc', 'def'), { replies: [bad, good] }),
  one('kept', 'no body', get('/no_room'), { replies: [bad, good] }),
  one('kept', 'too much while a retry waits', '', {
    steps: [
      request('POST', '/late', ['content-length: 8']),
      'abc',
      { waitBackend: 'POST' },
      { quietMs: 150 },
      'defgh',
      { waitFor: more },
    ],
    replies: [[response(503, 'x', 'retry-after: 5')], good],
    replyAt: 'head',
  }),
  one('kept', 'too much for a redirect', post('/moved', 'abcdefgh'), {
    replies: [[response(302, '', 'location: http://a.test/limit')], good],
  }),
  one('kept', 'enough for a redirect', post('/moved', 'abcd'), {
    replies: [[response(302, '', 'location: http://a.test/limit')], good],
    logLines: 2,
  }),
]

const hedge = (name: string, replies: ParityCase['replies'], path = '/hedge', ...fields: string[]) =>
  one('hedging', name, get(path, ...fields), { replies, quietMs: 100 })
/** How many requests and attempts have said how much of their time they took. */
const BUDGETS = '/stats/prometheus?filter=cluster.budgets.*budget'
const budget = (name: string, path: string, replies: ParityCase['replies']): ParityCase =>
  one('hedging', `budgets, ${name}`, '', {
    steps: [get(path), { waitFor: more }, { quietMs: 400 }, { admin: BUDGETS }],
    replies,
    stats: undefined,
    normalize: [[/^.*_(bucket|sum)\{.*\n/gm, '']],
  })
const hedged: ParityCase[] = [
  budget('in time', '/budget', [good]),
  budget('the second in time', '/budget', [[never], good]),
  budget('neither in time', '/budget', [[never]]),
  budget('nothing in time', '/budget_all', [[never]]),
  budget('bad, then good', '/budget', [bad, good]),
  hedge('the second answers', [slow(1500, OK), good]),
  hedge('the first answers late', [slow(600, OK), [never]]),
  hedge('the first answers in time', [good]),
  hedge('bad in time, then good', [bad, good]),
  hedge('bad in time, then bad', [bad]),
  hedge('bad in time, then slow', [bad, slow(600, OK)]),
  hedge('the second is bad, the first good', [slow(600, OK), bad]),
  hedge('the first is bad, the second good', [slow(400, response(503, 'bad')), slow(600, OK)]),
  hedge('the first is bad, the second too', [slow(400, response(503, 'bad')), slow(600, response(502, 'worse'))]),
  hedge('the second is bad, the first too', [slow(600, response(503, 'bad')), [response(502, 'worse')]]),
  hedge('the first is lost, the second good', [[{ pauseMs: 400 }, { reset: true }], slow(600, OK)]),
  hedge('the second is lost, the first good', [slow(600, OK), [{ reset: true }]]),
  hedge('both are lost', [[{ pauseMs: 400 }, { reset: true }], [{ reset: true }]]),
  hedge('the first is not found', [slow(600, response(404, 'x')), [never]]),
  hedge('three more', [[never], [never], [never], good], '/hedge3'),
  hedge('no more', [slow(400, OK)], '/hedge0'),
  hedge('no more, and bad', [slow(400, response(503, 'bad'))], '/hedge0'),
  hedge('of resets alone', [slow(600, response(503, 'bad')), [never]], '/hedge_reset'),
  hedge('no answer at all', [[never]], '/hedge_short'),
  hedge('half an answer', [[never], ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab', { pauseMs: 300 }, 'cde']]),
  hedge('a hint from the first', [['HTTP/1.1 103 E\r\nlink: a\r\n\r\n', { pauseMs: 400 }, OK], good]),
  hedge('a hint from the second', [[never], ['HTTP/1.1 103 E\r\nlink: a\r\n\r\n', { pauseMs: 100 }, OK]]),
  hedge('for a pause', [[never], good], '/hedge_idle'),
  hedge('no retries left in the cluster', [slow(400, OK)], '/hedge_full'),
  hedge('not asked for', [[never], good], '/hedge_not'),
  hedge('asked for by header', [slow(600, OK), [never]], '/hedge_not', 'x-envoy-hedge-on-per-try-timeout: true'),
  hedge('declined by header', [[never], good], '/hedge', 'x-envoy-hedge-on-per-try-timeout: false'),
  hedge('neither asked for nor declined', [slow(600, OK), [never]], '/hedge', 'x-envoy-hedge-on-per-try-timeout: yes'),
  hedge(
    'all by headers',
    [slow(600, OK), [never]],
    '/',
    'x-envoy-hedge-on-per-try-timeout: true',
    'x-envoy-retry-on: 5xx',
    'x-envoy-upstream-rq-per-try-timeout-ms: 150',
  ),
  hedge('without a policy', [slow(400, OK)], '/hedge_no_policy', 'x-envoy-upstream-rq-per-try-timeout-ms: 100'),
  hedge('a quiet timeout', [[never]], '/hedge_short', 'x-envoy-upstream-rq-timeout-alt-response: 1'),
  hedge('a quiet timeout of a try', [[never]], '/hedge_not', 'x-envoy-upstream-rq-timeout-alt-response: 1'),
  hedge(
    'a redirect from the first',
    [slow(400, response(302, '', 'location: http://a.test/x')), slow(700, OK), good],
    '/hedge_moved',
  ),
  one('hedging', 'a body', post('/hedge', 'body'), { replies: [[never], good] }),
  one('hedging', 'a body in chunks', chunks('/hedge', 'bo', 'dy'), { replies: [[never], good] }),
  one('hedging', 'a client that leaves', '', {
    steps: [get('/hedge'), { waitBackend: 'GET' }, { quietMs: 400 }, { reset: true }],
    replies: [[never]],
  }),
  one('hedging_host', 'the second answers', get('/'), { replies: [[never], good] }),
  one('hedging_host', 'the first answers', get('/'), { replies: [slow(600, OK), [never]] }),
  one('hedging_host', 'the route says nothing of it', get('/own'), { replies: [[never], good] }),
  one('hedging', 'a gRPC answer that is lost', '', {
    steps: [get('/hedge', 'content-type: application/grpc'), { waitClosed: true }],
    reply: ['HTTP/1.1 200 OK\r\ncontent-type: application/grpc\r\ncontent-length: 5\r\n\r\nab', { reset: true }],
  }),
  one('hedging', 'a gRPC error that is lost', '', {
    steps: [get('/hedge_reset', 'content-type: application/grpc'), { waitClosed: true }],
    reply: ['HTTP/1.1 500 OK\r\ncontent-type: application/grpc\r\ncontent-length: 5\r\n\r\nab', { reset: true }],
  }),
  one('hedging', 'an answer that is lost', '', {
    steps: [get('/hedge'), { waitClosed: true }],
    reply: ['HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab', { reset: true }],
  }),
  one('hedging', 'a duration over within a request', '', {
    steps: [
      request('POST', '/', ['content-length: 5', 'x-envoy-upstream-stream-duration-ms: 100']),
      'ab',
      { waitFor: more },
    ],
  }),
]

export const retryPoliciesSuite: ParitySuite = {
  name: 'retry policies',
  yaml,
  backends: ['main', 'other', 'third'],
  cases: [...choices, ...waiting, ...pauses, ...bodies, ...hedged],
}
