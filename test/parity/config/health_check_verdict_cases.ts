/** Health checks that Envoy accepts or refuses in `--mode validate`. */
import type { VerdictCase } from './verdict_cases.ts'
import { boot } from './verdict_cases.ts'

const FILTERS = 'type.googleapis.com/envoy.extensions.filters.http'
const FILTER = `${FILTERS}.health_check.v3.HealthCheck`
const ROUTER = `- { name: r, typed_config: { "@type": ${FILTERS}.router.v3.Router } }`
const timings = 'timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1'
const tcp = (more = '') => `{ ${timings}, tcp_health_check: {}${more} }`
const http = (more: string) => `{ ${timings}, http_health_check: { ${more} } }`
const ip = 'socket_address: { address: 127.0.0.1, port_value: 80 }'
const name = 'socket_address: { address: localhost, port_value: 80 }'

function cluster(caseName: string, checks: readonly string[], more = '', address = ip, config = ''): VerdictCase {
  const endpoint = `{ endpoint: { address: { ${address} }${config === '' ? '' : `, health_check_config: { ${config} }`} } }`
  const assignment = `load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ ${endpoint} ] } ] }`
  const fields = [assignment, `health_checks: [ ${checks.join(', ')} ]`, more].filter((each) => each !== '')
  return { name: `health checks: ${caseName}`, yaml: boot({ clusters: `- { name: c, ${fields.join(', ')} }` }) }
}

const filter = (caseName: string, fields: string): VerdictCase => ({
  name: `health check filter: ${caseName}`,
  yaml: boot({ filters: `- { name: check, typed_config: { "@type": ${FILTER}, ${fields} } }\n${ROUTER}` }),
})

const at = (address: string, more = '') => `address: { ${address} }${more}`

export const healthCheckVerdictCases: readonly VerdictCase[] = [
  cluster('one', [tcp()]),
  cluster('two with names', [tcp(', name: a'), tcp(', name: b')]),
  cluster('two without names', [tcp(), tcp()]),
  cluster('two, one without a name', [tcp(', name: a'), tcp()]),
  cluster('two of one name', [tcp(', name: a'), tcp(', name: a')]),
  cluster('nothing to check by', [`{ ${timings} }`]),
  cluster('no path', [http('path: ""')]),
  cluster('a path', [http('path: /')]),
  cluster('impossible statuses', [http('path: /, expected_statuses: [ { start: 300, end: 200 } ]')]),
  cluster('gRPC without HTTP/2', [`{ ${timings}, grpc_health_check: {} }`]),
  cluster('gRPC', [`{ ${timings}, grpc_health_check: {} }`], 'http2_protocol_options: {}'),
  cluster('unknown', [`{ ${timings}, custom_health_check: { name: x } }`]),
  cluster('at a port', [tcp()], '', ip, 'port_value: 81'),
  cluster('at another address', [tcp()], '', ip, at(ip)),
  cluster('at a name', [tcp()], '', ip, at(name)),
  cluster('at a name, checked by nobody', [], '', ip, at(name)),
  cluster('at a port of a pipe', [tcp()], '', 'pipe: { path: /none }', 'port_value: 81'),
  cluster('at a port of an address of a pipe', [tcp()], '', 'pipe: { path: /none }', `port_value: 81, ${at(ip)}`),
  cluster('at a port of a pipe, checked by nobody', [], '', 'pipe: { path: /none }', 'port_value: 81'),
  cluster('at a port of a name', [tcp()], 'type: STRICT_DNS', name, 'port_value: 81'),
  cluster('that close connections', [tcp()], 'close_connections_on_host_health_failure: true'),
  filter('nothing', ''),
  filter('that answers', 'pass_through_mode: false'),
  filter('that answers from a cache', 'pass_through_mode: false, cache_time: 1s'),
  filter('that passes with a cache', 'pass_through_mode: true, cache_time: 1s'),
  filter('of a bad header', 'pass_through_mode: true, headers: [ { name: a, safe_regex_match: { regex: "(" } } ]'),
  filter('of a nameless header', 'pass_through_mode: true, headers: [ { name: "" } ]'),
  filter('of clusters', 'pass_through_mode: false, cluster_min_healthy_percentages: { nobody: { value: 50 } }'),
  filter('of too many percents', 'pass_through_mode: false, cluster_min_healthy_percentages: { c: { value: 101 } }'),
]
