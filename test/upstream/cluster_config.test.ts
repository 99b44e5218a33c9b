import { describe, expect, it } from 'vitest'
import { buildCluster } from '../../src/upstream/build_cluster.ts'
import { clusterViews, discoveryErrors, serverContext } from './support.ts'

const dns = (type: string, endpoints: readonly string[], more = ''): string => `
- name: c
  type: ${type}
${more}
  load_assignment:
    cluster_name: c
    endpoints: [${endpoints.join(', ')}]`
const at = (address: string, more = ''): string =>
  `{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${address}, port_value: 80${more}}}}}]}`

/** What building the cluster itself reports. */
function issues(yaml: string): { errors: string[]; warnings: string[] } {
  const context = serverContext()
  buildCluster(clusterViews(yaml)[0], context)
  const texts = (list: readonly { message: string }[]): string[] => list.map(({ message }) => message)
  return { errors: texts(context.errors.errors), warnings: texts(context.errors.warnings) }
}

// Envoy 1.40 refuses each of these with these words.
describe('refused as in Envoy', () => {
  it.each([
    ['a host name in STATIC', dns('STATIC', [at('a.test')]), 'malformed IP address: a.test'],
    ['LOGICAL_DNS without endpoints', '- {name: c, type: LOGICAL_DNS}', 'LOGICAL_DNS clusters must have a single host'],
    [
      'LOGICAL_DNS with two endpoints',
      dns('LOGICAL_DNS', [at('a.test'), at('b.test')]),
      'LOGICAL_DNS clusters must have a single locality_lb_endpoint and a single lb_endpoint',
    ],
    [
      'STRICT_DNS with a resolver name',
      dns('STRICT_DNS', [at('a.test', ', resolver_name: x')]),
      'STRICT_DNS clusters must NOT have a custom resolver name set',
    ],
    [
      'a failure interval that shrinks',
      dns('STRICT_DNS', [at('a.test')], '  dns_failure_refresh_rate: {base_interval: 5s, max_interval: 1s}'),
      'dns_failure_refresh_rate must have max_interval greater than or equal to the base_interval',
    ],
    [
      'a DNS server by name',
      dns('STRICT_DNS', [at('a.test')], '  dns_resolvers: [{socket_address: {address: foo, port_value: 53}}]'),
      'malformed IP address: foo',
    ],
    [
      'an unknown cluster_type',
      '- {name: c, cluster_type: {name: foo}}',
      "Didn't find a registered cluster factory implementation for name: 'foo'",
    ],
  ])('%s', (_title, yaml, message) => {
    const errors = discoveryErrors(yaml)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain(message)
  })
})

describe('accepted as in Envoy', () => {
  it.each([
    ['no endpoints in STRICT_DNS', '- {name: c, type: STRICT_DNS}'],
    ['no type, which is STATIC', dns('STATIC', [at('127.0.0.1')]).replace('  type: STATIC\n', '')],
    ['one address twice in STATIC', dns('STATIC', [at('127.0.0.1'), at('127.0.0.1')])],
    ['cluster_type of strict DNS by name', '- {name: c, cluster_type: {name: envoy.cluster.strict_dns}}'],
    ['cluster_type of DNS by name', '- {name: c, cluster_type: {name: envoy.cluster.dns}}'],
    ['cluster_type of static by name', '- {name: c, cluster_type: {name: envoy.cluster.static}}'],
  ])('%s', (_title, yaml) => {
    expect(discoveryErrors(yaml)).toEqual([])
  })
})

describe('what is not supported', () => {
  it('never becomes plain text where TLS is asked for', () => {
    const type = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
    const socket = `{name: envoy.transport_sockets.tls, typed_config: {"@type": ${type}}}`
    const { errors } = issues(`- {name: c, type: STATIC, transport_socket: ${socket}}`)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toContain('UpstreamTlsContext')
  })

  it('leaves raw_buffer alone', () => {
    const type = 'type.googleapis.com/envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'
    const socket = `{name: envoy.transport_sockets.raw_buffer, typed_config: {"@type": ${type}}}`
    expect(issues(`- {name: c, type: STATIC, transport_socket: ${socket}}`)).toEqual({ errors: [], warnings: [] })
  })

  it('checks no hosts that requests name, and ejects none of them', () => {
    const type = 'type: ORIGINAL_DST, lb_policy: CLUSTER_PROVIDED'
    const check = 'timeout: 1s, interval: 1s, unhealthy_threshold: 1, healthy_threshold: 1, tcp_health_check: {}'
    expect(issues(`- {name: c, ${type}, health_checks: [{${check}}]}`).errors).toEqual([
      'health checks of an ORIGINAL_DST cluster are not supported',
    ])
    expect(issues(`- {name: c, ${type}, outlier_detection: {}}`)).toEqual({
      errors: [],
      warnings: ['outlier_detection of an ORIGINAL_DST cluster is accepted but has no effect'],
    })
  })

  it('passes over a policy that it lacks, and says so', () => {
    const policy = (name: string, type: string): string =>
      `{typed_extension_config: {name: ${name}, typed_config: {"@type": type.googleapis.com/${type}}}}`
    const policies = 'envoy.extensions.load_balancing_policies'
    const list = [
      policy('other', 'google.protobuf.Struct'),
      policy('aware', `${policies}.load_aware_locality.v3.LoadAwareLocality, endpoint_picking_policy: {}`),
      policy('random', `${policies}.random.v3.Random`),
    ]
    expect(issues(`- {name: c, type: STATIC, load_balancing_policy: {policies: [${list.join(', ')}]}}`)).toEqual({
      errors: [],
      warnings: ['load balancing policy aware is passed over (Envoy has this extension, Nuncio does not)'],
    })
  })

  it('warns of fields without effect, and is silent without them', () => {
    const fields = 'common_lb_config: {update_merge_window: 1s}, use_tcp_for_dns_lookups: true'
    expect(issues(`- {name: c, type: STATIC, ${fields}}`).warnings).toEqual([
      'use_tcp_for_dns_lookups (TCP is used for answers that a datagram cannot hold) is accepted but has no effect',
      'update_merge_window is accepted but has no effect',
    ])
    expect(issues('- {name: c, type: STATIC}').warnings).toEqual([])
  })
})
