/** Access-log formats, operators and filters; stats in every output format. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, getHost, head, post, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent, routes } from '../yaml.ts'

const FILE_LOG = 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog'

/** Operators whose value is the same on both proxies for the same traffic. */
const operators = [
  '%PROTOCOL%',
  '%RESPONSE_CODE%',
  '%RESPONSE_CODE_DETAILS%',
  '%RESPONSE_FLAGS%',
  '%RESPONSE_FLAGS_LONG%',
  '%BYTES_RECEIVED%',
  '%BYTES_SENT%',
  '%REQ(:METHOD)%',
  '%REQ(:PATH)%',
  '%REQ(:path):3%',
  '%REQ(X-A?:AUTHORITY)%',
  '%REQ(x-a)%',
  '%REQ(X-Multi)%',
  '%REQ(absent)%',
  '%REQ(absent?user-agent):4%',
  '%RESP(X-UP)%',
  '%RESP(content-length)%',
  '%RESP(absent?server)%',
  '%TRAILER(t)%',
  '%REQUEST_HEADER(x-a)%',
  '%RESPONSE_HEADER(x-up)%',
  '%PATH%',
  '%PATH(NQ)%',
  '%PATH(WQ:ORIG)%',
  '%QUERY_PARAM(q)%',
  '%QUERY_PARAM(absent)%',
  '%QUERY_PARAMS%',
  '%UPSTREAM_CLUSTER%',
  '%UPSTREAM_CLUSTER_RAW%',
  '%UPSTREAM_HOST%',
  '%UPSTREAM_PROTOCOL%',
  '%UPSTREAM_REMOTE_ADDRESS%',
  '%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  '%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
  '%UPSTREAM_REQUEST_ATTEMPT_COUNT%',
  '%UPSTREAM_TRANSPORT_FAILURE_REASON%',
  '%UPSTREAM_HOST_NAME%',
  '%UPSTREAM_HOST_NAME_WITHOUT_PORT%',
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%',
  '%DOWNSTREAM_REMOTE_ADDRESS%',
  '%DOWNSTREAM_LOCAL_ADDRESS%',
  '%DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%',
  '%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%',
  '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(8)%',
  '%REQUESTED_SERVER_NAME%',
  '%ROUTE_NAME%',
  '%VIRTUAL_CLUSTER_NAME%',
  '%FILTER_CHAIN_NAME%',
  '%LISTENER_NAME%',
  '%ACCESS_LOG_TYPE%',
  '%CONNECTION_TERMINATION_DETAILS%',
  '%LOCAL_REPLY_BODY%',
  '%GRPC_STATUS%',
  '%GRPC_STATUS_NUMBER%',
  '%DYNAMIC_METADATA(a:b)%',
  '%FILTER_STATE(a)%',
  '%ENVIRONMENT(ABSENT_VARIABLE)%',
  '%DOWNSTREAM_WIRE_BYTES_RECEIVED%',
  '%DOWNSTREAM_WIRE_BYTES_SENT%',
  '%UPSTREAM_WIRE_BYTES_RECEIVED%',
  '%DOWNSTREAM_HEADER_BYTES_RECEIVED%',
  '%DOWNSTREAM_HEADER_BYTES_SENT%',
  '%UPSTREAM_HEADER_BYTES_RECEIVED%',
  '%REQUEST_HEADERS_BYTES%',
  '%RESPONSE_HEADERS_BYTES%',
  '%RESPONSE_TRAILERS_BYTES%',
  '%START_TIME(%Y)%',
  '%START_TIME(literal)%',
  '%%',
  '%CUSTOM_FLAGS%',
  '%DOWNSTREAM_TLS_VERSION%',
  '%DOWNSTREAM_PEER_SUBJECT%',
  '%UPSTREAM_HOSTS_ATTEMPTED%',
] as const

const jsonFormat = `
json_format:
  text: "%REQ(:method)%"
  number: "%RESPONSE_CODE%"
  bytes: "%BYTES_SENT%"
  mixed: "code %RESPONSE_CODE%"
  missing: "%REQ(absent)%"
  literal: plain
  escaped: '%REQ(x-quote)%'
  nested: { b: "%PROTOCOL%", a: [ "%REQ(x-a)%", 1, true ] }
  flags: "%RESPONSE_FLAGS%"
  empty: ""
`

function fileLog(path: string, format: string, filter = ''): string {
  return `
- name: f
${indent(filter, 2)}
  typed_config:
    "@type": ${FILE_LOG}
    path: "{{dir}}/${path}"
${indent(format, 4)}
`
}

const text = (format: string) => `log_format: { text_format_source: { inline_string: ${JSON.stringify(format)} } }`
const code = text('%RESPONSE_CODE% %REQ(:path)%\n')

/** One listener with one more access log of its own. */
function logged(name: string, log: string): string {
  return httpListener({ name, hcm: 'delayed_close_timeout: 0.02s', virtualHosts: suiteRoutes }).replace(
    '        access_log:\n',
    `        access_log:\n${indent(log, 8)}\n`,
  )
}

const suiteRoutes = routes(`
- { match: { prefix: "/direct" }, direct_response: { status: 404, body: { inline_string: "no" } }, name: direct }
- { match: { prefix: "/refused" }, route: { cluster: refused }, name: refused }
- { match: { prefix: "/rewritten" }, route: { cluster: main, prefix_rewrite: "/x" }, name: rewritten }
- { match: { prefix: "/" }, route: { cluster: main }, name: all }
`)

const filters: Record<string, string> = {
  status_ge:
    'filter: { status_code_filter: { comparison: { op: GE, value: { default_value: 400, runtime_key: a } } } }',
  status_eq:
    'filter: { status_code_filter: { comparison: { op: EQ, value: { default_value: 200, runtime_key: a } } } }',
  status_le:
    'filter: { status_code_filter: { comparison: { op: LE, value: { default_value: 399, runtime_key: a } } } }',
  status_ne:
    'filter: { status_code_filter: { comparison: { op: NE, value: { default_value: 200, runtime_key: a } } } }',
  duration: 'filter: { duration_filter: { comparison: { op: GE, value: { default_value: 10000, runtime_key: a } } } }',
  header: 'filter: { header_filter: { header: { name: x-a, string_match: { prefix: "1" } } } }',
  flags: 'filter: { response_flag_filter: { flags: [ UF, NR ] } }',
  any_flag: 'filter: { response_flag_filter: {} }',
  not_health: 'filter: { not_health_check_filter: {} }',
  traceable: 'filter: { traceable_filter: {} }',
  runtime_never: 'filter: { runtime_filter: { runtime_key: r, percent_sampled: { numerator: 0 } } }',
  runtime_always: 'filter: { runtime_filter: { runtime_key: r, percent_sampled: { numerator: 100 } } }',
  both: 'filter: { and_filter: { filters: [ { status_code_filter: { comparison: { op: GE, value: { default_value: 400, runtime_key: a } } } }, { header_filter: { header: { name: x-a, present_match: true } } } ] } }',
  either:
    'filter: { or_filter: { filters: [ { status_code_filter: { comparison: { op: GE, value: { default_value: 400, runtime_key: a } } } }, { header_filter: { header: { name: x-a, present_match: true } } } ] } }',
  grpc: 'filter: { grpc_status_filter: { statuses: [ OK, UNAVAILABLE ] } }',
  grpc_exclude: 'filter: { grpc_status_filter: { statuses: [ OK ], exclude: true } }',
  grpc_of_http: 'filter: { grpc_status_filter: { statuses: [ UNKNOWN, UNIMPLEMENTED, NOT_FOUND ] } }',
  runtime_status:
    'filter: { status_code_filter: { comparison: { op: GE, value: { default_value: 1000, runtime_key: my.status } } } }',
  runtime_fraction: 'filter: { runtime_filter: { runtime_key: my.fraction } }',
  runtime_number: 'filter: { runtime_filter: { runtime_key: my.percent } }',
  runtime_million:
    'filter: { runtime_filter: { runtime_key: my.million, percent_sampled: { numerator: 0, denominator: MILLION } } }',
  runtime_over:
    'filter: { runtime_filter: { runtime_key: my.million, percent_sampled: { numerator: 0, denominator: HUNDRED } } }',
  header_invert:
    'filter: { header_filter: { header: { name: x-a, string_match: { exact: "1" }, invert_match: true } } }',
  header_absent: 'filter: { header_filter: { header: { name: x-a, present_match: false } } }',
  header_regex: 'filter: { header_filter: { header: { name: ":path", safe_regex_match: { regex: "/[ab]" } } } }',
  header_range: 'filter: { header_filter: { header: { name: x-a, range_match: { start: 1, end: 2 } } } }',
  metadata:
    'filter: { metadata_filter: { matcher: { filter: a, path: [ { key: b } ], value: { string_match: { exact: x } } } } }',
  metadata_missing:
    'filter: { metadata_filter: { matcher: { filter: a, path: [ { key: b } ], value: { string_match: { exact: x } } }, match_if_key_not_found: false } }',
  duration_ne:
    'filter: { duration_filter: { comparison: { op: NE, value: { default_value: 99999, runtime_key: a } } } }',
  log_type: 'filter: { log_type_filter: { types: [ DownstreamEnd ] } }',
}

const yaml = bootstrap(
  [
    httpListener({
      name: 'operators',
      hcm: 'delayed_close_timeout: 0.02s',
      logFormat: operators
        .map((name) => `${name.replaceAll('%', '')}=${name}`)
        .join('\x1f')
        .replaceAll('\x1f', ' | '),
      virtualHosts: suiteRoutes,
    }),
    logged('default_format', fileLog('default.log', '')),
    logged('json', fileLog('json.log', `log_format:\n${indent(jsonFormat, 2)}`)),
    logged('json_omit', fileLog('json_omit.log', `log_format:\n  omit_empty_values: true\n${indent(jsonFormat, 2)}`)),
    logged(
      'text_omit',
      fileLog(
        'text_omit.log',
        'log_format: { omit_empty_values: true, text_format_source: { inline_string: "[%REQ(absent)%][%RESPONSE_FLAGS%]\\n" } }',
      ),
    ),
    logged('old_format', fileLog('old.log', 'format: "%RESPONSE_CODE% old\\n"')),
    ...Object.entries(filters).map(([name, filter]) =>
      logged(`filter_${name}`, fileLog(`filter_${name}.log`, code, filter)),
    ),
  ],
  [cluster('main'), cluster('refused', '', '1')],
  'layered_runtime: { layers: [ { name: s, static_layer: { my: { status: 404, fraction: { numerator: 100 }, percent: 100, million: 1000000 } } } ] }\n' +
    'stats_config: { stats_tags: [ { tag_name: mine, regex: "^cluster\\\\.((main)\\\\.)" } ], histogram_bucket_settings: [ { match: { prefix: "cluster.main" }, buckets: [ 1, 10, 100 ] } ] }',
)

const OPERATOR_NOISE: [RegExp, string][] = [
  // `x-envoy-upstream-service-time` may have a digit more.
  [/((?:DOWNSTREAM_(?:WIRE|HEADER)_BYTES_SENT|RESPONSE_HEADERS_BYTES))=([1-9]\d+)/g, '$1=<bytes>'],
  [/(duration|DURATION)=\d+/g, '$1=N'],
  [/UPSTREAM_HOSTS_ATTEMPTED=\S+/g, 'UPSTREAM_HOSTS_ATTEMPTED=H'],
  [/START_TIME=\S+/g, 'START_TIME=T'],
  [/^(\[)[^\]]+\]/gm, '[time]'],
  [/" (\d+ \S+ \d+ \d+) \d+ (\d+|-) "/g, '" $1 <ms> <ms> "'],
]
const seen = { listener: 'operators', normalize: OPERATOR_NOISE }
const UP = response(200, 'hello', 'X-Up: 1')

const traffic = [
  get('/a', 'x-a: 1'),
  { waitCount: ['HTTP/1.1', 1] as [string, number] },
  get('/direct'),
  { waitCount: ['HTTP/1.1', 2] as [string, number] },
  get('/refused', 'x-a: 2'),
  { waitCount: ['HTTP/1.1', 3] as [string, number] },
  get('/b', 'content-type: application/grpc'),
  { waitCount: ['HTTP/1.1', 4] as [string, number] },
]

/** The counters at the end are of all cases: none may be cut short. */
const answered = { waitFor: 'HTTP/1.1' }

const logCases: ParityCase[] = [
  {
    name: 'operators, GET',
    steps: [get('/a/b?q=1&r=2', 'X-A: one', 'X-Multi: a', 'X-Multi: b', 'User-Agent: agent'), answered],
    reply: UP,
    ...seen,
  },
  { name: 'operators, POST', steps: [post('/p', 'body'), answered], reply: UP, ...seen },
  { name: 'operators, HEAD', steps: [head('/h'), answered], reply: UP, ...seen },
  { name: 'operators, rewritten', steps: [get('/rewritten/y?z'), answered], reply: UP, ...seen },
  { name: 'operators, local reply', steps: [get('/direct'), answered], ...seen },
  { name: 'operators, refused', steps: [get('/refused'), answered], ...seen },
  { name: 'operators, bad request', steps: [getHost('a.test', '/', 'a b'), answered], ...seen },
  { name: 'operators, upstream reset', steps: [get('/'), answered], reply: [{ finish: true }], ...seen },
  {
    name: 'operators, client gone',
    steps: [get('/'), { waitBackend: 'GET' }, { halfClose: true }],
    reply: [],
    ...seen,
  },
  {
    name: 'default format',
    listener: 'default_format',
    steps: [get('/a', 'User-Agent: "ua"', 'X-Forwarded-For: 1.2.3.4'), { waitFor: 'ok' }, { file: 'default.log' }],
    normalize: OPERATOR_NOISE,
  },
  {
    name: 'JSON',
    listener: 'json',
    steps: [get('/a', 'x-a: 1', 'x-quote: a"b\\c\tz\xe9'), { waitFor: 'ok' }, { file: 'json.log' }],
  },
  {
    name: 'JSON, empty values left out',
    listener: 'json_omit',
    steps: [get('/a', 'x-a: 1'), { waitFor: 'ok' }, { file: 'json_omit.log' }],
  },
  {
    name: 'text, empty values left out',
    listener: 'text_omit',
    steps: [get('/a'), { waitFor: 'ok' }, { file: 'text_omit.log' }],
  },
  { name: 'old format field', listener: 'old_format', steps: [get('/a'), { waitFor: 'ok' }, { file: 'old.log' }] },
  ...Object.keys(filters).map((name) => ({
    name: `filter ${name}`,
    listener: `filter_${name}`,
    steps: [...traffic, { quietMs: 60 }, { file: `filter_${name}.log` }],
    logLines: 4,
    normalize: OPERATOR_NOISE,
  })),
]

const read = (path: string): ParityCase => ({
  name: `stats ${path}`,
  listener: 'operators',
  steps: [{ admin: path }],
  logLines: 0,
})
const MAIN = encodeURIComponent(
  '^cluster\\.main\\.(upstream_rq_(total|completed|active|[0-9])|upstream_cx_total|external.upstream_rq_[0-9]|circuit_breakers\\..*\\.(cx|rq)_open)',
)

const statsCases: ParityCase[] = [
  ...[
    '',
    '&format=json',
    '&format=prometheus',
    '&usedonly',
    '&type=Counters',
    '&type=Gauges',
    '&type=TextReadouts',
  ].map((more) => read(`/stats?filter=${MAIN}${more}`)),
  read(`/stats/prometheus?filter=${MAIN}`),
  read(`/stats/prometheus?filter=${MAIN}&usedonly`),
  ...['', '&format=json', '&format=prometheus', '&usedonly'].map((more) =>
    read(`/stats?filter=${encodeURIComponent('^http\\.operators\\.downstream_(rq_[0-9]xx|cx_total|rq_total)')}${more}`),
  ),
  ...['', '&format=json', '&format=prometheus'].map((more) =>
    read(
      `/stats?filter=${encodeURIComponent('^listener\\.operators\\.(downstream_cx_total|http|worker_0)')}&usedonly&type=Counters${more}`,
    ),
  ),
  read('/stats?format=bad'),
  read('/stats?filter=*'),
  read('/stats?type=bad'),
  read('/stats?histogram_buckets=bad'),
  read(`/stats?filter=${encodeURIComponent('^nothing$')}`),
  read(`/stats?filter=${encodeURIComponent('^nothing$')}&format=json`),
  read(`/stats?filter=${encodeURIComponent('^nothing$')}&format=prometheus`),
  read(`/stats?filter=${encodeURIComponent('.*')}&invert_filter`),
  ...['cumulative', 'disjoint', 'detailed', 'summary'].map((kind) =>
    read(`/stats?filter=${encodeURIComponent('^cluster\\.refused\\.upstream_rq_time')}&histogram_buckets=${kind}`),
  ),
  read(
    `/stats?filter=${encodeURIComponent('^cluster\\.refused\\.upstream_cx_connect_ms')}&type=Histograms&format=json`,
  ),
]

export const observabilitySuite: ParitySuite = { name: 'observability', yaml, cases: [...logCases, ...statsCases] }
