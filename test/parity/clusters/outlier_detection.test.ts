/** Hosts that fail too often, beside Envoy: what counts as which failure, who is ejected for it, and what is told of that. */
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CheckedHosts, HostName } from './checked_hosts.ts'
import { hostPair } from './host_pair.ts'
import {
  connectTo,
  endings,
  events,
  failAsAsked,
  LIMIT,
  NOWHERE,
  outlierCluster,
  outlierListener,
  outlierStats,
  send,
  shown,
  tcpListener,
} from './outlier_hosts.ts'

interface Case {
  readonly name: string
  readonly outliers: object
  /** `a` alone by default; `dead` for one that nobody listens at. */
  readonly hosts?: readonly HostName[] | 'dead'
  readonly cluster?: object
  readonly route?: object
  readonly act: (of: CheckedHosts) => Promise<void>
  /** What is not zero afterwards. */
  readonly stats: Readonly<Record<string, number>>
  /** Who answers from then on; looked at where the case says so. */
  readonly served?: string
}

const failing5xx = { consecutive_5xx: LIMIT }
const failingGateway = { consecutive_gateway_failure: LIMIT, enforcing_consecutive_gateway_failure: 100 }
const failingLocally = { consecutive_local_origin_failure: LIMIT, split_external_local_origin_errors: true }
const all = { ...failing5xx, consecutive_gateway_failure: LIMIT, consecutive_local_origin_failure: LIMIT }
const split = { split_external_local_origin_errors: true }
const quiet = { 'x-envoy-upstream-rq-timeout-alt-response': '1' }
const grpc = { 'content-type': 'application/grpc' }

const detected5xx = { ejections_consecutive_5xx: 1, ejections_detected_consecutive_5xx: 1 }
const by5xx = { ...detected5xx, ejections_enforced_consecutive_5xx: 1, ejections_total: 1 }
const ejected = { ejections_active: 1, ejections_enforced_total: 1 }
const byGateway = {
  ejections_detected_consecutive_gateway_failure: 1,
  ejections_enforced_consecutive_gateway_failure: 1,
}
const byLocal = {
  ejections_detected_consecutive_local_origin_failure: 1,
  ejections_enforced_consecutive_local_origin_failure: 1,
}
const one = { membership_total: 1 }
const bothIn = { membership_healthy: 2, membership_total: 2 }

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext'
const OPTIONS = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions'
const typedOptions = (error_matcher: object) => ({
  typed_extension_protocol_options: {
    [OPTIONS]: {
      '@type': `type.googleapis.com/${OPTIONS}`,
      explicit_http_config: { http_protocol_options: {} },
      outlier_detection: { error_matcher },
    },
  },
})
const present = (name: string) => ({ http_response_headers_match: { headers: [{ name, present_match: true }] } })

const cases: readonly Case[] = [
  {
    name: 'fives',
    outliers: failing5xx,
    act: (of) => send(of, LIMIT, '/fives/a/500'),
    stats: { ...by5xx, ...ejected, ...one },
    served: '503',
  },
  {
    name: 'interrupted',
    outliers: failing5xx,
    act: async (of) => {
      await send(of, LIMIT - 1, '/interrupted/a/500')
      await send(of, 1, '/interrupted/a/404')
      await send(of, LIMIT, '/interrupted/a/599')
    },
    stats: { ...by5xx, ...ejected, ...one },
  },
  {
    name: 'gateways',
    outliers: failingGateway,
    act: async (of) => {
      await send(of, LIMIT - 1, '/gateways/a/502')
      // A failure of another kind begins the count anew.
      await send(of, 1, '/gateways/a/500')
      await send(of, LIMIT, '/gateways/a/504')
    },
    stats: { ...byGateway, ...ejected, ...one },
  },
  {
    name: 'both_kinds',
    outliers: { ...failing5xx, ...failingGateway },
    act: (of) => send(of, LIMIT, '/both_kinds/a/503'),
    // Who is out already is not looked at again.
    stats: { ...byGateway, ...ejected, ...one },
  },
  {
    name: 'resets',
    outliers: all,
    act: (of) => send(of, LIMIT, '/resets/a/reset'),
    stats: { ...by5xx, ...ejected, ...one, ejections_detected_consecutive_gateway_failure: 1 },
  },
  {
    name: 'slow',
    outliers: all,
    act: (of) => send(of, LIMIT, '/slow/a/hang'),
    stats: { ...by5xx, ...ejected, ...one, ejections_detected_consecutive_gateway_failure: 1 },
    served: '503',
  },
  {
    name: 'split_slow',
    outliers: { ...all, ...split },
    // Each has a connection, which is a success.
    act: async (of) => {
      await send(of, LIMIT, '/split_slow/a/hang')
      await send(of, LIMIT, '/split_slow/a/reset')
    },
    stats: { membership_healthy: 1, ...one },
  },
  {
    name: 'split_fives',
    outliers: { ...all, ...split },
    act: (of) => send(of, LIMIT, '/split_fives/a/500'),
    stats: { ...by5xx, ...ejected, ...one },
  },
  {
    name: 'unreachable',
    hosts: 'dead',
    outliers: all,
    act: (of) => send(of, LIMIT, '/unreachable/'),
    stats: { ...by5xx, ...ejected, ...one, ejections_detected_consecutive_gateway_failure: 1 },
  },
  {
    name: 'split_unreachable',
    hosts: 'dead',
    outliers: { ...failing5xx, ...failingLocally },
    act: (of) => send(of, LIMIT, '/split_unreachable/'),
    stats: { ...byLocal, ...ejected, ...one },
    served: '503',
  },
  {
    name: 'answered_quietly',
    outliers: failing5xx,
    act: async (of) => {
      await send(of, LIMIT - 1, '/answered_quietly/a/500')
      await send(of, 1, '/answered_quietly/a/hang', quiet)
      await send(of, LIMIT - 1, '/answered_quietly/a/500')
    },
    stats: { membership_healthy: 1, ...one },
  },
  {
    name: 'handshakes',
    outliers: { ...failing5xx, ...failingLocally },
    // Nobody answers to that: there is no connection yet when the time is over, and no host to blame.
    cluster: { transport_socket: { name: 'tls', typed_config: { '@type': TLS } } },
    act: (of) => send(of, LIMIT, '/handshakes/'),
    stats: { membership_healthy: 1, ...one },
  },
  {
    name: 'retried',
    outliers: { ...failing5xx, ...failingGateway },
    route: { retry_policy: { retry_on: '5xx', num_retries: LIMIT - 1 } },
    act: (of) => send(of, 1, '/retried/a/503'),
    stats: { ...byGateway, ...ejected, ...one },
  },
  {
    name: 'tried_too_long',
    outliers: { ...failing5xx, ...failingGateway },
    route: { timeout: '10s', retry_policy: { retry_on: '5xx', num_retries: LIMIT - 1, per_try_timeout: '0.1s' } },
    act: (of) => send(of, 1, '/tried_too_long/a/hang'),
    stats: { ...byGateway, ...ejected, ...one },
  },
  {
    name: 'calls',
    hosts: 'dead',
    outliers: { ...failing5xx, consecutive_gateway_failure: LIMIT },
    cluster: { http2_protocol_options: {} },
    // The proxy's own: each request is to be logged there.
    act: async (of) => {
      const isEjected = async () => {
        await send(of, 1, '/fives/')
        return (await outlierStats(of, 'calls'))['ejections_active']
      }
      await of.settled(isEjected, 1)
    },
    stats: { ...by5xx, ...ejected, ...one, ejections_detected_consecutive_gateway_failure: 1 },
  },
  {
    name: 'grpc_status',
    outliers: { ...failing5xx, ...failingGateway },
    act: (of) => send(of, LIMIT, '/grpc_status/a/200/unavailable', grpc),
    stats: { ...byGateway, ...ejected, ...one },
  },
  {
    name: 'grpc_internal',
    outliers: { ...failing5xx, ...failingGateway },
    act: (of) => send(of, LIMIT, '/grpc_internal/a/200/internal', grpc),
    stats: { ...by5xx, ...ejected, ...one },
  },
  {
    name: 'no_grpc',
    outliers: failing5xx,
    act: (of) => send(of, LIMIT, '/no_grpc/a/200/internal'),
    stats: { membership_healthy: 1, ...one },
  },
  {
    name: 'matched',
    outliers: { ...failing5xx, ...failingGateway },
    cluster: typedOptions(present('x-bad')),
    act: async (of) => {
      await send(of, LIMIT, '/matched/a/503')
      await send(of, LIMIT, '/matched/a/200/bad')
    },
    stats: { ...by5xx, ...ejected, ...one },
  },
  {
    name: 'matched_gateways',
    outliers: { ...failing5xx, ...failingGateway },
    cluster: typedOptions({ and_match: { rules: [present('x-bad'), { not_match: present('x-good') }] } }),
    act: (of) => send(of, LIMIT, '/matched_gateways/a/503/bad'),
    stats: { ...byGateway, ...ejected, ...one },
  },
  {
    name: 'tcp_unreachable',
    hosts: 'dead',
    outliers: { ...failing5xx, ...failingGateway },
    act: (of) => connectTo(of, 'tcp_unreachable', LIMIT),
    stats: { ...byGateway, ...ejected, ...one },
  },
  {
    name: 'tcp_split',
    hosts: 'dead',
    outliers: { ...failing5xx, ...failingLocally },
    act: (of) => connectTo(of, 'tcp_split', LIMIT),
    stats: { ...byLocal, ...ejected, ...one },
  },
  {
    name: 'tcp_good',
    outliers: failing5xx,
    act: async (of) => {
      await send(of, LIMIT - 1, '/tcp_good/a/500')
      await connectTo(of, 'tcp_good', 1, 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      await send(of, 1, '/tcp_good/a/500')
    },
    stats: { membership_healthy: 1, ...one },
  },
  {
    name: 'tunnels',
    outliers: { ...failing5xx, ...failingGateway },
    act: (of) => connectTo(of, 'tunnels', LIMIT, 'payload'),
    stats: { ...byGateway, ...ejected, ...one },
  },
  {
    name: 'tunnels_split',
    outliers: { ...failing5xx, ...failingLocally },
    act: (of) => connectTo(of, 'tunnels_split', LIMIT, 'payload'),
    stats: { ...byLocal, ...ejected, ...one },
  },
  {
    name: 'cut_short',
    outliers: { consecutive_5xx: 1, enforcing_consecutive_5xx: 0 },
    act: (of) => send(of, 1, '/cut_short/a/cut').catch(() => {}),
    stats: { ...detected5xx, ejections_total: 1, membership_healthy: 1, ...one },
  },
  {
    name: 'unenforced',
    outliers: { ...failing5xx, enforcing_consecutive_5xx: 0 },
    act: (of) => send(of, LIMIT, '/unenforced/a/500'),
    stats: { ...detected5xx, ejections_total: 1, membership_healthy: 1, ...one },
  },
  {
    name: 'too_many',
    hosts: ['a', 'b'],
    outliers: { ...failing5xx, max_ejection_percent: 49 },
    act: (of) => send(of, 2 * LIMIT, '/too_many/a/500'),
    stats: { ...detected5xx, ejections_overflow: 1, ...bothIn },
  },
  {
    name: 'half',
    hosts: ['a', 'b'],
    outliers: { ...failing5xx, max_ejection_percent: 50 },
    act: (of) => send(of, 2 * LIMIT, '/half/a/500'),
    stats: { ...by5xx, ...ejected, membership_healthy: 1, membership_total: 2 },
    served: 'b',
  },
  {
    name: 'at_least_one',
    hosts: ['a', 'b'],
    outliers: { ...failing5xx, max_ejection_percent: 0, always_eject_one_host: true },
    act: async (of) => {
      await send(of, 2 * LIMIT, '/at_least_one/a/500')
      await of.settled(async () => (await outlierStats(of, 'at_least_one'))['ejections_active'], 1)
      await of.settled(() => of.served('at_least_one'), 'b')
      await send(of, LIMIT, '/at_least_one/b/500')
    },
    stats: {
      ...ejected,
      ejections_consecutive_5xx: 2,
      ejections_detected_consecutive_5xx: 2,
      ejections_enforced_consecutive_5xx: 1,
      ejections_overflow: 1,
      ejections_total: 1,
      membership_healthy: 1,
      membership_total: 2,
    },
  },
  {
    name: 'panicking',
    outliers: failing5xx,
    cluster: { common_lb_config: {} },
    act: async (of) => {
      await send(of, LIMIT, '/panicking/a/500')
      await of.settled(async () => (await outlierStats(of, 'panicking'))['ejections_active'], 1)
      // Still in use, and no more than out.
      await send(of, LIMIT, '/panicking/a/500')
    },
    stats: { ...by5xx, ...ejected, ...one },
    served: 'a',
  },
  {
    name: 'degraded',
    outliers: { ...failing5xx, enforcing_consecutive_5xx: 0, detect_degraded_hosts: true, max_ejection_percent: 0 },
    act: async (of) => {
      await send(of, LIMIT - 1, '/degraded/a/500')
      await send(of, LIMIT, '/degraded/a/200/degraded')
      // A response that says so is a good one otherwise; one that is bad says nothing by it.
      await send(of, LIMIT - 1, '/degraded/a/500/degraded')
    },
    stats: { ejections_detected_degradation: 1, membership_degraded: 1, ...one },
  },
  {
    name: 'not_degraded',
    outliers: failing5xx,
    act: (of) => send(of, LIMIT, '/not_degraded/a/200/degraded'),
    stats: { membership_healthy: 1, ...one },
  },
]

const tcpClusters = ['tcp_unreachable', 'tcp_split', 'tcp_good', 'tunnels', 'tunnels_split']

function clusterOf(of: CheckedHosts, { name, outliers, hosts = ['a'], cluster }: Case): object {
  if (hosts !== 'dead') return { ...outlierCluster(of, name, outliers, hosts), ...cluster }
  return {
    ...outlierCluster(of, name, outliers, []),
    load_assignment: of.assignment(name, [{ endpoint: { address: NOWHERE } }]),
    ...cluster,
  }
}

function bootstrap(of: CheckedHosts): object {
  of.answerTraffic = failAsAsked
  const clusters = cases.map((each) => clusterOf(of, each))
  const tunneling_config = { hostname: 'nowhere:1' }
  const tcpListeners = tcpClusters.map((name) =>
    tcpListener(name, name.startsWith('tunnel') ? { tunneling_config } : {}),
  )
  const listeners = [outlierListener(of, cases, 'calls'), ...tcpListeners]
  return {
    cluster_manager: { outlier_detection: { event_log_path: join(of.folder, 'events') } },
    static_resources: { clusters, listeners },
  }
}

describe('a host is an outlier', () => {
  const pair = hostPair(bootstrap)

  it.each(cases)(
    '$name',
    async ({ name, act, stats, served }) => {
      const seen = await Promise.all(
        pair.map(async (of) => {
          await act(of)
          const settled = await of.settled(
            () => outlierStats(of, name),
            Object.fromEntries(Object.entries(stats).sort()),
          )
          expect(settled, of.kind).toEqual(stats)
          return { shown: await shown(of, name) }
        }),
      )
      expect(seen[1]).toEqual(seen[0])
      await sameEvents(name, stats)
      if (served !== undefined) await sameEndings(name, served)
    },
    30_000,
  )

  async function sameEvents(name: string, stats: Case['stats']): Promise<void> {
    const [envoy, nuncio] = pair
    const detected = Object.entries(stats).filter(([stat]) => stat.startsWith('ejections_detected_'))
    const count = detected.reduce((sum, [, value]) => sum + value, 0) - (stats['ejections_overflow'] ?? 0)
    expect(await envoy.settled(async () => events(envoy, name).length, count)).toBe(count)
    const logged = events(envoy, name)
    expect(await nuncio.settled(async () => events(nuncio, name), logged)).toEqual(logged)
  }

  async function sameEndings(name: string, served: string): Promise<void> {
    for (const of of pair) {
      expect(await of.settled(() => of.served(name), served), of.kind).toBe(served)
      const isLogged = async () => endings(of, name).some((line) => line.startsWith(`/${name}/ `))
      expect(await of.settled(isLogged, true), of.kind).toBe(true)
    }
    const [envoy, nuncio] = pair
    const ended = endings(envoy, name)
    expect(await nuncio.settled(async () => endings(nuncio, name), ended)).toEqual(ended)
  }
})
