// One upstream host: its address, its state, its pools.

import { Connection } from '../network/connection.ts'
import type { AddressInfo, UpstreamHostInfo } from '../stream_info/stream_info.ts'
import type { ClusterInfo } from './cluster_info.ts'
import { SimpleCounter } from './simple_counter.ts'

export interface Locality {
  readonly region: string
  readonly zone: string
  readonly subZone: string
}

/** Plain data of a host, as main sends it to the workers. */
export interface HostSnapshot {
  readonly address: AddressInfo
  readonly additionalAddresses: readonly AddressInfo[]
  readonly hostname: string
  readonly weight: number
  readonly priority: number
  readonly locality: Locality
  readonly metadata: Readonly<Record<string, Record<string, unknown>>>
  readonly healthStatus: 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY' | 'DRAINING' | 'TIMEOUT' | 'DEGRADED'
}

/** What a pool lets its host do. */
export interface ConnectionPoolLike {
  /** Closes idle connections now and busy ones after their exchange. */
  drainConnections(): void
  closeConnections(): void
  addIdleCallback(callback: () => void): void
}

/** Per-host numbers that `/clusters` shows; they are no stats, as in Envoy. */
export interface HostStats {
  readonly cxTotal: SimpleCounter
  readonly cxActive: SimpleCounter
  readonly cxConnectFail: SimpleCounter
  readonly rqTotal: SimpleCounter
  readonly rqActive: SimpleCounter
  readonly rqSuccess: SimpleCounter
  readonly rqError: SimpleCounter
  readonly rqTimeout: SimpleCounter
}

export class Host implements UpstreamHostInfo {
  readonly cluster: ClusterInfo
  readonly address: AddressInfo
  /** Replaced where only these change: the host stays the same. */
  additionalAddresses: readonly AddressInfo[]
  readonly hostname: string
  readonly weight: number
  readonly priority: number
  readonly locality: Locality
  readonly metadata: Readonly<Record<string, Record<string, unknown>>>
  readonly healthStatus: HostSnapshot['healthStatus']
  readonly stats: HostStats
  /** By protocol and priority. */
  readonly pools = new Map<string, ConnectionPoolLike>()

  constructor(cluster: ClusterInfo, snapshot: HostSnapshot) {
    this.cluster = cluster
    this.address = snapshot.address
    this.additionalAddresses = snapshot.additionalAddresses
    this.hostname = snapshot.hostname
    this.weight = snapshot.weight
    this.priority = snapshot.priority
    this.locality = snapshot.locality
    this.metadata = snapshot.metadata
    this.healthStatus = snapshot.healthStatus
    this.stats = {
      cxTotal: new SimpleCounter(),
      cxActive: new SimpleCounter(),
      cxConnectFail: new SimpleCounter(),
      rqTotal: new SimpleCounter(),
      rqActive: new SimpleCounter(),
      rqSuccess: new SimpleCounter(),
      rqError: new SimpleCounter(),
      rqTimeout: new SimpleCounter(),
    }
  }

  get healthy(): boolean {
    return this.healthStatus === 'UNKNOWN' || this.healthStatus === 'HEALTHY'
  }

  /** Starts a connection; it tells its callbacks when it stands. */
  connect(): Connection {
    const socket = this.cluster.connector.connect(this.address, this.additionalAddresses)
    return new Connection(socket, undefined, this.cluster.perConnectionBufferLimitBytes, false)
  }

  onResponse(status: number): void {
    if (status >= 500) this.stats.rqError.inc()
    else this.stats.rqSuccess.inc()
  }

  onReset(): void {
    this.stats.rqError.inc()
  }
}
