// The contract between the HTTP filter chain and its filters, in Envoy's terms (envoy/http/filter.h).

import type { HeaderMap } from '../common/header_map.ts'
import type { Connection } from '../network/connection.ts'
import type { Scope } from '../stats/store.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { OverrideHost } from '../upstream/override_host.ts'
import type { StreamResetReason } from './codec/codec.ts'
import type { Route } from './route.ts'

export const FilterHeadersStatus = {
  /** The next filter sees the headers now. */
  Continue: 0,
  /** Wait for continueDecoding() or continueEncoding(); data that comes meanwhile still reaches this filter. */
  StopIteration: 1,
  /** As StopIteration, and the chain buffers data and trailers meanwhile; over the buffer limit it answers 413 or 500. */
  StopAllIterationAndBuffer: 2,
  /** As StopAllIterationAndBuffer, but over the limit it stops reading instead. */
  StopAllIterationAndWatermark: 3,
} as const
export type FilterHeadersStatus = (typeof FilterHeadersStatus)[keyof typeof FilterHeadersStatus]

export const FilterDataStatus = {
  Continue: 0,
  /** The chain buffers the data; over the limit it answers 413 (request) or 500 (response). */
  StopIterationAndBuffer: 1,
  /** The chain buffers the data; over the limit it stops reading. */
  StopIterationAndWatermark: 2,
  /** The filter has taken the data. */
  StopIterationNoBuffer: 3,
} as const
export type FilterDataStatus = (typeof FilterDataStatus)[keyof typeof FilterDataStatus]

export const FilterTrailersStatus = { Continue: 0, StopIteration: 1 } as const
export type FilterTrailersStatus = (typeof FilterTrailersStatus)[keyof typeof FilterTrailersStatus]

/** An answer made by the proxy itself. Every one goes through sendLocalReply of the filter manager. */
export interface LocalReply {
  readonly status: number
  readonly body: string
  /** %RESPONSE_CODE_DETAILS%: Envoy's string, spaces not allowed. */
  readonly details: string
  /** Bits of ResponseFlag to set, 0 for none. */
  readonly flag?: number
  /** For gRPC requests, instead of the mapping from `status`. */
  readonly grpcStatus?: number
  /** Changes the reply's headers before the encoder filters see them. */
  readonly modifyHeaders?: (headers: HeaderMap) => void
}

export interface StreamFilterCallbacks {
  readonly connection: Connection
  readonly streamInfo: StreamInfo
  /** The route of the request, resolved on first use; undefined when none matches. */
  route(): Route | undefined
  /** Makes the next route() match anew, after a filter has changed what routing looks at. */
  clearRouteCache(): void
  /** This filter's own entry of typed_per_filter_config, the most specific one; undefined for none. */
  perFilterConfig(): unknown
  /** Every level's entry, least specific first (virtual host, route, weighted cluster), for filters that merge them. */
  allPerFilterConfigs(): readonly unknown[]
  sendLocalReply(reply: LocalReply): void
  resetStream(reason?: StreamResetReason, details?: string): void
  requestHeaders(): HeaderMap | undefined
  responseHeaders(): HeaderMap | undefined
  requestTrailers(): HeaderMap | undefined
  responseTrailers(): HeaderMap | undefined
}

export interface StreamDecoderFilterCallbacks extends StreamFilterCallbacks {
  continueDecoding(): void
  /** For a request without a route: see `RequestRouteUpdate`. */
  requestRouteUpdate(done: () => void): (() => void) | undefined
  /** What the chain has buffered for this filter (StopIterationAndBuffer); undefined for nothing. */
  decodingBuffer(): Buffer | undefined
  /** Takes it out of the chain, for a filter that passes it on in another form (Envoy's modifyDecodingBuffer). */
  takeDecodingBuffer(): Buffer | undefined
  /**
   * Adds to the buffer, or (from decodeHeaders) makes a request without a body have one. Over the limit the chain stops
   * reading; with `streaming` false it answers 413.
   */
  addDecodedData(data: Buffer, streaming?: boolean): void
  /** Gives other data than came to the filters behind: from decodeData, which then returns StopIterationNoBuffer. */
  injectDecodedDataToFilterChain(data: Buffer, endStream: boolean): void
  /** Trailers for a request that has none; only while the last data passes, or before it is injected. */
  addDecodedTrailers(): HeaderMap
  /** The bytes the chain may buffer for one stream; 0 for no limit. */
  decoderBufferLimit(): number
  setDecoderBufferLimit(bytes: number): void
  /** The host that the request shall go to; the last filter that says one counts. */
  setUpstreamOverrideHost(host: OverrideHost): void
  upstreamOverrideHost(): OverrideHost | undefined
  /** The terminal filter hands the response up: these begin the encoder path. */
  encode1xxHeaders(headers: HeaderMap): void
  encodeHeaders(headers: HeaderMap, endStream: boolean, details: string): void
  encodeData(data: Buffer, endStream: boolean): void
  encodeTrailers(trailers: HeaderMap): void
  /** Counted: stops or resumes reading the request, for a consumer that is full. */
  onDecoderFilterAboveWriteBufferHighWatermark(): void
  onDecoderFilterBelowWriteBufferLowWatermark(): void
  /** The consumer of the response (the upstream side) asks to be told when the downstream cannot take more. */
  addDownstreamWatermarkCallbacks(callbacks: DownstreamWatermarkCallbacks): void
  removeDownstreamWatermarkCallbacks(callbacks: DownstreamWatermarkCallbacks): void
  /** Data given to encodeData may still be in use: by a filter of the chain, or waiting for the client. */
  retainsEncodedData(): boolean
  /**
   * Starts the request, its headers changed, over through the whole chain (internal redirects). `response` is what the
   * log shows of the stream that ends here; nothing of it goes to the client.
   */
  recreateStream(response: HeaderMap, body: Buffer | undefined): void
}

export interface StreamEncoderFilterCallbacks extends StreamFilterCallbacks {
  continueEncoding(): void
  encodingBuffer(): Buffer | undefined
  takeEncodingBuffer(): Buffer | undefined
  /** As addDecodedData; with `streaming` false a response over the limit is answered with 500. */
  addEncodedData(data: Buffer, streaming?: boolean): void
  injectEncodedDataToFilterChain(data: Buffer, endStream: boolean): void
  addEncodedTrailers(): HeaderMap
  encoderBufferLimit(): number
  setEncoderBufferLimit(bytes: number): void
  /** Counted: stops or resumes reading the response, for a filter that holds as much as it may. */
  onEncoderFilterAboveWriteBufferHighWatermark(): void
  onEncoderFilterBelowWriteBufferLowWatermark(): void
}

export interface DownstreamWatermarkCallbacks {
  onAboveWriteBufferHighWatermark(): void
  onBelowWriteBufferLowWatermark(): void
}

/**
 * A filter of the request path. A filter that stops MUST later continue, send a local reply or reset. After onDestroy no
 * callback may be used.
 */
export interface StreamDecoderFilter {
  setDecoderFilterCallbacks(callbacks: StreamDecoderFilterCallbacks): void
  decodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus
  decodeData(data: Buffer, endStream: boolean): FilterDataStatus
  decodeTrailers(trailers: HeaderMap): FilterTrailersStatus
  /**
   * Whether `data` of the last decodeData may still be in use. Data that nobody retains is read into the same memory
   * again, which halves the cost of large bodies; without this method it is the filter's to keep.
   */
  retainsData?(): boolean
  /** The whole request has passed this filter. */
  decodeComplete?(): void
  onDestroy(): void
}

/** A filter of the response path, the mirror of StreamDecoderFilter. */
export interface StreamEncoderFilter {
  setEncoderFilterCallbacks(callbacks: StreamEncoderFilterCallbacks): void
  encode1xxHeaders?(headers: HeaderMap): FilterHeadersStatus
  encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus
  encodeData(data: Buffer, endStream: boolean): FilterDataStatus
  encodeTrailers(trailers: HeaderMap): FilterTrailersStatus
  /** As that of StreamDecoderFilter. */
  retainsData?(): boolean
  onDestroy(): void
}

/** Where a filter factory puts the filters of one stream. */
export interface FilterChainBuilder {
  addDecoderFilter(filter: StreamDecoderFilter): void
  addEncoderFilter(filter: StreamEncoderFilter): void
  addFilter(filter: StreamDecoderFilter & StreamEncoderFilter): void
}

/** Adds one configured filter to a stream's chain; called once per stream. */
export type HttpFilterFactoryCb = (builder: FilterChainBuilder) => void

/** Statistics scope and names that a filter factory gets. */
export interface HttpFilterFactoryContext {
  readonly scope: Scope
  /** `http.<stat_prefix>.` */
  readonly statPrefix: string
  /** As that of `ListenerInfo`. */
  sharedName(kind: string): string
}
