// Opens the sockets of a cluster's connections: source address, socket options, keepalive, and which of several addresses.

import { connect, isIPv6, type LookupFunction, Socket, type TcpNetConnectOpts } from 'node:net'
import type { envoy } from '../../proto/generated/api.d.ts'
import { ConfigErrors } from '../config/errors.ts'
import { connectOptions, nativeAddress, resolveSocketAddress } from '../network/address.ts'
import { errorWords } from '../network/connect_errors.ts'
import { configuredOptions, keepaliveOptions } from '../network/socket_settings.ts'
import {
  applySocketOptions,
  type ConnectSocketOptions,
  createConnectSocket,
  SOCKET_OPTION,
  type SocketOption,
} from '../os/socket.ts'
import type { Counter } from '../stats/store.ts'
import type { AddressInfo, UpstreamSource } from '../stream_info/stream_info.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type BindConfig = envoy.config.core.v3.BindConfig
type OptionView = envoy.config.core.v3.SocketOption
type Family = AddressInfo['family']

/** How long one address has before the next is tried as well (Envoy's happy_eyeballs_connection_impl.cc). */
const nextAddressDelayMs = 300

/** What it counts: addresses that cannot be bound, and connections tried beyond the first of each call. */
export interface ConnectorStats {
  readonly bindErrors: Counter
  readonly upstreamCxTotal: Counter
}

interface PreparedOptions extends ConnectSocketOptions {
  /** `ip:port`, for errors. */
  readonly localAddressText?: string
}

interface Source {
  readonly address: AddressInfo
  /** Of extra_source_addresses: in the place of those of the bind config. */
  readonly optionViews: readonly OptionView[] | undefined
}

export interface UpstreamConnector {
  /**
   * Starts a connection, from `source` if there is one. Whatever goes wrong, also before there is a socket, comes as the
   * socket's 'error'.
   */
  connect(address: AddressInfo, additionalAddresses: readonly AddressInfo[], source?: UpstreamSource): Socket
}

/** `managerBind`: the bind config of the cluster manager, for clusters without one. */
export function createConnector(
  view: ClusterView,
  managerBind: BindConfig | undefined,
  stats: ConnectorStats,
  errors: ConfigErrors,
): UpstreamConnector {
  const bind = view.upstreamBindConfig ?? managerBind
  const sources = bind === undefined ? [] : sourceAddresses(view, bind, errors)
  const keepalive = view.upstreamConnectionOptions?.tcpKeepalive
  const optionsOf = (family: Family, report: ConfigErrors): PreparedOptions => {
    // Without a source of the same family the first is used, and binding it says what is wrong.
    const source =
      family === 'pipe' ? undefined : (sources.find(({ address }) => address.family === family) ?? sources[0])
    const views = family === 'pipe' ? [] : (source?.optionViews ?? bind?.socketOptions ?? [])
    const options: SocketOption[] = keepalive === undefined || family === 'pipe' ? [] : keepaliveOptions(keepalive)
    return {
      options: [...options, ...configuredOptions(views, exampleAddress(family), report)],
      ...(source === undefined
        ? {}
        : { localAddress: nativeAddress(source.address), localAddressText: source.address.text }),
      ...(bind?.freebind === undefined || family === 'pipe' ? {} : { freebind: bind.freebind }),
    }
  }
  const prepared = {
    ipv4: optionsOf('ipv4', errors),
    // What is wrong with an option was reported above.
    ipv6: optionsOf('ipv6', new ConfigErrors()),
    pipe: optionsOf('pipe', new ConfigErrors()),
  }
  return new Connector(prepared, firstFamily(view, errors), stats)
}

class Connector implements UpstreamConnector {
  readonly #options: Readonly<Record<Family, PreparedOptions>>
  readonly #firstFamily: 4 | 6 | undefined
  readonly #stats: ConnectorStats

  constructor(
    options: Readonly<Record<Family, PreparedOptions>>,
    firstFamily: 4 | 6 | undefined,
    stats: ConnectorStats,
  ) {
    this.#options = options
    this.#firstFamily = firstFamily
    this.#stats = stats
  }

  connect(address: AddressInfo, additionalAddresses: readonly AddressInfo[], source?: UpstreamSource): Socket {
    const options = this.#options[address.family]
    if (source !== undefined && address.family !== 'pipe')
      return this.#connectPrepared(address, optionsFrom(source, options))
    const more = additionalAddresses.filter(({ family, port }) => family !== 'pipe' && port === address.port)
    if (address.family !== 'pipe' && more.length > 0 && options.localAddress === undefined)
      return this.#connectFirstOf([address, ...more])
    if (options.localAddress !== undefined || options.freebind !== undefined || options.options?.length) {
      return this.#connectPrepared(address, options)
    }
    return connect({ ...connectOptions(address), noDelay: true, allowHalfOpen: true })
  }

  /** Options and source address must be set before connecting: Node has no way to that, so the socket is made here. */
  #connectPrepared(address: AddressInfo, options: PreparedOptions): Socket {
    try {
      const fd = createConnectSocket(nativeAddress(address), options)
      const socket = new Socket({ fd, readable: true, writable: true, allowHalfOpen: true })
      if (address.family !== 'pipe') socket.setNoDelay(true)
      return socket.connect(connectOptions(address))
    } catch (error) {
      const { syscall, code } = error as NodeJS.ErrnoException
      if (syscall !== 'bind') return failedSocket(error as Error)
      this.#stats.bindErrors.inc()
      const source = options.localAddressText
      const failure = new Error(`failed to bind to ${source}: ${errorWords(code ?? '')}`)
      return failedSocket(Object.assign(failure, { syscall, code }))
    }
  }

  /** Node's own RFC 8305: it alternates between the families, beginning with that of the first address. */
  #connectFirstOf(addresses: readonly AddressInfo[]): Socket {
    const list = addresses.map(({ ip }) => ({ address: ip, family: isIPv6(ip) ? 6 : 4 }))
    if (this.#firstFamily !== undefined)
      list.sort((a, b) => rank(a.family, this.#firstFamily) - rank(b.family, this.#firstFamily))
    const lookup: LookupFunction = (_name, _options, callback) => callback(null, list)
    const socket = new Socket({ allowHalfOpen: true })
    let attempts = 0
    socket.on('connectionAttempt', () => {
      // The pool has counted the first.
      if (attempts++ > 0) this.#stats.upstreamCxTotal.inc()
    })
    socket.once('connect', () => this.#applyOptions(socket))
    const options: TcpNetConnectOpts = {
      // Any name: an address would be used as it is.
      host: 'upstream',
      port: addresses[0].port,
      lookup,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: nextAddressDelayMs,
      noDelay: true,
    }
    return socket.connect(options)
  }

  /** Which address it would be was not known before: the options come late, but before any byte. */
  #applyOptions(socket: Socket): void {
    const { options } = this.#options[isIPv6(socket.remoteAddress ?? '') ? 'ipv6' : 'ipv4']
    const fd = (socket as unknown as { _handle?: { fd: number } })._handle?.fd ?? -1
    if (options === undefined || options.length === 0 || fd < 0) return
    try {
      applySocketOptions(fd, options, 'STATE_PREBIND')
    } catch (error) {
      socket.destroy(error as Error)
    }
  }
}

/** The source may be an address of any machine's: only a transparent socket can be bound to it. */
function optionsFrom({ address, mark }: UpstreamSource, options: PreparedOptions): PreparedOptions {
  const { SOL_SOCKET, SO_MARK } = SOCKET_OPTION
  const marks: SocketOption[] =
    mark === 0 ? [] : [{ level: SOL_SOCKET, name: SO_MARK, value: mark, state: 'STATE_PREBIND' }]
  return {
    ...options,
    options: [...(options.options ?? []), ...marks],
    localAddress: nativeAddress(address),
    localAddressText: address.text,
    transparent: true,
  }
}

function rank(family: number, first: number | undefined): number {
  return family === first ? 0 : 1
}

function failedSocket(error: Error): Socket {
  const socket = new Socket()
  // The caller gets to listen first.
  process.nextTick(() => socket.destroy(error))
  return socket
}

/** The source address and at most one more, of the other IP version. */
function sourceAddresses(view: ClusterView, bind: BindConfig, errors: ConfigErrors): Source[] {
  const extra = [
    ...bind.extraSourceAddresses.map((each) => ({ view: each.address, options: each.socketOptions?.socketOptions })),
    ...bind.additionalSourceAddresses.map((each) => ({ view: each, options: undefined })),
  ]
  const prefix = `Cluster ${view.name}'s upstream binding config has`
  const field = bind.extraSourceAddresses.length > 0 ? 'extraSourceAddresses' : 'additionalSourceAddresses'
  if (bind.sourceAddress === undefined) {
    if (extra.length > 0) {
      const rule = 'Extra/additional addresses cannot be specified if source_address is not set.'
      errors.add(bind, field, `${prefix} extra/additional source addresses but no source_address. ${rule}`)
    }
    return []
  }
  if (extra.length > 1) {
    errors.add(bind, field, `${prefix} more than one extra/additional source addresses. Only one can be supported.`)
    return []
  }
  const sources = [{ view: bind.sourceAddress, options: undefined }, ...extra].flatMap((each): Source[] => {
    const address = each.view === undefined ? undefined : resolveSocketAddress(each.view, errors)
    return address === undefined ? [] : [{ address, optionViews: each.options }]
  })
  if (sources.length === 2 && sources[0].address.family === sources[1].address.family) {
    const rule = 'Only two different IP version source addresses can be supported.'
    errors.add(bind, field, `${prefix} two same IP version source addresses. ${rule}`)
  }
  return sources
}

function firstFamily(view: ClusterView, errors: ConfigErrors): 4 | 6 | undefined {
  const config = view.upstreamConnectionOptions?.happyEyeballsConfig
  if ((config?.firstAddressFamilyCount ?? 1) > 1) {
    errors.warn(config, 'firstAddressFamilyCount', 'addresses alternate between the families: this has no effect')
  }
  if (config?.firstAddressFamilyVersion === 'V4') return 4
  return config?.firstAddressFamilyVersion === 'V6' ? 6 : undefined
}

/** Only the family matters to options that are for one IP version. */
function exampleAddress(family: Family): AddressInfo {
  return { text: '', ip: '', port: 0, family }
}
