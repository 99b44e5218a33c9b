// An accepted socket before and while it is a connection: what is known of it, filled in by listener filters.

import type { Socket } from 'node:net'
import { getOriginalDst, isTransparent, roundTripTimeUs } from '../os/socket.ts'
import type { AddressInfo, DownstreamInfo, StreamInfo, TlsInfo, UpstreamSource } from '../stream_info/stream_info.ts'
import { addressOfNative } from './address.ts'

/**
 * The downstream facts of one connection. Listener filters replace addresses and add what they detect; the filter chain
 * is matched on the result; streams and logs read it from then on. Fields are plain: they are read for every request.
 */
export class ConnectionSocket implements DownstreamInfo {
  readonly socket: Socket
  readonly connectionId: number
  remoteAddress: AddressInfo
  localAddress: AddressInfo
  readonly directRemoteAddress: AddressInfo
  readonly directLocalAddress: AddressInfo
  /** The local address was restored by original_dst or PROXY protocol: it is not the socket's own. */
  localAddressRestored = false
  ownAddress: AddressInfo | undefined
  /** '' until a listener filter knows better; counts as raw_buffer in filter chain match. */
  detectedTransportProtocol = ''
  requestedServerName = ''
  requestedApplicationProtocols: readonly string[] = []
  ja3Fingerprint = ''
  ja4Fingerprint = ''
  tls: TlsInfo | undefined = undefined
  transportFailureReason = ''
  isSecure = false
  detectedCloseType = ''
  localCloseReason = ''
  upstreamSource: UpstreamSource | undefined = undefined
  /** Of the listener that has it now: another one may have accepted it. */
  listenerName: string
  filterChainName = ''
  readonly acceptedAtMs: number
  #roundTripMs: number | undefined = undefined

  constructor(
    socket: Socket,
    connectionId: number,
    remoteAddress: AddressInfo,
    localAddress: AddressInfo,
    listenerName: string,
    acceptedAtMs: number,
  ) {
    this.socket = socket
    this.connectionId = connectionId
    this.remoteAddress = remoteAddress
    this.localAddress = localAddress
    this.directRemoteAddress = remoteAddress
    this.directLocalAddress = localAddress
    this.ownAddress = localAddress
    this.listenerName = listenerName
    this.acceptedAtMs = acceptedAtMs
  }

  roundTripTimeMs(): number | undefined {
    const fd = this.#fd()
    const microseconds = fd === undefined ? undefined : roundTripTimeUs(fd)
    if (microseconds !== undefined) this.#roundTripMs = Math.trunc(microseconds / 1000)
    return this.#roundTripMs
  }

  /**
   * Where the client wanted to go, as netfilter knows it, or as TPROXY left it to the socket: its own address, where nothing
   * has redirected it but connections are tracked. Undefined where nobody knows.
   */
  originalDestination(): AddressInfo | undefined {
    // A PROXY header may have made it another one than the socket's: as in Envoy, nobody knows more then.
    const { family } = this.localAddress
    const fd = this.#fd()
    if (family === 'pipe' || fd === undefined) return undefined
    const original = getOriginalDst(fd, family)
    if (original !== undefined) return addressOfNative(original)
    return isTransparent(fd, family) ? this.directLocalAddress : undefined
  }

  #fd(): number | undefined {
    const { fd } = (this.socket as SocketInternals)._handle ?? {}
    return fd === undefined || fd < 0 ? undefined : fd
  }

  /** For a listener filter that learns where the connection was really going. */
  restoreLocalAddress(address: AddressInfo): void {
    this.localAddress = address
    this.localAddressRestored = true
  }

  /** For a listener filter that learns who the client really is; the log's address follows. */
  replaceRemoteAddress(address: AddressInfo, streamInfo: StreamInfo): void {
    this.remoteAddress = address
    streamInfo.remoteAddress = address
  }
}

/** Node's own fields: the descriptor is there as long as the socket is. */
interface SocketInternals {
  readonly _handle?: { readonly fd?: number } | null
}
