// What a cluster's configuration may not ask for: refused where traffic would go another way, warned of where it would not.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

const rawBufferType = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer'
const noEffect = 'is accepted but has no effect'

/** Reports to `errors`; the cluster is built all the same, so that all is reported at once. */
export function checkCluster(view: ClusterView, errors: ConfigErrors): void {
  checkTransportSocket(view, errors)
  checkConnectionPools(view, errors)
  warnOfLoadBalancing(view, errors)
  warnOfStats(view, errors)
}

/** Connecting in plain text where encryption is asked for would be the worst way not to support it. */
function checkTransportSocket(view: ClusterView, errors: ConfigErrors): void {
  const socket = view.transportSocket
  if (socket === undefined) return
  const type = socket.typedConfig?.typeUrl ?? ''
  if (type === rawBufferType || (type === '' && socket.name === 'envoy.transport_sockets.raw_buffer')) return
  const message = `upstream transport socket '${socket.name}' with type URL '${type}' is not supported`
  errors.add(socket, type === '' ? 'name' : 'typedConfig', message, { expected: rawBufferType })
}

function checkConnectionPools(view: ClusterView, errors: ConfigErrors): void {
  if (view.connectionPoolPerDownstreamConnection) {
    const message = 'connections to hosts are shared by downstream connections: one pool each is not supported'
    errors.add(view, 'connectionPoolPerDownstreamConnection', message)
  }
  if (view.preconnectPolicy?.predictivePreconnectRatio !== undefined) {
    warn(view.preconnectPolicy, 'predictivePreconnectRatio', 'predictive_preconnect_ratio', errors)
  }
  if ((view.circuitBreakers?.perHostThresholds.length ?? 0) > 0) {
    warn(view.circuitBreakers, 'perHostThresholds', 'per_host_thresholds', errors)
  }
  if (view.closeConnectionsOnHostHealthFailure) {
    warn(view, 'closeConnectionsOnHostHealthFailure', 'close_connections_on_host_health_failure', errors)
  }
  if (view.ignoreHealthOnHostRemoval) {
    warn(view, 'ignoreHealthOnHostRemoval', 'ignore_health_on_host_removal', errors)
  }
  if (view.useTcpForDnsLookups || view.dnsResolutionConfig?.dnsResolverOptions?.useTcpForDnsLookups === true) {
    const field = view.useTcpForDnsLookups ? 'useTcpForDnsLookups' : 'dnsResolutionConfig'
    warn(view, field, 'use_tcp_for_dns_lookups (TCP is used for answers that a datagram cannot hold)', errors)
  }
}

function warnOfLoadBalancing(view: ClusterView, errors: ConfigErrors): void {
  const common = view.commonLbConfig
  if (common?.healthyPanicThreshold !== undefined) {
    warn(common, 'healthyPanicThreshold', 'healthy_panic_threshold', errors)
  }
  if (common?.updateMergeWindow !== undefined) warn(common, 'updateMergeWindow', 'update_merge_window', errors)
  if (common?.closeConnectionsOnHostSetChange) {
    warn(common, 'closeConnectionsOnHostSetChange', 'close_connections_on_host_set_change', errors)
  }
  const policy = view.loadAssignment?.policy
  if (policy?.overprovisioningFactor !== undefined) {
    warn(policy, 'overprovisioningFactor', 'overprovisioning_factor', errors)
  }
  for (const config of [view.roundRobinLbConfig, view.leastRequestLbConfig]) {
    if (config?.slowStartConfig !== undefined) warn(config, 'slowStartConfig', 'slow_start_config', errors)
  }
}

function warnOfStats(view: ClusterView, errors: ConfigErrors): void {
  if (view.trackTimeoutBudgets) warn(view, 'trackTimeoutBudgets', 'track_timeout_budgets', errors)
  if (view.trackClusterStats !== undefined) warn(view, 'trackClusterStats', 'track_cluster_stats', errors)
}

function warn(view: object | undefined, field: string, name: string, errors: ConfigErrors): void {
  errors.warn(view, field, `${name} ${noEffect}`)
}
