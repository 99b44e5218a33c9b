/** Filters whose configuration is discovered (ECDS): late, bad, changed, withdrawn, with defaults; HTTP, network and listener filters. */
import type { ResourceInput } from '../../support/xds/resources.ts'
import type { ApiMode } from '../../support/xds/samples.ts'
import { configSource, httpListener, inlineRoute, staticCluster } from '../../support/xds/samples.ts'
import type { XdsScript, XdsStep } from './driver.ts'

const filters = 'type.googleapis.com/envoy.extensions.filters'
const CORS = `${filters}.http.cors.v3.Cors`
const CORS_POLICY = `${filters}.http.cors.v3.CorsPolicy`
const REVERSE_BRIDGE = `${filters}.http.grpc_http1_reverse_bridge.v3.FilterConfig`
const ROUTER = `${filters}.http.router.v3.Router`
const DIRECT_RESPONSE = `${filters}.network.direct_response.v3.Config`
const CONNECTION_LIMIT = `${filters}.network.connection_limit.v3.ConnectionLimit`
const HCM = `${filters}.network.http_connection_manager.v3.HttpConnectionManager`
const TLS_INSPECTOR = `${filters}.listener.tls_inspector.v3.TlsInspector`
const RATE_LIMIT = `${filters}.listener.local_ratelimit.v3.LocalRateLimit`

const defaultCors = `default_config: { "@type": ${CORS} }`
const dump = '/config_dump?resource=ecds_filters'
const missing = '/stats?filter=config_missing'

/** Shows flags and details of the proxy's own answers. */
const verbose =
  'local_reply_config: { body_format: { text_format_source: { inline_string: "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%" } } }'
const corsRoute = `route_config: { name: inline, virtual_hosts: [ { name: all, domains: ["*"],
  typed_per_filter_config: { late: { "@type": ${CORS_POLICY}, allow_origin_string_match: [ { exact: "http://o.test" } ] } },
  routes: [ { match: { prefix: / }, route: { cluster: a } } ] } ] }`

export const extensionsScript: XdsScript = {
  name: 'xds extensions',
  steps: (mode, port) => [
    {
      name: 'a cluster',
      act: (plane) => plane.set('CDS', [staticCluster('a', port)], 'c1'),
      until: ['CDS ack c1', 'LDS initial'],
    },
    ...lateSteps(mode, listenersOf(mode)),
    ...defaultSteps(listenersOf(mode)),
    ...terminalSteps(listenersOf(mode)),
    ...networkSteps(listenersOf(mode)),
    ...listenerFilterSteps(listenersOf(mode)),
  ],
}

/** A flow-style ExtensionConfigSource. */
function discovery(mode: ApiMode, types: readonly string[], extra = '', sourceExtra = ''): string {
  const source = `config_source: ${configSource(mode, sourceExtra)}, type_urls: [ ${types.join(', ')} ]`
  return `config_discovery: { ${source}${extra === '' ? '' : `, ${extra}`} }`
}

function extension(name: string, config: string): ResourceInput {
  return { name, resource: `{ name: ${name}, typed_config: ${config} }` }
}

function request(to: string, headers = ''): { readonly to: string; readonly bytes: string } {
  return { to, bytes: `GET / HTTP/1.1\r\nhost: h\r\nconnection: close\r\n${headers}\r\n` }
}

/** What is said after a listener has closed would be answered by a reset, or not, as it happens. */
function silence(to: string): { readonly to: string; readonly bytes: string } {
  return { to, bytes: '' }
}

const isDelta = (mode: ApiMode): boolean => mode.startsWith('delta')

type Group = 'late' | 'both' | 'defaults' | 'terminal' | 'network' | 'listenerFilters'

/** Groups of listeners: each has those of the groups before it, which stay. */
function listenersOf(mode: ApiMode): Readonly<Record<Group, readonly ResourceInput[]>> {
  const answering = `${inlineRoute('a')}, ${verbose}`
  const soon = 'initial_fetch_timeout: 0.3s'
  const withFilter = (name: string, found: string, more = ''): ResourceInput =>
    httpListener(name, answering, { httpFilters: `{ name: f_${name}${more}, ${found} },` })
  const withListenerFilter = (name: string, filter: string, more = ''): ResourceInput => {
    const found = discovery(mode, [TLS_INSPECTOR, RATE_LIMIT], '', soon)
    return httpListener(name, answering, { extra: `listener_filters: [ { name: ${filter}${more}, ${found} } ]` })
  }
  const late = [
    httpListener('l', `${corsRoute}, ${verbose}`, {
      httpFilters: `{ name: late, ${discovery(mode, [CORS, REVERSE_BRIDGE])} },`,
    }),
  ]
  const both = [...late, httpListener('l2', answering, { httpFilters: `{ name: late, ${discovery(mode, [CORS])} },` })]
  const defaults = [
    ...both,
    withFilter('waits', discovery(mode, [CORS], defaultCors)),
    withFilter('eager', discovery(mode, [CORS], `${defaultCors}, apply_default_config_without_warming: true`)),
    withFilter('short', discovery(mode, [CORS], '', soon)),
    withFilter('fallback', discovery(mode, [CORS], defaultCors, soon)),
    withFilter('spare', discovery(mode, [CORS], '', soon), ', disabled: true'),
  ]
  const end = `{ name: end, ${discovery(mode, [ROUTER, CORS])} }`
  const manager = `{ "@type": ${HCM}, stat_prefix: end, ${answering}, http_filters: [ ${end} ] }`
  const terminal = [...defaults, listener('end', `{ name: hcm, typed_config: ${manager} }`)]
  const limit = `{ name: limit, ${discovery(mode, [CONNECTION_LIMIT, DIRECT_RESPONSE], '', soon)} }`
  const answer = `{ name: answer, ${discovery(mode, [DIRECT_RESPONSE], '', soon)} }`
  const network = [...terminal, listener('net', `${limit}, ${answer}`)]
  const listenerFilters = [
    ...network,
    withListenerFilter('fil', 'inspect'),
    withListenerFilter('unused', 'passed', ', filter_disabled: { any_match: true }'),
  ]
  return { late, both, defaults, terminal, network, listenerFilters }
}

function listener(name: string, filters: string): ResourceInput {
  const address = '{ socket_address: { address: 127.0.0.1, port_value: 0 } }'
  return { name, resource: `{ name: ${name}, address: ${address}, filter_chains: [ { filters: [ ${filters} ] } ] }` }
}

type Listeners = ReturnType<typeof listenersOf>

// What has come stays: whether Envoy takes a resource away that a refused delta response withdraws is chance.
const cors = extension('late', `{ "@type": ${CORS} }`)
const end = (fields = '') => extension('end', `{ "@type": ${ROUTER}${fields} }`)
const limit = extension('limit', `{ "@type": ${CONNECTION_LIMIT}, stat_prefix: p, max_connections: 9 }`)
const answer = (text: string) =>
  extension('answer', `{ "@type": ${DIRECT_RESPONSE}, response: { inline_string: ${text} } }`)
const quiet = end(', suppress_envoy_headers: true')

function lateSteps(mode: ApiMode, { late, both }: Listeners): XdsStep[] {
  const talk = [request('l', 'origin: http://o.test\r\n')]
  return [
    {
      name: 'a listener whose filter is missing',
      act: (plane) => plane.set('LDS', late, 'l1'),
      until: ['LDS ack l1', 'ECDS initial'],
      admin: [dump],
    },
    {
      name: 'the filter, with settings of the route',
      act: (plane) => plane.set('ECDS', [cors], 'x1'),
      until: ['ECDS ack x1'],
      isReady: true,
      admin: [dump],
      talk,
    },
    {
      name: 'a filter of a type that was not agreed on',
      act: (plane) => plane.set('ECDS', [extension('late', `{ "@type": ${ROUTER} }`)], 'x2'),
      until: ['ECDS nack x2'],
      admin: [dump],
      talk,
    },
    {
      name: 'a filter whose configuration is refused',
      act: (plane) => plane.set('ECDS', [extension('late', `{ "@type": ${REVERSE_BRIDGE} }`)], 'x3'),
      until: ['ECDS nack x3'],
      admin: [dump],
      talk,
    },
    {
      name: 'the same filter once more',
      act: (plane) => plane.set('ECDS', [cors], 'x4'),
      until: ['ECDS ack x4'],
      admin: [dump],
      talk,
    },
    {
      name: 'another filter',
      act: (plane) =>
        plane.set('ECDS', [extension('late', `{ "@type": ${REVERSE_BRIDGE}, content_type: application/x }`)], 'x5'),
      until: ['ECDS ack x5'],
      admin: [dump],
    },
    {
      name: 'a second listener that agreed on other types with the same name',
      act: (plane) => plane.set('LDS', both, 'l2'),
      until: ['LDS ack l2'],
      admin: [dump],
      talk: [request('l2')],
    },
    {
      name: 'what both agreed on',
      act: (plane) => plane.set('ECDS', [cors], 'x6'),
      until: ['ECDS ack x6'],
      admin: [dump],
      talk: [...talk, request('l2')],
    },
    {
      name: 'the filter is withdrawn',
      act: (plane) => plane.set('ECDS', [], 'x7'),
      until: isDelta(mode) ? ['ECDS ack x7'] : [],
      admin: [dump],
      talk,
    },
    {
      name: 'the filter comes back',
      act: (plane) => plane.set('ECDS', [cors], 'x8'),
      until: ['ECDS ack x8'],
      admin: [dump],
      talk,
    },
  ]
}

function defaultSteps({ defaults }: Listeners): XdsStep[] {
  return [
    {
      name: 'filters that do not come: with a default, without waiting, with a timeout, and disabled',
      act: (plane) => plane.set('LDS', defaults, 'l3'),
      until: ['LDS ack l3'],
      quietMs: 800,
      admin: [dump],
      talk: [request('eager'), request('short'), request('fallback'), request('spare')],
    },
    {
      name: 'one that waits is said not to exist',
      modes: ['delta ads'],
      act: (plane) => plane.streamOf('ECDS').respond('ECDS', { version: 'x8b', resources: [], removed: ['f_waits'] }),
      until: ['ECDS ack x8b'],
      talk: [request('waits')],
    },
    {
      name: 'a bad configuration for one that waits',
      act: (plane) => plane.set('ECDS', [cors, extension('f_waits', `{ "@type": ${ROUTER} }`)], 'x9'),
      until: ['ECDS nack x9'],
      admin: [dump],
      talk: [request('waits')],
    },
  ]
}

function terminalSteps({ terminal }: Listeners): XdsStep[] {
  return [
    {
      name: 'the last filter is discovered',
      act: (plane) => {
        plane.store.set('ECDS', [cors, end()], 'x10')
        plane.set('LDS', terminal, 'l5')
      },
      until: ['LDS ack l5', 'ECDS ack x10'],
      admin: [dump],
      talk: [request('end')],
    },
    {
      name: 'a last filter that ends nothing is refused',
      act: (plane) => plane.set('ECDS', [cors, extension('end', `{ "@type": ${CORS} }`)], 'x11'),
      until: ['ECDS nack x11'],
      talk: [request('end')],
    },
    {
      name: 'a last filter with other settings',
      act: (plane) => plane.set('ECDS', [cors, quiet], 'x12'),
      until: ['ECDS ack x12'],
      talk: [request('end')],
    },
  ]
}

function networkSteps({ network }: Listeners): XdsStep[] {
  const talk = [silence('net')]
  return [
    {
      name: 'network filters that do not come',
      act: (plane) => plane.set('LDS', network, 'l6'),
      until: ['LDS ack l6', 'ECDS'],
      quietMs: 800,
      talk,
    },
    {
      name: 'one of two network filters',
      act: (plane) => plane.set('ECDS', [cors, quiet, answer('first')], 'x13'),
      until: ['ECDS ack x13'],
      admin: [dump, missing],
      talk,
    },
    {
      name: 'both network filters',
      act: (plane) => plane.set('ECDS', [cors, quiet, answer('first'), limit], 'x14'),
      until: ['ECDS ack x14'],
      admin: [dump, missing],
      talk,
    },
    {
      name: 'a network filter that changed',
      act: (plane) => plane.set('ECDS', [cors, quiet, answer('second'), limit], 'x15'),
      until: ['ECDS ack x15'],
      talk,
    },
    {
      name: 'network filters in the wrong place',
      act: (plane) =>
        plane.set(
          'ECDS',
          [cors, quiet, answer('second'), extension('limit', `{ "@type": ${DIRECT_RESPONSE} }`)],
          'x16',
        ),
      until: ['ECDS nack x16'],
      talk,
    },
  ]
}

function listenerFilterSteps({ listenerFilters }: Listeners): XdsStep[] {
  const others = [cors, quiet, answer('second'), limit]
  const inspect = (config: string) => [...others, extension('inspect', config)]
  const rate = (fill: string) =>
    inspect(`{ "@type": ${RATE_LIMIT}, stat_prefix: r, token_bucket: { max_tokens: 1, fill_interval: ${fill} } }`)
  return [
    {
      name: 'listener filters that do not come',
      act: (plane) => plane.set('LDS', listenerFilters, 'l7'),
      until: ['LDS ack l7', 'ECDS'],
      quietMs: 800,
      admin: [dump],
      talk: [silence('fil'), silence('unused')],
    },
    {
      name: 'a listener filter',
      act: (plane) => plane.set('ECDS', inspect(`{ "@type": ${TLS_INSPECTOR} }`), 'x17'),
      until: ['ECDS ack x17'],
      admin: [dump, missing],
      talk: [request('fil')],
    },
    {
      name: 'another listener filter',
      act: (plane) => plane.set('ECDS', rate('100s'), 'x18'),
      until: ['ECDS ack x18'],
      admin: [dump],
      talk: [request('fil'), silence('fil')],
    },
    {
      name: 'a listener filter whose configuration is refused',
      act: (plane) => plane.set('ECDS', rate('0.01s'), 'x19'),
      until: ['ECDS nack x19'],
      admin: [dump],
      talk: [silence('fil')],
    },
  ]
}
