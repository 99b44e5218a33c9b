// What a cluster's configuration may not ask for: refused where traffic would go another way, warned of where it would not.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type ClusterLoadAssignment = envoy.config.endpoint.v3.ClusterLoadAssignment

const noEffect = 'is accepted but has no effect'

/**
 * Reports to `errors`; the cluster is built all the same, so that all is reported at once. `localClusterName` is that of the
 * cluster manager.
 */
export function checkCluster(view: ClusterView, localClusterName: string, errors: ConfigErrors): void {
  if (view.name === localClusterName) checkLocalCluster(view.name, view.loadAssignment, errors)
  checkConnectionPools(view, errors)
  warnOfLoadBalancing(view, errors)
  checkHostnameHashing(view, errors)
}

function checkConnectionPools(view: ClusterView, errors: ConfigErrors): void {
  if (view.connectionPoolPerDownstreamConnection) {
    const message = 'connections to hosts are shared by downstream connections: one pool each is not supported'
    errors.add(view, 'connectionPoolPerDownstreamConnection', message)
  }
  const policy = view.preconnectPolicy
  if (policy?.preconnectEnabledMetadata !== undefined)
    warn(policy, 'preconnectEnabledMetadata', 'preconnect_enabled_metadata', errors)
  if (view.useTcpForDnsLookups || view.dnsResolutionConfig?.dnsResolverOptions?.useTcpForDnsLookups === true) {
    const field = view.useTcpForDnsLookups ? 'useTcpForDnsLookups' : 'dnsResolutionConfig'
    warn(view, field, 'use_tcp_for_dns_lookups (TCP is used for answers that a datagram cannot hold)', errors)
  }
}

/** The hosts of a static or DNS cluster are taken over as they come, with nothing to merge or to hold back. */
function warnOfLoadBalancing(view: ClusterView, errors: ConfigErrors): void {
  const common = view.commonLbConfig
  if (common?.updateMergeWindow !== undefined) warn(common, 'updateMergeWindow', 'update_merge_window', errors)
}

/** Zone aware routing compares with the first priority of the proxy's own cluster: there is to be no other. */
export function checkLocalCluster(
  name: string,
  assignment: ClusterLoadAssignment | undefined,
  errors: ConfigErrors,
): void {
  for (const group of assignment?.endpoints ?? []) {
    if (group.priority > 0) errors.add(group, 'priority', `Unexpected non-zero priority for local cluster '${name}'.`)
  }
}

/** As in Envoy, only the older way to ask for it is checked. */
function checkHostnameHashing(view: ClusterView, errors: ConfigErrors): void {
  const hashing = view.commonLbConfig?.consistentHashingLbConfig
  if (hashing?.useHostnameForHashing !== true || view.type === 'STRICT_DNS') return
  const type = view.clusterType?.name ?? `envoy.cluster.${(view.type ?? 'STATIC').toLowerCase()}`
  const text = `Cannot use hostname for consistent hashing loadbalancing for cluster of type: '${type}'`
  errors.add(hashing, 'useHostnameForHashing', text)
}

function warn(view: object | undefined, field: string, name: string, errors: ConfigErrors): void {
  errors.warn(view, field, `${name} ${noEffect}`)
}
