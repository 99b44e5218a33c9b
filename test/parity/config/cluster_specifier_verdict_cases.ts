/** Cluster specifier plugins that Envoy accepts or refuses in `--mode validate`. */
import { boot, type VerdictCase } from './verdict_cases.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3'
const INPUT =
  'input: { name: h, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput, header_name: x } }'
const to = (cluster: string) =>
  `action: { name: c, typed_config: { "@type": ${TYPE}.ClusterAction, cluster: "${cluster}" } }`
const tree = (cluster: string) => `matcher_tree: { ${INPUT}, exact_match_map: { map: { a: { ${to(cluster)} } } } }`
const extension = (name: string, matcher: string) =>
  `extension: { name: ${name}, typed_config: { "@type": ${TYPE}.MatcherClusterSpecifier${matcher === '' ? '' : `, cluster_matcher: { ${matcher} }`} } }`
const unknown =
  'extension: { name: x, typed_config: { "@type": type.googleapis.com/google.protobuf.StringValue, value: a } }'
const inline = (name: string, plugin: string): VerdictCase => ({
  name: `cluster specifier: ${name}`,
  yaml: boot({ routes: `- { match: { prefix: "/" }, route: { inline_cluster_specifier_plugin: { ${plugin} } } }` }),
})
const named = (name: string, plugins: string, used = '{ cluster_specifier_plugin: p }'): VerdictCase => ({
  name: `cluster specifier by name: ${name}`,
  yaml: boot({
    routeConfig: `cluster_specifier_plugins: [ ${plugins} ]`,
    routes: `- { match: { prefix: "/" }, route: ${used} }`,
  }),
})
const unused = '{ cluster: c }'

export const clusterSpecifierVerdictCases: readonly VerdictCase[] = [
  inline('tree', extension('x', tree('c'))),
  inline('unknown cluster', extension('x', tree('d'))),
  inline('empty cluster', extension('x', tree(''))),
  inline('of nothing', ''),
  inline('without a matcher', extension('x', '')),
  inline('empty matcher', extension('x', 'on_no_match: {}')),
  inline('always', extension('x', `on_no_match: { ${to('c')} }`)),
  inline(
    'foreign action',
    extension(
      'x',
      'on_no_match: { action: { name: a, typed_config: { "@type": type.googleapis.com/google.protobuf.StringValue, value: a } } }',
    ),
  ),
  inline('unknown', unknown),
  inline('unknown and optional', `${unknown}, is_optional: true`),
  inline('without a type', 'extension: { name: x }'),
  named('one', `{ ${extension('p', tree('c'))} }`),
  named('twice', `{ ${extension('p', tree('c'))} }, { ${extension('p', tree('c'))} }`),
  named('another', `{ ${extension('q', tree('c'))} }`),
  named('unknown', `{ ${unknown} }`, unused),
  named('unknown and optional', `{ ${unknown}, is_optional: true }`, unused),
  named('unknown, optional and used', `{ ${unknown}, is_optional: true }`, '{ cluster_specifier_plugin: x }'),
  named('unused', `{ ${extension('p', tree('c'))} }`, unused),
  named('none', '', unused),
  named('none but used', ''),
]
