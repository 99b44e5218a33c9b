/** Mirror policies that Envoy accepts or refuses in `--mode validate`. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const policies = (list: string) => `request_mirror_policies: [ ${list} ]`
const mirror = (name: string, ...fields: string[]): VerdictCase => ({
  name: `mirror: ${name}`,
  yaml: boot({
    routes: `- { match: { prefix: "/" }, route: { cluster: c, ${policies(fields.map((each) => `{ ${each} }`).join(', '))} } }`,
  }),
})
const changes = (name: string, mutation: string) =>
  mirror(`changes ${name}`, `cluster: c, request_headers_mutations: [ { ${mutation} } ]`)
const levels = (name: string, policy: string, routes?: string): VerdictCase[] => [
  {
    name: `mirror: virtual host, ${name}`,
    yaml: boot(routes === undefined ? {} : { routes }).replace(
      'domains: ["*"]',
      `domains: ["*"]\n              ${policies(policy)}`,
    ),
  },
  {
    name: `mirror: route configuration, ${name}`,
    yaml: boot({ routeConfig: policies(policy), ...(routes === undefined ? {} : { routes }) }),
  },
]
const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const ofCluster = (name: string, fields: string, more = ''): VerdictCase => ({
  name: `mirror: cluster, ${name}`,
  yaml: boot({
    clusters: `- { name: c, typed_extension_protocol_options: { ${OPTIONS}: { "@type": type.googleapis.com/${OPTIONS}, explicit_http_config: { http_protocol_options: {} }, ${policies(`{ ${fields} }`)}${more} } } }`,
  }),
})
const direct = '- { match: { prefix: "/" }, direct_response: { status: 200 } }'

export const mirroringVerdictCases: readonly VerdictCase[] = [
  mirror('one', 'cluster: c'),
  mirror('two', 'cluster: c', 'cluster: c'),
  mirror('nowhere', ''),
  mirror('of cluster and header', 'cluster: c, cluster_header: x'),
  mirror('by header', 'cluster_header: x'),
  mirror('by odd header', 'cluster_header: "a b"'),
  mirror('by pseudo-header', 'cluster_header: ":authority"'),
  mirror('unknown cluster', 'cluster: d'),
  mirror('unknown cluster behind a known one', 'cluster: c', 'cluster: d'),
  {
    name: 'mirror: unknown cluster, not validated',
    yaml: boot({
      routeConfig: 'validate_clusters: false',
      routes: `- { match: { prefix: "/" }, route: { cluster: c, ${policies('{ cluster: d }')} } }`,
    }),
  },
  mirror('fraction', 'cluster: c, runtime_fraction: { default_value: { numerator: 1 }, runtime_key: a }'),
  mirror('fraction without a value', 'cluster: c, runtime_fraction: { runtime_key: a }'),
  mirror('fraction above all', 'cluster: c, runtime_fraction: { default_value: { numerator: 101 } }'),
  mirror('old runtime key', 'cluster: c, runtime_key: a'),
  mirror('trace', 'cluster: c, trace_sampled: false'),
  mirror('host', 'cluster: c, host_rewrite_literal: a.test'),
  mirror('odd host', 'cluster: c, host_rewrite_literal: "a\\nb"'),
  mirror('host and suffix', 'cluster: c, host_rewrite_literal: a, disable_shadow_host_suffix_append: true'),
  changes('of nothing', ''),
  changes('append', 'append: { header: { key: a, value: b } }'),
  changes('append to Host', 'append: { header: { key: host, value: b } }'),
  changes('append to a pseudo-header', 'append: { header: { key: ":path", value: b } }'),
  changes('append a bad operator', 'append: { header: { key: a, value: "%NOTHING%" } }'),
  changes('append without header', 'append: {}'),
  changes('remove', 'remove: a'),
  changes('remove Host', 'remove: host'),
  changes('remove a pseudo-header', 'remove: ":path"'),
  changes('remove an odd name', 'remove: "a b"'),
  changes('remove nothing', 'remove: ""'),
  changes('remove on match', 'remove_on_match: { key_matcher: { prefix: x } }'),
  changes('remove on no match', 'remove_on_match: {}'),
  changes('remove on a bad match', 'remove_on_match: { key_matcher: { safe_regex: { regex: "(" } } }'),
  ...levels('one', '{ cluster: c }'),
  ...levels('nowhere', '{}'),
  ...levels('of cluster and header', '{ cluster: c, cluster_header: x }'),
  ...levels('unknown cluster', '{ cluster: d }'),
  ...levels('unknown cluster over a direct response', '{ cluster: d }', direct),
  ...levels(
    'unknown cluster over a route of its own',
    '{ cluster: d }',
    `- { match: { prefix: "/" }, route: { cluster: c, ${policies('{ cluster: c }')} } }`,
  ),
  ofCluster('itself', 'cluster: c'),
  ofCluster('unknown cluster', 'cluster: d'),
  ofCluster('nowhere', ''),
  ofCluster('of cluster and header', 'cluster: c, cluster_header: x'),
  ofCluster('by odd header', 'cluster_header: "a b"'),
  ofCluster('odd host', 'cluster: d, host_rewrite_literal: "a\\nb"'),
  ofCluster('fraction above all', 'cluster: d, runtime_fraction: { default_value: { numerator: 101 } }'),
  ofCluster(
    'append to a pseudo-header',
    'cluster: d, request_headers_mutations: [ { append: { header: { key: ":path", value: b } } } ]',
  ),
  ofCluster(
    'append a bad operator',
    'cluster: d, request_headers_mutations: [ { append: { header: { key: a, value: "%NOTHING%" } } } ]',
  ),
]
