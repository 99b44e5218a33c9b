/** Stateful sessions that Envoy accepts or refuses in `--mode validate`. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const ROUTER =
  '- { name: r, typed_config: { "@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router } }'
const TYPE = 'type.googleapis.com/envoy.extensions.filters.http.stateful_session.v3'
const STATE = 'type.googleapis.com/envoy.extensions.http.stateful_session'
const filter = (fields: string) =>
  `- { name: envoy.filters.http.stateful_session, typed_config: { "@type": ${TYPE}.StatefulSession${fields === '' ? '' : `, ${fields}`} } }\n${ROUTER}`
const session = (name: string, fields: string): VerdictCase => ({
  name: `session: ${name}`,
  yaml: boot({ filters: filter(fields) }),
})
const stateOf = (name: string, type: string, fields: string) =>
  `session_state: { name: ${name}, typed_config: { "@type": ${STATE}.${type}${fields === '' ? '' : `, ${fields}`} } }`
const cookie = (fields: string) =>
  stateOf('envoy.http.stateful_session.cookie', 'cookie.v3.CookieBasedSessionState', fields)
const header = (fields: string) =>
  stateOf('envoy.http.stateful_session.header', 'header.v3.HeaderBasedSessionState', fields)
const envelope = (fields: string) =>
  stateOf('envoy.http.stateful_session.envelope', 'envelope.v3.EnvelopeSessionState', fields)
const perRoute = (name: string, fields: string): VerdictCase => ({
  name: `session of a route: ${name}`,
  yaml: boot({
    filters: filter(''),
    routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { envoy.filters.http.stateful_session: { "@type": ${TYPE}.StatefulSessionPerRoute${fields === '' ? '' : `, ${fields}`} } } }`,
  }),
})
const CLUSTER =
  'load_assignment: { cluster_name: c, endpoints: [ { lb_endpoints: [ { endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 80 } } } } ] } ] }'
const statuses = (name: string, list: string): VerdictCase => ({
  name: `override_host_status: ${name}`,
  yaml: boot({ clusters: `- { name: c, ${CLUSTER}, common_lb_config: { override_host_status: { ${list} } } }` }),
})

export const sessionVerdictCases: readonly VerdictCase[] = [
  session('of nothing', ''),
  session('strict', 'strict: true'),
  session('status', 'strict: true, status_on_strict_destination_not_found: 404'),
  session('status without strict', 'status_on_strict_destination_not_found: 404'),
  session('low status', 'strict: true, status_on_strict_destination_not_found: 99'),
  session('informational status', 'strict: true, status_on_strict_destination_not_found: 100'),
  session('status of success', 'strict: true, status_on_strict_destination_not_found: 200'),
  session('high status', 'strict: true, status_on_strict_destination_not_found: 600'),
  session('prefix', 'stat_prefix: p'),
  session('prefix with a dot', 'stat_prefix: p.q'),
  session('state of nothing', 'session_state: {}'),
  session('state without a type', 'session_state: { name: envoy.http.stateful_session.cookie }'),
  session('unknown state', stateOf('x', 'nothing.v3.Nothing', '')),
  session('state of another kind', `session_state: { name: x, typed_config: { "@type": ${TYPE}.StatefulSession } }`),
  session('state by another name', stateOf('x', 'header.v3.HeaderBasedSessionState', 'name: x')),
  session(
    'state by the name of another',
    stateOf('envoy.http.stateful_session.cookie', 'header.v3.HeaderBasedSessionState', 'name: x'),
  ),
  session('cookie', cookie('cookie: { name: a }')),
  session('cookie of nothing', cookie('')),
  session('cookie without a name', cookie('cookie: {}')),
  session('cookie of a path', cookie('cookie: { name: a, path: /a }')),
  session('cookie of an odd path', cookie('cookie: { name: a, path: "a b;" }')),
  session('cookie that lasts', cookie('cookie: { name: a, ttl: 10s }')),
  session('cookie that lasts half a second', cookie('cookie: { name: a, ttl: 0.5s }')),
  session('cookie that lasts less than nothing', cookie('cookie: { name: a, ttl: -1s }')),
  session('cookie with attributes', cookie('cookie: { name: a, attributes: [ { name: SameSite, value: Lax } ] }')),
  session('cookie with an attribute without a name', cookie('cookie: { name: a, attributes: [ { value: Lax } ] }')),
  session('cookie with an odd attribute', cookie('cookie: { name: a, attributes: [ { name: "a;b" } ] }')),
  session('header', header('name: x')),
  session('header without a name', header('')),
  session('odd header', header('name: "a b"')),
  session('pseudo-header', header('name: ":path"')),
  session('envelope', envelope('header: { name: x }')),
  session('envelope of nothing', envelope('')),
  session('envelope without a name', envelope('header: {}')),
  session('odd envelope', envelope('header: { name: "a b" }')),
  perRoute('nothing', ''),
  perRoute('disabled', 'disabled: true'),
  perRoute('not disabled', 'disabled: false'),
  perRoute('empty', 'stateful_session: {}'),
  perRoute('own', `stateful_session: { ${header('name: x')} }`),
  perRoute('own prefix', `stateful_session: { ${header('name: x')}, stat_prefix: p }`),
  perRoute('wrong', `stateful_session: { ${header('')} }`),
  statuses('none', ''),
  statuses('all', 'statuses: [ UNKNOWN, HEALTHY, UNHEALTHY, DRAINING, TIMEOUT, DEGRADED ]'),
  statuses('unknown', 'statuses: [ SICK ]'),
  statuses('number', 'statuses: [ 2 ]'),
  statuses('unknown number', 'statuses: [ 99 ]'),
  statuses('twice', 'statuses: [ HEALTHY, HEALTHY ]'),
]
