// A connection's bytes as the body of a request (CONNECT or POST) and of its answer.

import type { HeaderMap } from '../../../../common/header_map.ts'
import type { RequestEncoder, ResponseDecoder, StreamCallbacks } from '../../../../http/codec/codec.ts'
import type {
  HttpConnectionPool,
  PendingStream,
  PoolCallbacks,
  PoolConnectionInfo,
  PoolFailureReason,
} from '../../../../http/conn_pool/connection_pool.ts'
import type { Connection } from '../../../../network/connection.ts'
import type { StreamInfo } from '../../../../stream_info/stream_info.ts'
import type { Host } from '../../../../upstream/host.ts'
import type { TunnelSettings } from './tunneling.ts'

/** Whose bytes they are. Of the first two exactly one is called, possibly before `start` returns. */
export interface TunnelOwner {
  onTunnelReady(tunnel: Tunnel, host: Host, connection: Connection): void
  onPoolFailure(reason: PoolFailureReason, transportFailureReason: string, host: Host | undefined): void
  onUpstreamData(data: Buffer, endStream: boolean): void
  onUpstreamClosed(): void
  pauseDownstream(paused: boolean): void
  /** Bytes of the upstream may still be in use. */
  retainsUpstreamData(): boolean
}

/** One try at a tunnel, and the tunnel if it comes about. */
export class Tunnel implements PoolCallbacks, ResponseDecoder, StreamCallbacks {
  /** In the words of a connection's end: an answer that ends is one in good order. */
  readonly detectedCloseType = 'normal'
  readonly localCloseReason = ''
  readonly #settings: TunnelSettings
  readonly #streamInfo: StreamInfo
  readonly #owner: TunnelOwner
  readonly #base: WireCounts
  #pending: PendingStream | undefined = undefined
  #encoder: RequestEncoder | undefined = undefined
  #connection: Connection | undefined = undefined
  #host: Host | undefined = undefined
  #isHttp1 = false
  /** The answer has said that the tunnel stands. */
  #established = false
  #readEnded = false
  #writeEnded = false
  #over = false
  #bodyBytesSent = 0
  #bodyBytesReceived = 0

  constructor(settings: TunnelSettings, streamInfo: StreamInfo, owner: TunnelOwner) {
    this.#settings = settings
    this.#streamInfo = streamInfo
    this.#owner = owner
    const info = streamInfo.upstreamInfo()
    this.#base = {
      wireBytesSent: info.wireBytesSent,
      wireBytesReceived: info.wireBytesReceived,
      headerBytesSent: info.headerBytesSent,
      headerBytesReceived: info.headerBytesReceived,
      decompressedHeaderBytesSent: info.decompressedHeaderBytesSent,
      decompressedHeaderBytesReceived: info.decompressedHeaderBytesReceived,
    }
  }

  start(pool: HttpConnectionPool): void {
    const pending = pool.newStream(this, this)
    if (this.#encoder === undefined && !this.#over) this.#pending = pending
  }

  /** Before it stands. */
  cancel(): void {
    this.#pending?.cancel()
    this.#pending = undefined
    this.#reset()
  }

  onPoolReady(encoder: RequestEncoder, host: Host, { connection, protocol }: PoolConnectionInfo): void {
    this.#pending = undefined
    this.#encoder = encoder
    this.#host = host
    this.#connection = connection
    this.#isHttp1 = protocol === 'HTTP/1.1'
    encoder.setCallbacks(this)
    if (encoder.aboveHighWatermark) this.#owner.pauseDownstream(true)
    encoder.encodeHeaders(this.#settings.head(this.#streamInfo, host.transportSocket.isSecure), false)
  }

  onPoolMoved(_host: Host, { connection }: PoolConnectionInfo): void {
    this.#connection = connection
  }

  onPoolFailure(reason: PoolFailureReason, transportFailureReason: string, host: Host | undefined): void {
    this.#over = true
    this.#owner.onPoolFailure(reason, transportFailureReason, host)
  }

  // ---- The answer ------------------------------------------------------------------------------------------------

  decode1xxHeaders(): void {}

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.#over) return
    this.#settings.keepHeaders(this.#streamInfo, headers)
    const { status } = headers
    // HTTP/2 knows one answer to CONNECT, HTTP/1 takes any that succeeds.
    const isGood = this.#isHttp1 ? status >= 200 && status < 300 : status === 200
    if (isGood && !endStream) {
      this.#established = true
      this.#owner.onTunnelReady(this, this.#host!, this.#connection!)
      return
    }
    this.#reset()
    this.#fail(`tunnel_response:${status}`)
  }

  decodeData(data: Buffer, endStream: boolean): void {
    if (this.#over) return
    this.#bodyBytesReceived += data.length
    // Before the owner hears of it: it may have nothing else to wait for.
    if (endStream) this.#readEnded = true
    this.#owner.onUpstreamData(data, endStream)
    if (endStream) this.#checkEnd()
  }

  decodeTrailers(trailers: HeaderMap): void {
    if (this.#over) return
    this.#settings.keepTrailers(this.#streamInfo, trailers)
    this.#readEnded = true
    this.#owner.onUpstreamData(noBytes, true)
    this.#checkEnd()
  }

  retainsData(): boolean {
    return this.#owner.retainsUpstreamData()
  }

  onResetStream(): void {
    if (this.#over) return
    this.#over = true
    if (this.#established) this.#owner.onUpstreamClosed()
    else this.#fail('')
  }

  #fail(transportFailureReason: string): void {
    this.noteBytes()
    this.#owner.onPoolFailure('remoteConnectionFailure', transportFailureReason, this.#host)
  }

  #checkEnd(): void {
    if (!this.#readEnded || !this.#writeEnded || this.#over) return
    this.#over = true
    this.#owner.onUpstreamClosed()
  }

  // ---- The client's bytes ----------------------------------------------------------------------------------------

  write(data: Buffer, endStream: boolean): void {
    if (this.#over) return
    this.#bodyBytesSent += data.length
    this.#encoder?.encodeData(data, endStream)
    if (!endStream) return
    this.#writeEnded = true
    // HTTP/1 has no other end of a tunnel than that of its connection.
    if (this.#isHttp1) this.#connection?.close('flushWrite', '')
    else this.#checkEnd()
  }

  readDisable(disable: boolean): void {
    if (!this.#over) this.#encoder?.readDisable(disable)
  }

  get hasBufferedData(): boolean {
    return !this.#over && this.#encoder?.hasBufferedData === true
  }

  onAboveWriteBufferHighWatermark(): void {
    if (!this.#over) this.#owner.pauseDownstream(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    if (!this.#over) this.#owner.pauseDownstream(false)
  }

  onDownstreamClosed(): void {
    if (!this.#readEnded || !this.#writeEnded) this.#reset()
  }

  #reset(): void {
    if (this.#over) return
    this.#over = true
    this.#encoder?.resetStream('localReset')
  }

  /** Adds what this try has carried to that of those before it. Envoy counts the body twice: as HTTP's and as its own. */
  noteBytes(): void {
    const encoder = this.#encoder
    if (encoder === undefined) return
    const info = this.#streamInfo.upstreamInfo()
    const base = this.#base
    info.wireBytesSent = base.wireBytesSent + encoder.wireBytesSent + this.#bodyBytesSent
    info.wireBytesReceived = base.wireBytesReceived + encoder.wireBytesReceived + this.#bodyBytesReceived
    info.headerBytesSent = base.headerBytesSent + encoder.headerBytesSent
    info.headerBytesReceived = base.headerBytesReceived + encoder.headerBytesReceived
    const { decompressedHeaderBytesSent, decompressedHeaderBytesReceived } = encoder
    info.decompressedHeaderBytesSent = base.decompressedHeaderBytesSent + decompressedHeaderBytesSent
    info.decompressedHeaderBytesReceived = base.decompressedHeaderBytesReceived + decompressedHeaderBytesReceived
  }
}

interface WireCounts {
  readonly wireBytesSent: number
  readonly wireBytesReceived: number
  readonly headerBytesSent: number
  readonly headerBytesReceived: number
  readonly decompressedHeaderBytesSent: number
  readonly decompressedHeaderBytesReceived: number
}

const noBytes = Buffer.alloc(0)
