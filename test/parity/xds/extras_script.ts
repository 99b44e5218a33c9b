/** Secrets, runtime layers and scoped routes by discovery: late, bad, changed and gone. */
import type { CertificateAuthority } from '../../support/certificate_authority.ts'
import type { ResourceInput } from '../../support/xds/resources.ts'
import type { ApiMode } from '../../support/xds/samples.ts'
import { configSource, httpListener, inlineRoute, routes, staticCluster } from '../../support/xds/samples.ts'
import type { XdsScript, XdsStep } from './driver.ts'

const types = 'type.googleapis.com/envoy'
const DOWNSTREAM_TLS = `${types}.extensions.transport_sockets.tls.v3.DownstreamTlsContext`
const listenerStates =
  '/config_dump?resource=dynamic_listeners&mask=name,active_state.version_info,warming_state.version_info'

export function extrasScript(ca: CertificateAuthority): XdsScript {
  const secrets = ['first.test', 'second.test'].map((name) => certificateSecret(ca, name))
  return {
    name: 'xds extras',
    bootstrap: (mode) => ({
      more: `layered_runtime:
  layers:
  - { name: fixed, static_layer: { kept: 1, changed: 1 } }
  - { name: dynamic, rtds_layer: { name: layer, rtds_config: ${configSource(mode, 'initial_fetch_timeout: 0.5s')} } }
  - { name: admin, admin_layer: {} }`,
    }),
    steps: (mode, port) => [
      ...runtimeSteps(mode, port),
      ...secretSteps(mode, secrets),
      ...scopeSteps(mode),
      ...lifetimeSteps(mode, port),
    ],
  }
}

const runtime = (layer: string): ResourceInput => ({ name: 'layer', resource: `{ name: layer, layer: ${layer} }` })

function runtimeSteps(_mode: ApiMode, port: number): XdsStep[] {
  return [
    {
      name: 'the start waits for the runtime, for a while',
      act: () => undefined,
      until: ['RTDS initial', 'CDS initial'],
      admin: ['/init_dump', '/runtime'],
    },
    {
      name: 'a runtime layer',
      act: (plane) => plane.set('RTDS', [runtime('{ changed: 2, text: abc, "nested.name": true }')], 't1'),
      until: ['RTDS ack t1'],
      admin: ['/runtime'],
    },
    {
      name: 'a runtime layer that changed',
      act: (plane) =>
        plane.set('RTDS', [runtime('{ changed: 3, part: { numerator: 1, denominator: HUNDRED } }')], 't2'),
      until: ['RTDS ack t2'],
      admin: ['/runtime'],
    },
    {
      name: 'no runtime layer',
      act: (plane) => plane.streamOf('RTDS').respond('RTDS', { version: 't3', resources: [] }),
      until: ['RTDS ack t3'],
      admin: ['/runtime'],
    },
    {
      name: 'a cluster',
      act: (plane) => plane.set('CDS', [staticCluster('a', port)], 'c1'),
      until: ['CDS ack c1', 'LDS initial'],
    },
  ]
}

const plain = httpListener('plain', inlineRoute('a'))

function tlsListener(mode: ApiMode, name: string, secret: string): ResourceInput {
  const sds = `{ name: ${secret}, sds_config: ${configSource(mode)} }`
  const context = `{ "@type": ${DOWNSTREAM_TLS}, common_tls_context: { tls_certificate_sds_secret_configs: [ ${sds} ] } }`
  return httpListener(name, inlineRoute('a'), { chain: `transport_socket: { name: tls, typed_config: ${context} }` })
}

function certificateSecret(ca: CertificateAuthority, name: string): ResourceInput {
  const { cert, key } = ca.issue({ name, altNames: [`DNS:${name}`] })
  const pair = { certificate_chain: { inline_string: String(cert) }, private_key: { inline_string: String(key) } }
  return { name: 'server', resource: { name: 'server', tls_certificate: pair } }
}

function secretSteps(mode: ApiMode, [first, second]: readonly ResourceInput[]): XdsStep[] {
  const nonsense = '{ certificate_chain: { inline_string: nonsense }, private_key: { inline_string: nonsense } }'
  const bad = { name: 'server', resource: `{ name: server, tls_certificate: ${nonsense} }` }
  const states = ['dynamic_active_secrets', 'dynamic_warming_secrets']
  const secretDumps = states.map((state) => `/config_dump?resource=${state}&mask=name,version_info,secret.name`)
  return [
    {
      name: 'a listener whose secret is missing, beside one that needs none',
      act: (plane) => plane.set('LDS', [plain, tlsListener(mode, 'tls', 'server')], 'l1'),
      until: ['LDS ack l1', 'SDS initial'],
      admin: ['/init_dump', '/listeners', listenerStates, ...secretDumps],
    },
    {
      name: 'the secret',
      act: (plane) => plane.set('SDS', [first], 's1'),
      until: ['SDS ack s1'],
      becomesReady: true,
      admin: ['/init_dump', listenerStates, ...secretDumps],
      ask: ['plain'],
    },
    {
      name: 'a secret that is nonsense',
      act: (plane) => plane.set('SDS', [bad], 's2'),
      until: ['SDS nack s2'],
      admin: ['/config_dump?resource=dynamic_active_secrets&mask=name,secret.name'],
    },
    {
      name: 'another certificate',
      act: (plane) => plane.set('SDS', [second], 's3'),
      until: ['SDS ack s3'],
      admin: secretDumps,
    },
    {
      name: 'a second listener with the same secret asks for nothing new',
      act: (plane) =>
        plane.set('LDS', [plain, tlsListener(mode, 'tls', 'server'), tlsListener(mode, 'tls2', 'server')], 'l2'),
      until: ['LDS ack l2'],
      admin: ['/listeners', listenerStates],
    },
    {
      name: 'the listeners with secrets are removed',
      act: (plane) => plane.set('LDS', [plain], 'l3'),
      until: ['LDS ack l3'],
      admin: secretDumps,
    },
  ]
}

function scopeSteps(mode: ApiMode): XdsStep[] {
  const source = configSource(mode)
  const extractor = '{ header_value_extractor: { name: x-scope, index: 0 } }'
  const scoped = `scoped_routes: { name: scopes, rds_config_source: ${source}, scope_key_builder: { fragments: [ ${extractor} ] }, scoped_rds: { scoped_rds_config_source: ${source} } }`
  const listener = httpListener('scoped', scoped)
  const scope = (name: string, route: string, key: string): ResourceInput => ({
    name,
    resource: `{ name: ${name}, route_configuration_name: ${route}, key: { fragments: [ { string_key: ${key} } ] } }`,
  })
  const dump = '/config_dump?resource=dynamic_scoped_route_configs'
  return [
    {
      name: 'a listener whose scopes are missing',
      act: (plane) => plane.set('LDS', [plain, listener], 'l5'),
      until: ['LDS ack l5', 'SRDS initial'],
      admin: ['/init_dump', listenerStates],
    },
    {
      name: 'a scope, whose routes are missing',
      act: (plane) => plane.set('SRDS', [scope('one', 'r1', 'first')], 's1'),
      until: ['SRDS ack s1', 'RDS initial'],
      admin: ['/init_dump', dump, listenerStates],
    },
    {
      name: 'its routes',
      act: (plane) => plane.set('RDS', [routes('r1', 'a'), routes('r2', 'a')], 'r1'),
      until: ['RDS ack r1'],
      admin: ['/init_dump', listenerStates],
      ask: ['scoped'],
    },
    {
      name: 'two scopes of one key',
      act: (plane) => plane.set('SRDS', [scope('one', 'r1', 'first'), scope('two', 'r2', 'first')], 's2'),
      until: ['SRDS nack s2'],
      admin: [dump],
    },
    {
      name: 'two scopes',
      act: (plane) => plane.set('SRDS', [scope('one', 'r1', 'first'), scope('two', 'r2', 'second')], 's3'),
      until: ['SRDS ack s3'],
      admin: [dump],
    },
    {
      name: 'one scope less',
      act: (plane) => plane.set('SRDS', [scope('two', 'r2', 'second')], 's4'),
      until: ['SRDS ack s4'],
      admin: [dump],
    },
  ]
}

/** Envoy dies where the time of endpoints or routes is over in the state of the world. */
function lifetimeSteps(_mode: ApiMode, port: number): XdsStep[] {
  const ttlMs = 1000
  const brief = { ...staticCluster('brief', port), ttlMs }
  const clusters = '/config_dump?resource=dynamic_active_clusters&mask=version_info,cluster.name'
  return [
    {
      name: 'a cluster with a time to live',
      act: (plane) => plane.set('CDS', [staticCluster('a', port), brief], 'c2'),
      until: ['CDS ack c2'],
      admin: [clusters],
    },
    {
      name: 'a heartbeat lets it live on',
      act: (plane) => {
        const resources = [plane.store.state('CDS')!.resources.get('brief')!]
        plane.streamOf('CDS').respond('CDS', { version: 'c2', resources, withoutBodies: true })
      },
      until: ['CDS ack c2'],
      admin: [clusters],
      // In the state of the world a response says what there is, even if it is a heartbeat: other clusters go.
      modes: ['delta ads'],
    },
    {
      name: 'its time is over',
      act: () => undefined,
      quietMs: 2 * ttlMs,
      admin: [clusters],
    },
    {
      name: 'a listener with a time to live, which is over',
      act: (plane) => plane.set('LDS', [plain, { ...httpListener('brief', inlineRoute('a')), ttlMs }], 'l6'),
      until: ['LDS ack l6'],
      quietMs: 2 * ttlMs,
      admin: ['/listeners'],
    },
  ]
}
