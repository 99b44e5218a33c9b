// Requests that the proxy makes itself, over its clusters: sent as the router sends those of clients, with their timeouts,
// circuit breakers and counters. (Envoy's Http::AsyncClient.)

import { monotonicMs } from '../common/clock.ts'
import type { HeaderMap } from '../common/header_map.ts'
import { httpPools } from '../http/conn_pool/http_pools.ts'
import type { LocalReply } from '../http/http_filter.ts'
import type { ForwardRoute } from '../http/route.ts'
import { pipeAddress } from '../network/address.ts'
import { OverloadAction } from '../network/overload/overload_state.ts'
import { StatsOwner } from '../stats/stats_owner.ts'
import { bareConnection } from '../stream_info/bare_connection.ts'
import { StreamInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import { internalRoute } from './internal_route.ts'
import type { RequestCallbacks } from './request_callbacks.ts'
import { RoutedRequest } from './routed_request.ts'
import { type RouterSettings, routerStats } from './router_settings.ts'
import { mayBeMirrored, ShadowStreams } from './shadow_streams.ts'

export interface AsyncStreamOptions {
  /** Milliseconds from the end of the request to that of its answer; 0 for no limit. */
  readonly timeoutMs: number
  /** How much of the request may wait for a connection before the stream is above its watermark. */
  readonly bufferLimitBytes: number
  /** Says in `x-envoy-internal` and `x-forwarded-for` who asks; true if left out. */
  readonly sendsEnvoyHeaders?: boolean
  /** The clusters of what it is a copy of; none if left out. */
  readonly copyOf?: readonly Cluster[]
}

/** What comes of a request. None is called after the end, which all but the first two are, and those with `endStream`. */
export interface AsyncStreamCallbacks {
  onHeaders(headers: HeaderMap, endStream: boolean): void
  /** `data` is valid during the call. */
  onData(data: Buffer, endStream: boolean): void
  onTrailers(trailers: HeaderMap): void
  /** The proxy's own answer, in the place of the cluster's or of what is left of it. */
  onLocalReply(reply: LocalReply): void
  onReset(): void
}

const noCallbacks: AsyncStreamCallbacks = {
  onHeaders: () => {},
  onData: () => {},
  onTrailers: () => {},
  onLocalReply: () => {},
  onReset: () => {},
}

/** For requests that no router filter makes. */
export function serverAsyncClient(context: ServerContext): AsyncClient {
  const { clusterManager, runtime, localInfo } = context
  const settings = {
    clusterManager,
    pools: httpPools,
    runtime,
    suppressEnvoyHeaders: false,
    dynamicStats: true,
    suppressGrpcCodeStats: false,
    localZone: localInfo.zone,
  }
  return createAsyncClient(settings, context)
}

/** Overload sheds what clients ask for, not what the proxy does. */
export function createAsyncClient(
  settings: Omit<RouterSettings, 'stats' | 'filterCheck'>,
  { scope, localInfo }: ServerContext,
): AsyncClient {
  // Of all clients together, and for as long as there is a server.
  const stats = routerStats(scope.ownedBy(new StatsOwner()), 'http.async-client.')
  return new AsyncClient({ ...settings, stats, filterCheck: new OverloadAction() }, localInfo.address)
}

export class AsyncClient {
  readonly settings: RouterSettings
  /** Goes to the end of `x-forwarded-for`. */
  readonly #localIp: string

  constructor(settings: RouterSettings, localIp: string) {
    this.settings = settings
    this.#localIp = localIp
  }

  /**
   * Begins a request; it may be over when this returns. `headers` are the stream's from now on. Without callbacks the answer
   * is read and dropped.
   */
  start(
    cluster: Cluster,
    headers: HeaderMap,
    endStream: boolean,
    options: AsyncStreamOptions,
    callbacks: AsyncStreamCallbacks = noCallbacks,
  ): AsyncStream {
    if (options.sendsEnvoyHeaders !== false) {
      headers.set('x-envoy-internal', 'true')
      headers.append('x-forwarded-for', this.#localIp)
    }
    this.settings.stats.rqTotal.inc()
    return new AsyncStream(this, cluster, headers, endStream, options, callbacks)
  }
}

const noAddress = pipeAddress('')

/** Of what no client has asked for. */
export function bareStream(): StreamInfo {
  return new StreamInfo(bareConnection(0, noAddress, noAddress), monotonicMs(), Date.now())
}

/** One request. */
export class AsyncStream implements RequestCallbacks {
  readonly connection = undefined
  readonly streamInfo: StreamInfo
  readonly #route: ForwardRoute
  readonly #options: AsyncStreamOptions
  readonly #callbacks: AsyncStreamCallbacks
  readonly #request: RoutedRequest
  /** Undefined for most. */
  #shadows: ShadowStreams | undefined = undefined
  #watermarks = 0
  #localClosed: boolean
  #isOver = false

  constructor(
    client: AsyncClient,
    cluster: Cluster,
    headers: HeaderMap,
    endStream: boolean,
    options: AsyncStreamOptions,
    callbacks: AsyncStreamCallbacks,
  ) {
    this.#options = options
    this.#callbacks = callbacks
    this.#localClosed = endStream
    this.#route = internalRoute(cluster.info.name, options.timeoutMs)
    this.streamInfo = bareStream()
    this.streamInfo.protocol = 'HTTP/1.1'
    this.streamInfo.attemptCount = 1
    this.#request = new RoutedRequest(client.settings, this, headers, this.#route, cluster)
    const shadows = mayBeMirrored(cluster, this.#route) ? this.#shadowsOf(client, cluster, headers) : undefined
    if (!this.#request.start(endStream) || this.#isOver) return
    this.#shadows = shadows
    shadows?.start(endStream)
  }

  #shadowsOf(client: AsyncClient, cluster: Cluster, headers: HeaderMap): ShadowStreams | undefined {
    const request = this.#request
    const { streamInfo } = this
    const { copyOf = [] } = this.#options
    return ShadowStreams.of({ request, route: this.#route, cluster, headers, streamInfo, copyOf }, client)
  }

  // ---- The request -----------------------------------------------------------------------------------------------

  /** `data` is the stream's from now on. */
  sendData(data: Buffer, endStream: boolean): void {
    if (this.#isOver || this.#localClosed) return
    this.#localClosed = endStream
    this.#shadows?.onData(data, endStream)
    this.#request.onData(data, endStream)
  }

  sendTrailers(trailers: HeaderMap): void {
    if (this.#isOver || this.#localClosed) return
    this.#localClosed = true
    this.#shadows?.onTrailers(trailers)
    this.#request.onTrailers(trailers)
  }

  /** Nothing more comes of it. */
  reset(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#request.destroy()
    this.#shadows?.destroy()
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

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (endStream) this.reset()
    this.#callbacks.onHeaders(headers, endStream)
  }

  encodeData(data: Buffer, endStream: boolean): void {
    if (endStream) this.reset()
    this.#callbacks.onData(data, endStream)
  }

  encodeTrailers(trailers: HeaderMap): void {
    this.reset()
    this.#callbacks.onTrailers(trailers)
  }

  sendLocalReply(reply: LocalReply): void {
    this.reset()
    this.#callbacks.onLocalReply(reply)
  }

  resetStream(): void {
    this.reset()
    this.#callbacks.onReset()
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
