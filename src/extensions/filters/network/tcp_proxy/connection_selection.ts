// What load balancing policies may ask of a proxied TCP connection.

import type { Connection } from '../../../../network/connection.ts'
import type { StreamInfo } from '../../../../stream_info/stream_info.ts'
import type { LoadBalancerContext, MetadataMatch } from '../../../../upstream/load_balancer.ts'
import type { PriorityLoads } from '../../../../upstream/load_balancers/priority_load.ts'
import type { ClusterRoute, TcpProxySettings } from './settings.ts'

export class ConnectionSelection implements LoadBalancerContext {
  readonly #settings: TcpProxySettings
  readonly #route: ClusterRoute
  readonly downstreamConnection: Connection
  readonly streamInfo: StreamInfo
  readonly downstreamHeaders = undefined
  readonly attempt = 0
  priorityLoads: PriorityLoads | undefined = undefined
  readonly retryPriority = undefined
  isHostPending = false

  constructor(settings: TcpProxySettings, route: ClusterRoute, connection: Connection, streamInfo: StreamInfo) {
    this.#settings = settings
    this.#route = route
    this.downstreamConnection = connection
    this.streamInfo = streamInfo
  }

  hashKey(): bigint | undefined {
    return this.#settings.hash(this.downstreamConnection, this.streamInfo)
  }

  /** What the connection's own metadata says goes before the route's. */
  metadataMatch(): MetadataMatch | undefined {
    const own = this.streamInfo.dynamicMetadata['envoy.lb']
    return own === undefined ? this.#route.metadataMatch : { ...this.#route.metadataMatch, ...own }
  }

  /** A connection has nowhere to keep one. */
  addCookie(): void {}
}
