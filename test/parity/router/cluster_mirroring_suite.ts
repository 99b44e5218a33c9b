/** request_mirror_policies of a cluster: beside those of routes, and for requests of the proxy's own. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get, post, request, response } from '../requests.ts'
import { bootstrap, cluster, http1Options, httpListener, routes } from '../yaml.ts'

const mirror = (...policies: string[]) =>
  `request_mirror_policies: [ ${policies.map((fields) => `{ ${fields} }`).join(', ')} ]`
const route = (path: string, action: string) => `- { match: { prefix: "/${path}" }, route: { ${action} } }\n`
const mirroring = (name: string, policies: string, port = '{{backend:main}}') =>
  cluster(name, http1Options(`explicit_http_config: { http_protocol_options: {} }\n${policies}`), port)

/** Cluster by policy: the route of the cluster's name goes there. */
const clusters: Readonly<Record<string, string>> = {
  one: mirror('cluster: shadow'),
  two: mirror('cluster: shadow', 'cluster: other'),
  named: mirror('cluster_header: x-shadow'),
  never: mirror('cluster: shadow, runtime_fraction: { default_value: { numerator: 0 } }'),
  nosuffix: mirror('cluster: shadow, disable_shadow_host_suffix_append: true'),
  hosted: mirror('cluster: shadow, host_rewrite_literal: copy.test'),
  changed: mirror(
    'cluster: shadow, request_headers_mutations: [ { append: { header: { key: x-new, value: "%REQ(x-a)%" } } }, { remove: x-a } ]',
  ),
  nothing: '',
  chained: mirror('cluster: one'),
}

const table = routes(
  [
    ...Object.keys(clusters).map((name) => route(name, `cluster: ${name}`)),
    route('ofroute', `cluster: nothing, ${mirror('cluster: one')}`),
    route('both', `cluster: one, ${mirror('cluster: other')}`),
    route('same', `cluster: one, ${mirror('cluster: shadow')}`),
    route('unchosen', `cluster: never, ${mirror('cluster: other')}`),
    route('weighted', `weighted_clusters: { clusters: [ { name: one, weight: 1 } ] }, ${mirror('cluster: other')}`),
    route('byheader', 'cluster_header: x-cluster'),
    route('refused', 'cluster: refused'),
    route(
      'retried',
      'cluster: one, retry_policy: { retry_on: 5xx, num_retries: 2, retry_back_off: { base_interval: 0.001s, max_interval: 0.002s } }',
    ),
    route('redirected', 'cluster: one, internal_redirect_policy: {}'),
    route('aggregate', 'cluster: aggregate'),
  ].join(''),
)

const aggregate = `
- name: aggregate
  connect_timeout: 1s
  lb_policy: CLUSTER_PROVIDED
  cluster_type: { name: envoy.clusters.aggregate, typed_config: { "@type": type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig, clusters: [ one ] } }
`

const STATS = '^(cluster\\.|http\\.async-client\\.)'
const one = (name: string, step: string, more: Partial<ParityCase> = {}): ParityCase => ({
  name: `cluster mirror: ${name}`,
  steps: [step],
  stats: STATS,
  ...more,
})

export const clusterMirroringSuite: ParitySuite = {
  name: 'mirroring of clusters',
  yaml: bootstrap(
    [
      httpListener({ name: 'main', virtualHosts: table }),
      httpListener({ name: 'outer', routeConfig: mirror('cluster: other'), virtualHosts: table }),
    ],
    [
      ...Object.entries(clusters).map(([name, policies]) => mirroring(name, policies)),
      mirroring('refused', mirror('cluster: shadow'), '1'),
      cluster('shadow'),
      cluster('other'),
      aggregate,
    ],
  ),
  backends: ['main', 'shadow', 'other'],
  cases: [
    ...Object.keys(clusters).flatMap((name) => [
      one(`/${name}`, get(`/${name}`, 'x-a: 1')),
      one(`/${name} with a body`, post(`/${name}`, 'body')),
    ]),
    ...['ofroute', 'both', 'same', 'unchosen', 'weighted', 'refused', 'aggregate'].map((name) =>
      one(`/${name}`, get(`/${name}`)),
    ),
    // A cluster that is not there is left out: Envoy crashes.
    ...['one', 'two', 'never', 'nothing', 'both'].map((name) =>
      one(`policies of the route configuration: /${name}`, get(`/${name}`), { listener: 'outer' }),
    ),
    one('header names a cluster', get('/named', 'x-shadow: shadow')),
    one('cluster of a header', get('/byheader', 'x-cluster: one')),
    one('retries are not mirrored again', get('/retried'), { reply: response(503, 'bad') }),
    one('a redirect is mirrored as a request of its own', get('/redirected'), {
      logLines: 2,
      reply: response(302, 'moved', 'location: http://a.test/two'),
    }),
    one('timeout by header', get('/one', 'x-envoy-upstream-rq-timeout-ms: 7000')),
    one('gRPC', request('POST', '/one', ['content-type: application/grpc', 'te: trailers', 'content-length: 0'])),
  ],
}
