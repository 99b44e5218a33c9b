/** Faults and rate limits that Envoy accepts or refuses in a configuration. */
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

export const trafficVerdictCases: readonly VerdictCase[] = [...faultCases]
