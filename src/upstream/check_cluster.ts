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

function warn(view: object | undefined, field: string, name: string, errors: ConfigErrors): void {
  errors.warn(view, field, `${name} ${noEffect}`)
}
