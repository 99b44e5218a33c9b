/** What the admin interface tells of clusters, hosts, listeners, routes and secrets in every state that discovery brings. */
import type { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ResourceInput } from '../../support/xds/resources.ts'
import type { ApiMode } from '../../support/xds/samples.ts'
import { configSource, httpListener, inlineRoute, rds, routes, staticCluster } from '../../support/xds/samples.ts'
import type { XdsScript, XdsStep } from './driver.ts'

const tlsTypes = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const listenerDump = '/config_dump?resource=dynamic_listeners'
const versions = '/config_dump?mask=version_info'
const badListener = (name: string, more = 'address: { pipe: { path: /tmp/x } }, '): ResourceInput => ({
  name,
  resource: `{ name: ${name}, ${more}filter_chains: [ { filters: [ { name: no.such.filter } ] } ] }`,
})

export function dumpsScript(ca: CertificateAuthority): XdsScript {
  const { cert, key } = ca.issue({ name: 'server', altNames: ['DNS:server.test'] })
  const pair = { certificate_chain: { inline_string: String(cert) }, private_key: { inline_string: String(key) } }
  return {
    name: 'xds dumps',
    comparesStats: false,
    bootstrap: () => ({
      clusters: `  - name: named
    connect_timeout: 1s
    load_assignment: { cluster_name: other_name }
  listeners:\n  - ${JSON.stringify({ name: 'fixed', address: anyPort, filter_chains: [fixedChain] })}`,
    }),
    steps: (mode, port) => [
      ...startSteps(mode, port),
      ...clusterSteps(mode, port),
      ...listenerSteps(mode),
      ...secretSteps(mode, pair),
    ],
  }
}

const anyPort = { socket_address: { address: '127.0.0.1', port_value: 0 } }
const fixedChain = {
  filters: [
    {
      name: 'hcm',
      typed_config: {
        '@type':
          'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
        stat_prefix: 'fixed',
        route_config: { name: 'fixed_routes', virtual_hosts: [] },
        http_filters: [
          {
            name: 'router',
            typed_config: { '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router' },
          },
        ],
      },
    },
  ],
}

/** Localities, priorities, hosts in all states, a share that is dropped. */
function manyEndpoints(name: string, port: number): ResourceInput {
  const host = (portNumber: number): object => ({
    address: { socket_address: { address: '127.0.0.1', port_value: portNumber } },
  })
  const resource = {
    cluster_name: name,
    endpoints: [
      {
        locality: { region: 'r2', zone: 'z' },
        load_balancing_weight: 3,
        lb_endpoints: [
          {
            endpoint: { ...host(port), hostname: 'first.test' },
            metadata: { filter_metadata: { 'envoy.lb': { canary: true } } },
          },
          { endpoint: host(1), health_status: 'UNHEALTHY', load_balancing_weight: 4 },
        ],
      },
      {
        locality: { region: 'r1', zone: 'z', sub_zone: 's' },
        load_balancing_weight: 1,
        lb_endpoints: [
          { endpoint: host(2), health_status: 'DRAINING' },
          { endpoint: host(3), health_status: 'DEGRADED' },
        ],
      },
      { priority: 1, lb_endpoints: [{ endpoint: host(4), health_status: 'TIMEOUT' }] },
    ],
    policy: {
      overprovisioning_factor: 150,
      drop_overloads: [{ category: 'some', drop_percentage: { numerator: 1, denominator: 'MILLION' } }],
    },
  }
  return { name, resource }
}

/** An EDS cluster whose endpoints have another name. */
function aliasedCluster(name: string, service: string, source: string, extra = ''): ResourceInput {
  const more = extra === '' ? '' : `, ${extra}`
  const eds = `eds_cluster_config: { service_name: ${service}, eds_config: ${source} }`
  return { name, resource: `{ name: ${name}, type: EDS, connect_timeout: 1s, ${eds}${more} }` }
}

const listedHosts = '/config_dump?include_eds&resource=dynamic_endpoint_configs&name_regex=aliased'

function startSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  return [
    {
      name: 'a static listener, while everything else is missing',
      act: () => undefined,
      until: ['CDS initial'],
      admin: [
        '/init_dump',
        '/init_dump?mask=listener',
        '/init_dump?mask=nothing',
        '/init_dump?mask=',
        '/listeners',
        '/config_dump?resource=static_listeners',
        '/config_dump?resource=static_route_configs',
        '/config_dump?resource=ecds_filters',
        versions,
      ],
    },
    {
      name: 'a cluster whose endpoints are missing',
      act: (plane) => plane.set('CDS', [aliasedCluster('aliased', 'service', source), staticCluster('s', port)], 'c1'),
      until: ['CDS ack c1', 'EDS initial'],
      admin: [
        '/clusters?filter=^aliased',
        '/clusters?filter=^s$',
        '/config_dump?resource=dynamic_active_clusters',
        '/config_dump?resource=dynamic_warming_clusters',
        '/config_dump?include_eds&resource=static_endpoint_configs&name_regex=s|aliased',
        listedHosts,
        versions,
      ],
    },
    {
      name: 'its endpoints',
      act: (plane) => plane.set('EDS', [manyEndpoints('service', port)], 'e1'),
      until: ['EDS ack e1', 'LDS initial'],
      admin: [
        '/clusters?filter=^aliased',
        '/clusters?filter=^aliased&format=json',
        '/clusters?filter=^s$&format=json',
        '/config_dump?resource=dynamic_active_clusters',
        '/config_dump?resource=static_clusters&mask=cluster.name',
        listedHosts,
        '/config_dump?include_eds&resource=dynamic_endpoint_configs&name_regex=service',
        '/config_dump?include_eds&resource=static_endpoint_configs&name_regex=other_name|named',
        '/config_dump?include_eds&name_regex=s&mask=dynamic_endpoint_configs',
      ],
    },
    {
      name: 'a listener, with which the server is ready',
      act: (plane) => plane.set('LDS', [httpListener('main', inlineRoute('s'))], 'l1'),
      until: ['LDS ack l1'],
      becomesReady: true,
      admin: [
        '/listeners',
        '/init_dump',
        listenerDump,
        '/config_dump?resource=static_route_configs&name_regex=inline',
        '/config_dump?resource=static_listeners&name_regex=main',
        versions,
      ],
    },
  ]
}

function clusterSteps(mode: ApiMode, port: number): XdsStep[] {
  const source = configSource(mode)
  const aliased = aliasedCluster('aliased', 'service', source)
  const unsuitable = { name: 'unsuitable', resource: '{ name: unsuitable, type: STATIC, lb_policy: CLUSTER_PROVIDED }' }
  return [
    {
      name: 'the same clusters in a new version',
      act: (plane) => plane.streamOf('CDS').respond('CDS', { version: 'c2' }),
      until: ['CDS ack c2'],
      admin: [versions],
    },
    {
      name: 'a good cluster and a bad one',
      act: (plane) => plane.set('CDS', [aliased, staticCluster('s', port), staticCluster('t', port), unsuitable], 'c3'),
      until: ['CDS nack c3'],
      admin: [
        versions,
        '/config_dump?resource=dynamic_active_clusters&mask=version_info,cluster.name,error_state',
        '/config_dump?resource=dynamic_active_clusters&name_regex=t',
        '/config_dump?resource=dynamic_active_clusters&name_regex=t&mask=cluster',
        '/config_dump?resource=dynamic_active_clusters&name_regex=t&mask=cluster.name,cluster',
        '/config_dump?resource=dynamic_active_clusters&name_regex=t&mask=cluster.load_assignment.policy,last_updated',
        '/config_dump?resource=dynamic_active_clusters&name_regex=aliased&mask=cluster.eds_cluster_config.eds_config.ads',
        '/config_dump?resource=dynamic_active_clusters&name_regex=t&mask=cluster.transport_socket.typed_config',
        '/config_dump?resource=dynamic_active_clusters&name_regex=t&mask=cluster.transport_socket.typed_config.x',
        '/config_dump?resource=dynamic_active_clusters&mask=cluster.nothing',
        '/config_dump?resource=dynamic_active_clusters&mask=nothing',
        '/config_dump?resource=version_info',
      ],
    },
    {
      name: 'none but a bad one is new',
      act: (plane) => {
        const clusters = [aliased, staticCluster('s', port), staticCluster('t', port)]
        plane.set(
          'CDS',
          [...clusters, { ...unsuitable, resource: unsuitable.resource.replace('}', ', connect_timeout: 1s }') }],
          'c4',
        )
      },
      until: ['CDS nack c4'],
      admin: [versions],
    },
    {
      name: 'a cluster that changed warms beside its last version',
      act: (plane) => {
        const changed = aliasedCluster('aliased', 'other', source, 'lb_policy: RANDOM')
        plane.set('CDS', [changed, staticCluster('s', port)], 'c5')
      },
      until: ['EDS change'],
      quietMs: 100,
      admin: [
        '/config_dump?resource=dynamic_active_clusters&name_regex=aliased',
        '/config_dump?resource=dynamic_warming_clusters',
      ],
    },
    {
      name: 'and is in use with its endpoints',
      act: (plane) => plane.set('EDS', [manyEndpoints('service', port), manyEndpoints('other', port)], 'e5'),
      until: ['CDS ack c5', 'EDS ack e5'],
      admin: [
        '/config_dump?resource=dynamic_active_clusters&name_regex=aliased',
        '/config_dump?resource=dynamic_warming_clusters',
        '/config_dump?include_eds&resource=dynamic_endpoint_configs&name_regex=other',
        '/clusters?filter=^aliased',
      ],
    },
    {
      name: 'a cluster with secrets in it',
      act: (plane) => {
        const context = `common_tls_context: { tls_certificates: [ ${nonsensePair} ] }`
        const socket = `{ name: tls, typed_config: { "@type": ${tlsTypes}.UpstreamTlsContext, ${context} } }`
        plane.set('CDS', [staticCluster('s', port), staticCluster('secret', port, `transport_socket: ${socket}`)], 'c6')
      },
      until: ['CDS nack c6'],
      admin: ['/config_dump?resource=dynamic_active_clusters'],
    },
  ]
}

const nonsensePair = '{ certificate_chain: { inline_string: public }, private_key: { inline_string: private } }'

function listenerSteps(mode: ApiMode): XdsStep[] {
  const source = configSource(mode)
  const main = httpListener('main', inlineRoute('s'))
  const second = httpListener('second', rds('r', source))
  const keeper = httpListener('keeper', rds('r', source))
  const lost = { name: 'lost', resource: '{ name: lost }' }
  return [
    {
      name: 'a listener that is bad',
      act: (plane) => plane.set('LDS', [main, badListener('bad')], 'l2'),
      until: ['LDS nack l2'],
      admin: [listenerDump, `${listenerDump}&name_regex=main`, `${listenerDump}&name_regex=bad`, versions],
    },
    {
      name: 'an update of a good listener that is bad',
      act: (plane) => plane.set('LDS', [badListener('main')], 'l3'),
      until: ['LDS nack l3'],
      admin: [listenerDump],
    },
    {
      name: 'a listener without an address, and a new one that waits for its routes',
      act: (plane) => plane.set('LDS', [main, lost, keeper, second], 'l4'),
      until: ['LDS nack l4', 'RDS initial'],
      admin: [
        listenerDump,
        '/listeners',
        '/init_dump',
        '/init_dump?mask=listener',
        '/init_dump?mask=nothing',
        '/config_dump?resource=dynamic_route_configs',
      ],
    },
    {
      name: 'its routes',
      act: (plane) => plane.set('RDS', [routes('r', 's')], 'r1'),
      until: ['RDS ack r1'],
      admin: [
        '/listeners',
        '/init_dump',
        '/config_dump?resource=dynamic_route_configs',
        '/config_dump?resource=dynamic_route_configs&name_regex=r',
        '/config_dump?resource=dynamic_route_configs&name_regex=x',
        '/config_dump?resource=dynamic_route_configs&mask=route_config.virtual_hosts',
      ],
    },
    {
      name: 'a version that waits for other routes, beside the one in use',
      act: (plane) =>
        plane.set('LDS', [main, keeper, httpListener('second', rds('r2', source), { extra: bigger })], 'l5'),
      until: ['LDS ack l5'],
      admin: [
        listenerDump,
        '/listeners',
        '/init_dump',
        ...['active_state.listener', 'active_state.listener.name', 'active_state', 'error_state', 'nothing'].map(
          (mask) => `${listenerDump}&name_regex=second&mask=${mask}`,
        ),
      ],
    },
    {
      name: 'it is in use, the one before drains',
      act: (plane) => plane.set('RDS', [routes('r', 's'), routes('r2', 's')], 'r2'),
      until: ['RDS ack r2'],
      admin: [listenerDump, '/listeners', '/init_dump'],
    },
    {
      name: 'another filter chain waits for its routes',
      act: (plane) =>
        plane.set('LDS', [main, keeper, httpListener('second', rds('r3', source), { extra: bigger })], 'l6'),
      until: ['LDS ack l6'],
      admin: [`${listenerDump}&name_regex=second`, '/init_dump'],
    },
    {
      name: 'it goes while it waits',
      act: (plane) => plane.set('LDS', [keeper, httpListener('second', rds('r2', source))], 'l7'),
      until: ['LDS ack l7'],
      admin: [
        `${listenerDump}&mask=name,active_state.version_info,warming_state.version_info,draining_state.version_info`,
        '/config_dump?resource=static_route_configs&name_regex=inline',
        '/listeners',
        '/init_dump',
        versions,
      ],
    },
    {
      name: 'a listener without a name is bad',
      act: (plane) => plane.set('LDS', [keeper, httpListener('second', rds('r2', source)), badListener('""')], 'l8'),
      until: ['LDS nack l8'],
      quietMs: 100,
      admin: [`${listenerDump}&mask=error_state.failed_configuration,error_state.details`],
    },
  ]
}

const bigger = 'per_connection_buffer_limit_bytes: 9000'

function secretSteps(mode: ApiMode, pair: object): XdsStep[] {
  const sds = `{ name: server, sds_config: ${configSource(mode)} }`
  const context = `{ "@type": ${tlsTypes}.DownstreamTlsContext, common_tls_context: { tls_certificate_sds_secret_configs: [ ${sds} ] } }`
  const listener = httpListener('tls', inlineRoute('s'), {
    chain: `transport_socket: { name: tls, typed_config: ${context} }`,
  })
  const inlineContext = JSON.stringify({
    '@type': `${tlsTypes}.DownstreamTlsContext`,
    common_tls_context: { tls_certificates: [pair] },
  })
  const holder = httpListener('holder', inlineRoute('s'), {
    chain: `transport_socket: { name: tls, typed_config: ${inlineContext} }`,
  })
  const source = configSource(mode)
  const others = [httpListener('keeper', rds('r', source)), httpListener('second', rds('r2', source))]
  return [
    {
      name: 'a listener that waits for its certificate',
      act: (plane) => plane.set('LDS', [...others, listener], 'l10'),
      until: ['SDS initial', 'LDS ack l10'],
      admin: [
        '/init_dump',
        '/certs',
        '/config_dump?resource=dynamic_warming_secrets',
        '/config_dump?resource=dynamic_active_secrets',
      ],
    },
    {
      name: 'the certificate',
      act: (plane) => plane.set('SDS', [{ name: 'server', resource: { name: 'server', tls_certificate: pair } }], 's1'),
      until: ['SDS ack s1'],
      admin: [
        '/init_dump',
        '/certs',
        '/config_dump?resource=dynamic_warming_secrets',
        '/config_dump?resource=dynamic_active_secrets',
        '/config_dump?resource=dynamic_active_secrets&name_regex=x',
        '/config_dump?resource=dynamic_active_secrets&mask=secret',
        '/config_dump?resource=dynamic_active_secrets&mask=secret.tls_certificate.private_key',
      ],
    },
    {
      name: 'a listener with a private key in it',
      act: (plane) => plane.set('LDS', [...others, listener, holder], 'l11'),
      until: ['LDS ack l11'],
      admin: [`${listenerDump}&name_regex=holder`],
    },
  ]
}
