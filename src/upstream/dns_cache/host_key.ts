// The names by which a DNS cache knows hosts: `name:port`, as a request's authority has it.

import { filterStateText } from '../../stream_info/filter_state.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { ClusterInfo } from '../cluster_info.ts'

const longestPort = 65_535

/** Filter state by which filters name another host than the request does, and its port. */
export const dynamicHost = 'envoy.upstream.dynamic_host'
export const dynamicPort = 'envoy.upstream.dynamic_port'
/** Filter state that holds the address of the host, for filters that look at it. */
export const upstreamAddress = 'envoy.stream.upstream_address'

/** The port of a host that has none: that of the scheme which the cluster's connections speak. */
export function defaultPortOf({ transportSockets }: ClusterInfo): number {
  return transportSockets.resolve({ metadata: {} }).isSecure ? 443 : 80
}

/** Where to connect for a host of a DNS cache. */
export interface NameAndPort {
  /** Without the brackets of an IPv6 address. */
  readonly name: string
  readonly port: number
}

/** The authority as it is where it has a port, else with that one: Envoy's normalizeHostForDfp. */
export function hostKey(authority: string, defaultPort: number): string {
  return portOf(authority) === undefined ? `${authority}:${defaultPort}` : authority
}

/** The host that filter state names in the place of the request's own; undefined where it names none. */
export function namedHost(info: StreamInfo | undefined, connection: StreamInfo | undefined): string | undefined {
  const host = stateOf(dynamicHost, info, connection)
  return host === '' ? undefined : host
}

export function namedPort(info: StreamInfo | undefined, connection: StreamInfo | undefined): number | undefined {
  const port = Number(stateOf(dynamicPort, info, connection))
  return port > 0 && port <= longestPort ? port : undefined
}

function stateOf(key: string, ...infos: readonly (StreamInfo | undefined)[]): string | undefined {
  const found = infos.map((info) => filterStateText(info?.filterStateObject(key)))
  return found.find((text) => text !== undefined)
}

/** The parts of a key; what is no port belongs to the name, which then cannot be resolved. */
export function nameAndPort(key: string): NameAndPort {
  const port = portOf(key)
  const name = port === undefined ? key : key.slice(0, key.lastIndexOf(':'))
  return { name: name.startsWith('[') && name.endsWith(']') ? name.slice(1, -1) : name, port: port ?? 0 }
}

function portOf(authority: string): number | undefined {
  const colon = authority.lastIndexOf(':')
  if (colon < 0 || authority.endsWith(']')) return undefined
  const text = authority.slice(colon + 1)
  return /^\d+$/.test(text) && Number(text) <= longestPort ? Number(text) : undefined
}
