// Which host of its cluster a try goes to, and by which connections.

import type { HeaderMap } from '../common/header_map.ts'
import type { HttpConnectionPool } from '../http/conn_pool/connection_pool.ts'
import type { StreamDecoderFilterCallbacks } from '../http/http_filter.ts'
import type { AddCookie, ForwardRoute } from '../http/route.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import type { HttpPools } from './router_settings.ts'
import { TcpUpstreamPool } from './tcp_upstream.ts'

/**
 * The load balancer's choice; undefined where the cluster has no host to offer. A retry with the previous_hosts
 * predicate looks for a host that was not tried, so often as its policy says.
 */
export function chooseHost(
  route: ForwardRoute,
  cluster: Cluster,
  headers: HeaderMap,
  callbacks: StreamDecoderFilterCallbacks,
  addCookie: AddCookie,
): Host | undefined {
  const { streamInfo } = callbacks
  const context = {
    hash: route.hash(headers, streamInfo, addCookie),
    metadataMatch: route.metadataMatch,
    downstreamConnection: callbacks.connection,
  }
  let host = cluster.chooseHost(context)
  const policy = route.retryPolicy
  if (streamInfo.attemptCount === 1 || policy?.retryHostPredicates.length !== 1) return host
  const { hostsAttempted, hostsFailed } = streamInfo.upstreamInfo()
  const wasTried = (each: Host) => hostsAttempted.includes(each) || hostsFailed?.includes(each) === true
  for (let i = 0; i < policy.hostSelectionRetryMaxAttempts && host !== undefined && wasTried(host); i++)
    host = cluster.chooseHost(context)
  return host
}

/** Undefined where the circuit breaker allows no more pools. */
export function poolOf(
  host: Host,
  route: ForwardRoute,
  headers: HeaderMap,
  pools: HttpPools,
): HttpConnectionPool | undefined {
  const terminates = headers.method === 'CONNECT' && route.upgrades.get('connect')?.terminateConnect === true
  return terminates ? new TcpUpstreamPool(host, route.priority) : pools.get(host, route.priority)
}
