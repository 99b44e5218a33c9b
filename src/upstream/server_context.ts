// What every extension factory gets: one server's (main's for validation, or a worker's) shared parts.

import type { NetworkServerContext } from '../network/factory.ts'
import type { CreateGrpcClient } from './async_grpc_client.ts'
import type { ClusterManager } from './cluster_manager.ts'
import type { DnsCaches } from './dns_cache/dns_caches.ts'
import type { Host } from './host.ts'
import type { OriginalDstChange } from './original_dst/original_dst_load_balancer.ts'
import type { ReportedType } from './outlier_detection/outlier_type.ts'

export interface LocalInfo {
  readonly nodeId: string
  readonly clusterName: string
  readonly zone: string
  readonly region: string
  readonly subZone: string
  readonly nodeMetadata: Readonly<Record<string, unknown>>
  /** The machine's own address, as other machines see it: the first that is not loopback, or loopback. */
  readonly address: string
}

export interface ServerContext extends NetworkServerContext {
  readonly clusterManager: ClusterManager
  readonly dnsCaches: DnsCaches
  readonly localInfo: LocalInfo
  /** True while `/healthcheck/fail` is in force. */
  readonly healthCheckFailed: () => boolean
  /** A response has said that its host wants no more traffic. */
  readonly onUnhealthyHost: (host: Host) => void
  /** The host of a cluster with that slot is an outlier. */
  readonly onOutlier: (clusterName: string, slot: number, type: ReportedType) => void
  /** This process has made or dropped hosts of an ORIGINAL_DST cluster. */
  readonly onOriginalDst: (change: OriginalDstChange) => void
  readonly concurrency: number
  readonly createGrpcClient: CreateGrpcClient
}
