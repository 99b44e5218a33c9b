/** Faults and limits that Envoy accepts or refuses in a configuration. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http'
const ROUTER = `- { name: r, typed_config: { "@type": ${TYPE}.router.v3.Router } }`

const message = (name: string, fields: string) => `{ "@type": ${TYPE}.${name}${fields === '' ? '' : `, ${fields}`} }`
const filterOf = (name: string, fields: string) => `- { name: f, typed_config: ${message(name, fields)} }\n${ROUTER}`

const HTTP_FAULT = 'fault.v3.HTTPFault'
const fault = (name: string, fields: string): VerdictCase => ({
  name: `fault: ${name}`,
  yaml: boot({ filters: filterOf(HTTP_FAULT, fields) }),
})
const routeFault = (name: string, fields: string): VerdictCase => ({
  name: `fault: route, ${name}`,
  yaml: boot({
    filters: filterOf(HTTP_FAULT, ''),
    routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { f: ${message(HTTP_FAULT, fields)} } }`,
  }),
})
const PERCENT = 'percentage: { numerator: 1 }'

const faultCases: readonly VerdictCase[] = [
  fault('empty', ''),
  fault('abort without error', `abort: { ${PERCENT} }`),
  fault('abort without percentage', 'abort: { http_status: 503 }'),
  fault('abort, status 199', `abort: { http_status: 199, ${PERCENT} }`),
  fault('abort, status 200', `abort: { http_status: 200, ${PERCENT} }`),
  fault('abort, status 600', `abort: { http_status: 600, ${PERCENT} }`),
  fault('abort, two errors', `abort: { http_status: 503, grpc_status: 5, ${PERCENT} }`),
  fault('abort, gRPC status 17', `abort: { grpc_status: 17, ${PERCENT} }`),
  fault('abort, body', `abort: { http_status: 503, response_body: x, ${PERCENT} }`),
  fault('abort by header', `abort: { header_abort: {}, ${PERCENT} }`),
  fault('abort, percentage over all', 'abort: { http_status: 503, percentage: { numerator: 101 } }'),
  fault('abort, unknown denominator', 'abort: { http_status: 503, percentage: { numerator: 1, denominator: TEN } }'),
  fault('delay without duration', `delay: { ${PERCENT} }`),
  fault('delay of nothing', `delay: { fixed_delay: 0s, ${PERCENT} }`),
  fault('delay below nothing', `delay: { fixed_delay: -1s, ${PERCENT} }`),
  fault('delay', `delay: { fixed_delay: 0.5s, ${PERCENT} }`),
  fault('delay, older type', `delay: { type: FIXED, fixed_delay: 0.5s, ${PERCENT} }`),
  fault('delay by header', `delay: { header_delay: {}, ${PERCENT} }`),
  fault('limit without rate', `response_rate_limit: { ${PERCENT} }`),
  fault('limit of nothing', `response_rate_limit: { fixed_limit: { limit_kbps: 0 }, ${PERCENT} }`),
  fault('limit', `response_rate_limit: { fixed_limit: { limit_kbps: 1 }, ${PERCENT} }`),
  fault('limit by header', `response_rate_limit: { header_limit: {}, ${PERCENT} }`),
  fault('header without name', 'headers: [ { present_match: true } ]'),
  fault('header with a bad regex', 'headers: [ { name: a, string_match: { safe_regex: { regex: "(" } } } ]'),
  fault('metadata', 'filter_metadata: { a: [ 1 ] }'),
  fault('unknown field', 'aborts: {}'),
  routeFault('empty', ''),
  routeFault('abort, status 600', `abort: { http_status: 600, ${PERCENT} }`),
  routeFault('header with a bad regex', 'headers: [ { name: a, string_match: { safe_regex: { regex: "(" } } } ]'),
]

const ADAPTIVE = 'adaptive_concurrency.v3.AdaptiveConcurrency'
const adaptive = (name: string, fields: string): VerdictCase => ({
  name: `adaptive concurrency: ${name}`,
  yaml: boot({ filters: filterOf(ADAPTIVE, fields) }),
})
const UPDATES = 'concurrency_limit_params: { concurrency_update_interval: 0.1s }'
const MEASURES = 'min_rtt_calc_params: { interval: 60s }'
const gradient = (name: string, fields: string, more = ''): VerdictCase =>
  adaptive(name, `gradient_controller_config: { ${fields} }${more}`)

const adaptiveCases: readonly VerdictCase[] = [
  adaptive('empty', ''),
  gradient('no parameters', ''),
  gradient('no measurement', UPDATES),
  gradient('no updates', MEASURES),
  gradient('both', `${UPDATES}, ${MEASURES}`),
  gradient('no update interval', `concurrency_limit_params: {}, ${MEASURES}`),
  gradient(
    'an update interval of nothing',
    `concurrency_limit_params: { concurrency_update_interval: 0s }, ${MEASURES}`,
  ),
  gradient('neither interval nor value', `${UPDATES}, min_rtt_calc_params: {}`),
  gradient('a fixed value', `${UPDATES}, min_rtt_calc_params: { fixed_value: 0.1s }`),
  gradient('a fixed value of nothing', `${UPDATES}, min_rtt_calc_params: { fixed_value: 0s }`),
  gradient('an interval and a fixed value', `${UPDATES}, min_rtt_calc_params: { interval: 1s, fixed_value: 0.1s }`),
  gradient('an interval too short', `${UPDATES}, min_rtt_calc_params: { interval: 0.0005s }`),
  gradient('an interval of a millisecond', `${UPDATES}, min_rtt_calc_params: { interval: 0.001s }`),
  gradient('no requests', `${UPDATES}, min_rtt_calc_params: { interval: 1s, request_count: 0 }`),
  gradient('no concurrency', `${UPDATES}, min_rtt_calc_params: { interval: 1s, min_concurrency: 0 }`),
  gradient('jitter over all', `${UPDATES}, min_rtt_calc_params: { interval: 1s, jitter: { value: 101 } }`),
  gradient('percentile over all', `${UPDATES}, ${MEASURES}, sample_aggregate_percentile: { value: 101 }`),
  gradient(
    'most of nothing',
    `concurrency_limit_params: { concurrency_update_interval: 0.1s, max_concurrency_limit: 0 }, ${MEASURES}`,
  ),
  gradient(
    'least of nothing',
    `concurrency_limit_params: { concurrency_update_interval: 0.1s, min_concurrency_limit: 0 }, ${MEASURES}`,
  ),
  gradient('status', `${UPDATES}, ${MEASURES}`, ', concurrency_limit_exceeded_status: { code: 429 }'),
  gradient('status unknown', `${UPDATES}, ${MEASURES}`, ', concurrency_limit_exceeded_status: { code: 299 }'),
  gradient('disabled', `${UPDATES}, ${MEASURES}`, ', enabled: { default_value: false, runtime_key: k }'),
]

const ADMISSION = 'admission_control.v3.AdmissionControl'
const admission = (name: string, fields: string): VerdictCase => ({
  name: `admission control: ${name}`,
  yaml: boot({ filters: filterOf(ADMISSION, fields) }),
})
const admits = (name: string, criteria: string): VerdictCase => admission(name, `success_criteria: { ${criteria} }`)

const admissionCases: readonly VerdictCase[] = [
  admission('empty', ''),
  admits('no criteria', ''),
  admits('no statuses', 'http_criteria: {}'),
  admits('no gRPC statuses', 'grpc_criteria: {}'),
  admits('statuses', 'http_criteria: { http_success_status: [ { start: 100, end: 600 } ] }'),
  admits('statuses from 99', 'http_criteria: { http_success_status: [ { start: 99, end: 600 } ] }'),
  admits('statuses to 600', 'http_criteria: { http_success_status: [ { start: 100, end: 601 } ] }'),
  admits('statuses the wrong way', 'http_criteria: { http_success_status: [ { start: 300, end: 200 } ] }'),
  admits('a range of nothing', 'http_criteria: { http_success_status: [ { start: 200, end: 200 } ] }'),
  admits('gRPC statuses', 'grpc_criteria: { grpc_success_status: [ 0, 16 ] }'),
  admits('gRPC status 17', 'grpc_criteria: { grpc_success_status: [ 0, 17 ] }'),
  ...[
    'sampling_window: 1s',
    'sampling_window: 0.999s',
    'sr_threshold: { runtime_key: k }',
    'sr_threshold: { runtime_key: k, default_value: { value: 1 } }',
    'sr_threshold: { runtime_key: k, default_value: { value: 0.99 } }',
    'sr_threshold: { runtime_key: k, default_value: { value: 101 } }',
    'sr_threshold: { default_value: { value: 5 } }',
    'aggression: { runtime_key: k, default_value: 0.5 }',
    'aggression: { default_value: 2 }',
    'rps_threshold: { runtime_key: k, default_value: 5 }',
    'max_rejection_probability: { runtime_key: k, default_value: { value: 100.5 } }',
    'max_rejection_probability: { runtime_key: k }',
    'enabled: { runtime_key: k }',
  ].map((field) => admission(field, `success_criteria: {}, ${field}`)),
  {
    name: 'admission control: of a route',
    yaml: boot({
      filters: filterOf(ADMISSION, 'success_criteria: {}'),
      routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { f: ${message(ADMISSION, 'success_criteria: {}')} } }`,
    }),
  },
]

const BANDWIDTH = 'bandwidth_limit.v3.BandwidthLimit'
const bandwidth = (name: string, fields: string): VerdictCase => ({
  name: `bandwidth limit: ${name}`,
  yaml: boot({ filters: filterOf(BANDWIDTH, fields) }),
})
const routeBandwidth = (name: string, fields: string): VerdictCase => ({
  name: `bandwidth limit: route, ${name}`,
  yaml: boot({
    filters: filterOf(BANDWIDTH, 'stat_prefix: s'),
    routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { f: ${message(BANDWIDTH, fields)} } }`,
  }),
})

const bandwidthCases: readonly VerdictCase[] = [
  bandwidth('empty', ''),
  bandwidth('prefix alone', 'stat_prefix: s'),
  bandwidth('without prefix', 'limit_kbps: 1'),
  bandwidth('without limit', 'stat_prefix: s, enable_mode: REQUEST'),
  bandwidth('limit of nothing', 'stat_prefix: s, limit_kbps: 0'),
  bandwidth('limit', 'stat_prefix: s, limit_kbps: 1, enable_mode: REQUEST_AND_RESPONSE'),
  bandwidth('unknown mode', 'stat_prefix: s, limit_kbps: 1, enable_mode: BOTH'),
  bandwidth('mode by number', 'stat_prefix: s, limit_kbps: 1, enable_mode: 4'),
  bandwidth('interval', 'stat_prefix: s, limit_kbps: 1, fill_interval: 0.02s'),
  bandwidth('interval too short', 'stat_prefix: s, limit_kbps: 1, fill_interval: 0.019s'),
  bandwidth('interval too long', 'stat_prefix: s, limit_kbps: 1, fill_interval: 1.001s'),
  bandwidth('flag', 'stat_prefix: s, runtime_enabled: { default_value: false, runtime_key: k }'),
  bandwidth('flag without default', 'stat_prefix: s, runtime_enabled: { runtime_key: k }'),
  bandwidth('flag without key', 'stat_prefix: s, runtime_enabled: { default_value: false }'),
  bandwidth('trailers', 'stat_prefix: s, enable_response_trailers: true, response_trailer_prefix: x-t'),
  bandwidth(
    'trailers with a bad prefix',
    'stat_prefix: s, enable_response_trailers: true, response_trailer_prefix: "x\\n"',
  ),
  bandwidth(
    'trailers with an odd prefix',
    'stat_prefix: s, enable_response_trailers: true, response_trailer_prefix: "a b"',
  ),
  routeBandwidth('empty', ''),
  routeBandwidth('without limit', 'stat_prefix: s, enable_mode: REQUEST'),
  routeBandwidth('with a limit', 'stat_prefix: s, enable_mode: REQUEST, limit_kbps: 5'),
]

const LOCAL = 'local_ratelimit.v3.LocalRateLimit'
const BUCKET = 'token_bucket: { max_tokens: 1, fill_interval: 1s }'
const limit = (name: string, fields: string, more: Parameters<typeof boot>[0] = {}): VerdictCase => ({
  name: `local rate limit: ${name}`,
  yaml: boot({ filters: filterOf(LOCAL, fields), ...more }),
})
const routeLimit = (name: string, fields: string): VerdictCase =>
  limit(`route, ${name}`, `stat_prefix: s, ${BUCKET}`, {
    routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { f: ${message(LOCAL, fields)} } }`,
  })
const own = (name: string, rateLimit: string): VerdictCase =>
  limit(`its own rate_limits, ${name}`, `stat_prefix: s, ${BUCKET}, rate_limits: [ ${rateLimit} ]`)
const onRoute = (name: string, rateLimit: string): VerdictCase => ({
  name: `rate limit: ${name}`,
  yaml: boot({ routes: `- { match: { prefix: "/" }, route: { cluster: c, rate_limits: [ ${rateLimit} ] } }` }),
})
const action = (name: string, text: string): VerdictCase => onRoute(`action, ${name}`, `{ actions: [ ${text} ] }`)
const entries = (text: string, more = BUCKET) => `{ entries: [ ${text} ], ${more} }`
const LOCAL_CLUSTER = 'cluster_manager: { local_cluster_name: c }'
const GENERIC = 'actions: [ { generic_key: { descriptor_value: v } } ]'

const localRateLimitCases: readonly VerdictCase[] = [
  limit('empty', ''),
  limit('without bucket', 'stat_prefix: s'),
  limit('bucket without interval', 'stat_prefix: s, token_bucket: { max_tokens: 1 }'),
  limit('bucket that fills fast', 'stat_prefix: s, token_bucket: { max_tokens: 1, fill_interval: 0.049s }'),
  limit('bucket that fills in 50 ms', 'stat_prefix: s, token_bucket: { max_tokens: 1, fill_interval: 0.05s }'),
  limit('bucket of none that fills fast', 'stat_prefix: s, token_bucket: { max_tokens: 0, fill_interval: 0.01s }'),
  limit('bucket that never fills', 'stat_prefix: s, token_bucket: { max_tokens: 1, fill_interval: 0s }'),
  limit(
    'bucket that fills with nothing',
    'stat_prefix: s, token_bucket: { max_tokens: 1, tokens_per_fill: 0, fill_interval: 1s }',
  ),
  limit('status', `stat_prefix: s, ${BUCKET}, status: { code: 503 }`),
  limit('status that is none', `stat_prefix: s, ${BUCKET}, status: { code: 299 }`),
  limit('status empty', `stat_prefix: s, ${BUCKET}, status: {}`),
  limit('enabled without default', `stat_prefix: s, ${BUCKET}, filter_enabled: { runtime_key: a }`),
  limit('stage 10', `stat_prefix: s, ${BUCKET}, stage: 10`),
  limit('stage 11', `stat_prefix: s, ${BUCKET}, stage: 11`),
  limit(
    'headers of a bad format',
    `stat_prefix: s, ${BUCKET}, response_headers_to_add: [ { header: { key: a, value: "%NONE%" } } ]`,
  ),
  limit(
    'pseudo-header',
    `stat_prefix: s, ${BUCKET}, request_headers_to_add_when_not_enforced: [ { header: { key: ":path", value: a } } ]`,
  ),
  limit(
    'headers by the dozen',
    `stat_prefix: s, ${BUCKET}, response_headers_to_add: [ ${Array.from({ length: 11 }, (_, i) => `{ header: { key: a${i}, value: b } }`).join(', ')} ]`,
  ),
  limit('descriptor', `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ key: a, value: b }')} ]`),
  limit('descriptor of any value', `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ key: a }')} ]`),
  limit('descriptor without entries', `stat_prefix: s, ${BUCKET}, descriptors: [ { ${BUCKET} } ]`),
  limit('descriptor without key', `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ value: b }')} ]`),
  limit('descriptor without bucket', `stat_prefix: s, ${BUCKET}, descriptors: [ { entries: [ { key: a } ] } ]`),
  limit(
    'descriptor that fills fast',
    `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ key: a, value: b }', 'token_bucket: { max_tokens: 1, fill_interval: 0.01s }')} ]`,
  ),
  limit(
    'descriptor of none that fills fast',
    `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ key: a, value: b }', 'token_bucket: { max_tokens: 0, fill_interval: 0.01s }')} ]`,
  ),
  limit(
    'descriptor of another interval',
    `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ key: a, value: b }', 'token_bucket: { max_tokens: 1, fill_interval: 0.3s }')} ]`,
  ),
  limit(
    'descriptor twice',
    `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ key: a, value: b }')}, ${entries('{ key: a, value: b }')} ]`,
  ),
  limit(
    'descriptor of any value twice',
    `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ key: a }')}, ${entries('{ key: a }')} ]`,
  ),
  limit(
    'descriptors of other orders',
    `stat_prefix: s, ${BUCKET}, descriptors: [ ${entries('{ key: a, value: b }, { key: c, value: d }')}, ${entries('{ key: c, value: d }, { key: a, value: b }')} ]`,
  ),
  limit('no dynamic descriptors', `stat_prefix: s, ${BUCKET}, max_dynamic_descriptors: 0`),
  limit('of a connection', `stat_prefix: s, ${BUCKET}, local_rate_limit_per_downstream_connection: true`),
  limit('of the local cluster, without one', `stat_prefix: s, ${BUCKET}, local_cluster_rate_limit: {}`),
  limit('of the local cluster', `stat_prefix: s, ${BUCKET}, local_cluster_rate_limit: {}`, { top: LOCAL_CLUSTER }),
  limit(
    'of the local cluster and of a connection',
    `stat_prefix: s, ${BUCKET}, local_cluster_rate_limit: {}, local_rate_limit_per_downstream_connection: true`,
    { top: LOCAL_CLUSTER },
  ),
  limit('unknown headers version', `stat_prefix: s, ${BUCKET}, enable_x_ratelimit_headers: DRAFT_VERSION_99`),
  routeLimit('with a bucket', `stat_prefix: s, ${BUCKET}`),
  routeLimit('without bucket', 'stat_prefix: s'),
  routeLimit('with a fast bucket', 'stat_prefix: s, token_bucket: { max_tokens: 1, fill_interval: 0.01s }'),
  own('one', `{ ${GENERIC} }`),
  own('without actions', '{}'),
  own('with a stage', `{ stage: 1, ${GENERIC} }`),
  own('with stage 0', `{ stage: 0, ${GENERIC} }`),
  own('with a disable key', `{ disable_key: k, ${GENERIC} }`),
  own(
    'with a limit',
    `{ limit: { dynamic_metadata: { metadata_key: { key: a, path: [ { key: b } ] } } }, ${GENERIC} }`,
  ),
  own('number of hits', `{ hits_addend: { number: 5 }, ${GENERIC} }`),
  own('too many hits', `{ hits_addend: { number: 1000000001 }, ${GENERIC} }`),
  own('hits of nothing', `{ hits_addend: {}, ${GENERIC} }`),
  own('hits of both', `{ hits_addend: { number: 5, format: "%BYTES_RECEIVED%" }, ${GENERIC} }`),
  own('hits of a format', `{ hits_addend: { format: "%BYTES_RECEIVED%" }, ${GENERIC} }`),
  own('hits of a text', `{ hits_addend: { format: "5" }, ${GENERIC} }`),
  own('hits of two formats', `{ hits_addend: { format: "%BYTES_RECEIVED%%BYTES_SENT%" }, ${GENERIC} }`),
  own('hits of an unknown format', `{ hits_addend: { format: "%NONE%" }, ${GENERIC} }`),
  onRoute('one', `{ ${GENERIC} }`),
  onRoute('without actions', '{ actions: [] }'),
  onRoute('stage 10', `{ stage: 10, ${GENERIC} }`),
  onRoute('stage 11', `{ stage: 11, ${GENERIC} }`),
  onRoute('hits of nothing', `{ hits_addend: {}, ${GENERIC} }`),
  onRoute('disable key', `{ disable_key: k, ${GENERIC} }`),
  {
    name: 'rate limit: of a virtual host',
    yaml: boot({ routeConfig: '' }).replace(
      '- name: v\n',
      `- name: v\n              rate_limits: [ { ${GENERIC} } ]\n`,
    ),
  },
  action('empty', '{}'),
  action('source_cluster', '{ source_cluster: {} }'),
  action('two in one', '{ source_cluster: {}, destination_cluster: {} }'),
  action('request_headers without name', '{ request_headers: { descriptor_key: a } }'),
  action('request_headers without key', '{ request_headers: { header_name: a } }'),
  action('request_headers with a line break', '{ request_headers: { header_name: "a\\n", descriptor_key: a } }'),
  action('generic_key without value', '{ generic_key: {} }'),
  action('header_value_match without headers', '{ header_value_match: { descriptor_value: a } }'),
  action(
    'header_value_match, bad regex',
    '{ header_value_match: { descriptor_value: a, headers: [ { name: a, string_match: { safe_regex: { regex: "(" } } } ] } }',
  ),
  action('query_parameter_value_match without parameters', '{ query_parameter_value_match: { descriptor_value: a } }'),
  action(
    'query_parameter_value_match, bad regex',
    '{ query_parameter_value_match: { descriptor_value: a, query_parameters: [ { name: a, string_match: { safe_regex: { regex: "(" } } } ] } }',
  ),
  action('query_parameters without name', '{ query_parameters: { descriptor_key: a } }'),
  action('metadata without path', '{ metadata: { descriptor_key: a, metadata_key: { key: a } } }'),
  action('metadata without key', '{ metadata: { descriptor_key: a } }'),
  action(
    'metadata of an unknown source',
    '{ metadata: { descriptor_key: a, source: NOWHERE, metadata_key: { key: a, path: [ { key: b } ] } } }',
  ),
  action(
    'dynamic_metadata',
    '{ dynamic_metadata: { descriptor_key: a, metadata_key: { key: a, path: [ { key: b } ] } } }',
  ),
  action('masked_remote_address, 33 bits', '{ masked_remote_address: { v4_prefix_mask_len: 33 } }'),
  action('masked_remote_address, 129 bits', '{ masked_remote_address: { v6_prefix_mask_len: 129 } }'),
  action('remote_address_match without matcher', '{ remote_address_match: { descriptor_value: a } }'),
  action(
    'remote_address_match without ranges',
    '{ remote_address_match: { descriptor_value: a, address_matcher: {} } }',
  ),
  action('extension that is none', `{ extension: { name: a, typed_config: ${message('cors.v3.Cors', '')} } }`),
  action(
    'extension, a matcher input',
    '{ extension: { name: a, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: a } } }',
  ),
]

export const trafficVerdictCases: readonly VerdictCase[] = [
  ...faultCases,
  ...adaptiveCases,
  ...admissionCases,
  ...bandwidthCases,
  ...localRateLimitCases,
]
