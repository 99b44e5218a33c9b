/** How TCP connections end: FIN or RST, who is told first, and what the log says of it. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { bootstrap, cluster } from '../yaml.ts'
import { direct, listener, STATS, TYPE, tcpProxy } from './l4_yaml.ts'

const yaml = bootstrap(
  [
    listener('tcp', tcpProxy('cluster: main')),
    listener('resetter', tcpProxy('cluster: resetter')),
    listener('refused', tcpProxy('cluster: refused', 'refused')),
    listener(
      'backoff',
      tcpProxy('cluster: refused\nmax_connect_attempts: 3\nbackoff_options: { base_interval: 0.1s }'),
    ),
    listener('missing', tcpProxy('cluster: missing', 'missing')),
    listener('direct', direct('hello')),
    listener('duration', tcpProxy('cluster: main\nmax_downstream_connection_duration: 0.1s', 'duration')),
    listener('idle', tcpProxy('cluster: main\nidle_timeout: 0.1s', 'idle')),
    listener(
      'start',
      tcpProxy(
        'cluster: main\naccess_log_options: { flush_access_log_on_start: true, flush_access_log_on_connected: true }',
      ),
    ),
    listener('periodic', tcpProxy('cluster: main\naccess_log_options: { access_log_flush_interval: 0.1s }')),
    `
- name: no_filters
  stat_prefix: no_filters
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  filter_chains: [ {} ]
`,
    `
- name: unmatched
  stat_prefix: unmatched
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  filter_chains:
  - filter_chain_match: { destination_port: 1 }
    filters: [ { name: e, typed_config: { "@type": ${TYPE}.echo.v3.Echo } } ]
`,
  ],
  [cluster('main'), cluster('resetter'), cluster('refused', '', '1')],
)

const raw = (
  name: string,
  listenerName: string,
  steps: ParityCase['steps'],
  more: Partial<ParityCase> = {},
): ParityCase => ({ name, listener: listenerName, steps, stats: STATS, ...more })

const greet = (...more: NonNullable<ParityCase['reply']> & object): Partial<ParityCase> => ({
  reply: ['hello', ...more],
  replyAt: 'connect',
})

export const endingsSuite: ParitySuite = {
  name: 'l4 endings',
  yaml,
  backends: ['main', 'resetter'],
  scripts: {
    resetter: {
      raw: true,
      onTunnelData: (connection) => connection.reset(),
      onEnd: (connection) => connection.reset(),
    },
    main: { raw: true, onEnd: (connection) => connection.finish('bye') },
  },
  cases: [
    raw('data that waits for a refused upstream', 'backoff', ['x', { waitClosed: true }], { stats: undefined }),
    raw('FIN for a refused upstream', 'refused', [{ halfClose: true }, { waitClosed: true }], { stats: undefined }),
    raw('refused with back-off', 'backoff', [{ waitClosed: true }]),
    raw('duration with data on the way', 'duration', ['x', { waitFor: 'echo(x)' }, { waitClosed: true }]),
    raw('idle after both spoke', 'idle', ['x', { waitFor: 'echo(x)' }, { waitClosed: true }]),
    raw('idle after the client ended', 'idle', [{ halfClose: true }, { waitFor: 'bye' }, { waitClosed: true }]),
    raw('backend resets after data', 'resetter', ['x', { waitClosed: true }]),
    raw('backend resets after the client ended', 'resetter', [{ halfClose: true }, { waitClosed: true }]),
    raw('client resets after the backend ended', 'tcp', [{ waitFor: 'hello' }, { quietMs: 30 }, { reset: true }], {
      ...greet({ finish: true }),
    }),
    raw('client resets after it ended', 'tcp', [{ waitFor: 'hello' }, { halfClose: true }, { waitFor: 'bye' }], {
      ...greet(),
    }),
    raw('client resets unread', 'tcp', ['x', { waitBackend: 'x' }, { reset: true }], { stats: undefined }),
    raw('logs at start, connect and end', 'start', ['x', { waitFor: 'echo(x)' }], { logLines: 3 }),
    raw('logs between', 'periodic', ['x', { waitFor: 'echo(x)' }, { quietMs: 150 }], {
      logLines: 2,
      logOnce: true,
    }),
    raw('chain without filters', 'no_filters', [{ waitClosed: true }], { logLines: 0 }),
    raw(
      'statistics in use',
      'tcp',
      [
        { waitFor: 'hello' },
        ...['\\.tcp\\.downstream_pre', '^http1'].map((name) => ({
          admin: `/stats?usedonly&filter=${encodeURIComponent(name)}`,
        })),
        { admin: `/stats?filter=${encodeURIComponent('^http1')}` },
      ],
      { ...greet(), stats: undefined },
    ),
    raw('no chain', 'unmatched', [{ waitClosed: true }], { logLines: 0 }),
  ],
}
