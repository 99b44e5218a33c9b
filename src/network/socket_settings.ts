// What the main process needs to make a listener's sockets, as plain data.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { ListenSocketOptions, SocketOption, SocketState } from '../os/socket.ts'
import type { SocketAddress as NativeAddress } from '../os/socket_address.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import { nativeAddress, resolveAddress } from './address.ts'

type Listener = envoy.config.listener.v3.Listener
type Address = envoy.config.core.v3.Address
type OptionView = envoy.config.core.v3.SocketOption
type TcpKeepalive = envoy.config.core.v3.TcpKeepalive

const SOL_SOCKET = 1
const SO_KEEPALIVE = 9
const IPPROTO_TCP = 6
const TCP_KEEPIDLE = 4
const TCP_KEEPINTVL = 5
const TCP_KEEPCNT = 6
const TCP_FASTOPEN = 23
/** Linux cuts it to net.core.somaxconn: Envoy's default, the system's maximum. */
const defaultBacklog = 65_535

/** One address a listener binds. `options` and `native` go to `createListenSocket` of src/os as they are. */
export interface ListenSocketSettings {
  readonly address: AddressInfo
  readonly native: NativeAddress
  readonly options: ListenSocketOptions
}

/** All sockets of a listener; the first address is the one that names it. */
export interface ListenerSocketSettings {
  readonly listenerName: string
  readonly sockets: readonly ListenSocketSettings[]
  /** False: every worker listens on one shared socket. Pipes are always shared. */
  readonly reusePort: boolean
  /** False: no socket at all; connections come from another listener. */
  readonly bindToPort: boolean
}

/** The settings, or undefined after reporting what is wrong with the addresses. */
export function listenerSocketSettings(view: Listener, errors: ConfigErrors): ListenerSocketSettings | undefined {
  // Refused as a field, and it has no address to speak of.
  if (view.listenerSpecifier === 'internalListener') return undefined
  if (view.address === undefined) {
    errors.add(view, 'address', `error adding listener named '${view.name}': address is necessary`)
    return undefined
  }
  const reusePort = view.enableReusePort ?? true
  const main = socketSettings(view, view.address, view, 'address', view.socketOptions, view.tcpKeepalive, errors)
  const additional = view.additionalAddresses.map((each) =>
    socketSettings(
      view,
      each.address,
      each,
      'address',
      each.socketOptions?.socketOptions ?? view.socketOptions,
      each.tcpKeepalive ?? view.tcpKeepalive,
      errors,
    ),
  )
  const sockets = [main, ...additional].filter((settings) => settings !== undefined)
  if (main === undefined || sockets.length <= additional.length) return undefined
  return {
    listenerName: view.name === '' ? main.address.text : view.name,
    sockets,
    reusePort,
    bindToPort: view.bindToPort ?? view.deprecatedV1?.bindToPort ?? true,
  }
}

/** Those that no later listener may have; each port 0 that is bound is another. */
export function fixedAddresses({ sockets, bindToPort }: ListenerSocketSettings): string[] {
  const isAny = ({ family, port }: AddressInfo): boolean => bindToPort && port === 0 && family !== 'pipe'
  return sockets.flatMap(({ address }) => (isAny(address) ? [] : address.text))
}

function socketSettings(
  listener: Listener,
  view: Address | undefined,
  owner: object,
  field: string,
  optionViews: readonly OptionView[],
  keepalive: TcpKeepalive | undefined,
  errors: ConfigErrors,
): ListenSocketSettings | undefined {
  const address = resolveAddress(view, owner, field, errors)
  if (address === undefined) return undefined
  if (view?.socketAddress?.protocol === 'UDP') {
    errors.add(view.socketAddress, 'protocol', 'UDP listeners are not supported')
    return undefined
  }
  const isPipe = address.family === 'pipe'
  return {
    address,
    native: nativeAddress(address),
    options: {
      reusePort: !isPipe && (listener.enableReusePort ?? true),
      ipv4Compat: view?.socketAddress?.ipv4Compat ?? false,
      freebind: listener.freebind,
      transparent: listener.transparent,
      backlog: listener.tcpBacklogSize ?? defaultBacklog,
      pipeMode: view?.pipe?.mode ?? 0,
      options: isPipe ? [] : socketOptions(listener, optionViews, keepalive, address, errors),
    },
  }
}

function socketOptions(
  listener: Listener,
  views: readonly OptionView[],
  keepalive: TcpKeepalive | undefined,
  address: AddressInfo,
  errors: ConfigErrors,
): SocketOption[] {
  const options: SocketOption[] = keepalive === undefined ? [] : keepaliveOptions(keepalive)
  if (listener.tcpFastOpenQueueLength !== undefined) {
    options.push(intOption(IPPROTO_TCP, TCP_FASTOPEN, listener.tcpFastOpenQueueLength, 'STATE_LISTENING'))
  }
  return [...options, ...configuredOptions(views, address, errors)]
}

/** `socket_options` of a message, those for the other IP version left out. */
export function configuredOptions(
  views: readonly OptionView[],
  address: AddressInfo,
  errors: ConfigErrors,
): SocketOption[] {
  const options: SocketOption[] = []
  for (const view of views) {
    if (view.ipVersion === 'SOCKET_IP_VERSION_IPV4' && address.family !== 'ipv4') continue
    if (view.ipVersion === 'SOCKET_IP_VERSION_IPV6' && address.family !== 'ipv6') continue
    if (view.type?.datagram !== undefined && view.type.stream === undefined) continue
    const value = view.value === 'bufValue' ? view.bufValue : view.intValue
    if (value === undefined) {
      errors.add(view, undefined, 'a socket option needs int_value or buf_value')
      continue
    }
    options.push({ level: view.level, name: view.name, value, state: view.state })
  }
  return options
}

/** Options of `tcp_keepalive`; what is unset keeps the system's default. Times are seconds. */
export function keepaliveOptions(view: TcpKeepalive): SocketOption[] {
  const options = [intOption(SOL_SOCKET, SO_KEEPALIVE, 1, 'STATE_PREBIND')]
  const add = (name: number, value: number | undefined) => {
    if (value !== undefined) options.push(intOption(IPPROTO_TCP, name, value, 'STATE_PREBIND'))
  }
  add(TCP_KEEPCNT, view.keepaliveProbes)
  add(TCP_KEEPIDLE, view.keepaliveTime)
  add(TCP_KEEPINTVL, view.keepaliveInterval)
  return options
}

function intOption(level: number, name: number, value: number, state: SocketState): SocketOption {
  return { level, name, value, state }
}
