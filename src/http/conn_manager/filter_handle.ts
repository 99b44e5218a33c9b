// One HTTP filter's view of its stream: the callbacks that it is given.

import { HeaderMap } from '../../common/header_map.ts'
import type { Connection } from '../../network/connection.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { OverrideHost } from '../../upstream/override_host.ts'
import type { StreamResetReason } from '../codec/codec.ts'
import type {
  DownstreamWatermarkCallbacks,
  LocalReply,
  StreamDecoderFilter,
  StreamDecoderFilterCallbacks,
  StreamEncoderFilter,
  StreamEncoderFilterCallbacks,
} from '../http_filter.ts'
import type { Route } from '../route.ts'
import type { FilterManager } from './filter_manager.ts'

export class FilterHandle implements StreamDecoderFilterCallbacks, StreamEncoderFilterCallbacks {
  readonly #manager: FilterManager
  readonly #name: string
  readonly decoder: StreamDecoderFilter | undefined
  readonly encoder: StreamEncoderFilter | undefined
  decodeIndex = -1
  encodeIndex = -1

  constructor(
    manager: FilterManager,
    name: string,
    decoder: StreamDecoderFilter | undefined,
    encoder: StreamEncoderFilter | undefined,
  ) {
    this.#manager = manager
    this.#name = name
    this.decoder = decoder
    this.encoder = encoder
  }

  get connection(): Connection {
    return this.#manager.stream.connection
  }

  get streamInfo(): StreamInfo {
    return this.#manager.stream.streamInfo
  }

  route(): Route | undefined {
    return this.#manager.stream.route()
  }

  clearRouteCache(): void {
    this.#manager.stream.clearRouteCache()
  }

  perFilterConfig(): unknown {
    return this.route()?.mostSpecificPerFilterConfig(this.#name)
  }

  allPerFilterConfigs(): readonly unknown[] {
    return this.route()?.perFilterConfigs(this.#name) ?? []
  }

  sendLocalReply(reply: LocalReply): void {
    this.#manager.sendLocalReply(reply)
  }

  resetStream(reason: StreamResetReason = 'localReset', details = ''): void {
    this.#manager.stream.resetStream(reason, details)
  }

  requestHeaders(): HeaderMap | undefined {
    return this.#manager.stream.requestHeaders
  }

  responseHeaders(): HeaderMap | undefined {
    return this.#manager.responseHeaders
  }

  requestTrailers(): HeaderMap | undefined {
    return this.#manager.decodePath.trailers
  }

  responseTrailers(): HeaderMap | undefined {
    return this.#manager.encodePath.trailers
  }

  continueDecoding(): void {
    this.#manager.decodePath.continueFrom(this.decodeIndex)
  }

  requestRouteUpdate(done: () => void): (() => void) | undefined {
    const { settings, requestHeaders } = this.#manager.stream
    return requestHeaders === undefined ? undefined : settings.requestRouteUpdate(requestHeaders, done)
  }

  decodingBuffer(): Buffer | undefined {
    return this.#manager.decodePath.heldData(this.decodeIndex)
  }

  takeDecodingBuffer(): Buffer | undefined {
    return this.#manager.decodePath.takeData(this.decodeIndex)
  }

  addDecodedData(data: Buffer, streaming = true): void {
    this.#manager.decodePath.addData(this.decodeIndex, data, streaming)
  }

  injectDecodedDataToFilterChain(data: Buffer, endStream: boolean): void {
    this.#manager.decodePath.injectData(this.decodeIndex, data, endStream)
  }

  addDecodedTrailers(): HeaderMap {
    const trailers = new HeaderMap()
    this.#manager.decodePath.addTrailers(this.decodeIndex, trailers)
    return trailers
  }

  decoderBufferLimit(): number {
    return this.#manager.decodePath.bufferLimitBytes
  }

  setDecoderBufferLimit(bytes: number): void {
    this.#manager.decodePath.bufferLimitBytes = bytes
  }

  setUpstreamOverrideHost(host: OverrideHost): void {
    this.#manager.upstreamOverrideHost = host
  }

  upstreamOverrideHost(): OverrideHost | undefined {
    return this.#manager.upstreamOverrideHost
  }

  encode1xxHeaders(headers: HeaderMap): void {
    this.#manager.encode1xxHeaders(headers)
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean, details: string): void {
    this.streamInfo.responseCodeDetails = details
    this.#manager.encodeHeaders(headers, endStream)
  }

  encodeData(data: Buffer, endStream: boolean): void {
    this.#manager.encodePath.runData(0, data, endStream)
  }

  encodeTrailers(trailers: HeaderMap): void {
    this.#manager.encodePath.runTrailers(0, trailers)
  }

  onDecoderFilterAboveWriteBufferHighWatermark(): void {
    this.#manager.stream.requestReadDisable(true)
  }

  onDecoderFilterBelowWriteBufferLowWatermark(): void {
    this.#manager.stream.requestReadDisable(false)
  }

  addDownstreamWatermarkCallbacks(callbacks: DownstreamWatermarkCallbacks): void {
    this.#manager.stream.addDownstreamWatermarkCallbacks(callbacks)
  }

  removeDownstreamWatermarkCallbacks(callbacks: DownstreamWatermarkCallbacks): void {
    this.#manager.stream.watermarks.remove(callbacks)
  }

  retainsEncodedData(): boolean {
    const { encodePath, stream } = this.#manager
    return stream.hasBufferedData || encodePath.retainsData()
  }

  recreateStream(response: HeaderMap, body: Buffer | undefined): void {
    this.#manager.stream.recreateStream(response, body)
  }

  continueEncoding(): void {
    this.#manager.encodePath.continueFrom(this.encodeIndex)
  }

  encodingBuffer(): Buffer | undefined {
    return this.#manager.encodePath.heldData(this.encodeIndex)
  }

  takeEncodingBuffer(): Buffer | undefined {
    return this.#manager.encodePath.takeData(this.encodeIndex)
  }

  addEncodedData(data: Buffer, streaming = true): void {
    this.#manager.encodePath.addData(this.encodeIndex, data, streaming)
  }

  injectEncodedDataToFilterChain(data: Buffer, endStream: boolean): void {
    this.#manager.encodePath.injectData(this.encodeIndex, data, endStream)
  }

  addEncodedTrailers(): HeaderMap {
    const trailers = new HeaderMap()
    this.#manager.encodePath.addTrailers(this.encodeIndex, trailers)
    return trailers
  }

  encoderBufferLimit(): number {
    return this.#manager.encodePath.bufferLimitBytes
  }

  setEncoderBufferLimit(bytes: number): void {
    this.#manager.encodePath.bufferLimitBytes = bytes
  }

  onEncoderFilterAboveWriteBufferHighWatermark(): void {
    this.#manager.stream.watermarks.onAboveWriteBufferHighWatermark()
  }

  onEncoderFilterBelowWriteBufferLowWatermark(): void {
    this.#manager.stream.watermarks.onBelowWriteBufferLowWatermark()
  }
}
