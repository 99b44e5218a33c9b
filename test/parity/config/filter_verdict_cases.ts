/** HTTP filters that Envoy accepts or refuses in a configuration. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.filters.http'
const ROUTER = `- { name: r, typed_config: { "@type": ${TYPE}.router.v3.Router } }`

/** One filter before the router. */
const filter = (message: string, config: string): string =>
  `- { name: f, typed_config: { "@type": ${TYPE}.${message}${config === '' ? '' : `, ${config}`} } }\n${ROUTER}`
const withFilter = (name: string, message: string, config = ''): VerdictCase => ({
  name: `filter: ${name}`,
  yaml: boot({ filters: filter(message, config) }),
})
const withRoute = (name: string, perRoute: string, filters = filter('cors.v3.Cors', '')): VerdictCase => ({
  name: `filter: ${name}`,
  yaml: boot({
    filters,
    routes: `- { match: { prefix: "/" }, route: { cluster: c }, typed_per_filter_config: { f: ${perRoute} } }`,
  }),
})
const cors = (policy: string) => `{ "@type": ${TYPE}.cors.v3.CorsPolicy${policy === '' ? '' : `, ${policy}`} }`
const STATS = 'grpc_stats.v3.FilterConfig'
const REVERSE = 'grpc_http1_reverse_bridge.v3.FilterConfig'

export const filterVerdictCases: readonly VerdictCase[] = [
  withFilter('cors', 'cors.v3.Cors'),
  withFilter('cors policy as a filter', 'cors.v3.CorsPolicy'),
  withRoute('empty cors policy', cors('')),
  withRoute('cors as a route setting', `{ "@type": ${TYPE}.cors.v3.Cors }`),
  withRoute('cors policy without the filter', cors(''), ROUTER),
  withRoute('cors policy, bad regex', cors('allow_origin_string_match: [ { safe_regex: { regex: "(" } } ]')),
  withRoute('cors policy, empty matcher', cors('allow_origin_string_match: [ {} ]')),
  withRoute('cors policy, empty prefix', cors('allow_origin_string_match: [ { prefix: "" } ]')),
  withRoute('cors policy, enabled without default', cors('filter_enabled: { runtime_key: a }')),
  withRoute('cors policy, shadow without default', cors('shadow_enabled: { runtime_key: a }')),
  withRoute('cors policy, unknown field', cors('allow_origin: [ "*" ]')),
  {
    name: 'filter: older cors field with a bad matcher',
    yaml: boot({
      routes: '- { match: { prefix: "/" }, route: { cluster: c, cors: { allow_origin_string_match: [ {} ] } } }',
    }),
  },
  {
    name: 'filter: older cors field without the filter',
    yaml: boot({ routes: '- { match: { prefix: "/" }, route: { cluster: c, cors: { allow_methods: GET } } }' }),
  },
  {
    name: 'filter: older cors field, allow_origin',
    yaml: boot({ routes: '- { match: { prefix: "/" }, route: { cluster: c, cors: { allow_origin: [ "*" ] } } }' }),
  },
  {
    name: 'filter: older cors field of a redirect',
    yaml: boot({
      routes: '- { match: { prefix: "/" }, redirect: { path_redirect: "/x" }, typed_per_filter_config: {} }',
    }),
  },
  withFilter('grpc_web', 'grpc_web.v3.GrpcWeb'),
  withRoute('grpc_web as a route setting', `{ "@type": ${TYPE}.grpc_web.v3.GrpcWeb }`),
  withFilter('grpc_stats', STATS),
  withFilter(
    'grpc_stats, both specifiers',
    STATS,
    'stats_for_all_methods: true, individual_method_stats_allowlist: {}',
  ),
  withFilter('grpc_stats, empty allowlist', STATS, 'individual_method_stats_allowlist: {}'),
  withFilter(
    'grpc_stats, service without name',
    STATS,
    'individual_method_stats_allowlist: { services: [ { method_names: [ M ] } ] }',
  ),
  withFilter(
    'grpc_stats, service without methods',
    STATS,
    'individual_method_stats_allowlist: { services: [ { name: S } ] }',
  ),
  withFilter('grpc_stats, dots without all methods', STATS, 'replace_dots_in_grpc_service_name: true'),
  withFilter('grpc_http1_bridge', 'grpc_http1_bridge.v3.Config'),
  withFilter('reverse bridge without content type', REVERSE),
  withFilter('reverse bridge', REVERSE, 'content_type: a/b'),
  withFilter('reverse bridge, empty size header', REVERSE, 'content_type: a/b, response_size_header: ""'),
  withFilter('reverse bridge, bad size header', REVERSE, 'content_type: a/b, response_size_header: "a b"'),
  withFilter(
    'reverse bridge, size header with a line break',
    REVERSE,
    'content_type: a/b, response_size_header: "a\\n"',
  ),
  withRoute(
    'reverse bridge, per route',
    `{ "@type": ${TYPE}.grpc_http1_reverse_bridge.v3.FilterConfigPerRoute, disabled: true }`,
    filter(REVERSE, 'content_type: a/b'),
  ),
  withRoute(
    'reverse bridge, per route by its own type',
    `{ "@type": ${TYPE}.${REVERSE}, content_type: a/b }`,
    filter(REVERSE, 'content_type: a/b'),
  ),
  withFilter('connect_grpc_bridge', 'connect_grpc_bridge.v3.FilterConfig'),
  {
    name: 'filter: grpc_web last',
    yaml: boot({ filters: `- { name: f, typed_config: { "@type": ${TYPE}.grpc_web.v3.GrpcWeb } }` }),
  },
  { name: 'filter: cors by name alone', yaml: boot({ filters: `- name: envoy.filters.http.cors\n${ROUTER}` }) },
  {
    name: 'filter: grpc_web twice',
    yaml: boot({
      filters: `- { name: f, typed_config: { "@type": ${TYPE}.grpc_web.v3.GrpcWeb } }\n- { name: f, typed_config: { "@type": ${TYPE}.grpc_web.v3.GrpcWeb } }\n${ROUTER}`,
    }),
  },
]
