// `proxy_protocol_tlvs`: what is added to that which PROXY headers towards upstreams say of the connection.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { FormatContext } from '../../../../access_log/substitution_format.ts'
import {
  type ProxyProtocolData,
  type ProxyProtocolTlv,
  proxyProtocolState,
} from '../../../../network/proxy_protocol.ts'
import { compileTlvs } from '../../../../network/proxy_protocol_tlvs.ts'
import type { StreamInfo } from '../../../../stream_info/stream_info.ts'

type TcpProxyView = envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
type Tlvs = readonly ProxyProtocolTlv[]

/** Undefined where nothing is added. To be called once, when the connection's cluster is known. */
export function compileAddedTlvs(
  view: TcpProxyView,
  context: FormatContext,
): ((streamInfo: StreamInfo) => void) | undefined {
  if (view.proxyProtocolTlvs.length === 0) return undefined
  const tlvs = compileTlvs(view.proxyProtocolTlvs, context)
  const merge = merges[view.proxyProtocolTlvMergePolicy]
  return (streamInfo) => {
    const added = tlvs(() => streamInfo)
    const { filterState, downstream } = streamInfo
    const known = filterState.get(proxyProtocolState) as ProxyProtocolData | undefined
    const { source, destination } = known ?? { source: downstream.remoteAddress, destination: downstream.localAddress }
    const data: ProxyProtocolData = {
      source,
      destination,
      tlvs: known === undefined ? added : merge(known.tlvs, added),
    }
    filterState.set(proxyProtocolState, data)
  }
}

/** For a connection of which a header has told already. */
const merges: Readonly<Record<TcpProxyView['proxyProtocolTlvMergePolicy'], (known: Tlvs, added: Tlvs) => Tlvs>> = {
  ADD_IF_ABSENT: (known) => known,
  OVERWRITE_BY_TYPE_IF_EXISTS_OR_ADD: (known, added) => {
    const types = new Set(added.map(({ type }) => type))
    return [...added, ...known.filter(({ type }) => !types.has(type))]
  },
  APPEND_IF_EXISTS_OR_ADD: (known, added) => [...known, ...added],
}
