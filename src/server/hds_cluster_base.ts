// What a cluster under health discovery is apart from its hosts and checks: how connections to it are made.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { AccessLogManager } from '../access_log/access_log_manager.ts'
import { fingerprint } from '../common/fingerprint.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { decodeResource } from '../config/load.ts'
import { encodeMessage } from '../config/wire_encode.ts'
import type { Cluster } from '../upstream/cluster.ts'
import { routingPriorities } from '../upstream/resource_manager.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { Instance } from './instance.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type HealthCheck = envoy.config.core.v3.HealthCheck
export type ClusterHealthCheck = envoy.service.health.v3.ClusterHealthCheck

const clusterType = 'envoy.config.cluster.v3.Cluster'
const connectTimeoutMs = 1000
const bufferLimitBytes = 32_768

/** What clusters are made with. */
export interface HdsClusterParts {
  /** Of one cluster, with an owner of its stats. */
  newContext(errors: ConfigErrors): ServerContext
  buildCluster(view: ClusterView, context: ServerContext): Cluster
  /** Whether a cluster has ever had a connection for traffic, by what its stats are called. */
  hasTraffic(clusterName: string): boolean
}

/** What an instance makes them with. */
export function hdsClusterParts(
  instance: Instance,
  { eventLogs, hasTraffic }: { eventLogs: AccessLogManager; hasTraffic: HdsClusterParts['hasTraffic'] },
): HdsClusterParts {
  return {
    newContext: (errors) => Object.assign(instance.contextFor(errors), { accessLogManager: eventLogs }),
    buildCluster: (view, context) => instance.buildCluster(view, context),
    hasTraffic,
  }
}

export class HdsClusterBase {
  readonly cluster: Cluster
  readonly context: ServerContext
  /** The same for all that it can be made of alike. */
  readonly fingerprint: string

  constructor(view: ClusterHealthCheck, parts: HdsClusterParts, errors: ConfigErrors) {
    this.fingerprint = baseFingerprint(view)
    this.context = parts.newContext(errors)
    this.cluster = parts.buildCluster(clusterView(view), this.context)
    // Nothing goes through them, but they are among its stats.
    for (const priority of routingPriorities) this.cluster.info.resourceManager(priority).publish()
  }

  /** Its stats go, unless another cluster of its name has them. */
  end(): void {
    this.cluster.destroy()
    this.cluster.endStats()
  }
}

export function baseFingerprint(view: ClusterHealthCheck): string {
  return fingerprint([view.transportSocketMatches, view.upstreamBindConfig, view.healthChecks.some(needsHttp2)])
}

function needsHttp2({ grpcHealthCheck, httpHealthCheck }: HealthCheck): boolean {
  return grpcHealthCheck !== undefined || httpHealthCheck?.codecClientType === 'HTTP2'
}

function clusterView(view: ClusterHealthCheck): ClusterView {
  const message: Partial<ClusterView> = {
    name: view.clusterName,
    connectTimeout: connectTimeoutMs,
    perConnectionBufferLimitBytes: bufferLimitBytes,
    transportSocketMatches: view.transportSocketMatches,
    upstreamBindConfig: view.upstreamBindConfig,
    ...(view.healthChecks.some(needsHttp2) ? { http2ProtocolOptions: {} as ClusterView['http2ProtocolOptions'] } : {}),
  }
  // Through the wire it becomes a view with everything in it. A cluster may be nameless here, which a schema forbids.
  const { value } = decodeResource(clusterType, encodeMessage(clusterType, message), { unknownFields: 'ignore' })
  return value as ClusterView
}
