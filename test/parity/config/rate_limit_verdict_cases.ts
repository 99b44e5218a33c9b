/** Rate limits of a service that Envoy accepts or refuses in a configuration. */
import { bootstrap } from '../yaml.ts'
import { boot, type VerdictCase } from './verdict_cases.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.filters'
const ROUTER = `- { name: r, typed_config: { "@type": ${TYPE}.http.router.v3.Router } }`
const GRPC = 'envoy_grpc: { cluster_name: c }'
const SERVICE = `rate_limit_service: { transport_api_version: V3, grpc_service: { ${GRPC} } }`
const GENERIC = 'actions: [ { generic_key: { descriptor_value: a } } ]'

const typed = (name: string, fields: string) => `{ "@type": ${TYPE}.${name}, ${fields} }`
const filterOf = (fields: string) =>
  `- { name: f, typed_config: ${typed('http.ratelimit.v3.RateLimit', fields)} }\n${ROUTER}`

const bare = (name: string, fields: string): VerdictCase => ({
  name: `global rate limit: ${name}`,
  yaml: boot({ filters: filterOf(fields) }),
})
const filter = (name: string, fields: string): VerdictCase => bare(name, `domain: d, ${SERVICE}, ${fields}`)
const own = (name: string, limit: string): VerdictCase => filter(`of the filter, ${name}`, `rate_limits: [ ${limit} ]`)
const perRoute = (name: string, fields: string): VerdictCase => ({
  name: `global rate limit: per route, ${name}`,
  yaml: boot({
    filters: filterOf(`domain: d, ${SERVICE}`),
    routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { f: ${typed('http.ratelimit.v3.RateLimitPerRoute', fields)} } }`,
  }),
})
const onRoute = (name: string, limit: string): VerdictCase => ({
  name: `global rate limit: on a route, ${name}`,
  yaml: boot({ routes: `- { match: { prefix: "/" }, route: { cluster: c, rate_limits: [ ${limit} ] } }` }),
})
const service = (name: string, fields: string): VerdictCase =>
  bare(`service, ${name}`, `domain: d, rate_limit_service: { ${fields} }`)
const network = (name: string, fields: string): VerdictCase => ({
  name: `network rate limit: ${name}`,
  yaml: bootstrap(
    [
      `- name: l\n  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }\n  filter_chains: [ { filters: [ { name: n, typed_config: ${typed('network.ratelimit.v3.RateLimit', fields)} }, { name: e, typed_config: { "@type": ${TYPE}.network.echo.v3.Echo } } ] } ]`,
    ],
    ['- { name: c }'],
  ),
})
const connection = (name: string, fields: string): VerdictCase =>
  network(name, `stat_prefix: p, domain: d, ${SERVICE}, ${fields}`)
const ENTRY = 'descriptors: [ { entries: [ { key: k, value: v } ] } ]'
const metadataLimit = (key: string) => `limit: { dynamic_metadata: { metadata_key: ${key} } }`

export const rateLimitVerdictCases: readonly VerdictCase[] = [
  bare('without domain', SERVICE),
  bare('without service', 'domain: d'),
  filter('stage 10', 'stage: 10'),
  filter('stage 11', 'stage: 11'),
  filter('request type', 'request_type: internal'),
  filter('unknown request type', 'request_type: inner'),
  filter('timeout of nothing', 'timeout: 0s'),
  filter('timeout below nothing', 'timeout: -1s'),
  filter('headers of a draft', 'enable_x_ratelimit_headers: DRAFT_VERSION_03'),
  filter('headers of an unknown draft', 'enable_x_ratelimit_headers: DRAFT_VERSION_04'),
  filter('status', 'rate_limited_status: { code: ServiceUnavailable }'),
  filter('status of nothing', 'rate_limited_status: {}'),
  filter('status on error', 'status_on_error: { code: 299 }'),
  filter('bad response header', 'response_headers_to_add: [ { header: { key: "a\\n", value: b } } ]'),
  filter('bad response header format', 'response_headers_to_add: [ { header: { key: a, value: "%NONE%" } } ]'),
  filter(
    'eleven response headers',
    `response_headers_to_add: [ ${Array.from({ length: 11 }, (_, i) => `{ header: { key: a${i}, value: b } }`).join(', ')} ]`,
  ),
  filter('enabled without default', 'filter_enabled: { runtime_key: k }'),
  filter('denied without default', 'failure_mode_deny_percent: { runtime_key: k }'),
  filter('denied', 'failure_mode_deny: true, failure_mode_deny_percent: { default_value: { numerator: 5 } }'),
  filter('all the rest', 'stat_prefix: p, metadata_namespace: n, enable_retry_after_header: true'),
  own('one', `{ ${GENERIC} }`),
  own('stage', `{ stage: 0, ${GENERIC} }`),
  own('disable key', `{ disable_key: k, ${GENERIC} }`),
  own('without actions', '{ actions: [] }'),
  own('a limit of metadata', `{ ${metadataLimit('{ key: a, path: [ { key: b } ] }')}, ${GENERIC} }`),
  own('hits of nothing', `{ hits_addend: {}, ${GENERIC} }`),
  own('hits back', `{ hits_addend: { number: 5, is_negative_hits: true }, ${GENERIC} }`),
  own('when done', `{ apply_on_stream_done: true, ${GENERIC} }`),
  own(
    'a bad CEL expression',
    '{ actions: [ { extension: { name: e, typed_config: { "@type": type.googleapis.com/envoy.extensions.rate_limit_descriptors.expr.v3.Descriptor, descriptor_key: k, text: "(" } } } ] }',
  ),
  perRoute('domain', 'domain: d'),
  perRoute('option', 'vh_rate_limits: IGNORE, override_option: INCLUDE_POLICY'),
  perRoute('unknown option', 'vh_rate_limits: NEVER'),
  perRoute('limits', `rate_limits: [ { ${GENERIC} } ]`),
  perRoute('limits with a stage', `rate_limits: [ { stage: 1, ${GENERIC} } ]`),
  onRoute('a limit of metadata', `{ ${metadataLimit('{ key: a, path: [ { key: b } ] }')}, ${GENERIC} }`),
  onRoute('a limit of nothing', `{ limit: {}, ${GENERIC} }`),
  onRoute('a limit of metadata without key', `{ limit: { dynamic_metadata: {} }, ${GENERIC} }`),
  onRoute('a limit of metadata without path', `{ ${metadataLimit('{ key: a }')}, ${GENERIC} }`),
  service('without version', `grpc_service: { ${GRPC} }`),
  service('version 2', `transport_api_version: V2, grpc_service: { ${GRPC} }`),
  service('of nowhere', 'transport_api_version: V3, grpc_service: {}'),
  service('without service', 'transport_api_version: V3'),
  service('of an unknown cluster', 'transport_api_version: V3, grpc_service: { envoy_grpc: { cluster_name: none } }'),
  service('of a target', 'transport_api_version: V3, grpc_service: { google_grpc: { target_uri: a, stat_prefix: s } }'),
  service('of a target without name', 'transport_api_version: V3, grpc_service: { google_grpc: { stat_prefix: s } }'),
  connection('one', ENTRY),
  network('without stat prefix', `domain: d, ${SERVICE}, ${ENTRY}`),
  network('without domain', `stat_prefix: p, ${SERVICE}, ${ENTRY}`),
  network('without service', `stat_prefix: p, domain: d, ${ENTRY}`),
  connection('without descriptors', 'failure_mode_deny: true'),
  connection('without entries', 'descriptors: [ {} ]'),
  connection('entry without key', 'descriptors: [ { entries: [ { value: v } ] } ]'),
  connection('entry without value', 'descriptors: [ { entries: [ { key: k } ] } ]'),
  connection('a format', 'descriptors: [ { entries: [ { key: k, value: "%DOWNSTREAM_REMOTE_ADDRESS%" } ] } ]'),
  connection('an unknown format', 'descriptors: [ { entries: [ { key: k, value: "%NONE%" } ] } ]'),
  connection(
    'a limit of its own',
    'descriptors: [ { entries: [ { key: k, value: v } ], limit: { requests_per_unit: 5, unit: HOUR } } ]',
  ),
  connection('hits', 'descriptors: [ { entries: [ { key: k, value: v } ], hits_addend: 5 } ]'),
  connection('timeout of nothing', `${ENTRY}, timeout: 0s`),
]
