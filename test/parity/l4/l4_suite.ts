/** Listeners, filter chains and TCP filters. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { bootstrap, cluster, indent } from '../yaml.ts'
import { direct, listener, STATS, TYPE, tcpProxy } from './l4_yaml.ts'

const echo = `- { name: envoy.filters.network.echo, typed_config: { "@type": ${TYPE}.echo.v3.Echo } }`

function matched(name: string, chains: [match: string, filters: string][], byDefault?: string): string {
  const list = chains.map(
    ([match, filters], index) =>
      `- name: chain${index}\n  filter_chain_match: ${match}\n  filters:\n${indent(filters, 2)}`,
  )
  const fallback =
    byDefault === undefined ? '' : `default_filter_chain:\n  name: fallback\n  filters:\n${indent(byDefault, 2)}`
  return `
- name: ${name}
  stat_prefix: ${name}
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  filter_chains:
${indent(list.join('\n'), 2)}
${indent(fallback, 2)}
`
}

const yaml = bootstrap(
  [
    listener('tcp', tcpProxy('cluster: main')),
    listener(
      'weighted',
      tcpProxy('weighted_clusters: { clusters: [ { name: other, weight: 1 }, { name: other, weight: 3 } ] }'),
    ),
    listener('idle', tcpProxy('cluster: main\nidle_timeout: 0.12s', 'idle')),
    listener('duration', tcpProxy('cluster: main\nmax_downstream_connection_duration: 0.12s', 'duration')),
    listener('refused', tcpProxy('cluster: refused\nmax_connect_attempts: 3', 'refused')),
    listener('missing', tcpProxy('cluster: missing', 'missing')),
    listener('empty', tcpProxy('cluster: empty', 'empty')),
    listener('echo', echo),
    listener('direct', direct('hello')),
    listener(
      'limited',
      `- name: envoy.filters.network.connection_limit\n  typed_config: { "@type": ${TYPE}.connection_limit.v3.ConnectionLimit, stat_prefix: cl, max_connections: 1 }\n${tcpProxy('cluster: main').trim()}`,
    ),
    listener(
      'limited_delay',
      `- name: envoy.filters.network.connection_limit\n  typed_config: { "@type": ${TYPE}.connection_limit.v3.ConnectionLimit, stat_prefix: cld, max_connections: 1, delay: 0.1s }\n${tcpProxy('cluster: main').trim()}`,
    ),
    listener(
      'rate',
      `- name: envoy.filters.network.local_ratelimit\n  typed_config: { "@type": ${TYPE}.local_ratelimit.v3.LocalRateLimit, stat_prefix: rl, token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: 3600s } }\n${tcpProxy('cluster: main').trim()}`,
    ),
    listener('runtime_limit', tcpProxy('cluster: main')),
    listener('overflow', tcpProxy('cluster: overflow', 'overflow')),
    listener('small_buffer', tcpProxy('cluster: main'), 'per_connection_buffer_limit_bytes: 1024'),
    listener(
      'access_on_connect',
      tcpProxy('cluster: main').replace(
        '    access_log:',
        '    access_log_options: { flush_access_log_on_connected: true }\n    access_log:',
      ),
    ),
    matched('source', [
      ['{ source_prefix_ranges: [ { address_prefix: 10.0.0.0, prefix_len: 8 } ] }', direct('ten')],
      ['{ source_prefix_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] }', direct('loop8')],
      ['{ source_prefix_ranges: [ { address_prefix: 127.0.0.1, prefix_len: 32 } ] }', direct('loop32')],
    ]),
    matched('source_type', [
      ['{ source_type: EXTERNAL }', direct('external')],
      ['{ source_type: SAME_IP_OR_LOOPBACK }', direct('same')],
    ]),
    matched('prefix', [
      ['{ prefix_ranges: [ { address_prefix: 127.0.0.0, prefix_len: 8 } ] }', direct('to8')],
      ['{ prefix_ranges: [ { address_prefix: 127.0.0.1, prefix_len: 32 } ] }', direct('to32')],
    ]),
    matched(
      'direct_source',
      [['{ direct_source_prefix_ranges: [ { address_prefix: 127.0.0.1, prefix_len: 32 } ] }', direct('direct')]],
      direct('fallback'),
    ),
    matched('no_match', [['{ source_prefix_ranges: [ { address_prefix: 10.0.0.0, prefix_len: 8 } ] }', direct('ten')]]),
    matched(
      'fallback',
      [['{ source_prefix_ranges: [ { address_prefix: 10.0.0.0, prefix_len: 8 } ] }', direct('ten')]],
      direct('fallback'),
    ),
    matched(
      'dest_port',
      [
        ['{ destination_port: 1 }', direct('one')],
        ['{ source_ports: [ 1 ] }', direct('src')],
      ],
      direct('fallback'),
    ),
    matched(
      'server_names',
      [
        ['{ server_names: [ a.test ] }', direct('sni')],
        ['{ transport_protocol: raw_buffer }', direct('raw')],
      ],
      direct('fallback'),
    ),
    matched('protocols', [['{ application_protocols: [ h2 ] }', direct('h2')]], direct('fallback')),
  ],
  [
    cluster('main'),
    cluster('other'),
    cluster('refused', '', '1'),
    '- { name: empty, type: STATIC }',
    cluster('overflow', 'circuit_breakers: { thresholds: [ { max_connections: 0 } ] }', '{{backend}}'),
  ],
  'layered_runtime: { layers: [ { name: s, static_layer: { envoy.resource_limits.listener.runtime_limit.connection_limit: 1 } } ] }',
)

const raw = (
  name: string,
  listenerName: string,
  steps: ParityCase['steps'],
  more: Partial<ParityCase> = {},
): ParityCase => ({ name, listener: listenerName, steps, stats: STATS, ...more })

export const l4Suite: ParitySuite = {
  name: 'l4',
  yaml,
  backends: ['main', 'other'],
  scripts: {
    main: { raw: true, onEnd: (connection) => connection.finish('bye') },
    other: { raw: true, onTunnelData: (connection, data) => connection.send(`other(${data})`) },
  },
  cases: [
    raw('tcp echo', 'tcp', ['ping', { waitFor: 'echo(ping)' }]),
    raw('tcp half-close by the client', 'tcp', [
      'ping',
      { waitFor: 'echo(ping)' },
      { halfClose: true },
      { waitFor: 'bye' },
    ]),
    raw('tcp nothing sent, half-close', 'tcp', [{ halfClose: true }, { waitFor: 'bye' }]),
    raw('tcp client resets', 'tcp', ['ping', { waitFor: 'echo(ping)' }, { reset: true }]),
    raw('tcp backend speaks first', 'tcp', [{ waitFor: 'hello' }], { reply: ['hello'], replyAt: 'connect' }),
    raw('tcp backend greets and finishes', 'tcp', [{ waitClosed: true }], {
      reply: ['hello', { finish: true }],
      replyAt: 'connect',
    }),
    raw('tcp backend finishes, client goes on', 'tcp', [{ waitClosed: true }, 'late', { waitBackend: 'late' }], {
      reply: ['hello', { finish: true }],
      replyAt: 'connect',
    }),
    raw('tcp large', 'tcp', ['z'.repeat(200_000), { waitCount: ['z', 200_000] }], {
      stats: undefined,
      normalize: [[/echo\(|\)/g, '']],
    }),
    raw('tcp large, small buffers', 'small_buffer', ['z'.repeat(200_000), { waitCount: ['z', 200_000] }], {
      stats: undefined,
      normalize: [
        [/echo\(|\)/g, ''],
        [/tx=\d+/g, 'tx=N'],
        [/wire=\S+/g, 'wire=N'],
      ],
    }),
    raw('weighted clusters', 'weighted', ['x', { waitFor: 'other(x)' }]),
    raw('idle timeout', 'idle', ['x', { waitFor: 'echo(x)' }, { waitClosed: true }]),
    raw('idle timeout, nothing sent', 'idle', [{ waitClosed: true }]),
    raw('connection duration', 'duration', ['x', { waitFor: 'echo(x)' }, { waitClosed: true }]),
    raw('refused', 'refused', [{ waitClosed: true }]),
    raw('unknown cluster', 'missing', [{ waitClosed: true }]),
    raw('empty cluster', 'empty', [{ waitClosed: true }]),
    raw('connection overflow', 'overflow', [{ waitClosed: true }]),
    raw('echo filter', 'echo', ['ping', { waitFor: 'ping' }], { logLines: 0 }),
    raw('echo filter, half-close', 'echo', ['ping', { waitFor: 'ping' }, { halfClose: true }, { waitClosed: true }], {
      logLines: 0,
    }),
    raw('direct response filter', 'direct', [{ waitClosed: true }], { logLines: 0 }),
    raw('connection limit, below', 'limited', ['x', { waitFor: 'echo(x)' }]),
    raw('connection limit, above', 'limited', [{ waitClosed: true }], { holdConnections: 1 }),
    raw('connection limit, above, delayed', 'limited_delay', [{ waitClosed: true }], { holdConnections: 1 }),
    raw('local rate limit, first', 'rate', ['x', { quietMs: 50 }]),
    raw('local rate limit, second', 'rate', [{ waitClosed: true }]),
    raw('listener connection limit by runtime', 'runtime_limit', [{ waitClosed: true }], {
      holdConnections: 1,
      logLines: 0,
    }),
    raw('listener connection limit, below', 'runtime_limit', ['x', { waitFor: 'echo(x)' }]),
    raw('access log on connect', 'access_on_connect', ['x', { waitFor: 'echo(x)' }], { logLines: 2 }),
    ...[
      'source',
      'source_type',
      'prefix',
      'direct_source',
      'no_match',
      'fallback',
      'dest_port',
      'server_names',
      'protocols',
    ].map((name) => raw(`filter chain match: ${name}`, name, [{ waitClosed: true }], { logLines: 0 })),
  ],
}
