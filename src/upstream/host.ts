// One upstream host: its address, its state, its pools.

import type { TypedConfig } from '../../proto/generated/api.d.ts'
import { monotonicMs } from '../common/clock.ts'
import { Connection } from '../network/connection.ts'
import type { SharedCounter } from '../stats/shared_counter.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { ClusterInfo } from './cluster_info.ts'
import type { CheckTarget } from './health_checking/check_target.ts'
import { createHostStats, type HostStats } from './host_stats.ts'
import { HostLoadMetrics } from './load_stats.ts'
import type { LoadReport } from './orca/load_report.ts'
import type { OutlierMonitor } from './outlier_detection/outlier_monitor.ts'
import type { ResourceManager } from './resource_manager.ts'
import type { TransportHost, TransportSocketOptions, UpstreamTransportSocketFactory } from './transport_socket.ts'

export interface Locality {
  readonly region: string
  readonly zone: string
  readonly subZone: string
}

/** What the active health checks of a cluster have found of a host; in main it is live. */
export interface ActiveHealth {
  /** Until the first check of most hosts. */
  readonly isFailed: boolean
  readonly isDegraded: boolean
  /** Not checked yet, and not to be counted before. */
  readonly isPending: boolean
  /** It has asked for no traffic (`x-envoy-immediate-health-check-fail`). */
  readonly isExcluded: boolean
  /** It is failed, and the last of it was a check that took too long. */
  readonly isTimedOut: boolean
}

const notChecked: ActiveHealth = Object.freeze({
  isFailed: false,
  isDegraded: false,
  isPending: false,
  isExcluded: false,
  isTimedOut: false,
})

/** What the outlier detection of a cluster has found of a host; in main it is live. */
export interface OutlierHealth {
  readonly isEjected: boolean
  /** Its responses have said so. */
  readonly isDegraded: boolean
}

const noOutlier: OutlierHealth = Object.freeze({ isEjected: false, isDegraded: false })

/** Plain data of a host, as main sends it to the workers. */
export interface HostSnapshot {
  readonly address: AddressInfo
  readonly additionalAddresses: readonly AddressInfo[]
  readonly hostname: string
  /** In the place of the address in the names of per-endpoint statistics. */
  readonly observabilityName?: string
  readonly weight: number
  readonly priority: number
  readonly locality: Locality
  /** `load_balancing_weight` of its locality; 0 where that has none. */
  readonly localityWeight: number
  readonly metadata: Readonly<Record<string, Record<string, unknown>>>
  /** `typed_filter_metadata`; absent where it has none. */
  readonly typedMetadata?: Readonly<Record<string, TypedConfig>>
  /** Absent where its locality has none. */
  readonly localityMetadata?: Readonly<Record<string, Record<string, unknown>>>
  readonly healthStatus: 'UNKNOWN' | 'HEALTHY' | 'UNHEALTHY' | 'DRAINING' | 'TIMEOUT' | 'DEGRADED'
  /** Absent where `health_check_config` says nothing. */
  readonly healthCheck?: CheckTarget
  /** What workers are told with it; absent where it is not checked. */
  readonly activeHealth?: ActiveHealth
  /** What workers are told with it, and where what they count of it is; absent where outliers are not detected. */
  readonly outlier?: OutlierHealth & { readonly slot: number }
  /** It is in no list any more, and used until its checks fail. */
  readonly isPendingRemoval?: boolean
}

/** What a pool lets its host do. */
export interface ConnectionPoolLike {
  /** Closes idle connections now and busy ones after their exchange. */
  drainConnections(): void
  closeConnections(): void
  /** The host's checks have failed. */
  onHealthFailure(): void
  addIdleCallback(callback: () => void): void
}

/** What the load balancing policy keeps of a host. */
export interface HostLoadData {
  /** The host has told of its load. */
  onLoadReport(report: LoadReport): void
}

const noTypedMetadata: Readonly<Record<string, TypedConfig>> = Object.freeze({})

export class Host implements TransportHost {
  readonly cluster: ClusterInfo
  readonly hostname: string
  readonly observabilityName: string | undefined
  /** These may change while the host stays the same, with its connections and its numbers; the address where a name is all. */
  address!: AddressInfo
  additionalAddresses!: readonly AddressInfo[]
  weight!: number
  priority!: number
  locality!: Locality
  localityWeight!: number
  metadata!: Readonly<Record<string, Record<string, unknown>>>
  typedMetadata!: Readonly<Record<string, TypedConfig>>
  /** What its connections are made of. */
  transportSocket!: UpstreamTransportSocketFactory
  /** `canary` of the `envoy.lb` metadata. */
  canary = false
  healthStatus: HostSnapshot['healthStatus']
  activeHealth: ActiveHealth = notChecked
  outlierHealth: OutlierHealth = noOutlier
  /** What becomes of requests and connections is to be told it; undefined where outliers are not detected. */
  outlierMonitor: OutlierMonitor | undefined = undefined
  #outlierSlot = -1
  /** Undefined where `health_check_config` says nothing. */
  healthCheck!: CheckTarget | undefined
  isPendingRemoval!: boolean
  /**
   * When it came and was healthy, or passed its checks again: slow start counts from then. Who has been an outlier, or
   * unhealthy by discovery's words, does not begin anew.
   */
  availableSinceMs = Number.NEGATIVE_INFINITY
  /** Undefined for most policies, and then nobody looks for load reports. */
  lbPolicyData: HostLoadData | undefined = undefined
  /** Undefined where the cluster passes none of its metrics on. */
  readonly loadMetrics: HostLoadMetrics | undefined
  readonly stats: HostStats
  /** By protocol, priority and transport socket options. */
  readonly pools = new Map<string, ConnectionPoolLike>()
  /** Over all workers; only where per_host_thresholds limit it. */
  readonly #connectionCount: SharedCounter | undefined

  constructor(cluster: ClusterInfo, snapshot: HostSnapshot) {
    this.cluster = cluster
    this.hostname = snapshot.hostname
    this.observabilityName = snapshot.observabilityName
    this.healthStatus = snapshot.healthStatus
    const names = cluster.loadReportMetricNames
    this.loadMetrics = names === undefined ? undefined : new HostLoadMetrics(names)
    this.#connectionCount = cluster.hostConnectionCount?.(snapshot.address.text)
    this.update(snapshot)
    if (this.healthy) this.availableSinceMs = monotonicMs()
    this.stats = createHostStats(cluster.endpointScope?.(snapshot.observabilityName ?? snapshot.address.text))
  }

  /** Takes over what a newer list of hosts says of this one. */
  update(snapshot: HostSnapshot): void {
    this.address = snapshot.address
    this.additionalAddresses = snapshot.additionalAddresses
    this.weight = snapshot.weight
    this.priority = snapshot.priority
    this.locality = snapshot.locality
    this.localityWeight = snapshot.localityWeight
    this.metadata = snapshot.metadata
    this.typedMetadata = snapshot.typedMetadata ?? noTypedMetadata
    this.transportSocket = this.cluster.transportSockets.resolve(snapshot)
    this.canary = snapshot.metadata['envoy.lb']?.['canary'] === true
    this.healthStatus = snapshot.healthStatus
    this.healthCheck = snapshot.healthCheck
    this.isPendingRemoval = snapshot.isPendingRemoval ?? false
    if (snapshot.activeHealth !== undefined) this.#setActiveHealth(snapshot.activeHealth)
    if (snapshot.outlier !== undefined) {
      this.outlierHealth = snapshot.outlier
      this.monitorOutliers(snapshot.outlier.slot)
    }
  }

  /** From now on what becomes of requests is counted there. */
  monitorOutliers(slot: number): void {
    if (slot === this.#outlierSlot) return
    this.#outlierSlot = slot
    this.outlierMonitor = this.cluster.outliers?.monitorOf(slot)
  }

  /** Somebody wants to know what its responses say of its load. */
  get wantsLoadReports(): boolean {
    return this.lbPolicyData !== undefined || this.loadMetrics !== undefined
  }

  onLoadReport(report: LoadReport): void {
    this.loadMetrics?.onLoadReport(report)
    this.lbPolicyData?.onLoadReport(report)
  }

  /** Its checks or the outlier detection have changed something. */
  setHealth(active: ActiveHealth, outlier: OutlierHealth): void {
    this.#setActiveHealth(active)
    this.outlierHealth = outlier
  }

  #setActiveHealth(health: ActiveHealth): void {
    if (this.activeHealth.isFailed && !health.isFailed) this.availableSinceMs = monotonicMs()
    this.activeHealth = health
  }

  get healthy(): boolean {
    return this.#isListedAsHealthy && !this.#isOut && !this.#isDegraded
  }

  get #isListedAsHealthy(): boolean {
    return this.healthStatus === 'UNKNOWN' || this.healthStatus === 'HEALTHY'
  }

  get #isOut(): boolean {
    return this.activeHealth.isFailed || this.outlierHealth.isEjected
  }

  get #isDegraded(): boolean {
    return this.activeHealth.isDegraded || this.outlierHealth.isDegraded
  }

  get degraded(): boolean {
    if (this.#isOut) return false
    return this.healthStatus === 'DEGRADED' || (this.#isDegraded && this.#isListedAsHealthy)
  }

  /** By the words of discovery: what checks have found goes before what it has said, unless that is worse. */
  get detailedStatus(): HostSnapshot['healthStatus'] {
    if (this.activeHealth.isFailed) return 'UNHEALTHY'
    const { healthStatus } = this
    if (healthStatus === 'UNHEALTHY' || healthStatus === 'DRAINING' || healthStatus === 'TIMEOUT') return healthStatus
    return this.activeHealth.isDegraded ? 'DEGRADED' : healthStatus
  }

  /** It counts neither as available nor as missing. */
  get excluded(): boolean {
    return this.healthStatus === 'DRAINING' || this.activeHealth.isPending || this.activeHealth.isExcluded
  }

  /** Starts a connection; it tells its callbacks when it stands. */
  connect(options: TransportSocketOptions | undefined): Connection {
    const socket = this.cluster.connector.connect(this.address, this.additionalAddresses, options?.source)
    const transport = this.transportSocket.wrap(socket, this, options)
    return new Connection(socket, undefined, this.cluster.perConnectionBufferLimitBytes, false, transport)
  }

  /**
   * Takes a place for a connection within the circuit breakers, or with `force` whatever they say; what they would not
   * have allowed is counted.
   */
  acquireConnection(resources: ResourceManager, force: boolean): boolean {
    const count = this.#connectionCount
    const hasRoom = count === undefined || count.tryAdd(resources.maxConnectionsPerHost)
    if (hasRoom && resources.connections.tryAcquire()) return true
    this.cluster.stats.upstreamCxOverflow.inc()
    if (force) {
      if (!hasRoom) count?.inc()
      return resources.connections.tryAcquire(true)
    }
    if (hasRoom) count?.dec()
    return false
  }

  releaseConnection(resources: ResourceManager): void {
    resources.connections.release()
    this.#connectionCount?.dec()
  }

  /** Its cluster has it no more: others may get its place in what is counted. */
  leave(): void {
    this.outlierMonitor = undefined
    this.drain()
  }

  /** Its connections end, busy ones after their exchange. */
  drain(): void {
    for (const pool of this.pools.values()) pool.drainConnections()
  }

  /** Its checks have failed, or it is ejected. */
  onHealthFailure(): void {
    for (const pool of [...this.pools.values()]) pool.onHealthFailure()
  }

  onResponse(status: number): void {
    if (status >= 500) this.stats.rqError.inc()
    else this.stats.rqSuccess.inc()
  }

  /** A try that had no response, or whose response was dropped for another try. */
  onFailure(): void {
    this.stats.rqError.inc()
  }
}
