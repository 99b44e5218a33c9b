// The HTTP pools of a worker: made at a host's first use, gone with its last connection.

import type { Protocol } from '../../stream_info/stream_info.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { ClusterInfo } from '../../upstream/cluster_info.ts'
import type { Host } from '../../upstream/host.ts'
import type { RoutingPriority } from '../../upstream/resource_manager.ts'
import type { TransportSocketOptions } from '../../upstream/transport_socket.ts'
import type { HttpConnectionPool } from './connection_pool.ts'
import { HttpPool, type PoolProtocol } from './http_pool.ts'

/** Later requests go on where this many connections were not enough. */
const mostPreconnects = 3

/** What pools are kept apart by. */
const poolKeys: Readonly<Record<PoolProtocol, Readonly<Record<RoutingPriority, string>>>> = {
  http1: { DEFAULT: 'http1/default', HIGH: 'http1/high' },
  http2: { DEFAULT: 'http2/default', HIGH: 'http2/high' },
  auto: { DEFAULT: 'auto/default', HIGH: 'auto/high' },
}

/** What requests that came by `downstream` go on by. */
function poolProtocol({ http }: ClusterInfo, downstream: Protocol | ''): PoolProtocol {
  if (http.protocol !== 'downstream') return http.protocol
  return downstream === 'HTTP/2' || downstream === 'HTTP/3' ? 'http2' : 'http1'
}

/** Whether all hosts together have fewer connections than the requests there are, and one more, ask for. */
function isShort(cluster: Cluster, key: string, ratio: number): boolean {
  let streams = 1
  let capacity = 0
  for (const host of cluster.prioritySet.hosts()) {
    const pool = host.pools.get(key) as HttpPool | undefined
    streams += pool?.streamCount ?? 0
    capacity += pool?.capacity ?? 0
  }
  return streams * ratio > capacity
}

/** What a transport socket without protocols of its own offers. */
const alpn: Readonly<Record<PoolProtocol, TransportSocketOptions>> = {
  http1: { alpnFallback: ['http/1.1'] },
  http2: { alpnFallback: ['h2'] },
  auto: { alpnFallback: ['h2', 'http/1.1'] },
}

function poolOf(
  host: Host,
  priority: RoutingPriority,
  downstream: Protocol | '',
  options: TransportSocketOptions | undefined,
): HttpPool | undefined {
  const protocol = poolProtocol(host.cluster, downstream)
  const plainKey = poolKeys[protocol][priority]
  const key = options === undefined ? plainKey : `${plainKey} ${host.transportSocket.hashKey(options)}`
  const known = host.pools.get(key) as HttpPool | undefined
  if (known !== undefined) return known
  const { connectionPools } = host.cluster.resourceManager(priority)
  if (!connectionPools.tryAcquire()) {
    host.cluster.stats.upstreamCxPoolOverflow.inc()
    return undefined
  }
  const transportOptions = options === undefined ? alpn[protocol] : { ...options, ...alpn[protocol] }
  const pool = new HttpPool(host, priority, protocol, transportOptions, () => {
    host.pools.delete(key)
    connectionPools.release()
  })
  host.pools.set(key, pool)
  return pool
}

export const httpPools = {
  /** Undefined where the cluster may have no more pools (`max_connection_pools`). */
  get(
    host: Host,
    priority: RoutingPriority,
    downstream: Protocol | '',
    options?: TransportSocketOptions,
  ): HttpConnectionPool | undefined {
    return poolOf(host, priority, downstream, options)
  },

  /** predictive_preconnect_ratio: before a request is sent, connects to the hosts that the next ones will likely get. */
  preconnect(cluster: Cluster, priority: RoutingPriority, downstream: Protocol | ''): void {
    const ratio = cluster.info.predictivePreconnectRatio
    const key = poolKeys[poolProtocol(cluster.info, downstream)][priority]
    for (let i = 0; i < mostPreconnects && isShort(cluster, key, ratio); i++) {
      const host = cluster.loadBalancer.peekAnotherHost()
      const pool = host === undefined ? undefined : poolOf(host, priority, downstream, undefined)
      if (pool?.maybePreconnect(ratio) !== true) return
    }
  },
}
