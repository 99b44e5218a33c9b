// What a downstream connection, and its filters by filter state, ask of the upstream connections made for it.

import { type ProxyProtocolData, proxyProtocolState } from '../network/proxy_protocol.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { TransportSocketOptions } from './transport_socket.ts'

/** Filter state by which filters choose the name that is asked for and expected of the server. */
export const upstreamServerName = 'envoy.network.upstream_server_name'
export const upstreamSubjectAltNames = 'envoy.network.upstream_subject_alt_names'
export const applicationProtocols = 'envoy.network.application_protocols'

/** Names that the request itself gives; filter state goes before them. */
export interface RequestedNames {
  readonly serverName: string | undefined
  readonly subjectAltName: string | undefined
}

const noNames: RequestedNames = { serverName: undefined, subjectAltName: undefined }

/**
 * Undefined where nothing is asked for. `connection` is the stream info of the downstream connection, whose filter state
 * a request's goes before.
 */
export function transportSocketOptions(
  info: StreamInfo,
  connection: StreamInfo | undefined,
  usesProxyProtocol: boolean,
  names: RequestedNames = noNames,
): TransportSocketOptions | undefined {
  const hasState = info.hasFilterState || connection?.hasFilterState === true
  const hasNames = names.serverName !== undefined || names.subjectAltName !== undefined
  const source = info.downstream.upstreamSource
  if (!hasState && !usesProxyProtocol && !hasNames && source === undefined) return undefined
  const state = (key: string): unknown => info.filterStateObject(key) ?? connection?.filterStateObject(key)
  const options: TransportSocketOptions = {
    serverNameOverride: textOf(state(upstreamServerName)) ?? names.serverName,
    verifySanListOverride:
      listOf(state(upstreamSubjectAltNames)) ??
      (names.subjectAltName === undefined ? undefined : [names.subjectAltName]),
    alpnOverride: listOf(state(applicationProtocols)),
    proxyProtocol: usesProxyProtocol ? proxyProtocolOf(state(proxyProtocolState), info) : undefined,
    source,
  }
  return Object.values(options).some((each) => each !== undefined) ? options : undefined
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A list, or a text that separates its names by commas. */
function listOf(value: unknown): readonly string[] | undefined {
  if (typeof value === 'string') return value.split(',')
  return Array.isArray(value) ? (value as readonly string[]) : undefined
}

function proxyProtocolOf(known: unknown, { downstream }: StreamInfo): ProxyProtocolData {
  if (known !== undefined) return known as ProxyProtocolData
  return { source: downstream.remoteAddress, destination: downstream.localAddress, tlvs: [] }
}
