/** Routes whose clusters a tree of predicates names. Envoy dies where one asks for a parameter of the query. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, post } from '../requests.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.router.cluster_specifiers.matcher.v3'
const input = (type: string, fields: string) =>
  `input: { name: i, typed_config: { "@type": type.googleapis.com/envoy.type.matcher.v3.${type}, ${fields} } }`
const header = input('HttpRequestHeaderMatchInput', 'header_name: x-to')
const second = input('HttpRequestHeaderMatchInput', 'header_name: x-too')
const to = (name: string) =>
  `{ action: { name: c, typed_config: { "@type": ${TYPE}.ClusterAction, cluster: ${name} } } }`
const tree = (from: string, more = '') =>
  `matcher_tree: { ${from}, exact_match_map: { map: { main: ${to('main')}, other: ${to('other')}, missing: ${to('missing')} } } }${more}`
const plugin = (matcher: string, name = 'x') =>
  `{ extension: { name: ${name}, typed_config: { "@type": ${TYPE}.MatcherClusterSpecifier, cluster_matcher: { ${matcher} } } } }`
const route = (path: string, fields: string) => `  - { match: { prefix: "/${path}" }, route: { ${fields} } }\n`
/** An extension that nobody has, and that is no mistake. */
const GONE =
  '{ is_optional: true, extension: { name: gone, typed_config: { "@type": type.googleapis.com/google.protobuf.StringValue, value: a } } }'
const list = `matcher_list: { matchers: [ { predicate: { single_predicate: { ${header}, value_match: { prefix: m } } }, on_match: ${to('main')} }, { predicate: { single_predicate: { ${second}, value_match: { exact: other } } }, on_match: ${to('other')} } ] }`

const virtualHosts = `
- name: all
  domains: ["*"]
  routes:
${[
  route('header', `inline_cluster_specifier_plugin: ${plugin(tree(header))}`),
  route('list', `inline_cluster_specifier_plugin: ${plugin(list)}`),
  route('fallback', `inline_cluster_specifier_plugin: ${plugin(tree(header, `, on_no_match: ${to('other')}`))}`),
  route('named', 'cluster_specifier_plugin: p'),
  route(
    'notfound',
    `inline_cluster_specifier_plugin: ${plugin(tree(header))}, cluster_not_found_response_code: NOT_FOUND`,
  ),
  route('rewritten', 'cluster_specifier_plugin: p, prefix_rewrite: /new, host_rewrite_literal: new.test'),
  route('gone', 'cluster_specifier_plugin: gone'),
  route('gone/on', 'cluster: other'),
  route('mirrored', 'cluster_specifier_plugin: p, request_mirror_policies: [ { cluster: other } ]'),
].join('')}`

const one = (name: string, step: string): ParityCase => ({
  name: `cluster specifier: ${name}`,
  steps: [step],
  stats: '^cluster\\..*upstream_rq_|^http\\.main\\.(rq_|no_)',
})

export const clusterSpecifierSuite: ParitySuite = {
  name: 'cluster specifiers',
  yaml: bootstrap(
    [
      httpListener({
        name: 'main',
        routeConfig: `validate_clusters: false\ncluster_specifier_plugins: [ ${plugin(tree(header), 'p')}, ${GONE} ]`,
        virtualHosts,
      }),
    ],
    [cluster('main'), cluster('other')],
  ),
  backends: ['main', 'other'],
  cases: [
    ...['header', 'list', 'fallback', 'named', 'notfound', 'rewritten', 'mirrored'].flatMap((path) => [
      one(`/${path}`, get(`/${path}`)),
      ...['main', 'other', 'missing', 'm', ''].map((name) =>
        one(`/${path} ${JSON.stringify(name)}`, get(`/${path}`, `x-to: ${name}`)),
      ),
      one(`/${path} twice`, get(`/${path}`, 'x-to: main', 'x-to: other')),
      one(`/${path} of a POST`, post(`/${path}`, 'body', 'x-to: other')),
    ]),
    one('/list by another header', get('/list', 'x-too: other')),
    one('/list by both headers', get('/list', 'x-to: main', 'x-too: other')),
    one('/gone', get('/gone')),
    one('/gone, and another route', get('/gone/on')),
  ],
}
