// Requests that the proxy makes itself, over its clusters: sent as the router sends those of clients, with their timeouts,
// circuit breakers and counters. (Envoy's Http::AsyncClient.)

import { monotonicMs } from '../common/clock.ts'
import type { HeaderMap } from '../common/header_map.ts'
import type { ForwardRoute } from '../http/route.ts'
import { pipeAddress } from '../network/address.ts'
import { bareConnection } from '../stream_info/bare_connection.ts'
import { StreamInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import { internalRoute } from './internal_route.ts'
import type { RequestCallbacks } from './request_callbacks.ts'
import { RoutedRequest } from './routed_request.ts'
import type { RouterSettings } from './router_settings.ts'

export interface AsyncStreamOptions {
  /** Milliseconds from the end of the request to that of its answer; 0 for no limit. */
  readonly timeoutMs: number
  /** How much of the request may wait for a connection before the stream is above its watermark. */
  readonly bufferLimitBytes: number
}

export class AsyncClient {
  readonly settings: RouterSettings
  /** Goes to the end of `x-forwarded-for`. */
  readonly #localIp: string

  /** The counters of `settings` are those of `http.async-client.`. */
  constructor(settings: RouterSettings, localIp: string) {
    this.settings = settings
    this.#localIp = localIp
  }

  /** Begins a request; it may be over when this returns. `headers` are the stream's from now on. */
  start(cluster: Cluster, headers: HeaderMap, endStream: boolean, options: AsyncStreamOptions): AsyncStream {
    headers.set('x-envoy-internal', 'true')
    headers.append('x-forwarded-for', this.#localIp)
    this.settings.stats.rqTotal.inc()
    return new AsyncStream(this.settings, cluster, headers, endStream, options)
  }
}

const noAddress = pipeAddress('')

/** One request. Its answer is read and dropped. */
export class AsyncStream implements RequestCallbacks {
  readonly connection = undefined
  readonly streamInfo: StreamInfo
  readonly #route: ForwardRoute
  readonly #options: AsyncStreamOptions
  readonly #request: RoutedRequest
  #watermarks = 0
  #localClosed: boolean
  #isOver = false

  constructor(
    settings: RouterSettings,
    cluster: Cluster,
    headers: HeaderMap,
    endStream: boolean,
    options: AsyncStreamOptions,
  ) {
    this.#options = options
    this.#localClosed = endStream
    this.#route = internalRoute(cluster.info.name, options.timeoutMs)
    this.streamInfo = new StreamInfo(bareConnection(0, noAddress, noAddress), monotonicMs(), Date.now())
    this.streamInfo.protocol = 'HTTP/1.1'
    this.streamInfo.attemptCount = 1
    this.#request = new RoutedRequest(settings, this, headers, this.#route, cluster)
    this.#request.start(endStream)
  }

  // ---- The request -----------------------------------------------------------------------------------------------

  /** `data` is the stream's from now on. */
  sendData(data: Buffer, endStream: boolean): void {
    if (this.#isOver || this.#localClosed) return
    this.#localClosed = endStream
    this.#request.onData(data, endStream)
  }

  sendTrailers(trailers: HeaderMap): void {
    if (this.#isOver || this.#localClosed) return
    this.#localClosed = true
    this.#request.onTrailers(trailers)
  }

  /** Nothing more comes of it. */
  reset(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#request.destroy()
  }

  /** All of the request has been given to it, or its end has come before that. */
  get isClosed(): boolean {
    return this.#localClosed || this.#isOver
  }

  /** More of the request waits than its buffers should hold. */
  get isAboveWriteBufferHighWatermark(): boolean {
    return this.#watermarks > 0
  }

  onDecoderFilterAboveWriteBufferHighWatermark(): void {
    this.#watermarks++
  }

  onDecoderFilterBelowWriteBufferLowWatermark(): void {
    this.#watermarks--
  }

  decoderBufferLimit(): number {
    return this.#options.bufferLimitBytes
  }

  // ---- The answer ------------------------------------------------------------------------------------------------

  encode1xxHeaders(): void {}

  encodeHeaders(_headers: HeaderMap, endStream: boolean): void {
    if (endStream) this.reset()
  }

  encodeData(_data: Buffer, endStream: boolean): void {
    if (endStream) this.reset()
  }

  encodeTrailers(): void {
    this.reset()
  }

  /** The proxy's own answer in the place of the cluster's. */
  sendLocalReply(): void {
    this.reset()
  }

  resetStream(): void {
    this.reset()
  }

  retainsEncodedData(): boolean {
    return false
  }

  // ---- What only clients' streams have ------------------------------------------------------------------------------

  route(): ForwardRoute {
    return this.#route
  }

  clearRouteCache(): void {}

  upstreamOverrideHost(): undefined {
    return undefined
  }

  recreateStream(): void {}

  addDownstreamWatermarkCallbacks(): void {}

  removeDownstreamWatermarkCallbacks(): void {}
}
