/** Composite clusters: which cluster each try of a request goes to, and what is told of it. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { listener, tcpProxy } from '../l4/l4_yaml.ts'
import { get, OK, post, response } from '../requests.ts'
import { bootstrap, cluster, httpListener, indent, routes } from '../yaml.ts'

const TYPE = 'type.googleapis.com/envoy.extensions.clusters.composite.v3.ClusterConfig'

function composite(name: string, members: readonly string[], more = ''): string {
  const entries = members.map((each) => `{ name: ${each} }`).join(', ')
  return `
- name: ${name}
  connect_timeout: 1s
  lb_policy: CLUSTER_PROVIDED
  cluster_type: { name: envoy.clusters.composite, typed_config: { "@type": ${TYPE}, clusters: [ ${entries} ] } }
${indent(more, 2)}
`
}

const DOWN = `
- name: down
  connect_timeout: 1s
  common_lb_config: { healthy_panic_threshold: { value: 0 } }
  load_assignment:
    cluster_name: down
    endpoints:
    - lb_endpoints:
      - health_status: UNHEALTHY
        endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: {{backend:first}} } } }
`

const lists: Record<string, readonly string[]> = {
  three: ['first', 'second', 'third'],
  two: ['first', 'second'],
  twice: ['first', 'first', 'second'],
  refusing: ['refused', 'second'],
  missing: ['gone', 'second'],
  missing_later: ['first', 'gone', 'third'],
  without_hosts: ['empty', 'second'],
  unhealthy: ['down', 'second'],
  nested: ['first', 'two', 'third'],
  nobody: ['gone'],
}

const RETRY = 'retry_policy: { retry_on: "5xx", num_retries: 4, retry_back_off: { base_interval: 0.001s } }'
const route = (name: string, more = RETRY): string =>
  `- { match: { prefix: /${name}/ }, route: { cluster: ${name}, timeout: 0s, ${more} } }`

const STATS =
  '^cluster\\.[a-z_]*\\.(upstream_rq|upstream_cx_(total|none_healthy|connect_fail)|retry|external|membership_total)'
const failing = (...bodies: string[]) => bodies.map((body) => [response(503, body)])

function one(name: string, path: string, more: Partial<ParityCase> = {}): ParityCase {
  return {
    name: `composite: ${name}`,
    steps: [get(path), { waitFor: '\r\n\r\n' }],
    stats: STATS,
    replies: failing('a', 'b', 'c', 'd', 'e'),
    ...more,
  }
}

export const compositeSuite: ParitySuite = {
  name: 'composite clusters',
  backends: ['first', 'second', 'third'],
  yaml: bootstrap(
    [
      httpListener({
        name: 'main',
        virtualHosts: routes(
          [
            ...Object.keys(lists).map((name) => route(name)),
            '- { match: { prefix: /once/ }, route: { cluster: three } }',
          ].join('\n'),
        ),
      }),
      listener('tcp', tcpProxy('cluster: three')),
    ],
    [
      cluster('first'),
      cluster('second'),
      cluster('third'),
      cluster('refused', '', '1'),
      '- { name: empty, connect_timeout: 1s }',
      DOWN,
      ...Object.entries(lists).map(([name, members]) => composite(name, members)),
    ],
  ),
  cases: [
    ...Object.keys(lists).map((name) => one(`every try fails: ${name}`, `/${name}/`)),
    one('the first try is good', '/three/', { replies: [[OK]] }),
    one('the second try is good', '/three/', { replies: [...failing('a'), [OK]] }),
    one('the third try is good', '/three/', { replies: [...failing('a', 'b'), [OK]] }),
    one('a body is sent again', '/two/', {
      steps: [post('/two/', 'body'), { waitFor: '\r\n\r\n' }],
      replies: [...failing('a'), [OK]],
    }),
    one('a reset is tried again elsewhere', '/two/', { replies: [[{ reset: true }], [OK]] }),
    one('no retries', '/once/'),
    one('a connection', '', { listener: 'tcp', steps: [{ waitClosed: true }] }),
    {
      name: 'composite: /clusters',
      steps: [{ admin: '/clusters?filter=^three$' }],
      logLines: 0,
    },
  ],
}
