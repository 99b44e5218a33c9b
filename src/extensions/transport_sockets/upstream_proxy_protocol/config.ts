// envoy.transport_sockets.upstream_proxy_protocol: a PROXY header before the bytes of another transport socket.

import type { envoy, TypedConfig } from '../../../../proto/generated/api.d.ts'
import type { ProxyProtocolTlv } from '../../../network/proxy_protocol.ts'
import { compileTlvs } from '../../../network/proxy_protocol_tlvs.ts'
import type { UpstreamTransportSocketConfigFactory } from '../../../upstream/transport_socket.ts'
import { upstreamTransportSocketFactory } from '../../../upstream/transport_socket_matcher.ts'
import { ProxyProtocolSocketFactory } from './socket.ts'

type View = envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport
type Config = envoy.config.core.v3.ProxyProtocolConfig
type PerHostConfig = envoy.config.core.v3.PerHostConfig

const perHostKey = 'envoy.transport_sockets.proxy_protocol'
const perHostType = 'envoy.config.core.v3.PerHostConfig'

export const proxyProtocolUpstreamFactory: UpstreamTransportSocketConfigFactory<View> = {
  category: 'envoy.transport_sockets.upstream',
  name: 'envoy.transport_sockets.upstream_proxy_protocol',
  typeUrls: ['envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport'],
  createTransportSocketFactory(view, context) {
    const inner = upstreamTransportSocketFactory(view.transportSocket, context)
    const added = compileTlvs(view.config?.addedTlvs ?? [], context)
    return new ProxyProtocolSocketFactory(inner, {
      version: view.config?.version === 'V2' ? 2 : 1,
      passesThrough: passThrough(view.config),
      addedTlvs: (host, connection) => mergeTlvs(perHostTlvs(host.typedMetadata), added(connection)),
      tlvAsPoolKey: view.tlvAsPoolKey,
      tlvsExceedMaxLength: context.clusterScope.counter('upstream.proxyprotocol.v2_tlvs_exceed_max_length'),
    })
  },
}

function passThrough(config: Config | undefined): (type: number) => boolean {
  const view = config?.passThroughTlvs
  if (view === undefined) return () => false
  if (view.matchType === 'INCLUDE_ALL') return () => true
  const types = new Set(view.tlvType)
  return (type) => types.has(type)
}

/** What an endpoint's typed metadata adds. */
function perHostTlvs(metadata: Readonly<Record<string, TypedConfig>>): ProxyProtocolTlv[] {
  const entry = metadata[perHostKey]
  if (entry?.typeUrl !== perHostType) return []
  return (entry.value as PerHostConfig).addedTlvs.map(({ type, value }) => ({ type, value: Buffer.from(value) }))
}

/** Those of the host go before those of the same type that are for all. */
function mergeTlvs(own: readonly ProxyProtocolTlv[], common: readonly ProxyProtocolTlv[]): readonly ProxyProtocolTlv[] {
  const types = new Set(own.map(({ type }) => type))
  // A format may come to nothing.
  return [...own, ...common.filter(({ type, value }) => value.length > 0 && !types.has(type))]
}
