/** Outlier detection that Envoy accepts or refuses in `--mode validate`. */
import type { VerdictCase } from './verdict_cases.ts'
import { boot } from './verdict_cases.ts'

const ip = 'socket_address: { address: 127.0.0.1, port_value: 80 }'
const assignment = `load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ { endpoint: { address: { ${ip} } } } ] } ] }`
const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'

function outliers(caseName: string, fields: string): VerdictCase {
  const clusters = `- { name: c, ${assignment}, outlier_detection: { ${fields} } }`
  return { name: `outlier detection: ${caseName}`, yaml: boot({ clusters }) }
}

function matcher(caseName: string, rule: string): VerdictCase {
  const detection = `outlier_detection: { ${rule === '' ? '' : `error_matcher: ${rule}`} }`
  const options = `"@type": type.googleapis.com/${OPTIONS}, explicit_http_config: { http_protocol_options: {} }, ${detection}`
  const clusters = `- { name: c, ${assignment}, typed_extension_protocol_options: { ${OPTIONS}: { ${options} } } }`
  return { name: `error matcher: ${caseName}`, yaml: boot({ clusters }) }
}

const percentages = [
  'max_ejection_percent',
  'enforcing_consecutive_5xx',
  'enforcing_success_rate',
  'enforcing_consecutive_gateway_failure',
  'enforcing_consecutive_local_origin_failure',
  'enforcing_local_origin_success_rate',
  'failure_percentage_threshold',
  'enforcing_failure_percentage',
  'enforcing_failure_percentage_local_origin',
]
const header = '{ http_response_headers_match: { headers: [ { name: x, present_match: true } ] } }'

export const outlierVerdictCases: readonly VerdictCase[] = [
  outliers('nothing', ''),
  outliers('everything', 'consecutive_5xx: 1, interval: 1s, base_ejection_time: 1s, detect_degraded_hosts: true'),
  outliers('counts of nothing', 'consecutive_5xx: 0, consecutive_gateway_failure: 0, success_rate_minimum_hosts: 0'),
  outliers('an interval of nothing', 'interval: 0s'),
  outliers('a base time of nothing', 'base_ejection_time: 0s'),
  outliers('a longest time of nothing', 'max_ejection_time: 0s'),
  outliers('a longest time below the base time', 'base_ejection_time: 10s, max_ejection_time: 9s'),
  outliers('a longest time below the default of the base time', 'max_ejection_time: 29s'),
  outliers('a base time above the default of the longest time', 'base_ejection_time: 301s'),
  outliers('jitter of nothing', 'max_ejection_time_jitter: 0s'),
  outliers('negative jitter', 'max_ejection_time_jitter: -1s'),
  ...percentages.map((name) => outliers(`${name} of 101`, `${name}: 101`)),
  outliers('monitors', 'monitors: [ { name: x } ]'),
  outliers('a word for a number', 'consecutive_5xx: many'),
  matcher('nothing', ''),
  matcher('of nothing', '{}'),
  matcher('of headers', header),
  matcher(
    'of a bad header',
    '{ http_response_headers_match: { headers: [ { name: x, safe_regex_match: { regex: "(" } } ] } }',
  ),
  matcher('of one of one', `{ or_match: { rules: [ ${header} ] } }`),
  matcher('of one of two', `{ or_match: { rules: [ ${header}, { not_match: ${header} } ] } }`),
  matcher('of anything', '{ any_match: true }'),
  matcher('of not anything', '{ any_match: false }'),
  {
    name: 'outlier events: to a service',
    yaml: boot({
      top: 'cluster_manager: { outlier_detection: { event_service: { grpc_service: { envoy_grpc: { cluster_name: c } } } } }',
    }),
  },
  {
    name: 'outlier events: in a file that cannot be',
    yaml: boot({ top: 'cluster_manager: { outlier_detection: { event_log_path: /none/such/file } }' }),
  },
]
