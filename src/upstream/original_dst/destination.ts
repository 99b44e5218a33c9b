// Where a request or a connection is to go by itself: what a filter, metadata or a header says, else where its client wanted to go.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { formatIp, parseIp } from '../../common/cidr.ts'
import { ipAddress } from '../../network/address.ts'
import { filterStateText } from '../../stream_info/filter_state.ts'
import type { AddressInfo, StreamInfo } from '../../stream_info/stream_info.ts'
import type { LoadBalancerContext } from '../load_balancer.ts'

type OriginalDstLbConfig = envoy.config.cluster.v3.Cluster.OriginalDstLbConfig

/** Envoy's name for the address that a filter has chosen, as `address:port`. */
const stateKey = 'envoy.network.transport_socket.original_dst_address'
const defaultHeaderName = 'x-envoy-original-dst-host'
const longestPort = 65_535

export interface DestinationSettings {
  /** Undefined where no header has a say. */
  readonly headerName: string | undefined
  /** From the namespace on; undefined where metadata has no say. */
  readonly metadataPath: readonly string[] | undefined
  /** In the place of whatever port it is. */
  readonly portOverride: number | undefined
}

export function destinationSettings(config: OriginalDstLbConfig | undefined): DestinationSettings {
  const key = config?.metadataKey
  const headerName = config?.httpHeaderName || defaultHeaderName
  return {
    headerName: config?.useHttpHeader === true ? headerName.toLowerCase() : undefined,
    metadataPath: key === undefined ? undefined : [key.key, ...key.path.map((segment) => segment.key ?? '')],
    portOverride: config?.upstreamPortOverride,
  }
}

/** Undefined where nobody names a place. Calls `onInvalid` for each name that is no address: the next one counts then. */
export function destinationOf(
  context: LoadBalancerContext,
  settings: DestinationSettings,
  onInvalid: () => void,
): AddressInfo | undefined {
  const address =
    ofFilterState(context) ??
    parsed(ofMetadata(context, settings.metadataPath), onInvalid) ??
    parsed(ofHeader(context, settings.headerName), onInvalid) ??
    restored(context)
  const { portOverride } = settings
  return address === undefined || portOverride === undefined ? address : ipAddress(address.ip, portOverride)
}

function streamInfos({ streamInfo, downstreamConnection }: LoadBalancerContext): StreamInfo[] {
  return [streamInfo, downstreamConnection?.streamInfo].filter((info) => info !== undefined)
}

function ofFilterState(context: LoadBalancerContext): AddressInfo | undefined {
  const texts = streamInfos(context).map((info) => filterStateText(info.filterStateObject(stateKey)))
  return parsed(
    texts.find((text) => text !== undefined),
    () => {},
  )
}

/** Of the first that has text there; the first of a list counts. */
function ofMetadata(context: LoadBalancerContext, path: readonly string[] | undefined): string | undefined {
  if (path === undefined) return undefined
  for (const { dynamicMetadata } of streamInfos(context)) {
    const value = path.reduce<unknown>(fieldOf, dynamicMetadata)
    const first: unknown = Array.isArray(value) ? value[0] : value
    if (typeof first === 'string') return first
  }
  return undefined
}

function fieldOf(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
}

/** Anybody may have sent it: the first value counts, and no other. */
function ofHeader({ downstreamHeaders }: LoadBalancerContext, name: string | undefined): string | undefined {
  return name === undefined ? undefined : downstreamHeaders?.get(name)
}

function restored({ downstreamConnection }: LoadBalancerContext): AddressInfo | undefined {
  const downstream = downstreamConnection?.downstream
  return downstream?.localAddressRestored === true ? downstream.localAddress : undefined
}

function parsed(text: string | undefined, onInvalid: () => void): AddressInfo | undefined {
  if (text === undefined) return undefined
  const address = parseAddress(text)
  if (address === undefined) onInvalid()
  return address
}

/** `1.2.3.4:80` or `[::1]:80`. */
function parseAddress(text: string): AddressInfo | undefined {
  const colon = text.lastIndexOf(':')
  const host = text.slice(0, Math.max(colon, 0))
  const isBracketed = host.startsWith('[') && host.endsWith(']')
  const name = isBracketed ? host.slice(1, -1) : host
  const port = text.slice(colon + 1)
  // A zone means nothing to who is not on that link.
  if (name.includes(':') !== isBracketed || name.includes('%') || !/^\d+$/.test(port)) return undefined
  const ip = parseIp(name)
  return ip === undefined || Number(port) > longestPort ? undefined : ipAddress(formatIp(ip), Number(port))
}
