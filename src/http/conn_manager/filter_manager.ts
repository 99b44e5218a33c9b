// The HTTP filters of one stream: makes them, runs both directions, and makes every local reply.

import { HeaderMap, KnownHeader } from '../../common/header_map.ts'
import type { Connection } from '../../network/connection.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { OverrideHost } from '../../upstream/override_host.ts'
import type { StreamResetReason } from '../codec/codec.ts'
import { isGrpcRequest } from '../grpc_status.ts'
import {
  type DownstreamWatermarkCallbacks,
  type FilterChainBuilder,
  FilterHeadersStatus,
  type HttpFilterFactoryCb,
  type LocalReply,
  type StreamDecoderFilter,
  type StreamEncoderFilter,
} from '../http_filter.ts'
import type { RewrittenReply } from '../local_reply.ts'
import type { RequestRouteUpdate, Route } from '../route.ts'
import { FilterHandle } from './filter_handle.ts'
import { decodeCalls, encodeCalls, FilterPath } from './filter_path.ts'
import { finishLocalReply } from './local_reply_headers.ts'
import type { WatermarkCallbacks } from './watermark_callbacks.ts'

/** One configured HTTP filter: its name (for per-route configuration) and how to add it to a stream. */
export interface ConfiguredFilter {
  readonly name: string
  readonly disabled: boolean
  readonly addTo: HttpFilterFactoryCb
}

/** What the filter manager asks of the stream that owns it. */
export interface FilterManagerStream {
  readonly settings: { readonly requestRouteUpdate: RequestRouteUpdate }
  readonly connection: Connection
  readonly streamInfo: StreamInfo
  readonly requestHeaders: HeaderMap | undefined
  route(): Route | undefined
  clearRouteCache(): void
  /** The end of the encoder path: towards the codec. */
  encode1xxHeaders(headers: HeaderMap): void
  encodeHeaders(headers: HeaderMap, endStream: boolean): void
  encodeData(data: Buffer, endStream: boolean): void
  encodeTrailers(trailers: HeaderMap): void
  resetStream(reason: StreamResetReason, details: string): void
  recreateStream(response: HeaderMap, body: Buffer | undefined): void
  /** Response data may still wait to be written to the client. */
  readonly hasBufferedData: boolean
  /** Counted: stops reading the request from the codec. */
  requestReadDisable(disable: boolean): void
  onRequestDataTooLarge(): void
  onResponseDataTooLarge(): void
  /** Of those who produce the response. */
  readonly watermarks: WatermarkCallbacks
  addDownstreamWatermarkCallbacks(callbacks: DownstreamWatermarkCallbacks): void
  /** A local reply of status 400 is about to be sent. */
  onBadRequest(): void
  /** Applies the response header changes of the route, where one has been found that does not answer by itself. */
  finalizeLocalReply(headers: HeaderMap): void
  /** Applies `local_reply_config`. */
  rewriteLocalReply(headers: HeaderMap, body: string): RewrittenReply
}

export class FilterManager implements FilterChainBuilder {
  readonly stream: FilterManagerStream
  readonly decodePath: FilterPath<StreamDecoderFilter>
  readonly encodePath: FilterPath<StreamEncoderFilter>
  readonly #handles: FilterHandle[] = []
  #building = ''
  responseHeaders: HeaderMap | undefined = undefined
  upstreamOverrideHost: OverrideHost | undefined = undefined
  /** Response headers have gone to the codec: a local reply is no longer possible. */
  responseStarted = false
  /** As the client asked, whatever filters make of the request; undefined until they see it. */
  #isGrpcRequest: boolean | undefined = undefined
  #isHeadRequest: boolean | undefined = undefined
  destroyed = false

  constructor(stream: FilterManagerStream, bufferLimitBytes: number) {
    this.stream = stream
    this.decodePath = new FilterPath(decodeCalls, new RequestSink(this), bufferLimitBytes)
    this.encodePath = new FilterPath(encodeCalls, new ResponseSink(this), bufferLimitBytes)
  }

  /** Makes the stream's filters. A filter that the route disables is left out, one it enables is put in. */
  createFilterChain(filters: readonly ConfiguredFilter[], route: Route | undefined): void {
    this.#isGrpcRequest = isGrpc(this.stream.requestHeaders)
    this.#isHeadRequest = this.stream.requestHeaders?.method === 'HEAD'
    for (let i = 0; i < filters.length; i++) {
      const filter = filters[i]
      if (route?.filterDisabled(filter.name) ?? filter.disabled) continue
      this.#building = filter.name
      filter.addTo(this)
    }
    // Responses pass the filters in the opposite order.
    for (let i = this.#handles.length - 1; i >= 0; i--) {
      const handle = this.#handles[i]
      if (handle.encoder !== undefined) handle.encodeIndex = this.encodePath.add(handle.encoder)
    }
  }

  addDecoderFilter(filter: StreamDecoderFilter): void {
    const handle = new FilterHandle(this, this.#building, filter, undefined)
    handle.decodeIndex = this.decodePath.add(filter)
    this.#handles.push(handle)
    filter.setDecoderFilterCallbacks(handle)
  }

  addEncoderFilter(filter: StreamEncoderFilter): void {
    const handle = new FilterHandle(this, this.#building, undefined, filter)
    this.#handles.push(handle)
    filter.setEncoderFilterCallbacks(handle)
  }

  addFilter(filter: StreamDecoderFilter & StreamEncoderFilter): void {
    const handle = new FilterHandle(this, this.#building, filter, filter)
    handle.decodeIndex = this.decodePath.add(filter)
    this.#handles.push(handle)
    filter.setDecoderFilterCallbacks(handle)
    filter.setEncoderFilterCallbacks(handle)
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    this.responseHeaders = headers
    this.encodePath.runHeaders(0, headers, endStream)
  }

  encode1xxHeaders(headers: HeaderMap): void {
    for (let i = this.#handles.length - 1; i >= 0; i--) {
      const filter = this.#handles[i].encoder
      if (filter?.encode1xxHeaders === undefined) continue
      if (filter.encode1xxHeaders(headers) !== FilterHeadersStatus.Continue) return
    }
    this.stream.encode1xxHeaders(headers)
  }

  /**
   * The one place where the proxy answers by itself. The reply passes the encoder filters as an upstream's would, but
   * goes straight to the client where they have seen a response already. Once response headers are out, all that is left
   * is a reset.
   */
  sendLocalReply(reply: LocalReply): void {
    if (this.destroyed) return
    const info = this.stream.streamInfo
    if (reply.flag !== undefined && reply.flag !== 0) info.setResponseFlag(reply.flag)
    info.responseCodeDetails = reply.details
    if (this.responseStarted) {
      this.stream.resetStream('localReset', reply.details)
      return
    }
    this.decodePath.halt()
    if (reply.status === 400) this.stream.onBadRequest()
    const { requestHeaders } = this.stream
    const headers = new HeaderMap()
    headers.status = reply.status
    this.stream.finalizeLocalReply(headers)
    reply.modifyHeaders?.(headers)
    const rewritten = this.stream.rewriteLocalReply(headers, reply.body)
    const asGrpc = this.#isGrpcRequest ?? isGrpc(requestHeaders)
    const body = finishLocalReply(headers, reply, rewritten, requestHeaders, asGrpc)
    const headersOnly = body === '' || (this.#isHeadRequest ?? requestHeaders?.method === 'HEAD')
    const data = headersOnly ? undefined : Buffer.from(body, 'latin1')
    if (this.responseHeaders === undefined) {
      this.encodeHeaders(headers, headersOnly)
      if (data !== undefined && !this.destroyed) this.encodePath.runData(0, data, true)
    } else this.#replyDirectly(headers, data)
  }

  #replyDirectly(headers: HeaderMap, data: Buffer | undefined): void {
    this.encodePath.halt()
    this.responseHeaders = headers
    this.responseStarted = true
    this.stream.encodeHeaders(headers, data === undefined)
    if (data !== undefined) this.stream.encodeData(data, true)
  }

  /** Tells every filter that the stream is over. Their callbacks do nothing from here on. */
  destroy(): void {
    if (this.destroyed) return
    this.destroyed = true
    this.decodePath.halt()
    this.encodePath.halt()
    for (const handle of this.#handles) (handle.decoder ?? handle.encoder)?.onDestroy()
  }
}

function isGrpc(request: HeaderMap | undefined): boolean {
  return request !== undefined && (request.known & KnownHeader.contentType) !== 0 && isGrpcRequest(request)
}

class RequestSink {
  readonly #manager: FilterManager

  constructor(manager: FilterManager) {
    this.#manager = manager
  }

  // The terminal filter consumes the request: what passes a chain without one is dropped, and the idle timer ends it.
  headersPassed(): void {}
  dataPassed(): void {}
  trailersPassed(): void {}

  bufferLimitExceeded(): void {
    this.#manager.stream.onRequestDataTooLarge()
    this.#manager.sendLocalReply({ status: 413, body: 'Payload Too Large', details: 'request_payload_too_large' })
  }

  bufferAboveLimit(above: boolean): void {
    this.#manager.stream.requestReadDisable(above)
  }
}

class ResponseSink {
  readonly #manager: FilterManager

  constructor(manager: FilterManager) {
    this.#manager = manager
  }

  headersPassed(headers: HeaderMap, endStream: boolean): void {
    this.#manager.responseStarted = true
    this.#manager.stream.encodeHeaders(headers, endStream)
  }

  dataPassed(data: Buffer, endStream: boolean): void {
    this.#manager.stream.encodeData(data, endStream)
  }

  trailersPassed(trailers: HeaderMap): void {
    this.#manager.stream.encodeTrailers(trailers)
  }

  bufferLimitExceeded(): void {
    this.#manager.stream.onResponseDataTooLarge()
    this.#manager.sendLocalReply({ status: 500, body: 'Internal Server Error', details: 'response_payload_too_large' })
  }

  bufferAboveLimit(): void {}
}
