// One request and its response, from the codec's decoded head to the access log line.

import { monotonicMs, wallMs } from '../../common/clock.ts'
import { type HeaderMap, KnownHeader } from '../../common/header_map.ts'
import type { TimerGroup } from '../../common/timer.ts'
import type { Connection } from '../../network/connection.ts'
import { ResponseFlag } from '../../stream_info/response_flags.ts'
import { StreamInfo } from '../../stream_info/stream_info.ts'
import type {
  CodecProtocolError,
  RequestDecoder,
  ResponseEncoder,
  StreamCallbacks,
  StreamResetReason,
} from '../codec/codec.ts'
import { wantsClose } from '../codec/http1/request_head.ts'
import type { DownstreamWatermarkCallbacks, LocalReply } from '../http_filter.ts'
import type { RewrittenReply } from '../local_reply.ts'
import type { Route } from '../route.ts'
import type { ConnectionManager } from './connection_manager.ts'
import { answerToExpect } from './expect.ts'
import { FilterManager, type FilterManagerStream } from './filter_manager.ts'
import { addRouteHeaders } from './local_reply_headers.ts'
import { checkRequestHead, overloadReply } from './request_checks.ts'
import { mutateRequestHeaders } from './request_headers.ts'
import { resetFlag } from './reset_flag.ts'
import { mutateResponseHeaders, sanitizeResponseHeaders } from './response_headers.ts'
import { RouteCache } from './route_cache.ts'
import type { ConnectionManagerSettings } from './settings.ts'
import { chargeResponse } from './stats.ts'
import { copyByteCounts, formatterContext, type LoggedStream, logStream } from './stream_log.ts'
import { StreamTimers } from './stream_timers.ts'
import { isUpgradeAccepted, requestedUpgrade, tunnelReset, upgradeFilters } from './upgrade.ts'
import { WatermarkCallbacks } from './watermark_callbacks.ts'

let nextStreamId = 1

export class ActiveStream implements RequestDecoder, StreamCallbacks, FilterManagerStream, LoggedStream {
  readonly #manager: ConnectionManager
  readonly settings: ConnectionManagerSettings
  readonly #encoder: ResponseEncoder
  readonly #multiplexed: boolean
  readonly connection: Connection
  readonly streamInfo: StreamInfo
  readonly filters: FilterManager
  readonly timers: StreamTimers
  requestHeaders: HeaderMap | undefined = undefined
  /** The whole request has been decoded. */
  remoteComplete = false
  /** The response head has been given to the codec. */
  responseHeaders: HeaderMap | undefined = undefined
  responseTrailers: HeaderMap | undefined = undefined
  localComplete = false
  /** Its request goes on in another stream (internal redirect). */
  recreated = false
  resetByClient = false
  #ended = false
  /** The filters have seen the request's head and let the codec go on; until then an answer is at once. */
  headPassed = false
  /** The codec has refused the request. */
  #broken = false
  /** The connection ends with this response, or (HTTP/2) some time after it. */
  closeAfter = false
  http10 = false
  #upgradeType = ''
  upgraded = false
  #upgradeCounted = false
  readonly #routeCache: RouteCache
  readonly watermarks = new WatermarkCallbacks()

  constructor(manager: ConnectionManager, encoder: ResponseEncoder) {
    const settings = manager.settings
    const connection = manager.connection
    this.#manager = manager
    this.settings = settings
    this.#encoder = encoder
    this.#multiplexed = manager.codec?.multiplexed === true
    this.#routeCache = new RouteCache(settings)
    this.connection = connection
    if (connection.downstream === undefined) throw new Error('a connection manager serves downstream connections only')
    this.streamInfo = new StreamInfo(connection.downstream, monotonicMs(), wallMs())
    this.streamInfo.streamId = nextStreamId++
    this.streamInfo.schemeMatchesUpstream = settings.matchUpstreamScheme
    this.streamInfo.protocol = manager.codec?.protocol ?? ''
    this.filters = new FilterManager(this, manager.codec?.streamBufferLimitBytes ?? connection.bufferLimitBytes)
    this.timers = new StreamTimers(this, settings)
    encoder.setCallbacks(this)
  }

  setFlushTimeout(timeoutMs: number, timers: TimerGroup): void {
    this.#encoder.setFlushTimeout(timeoutMs, timers)
  }

  // ---- The request, from the codec -------------------------------------------------------------------------------

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    const { streamInfo: info, settings } = this
    this.requestHeaders = headers
    info.protocol = this.#manager.codec?.protocol ?? 'HTTP/1.1'
    this.http10 = info.protocol === 'HTTP/1.0'
    this.#noteReceived(endStream)
    this.timers.start(endStream)
    const overloaded = overloadReply(settings)
    const expects = (headers.known & KnownHeader.expect) !== 0 && overloaded === undefined
    if (expects && !settings.proxy100Continue) this.#answerExpect(headers)
    if (!this.#multiplexed && wantsClose(headers, this.http10)) this.closeAfter = true
    this.#upgradeType = requestedUpgrade(headers)
    const refusal = overloaded ?? checkRequestHead(headers, settings, this.connection)
    if (refusal !== undefined) {
      this.filters.sendLocalReply(refusal)
      return
    }
    settings.earlyHeaderMutation?.(headers, info)
    const rejectStatus = mutateRequestHeaders(headers, this.connection, settings, info)
    if (rejectStatus !== undefined) {
      settings.stats.downstreamRqRejectedViaIpDetection.inc()
      this.filters.sendLocalReply({ status: rejectStatus, body: '', details: 'rejecting_because_detection_failed' })
      return
    }
    if (settings.flushAccessLogOnNewRequest) {
      this.route()
      copyByteCounts(this.#encoder, this.streamInfo)
      logStream(this, 'DownstreamStart')
    }
    this.#startFilters(headers, endStream)
  }

  #startFilters(headers: HeaderMap, endStream: boolean): void {
    const { filters } = this
    const route = this.route()
    if (route !== undefined) this.timers.applyRoute(route, headers)
    const type = this.#upgradeType
    const allowed = type === '' ? undefined : upgradeFilters(type, route, this.settings)
    filters.createFilterChain(allowed ?? this.settings.filters, route)
    const connectWithoutRoute = type === 'connect' && route === undefined
    if (type !== '' && allowed === undefined && !connectWithoutRoute) {
      this.settings.stats.downstreamRqWsOnNonWsRoute.inc()
      // What follows may be meant for the protocol that was asked for.
      this.closeAfter = true
      filters.sendLocalReply({ status: 403, body: '', details: 'upgrade_failed' })
      return
    }
    if (allowed !== undefined) {
      this.#upgradeCounted = true
      this.settings.stats.downstreamCxUpgradesTotal.inc()
      this.settings.stats.downstreamCxUpgradesActive.inc()
    }
    filters.decodePath.runHeaders(0, headers, endStream)
    this.headPassed = true
  }

  decodeData(data: Buffer, endStream: boolean): void {
    if (this.#ended) return
    this.streamInfo.bytesReceived += data.length
    this.#noteReceived(endStream)
    this.timers.onActivity(endStream)
    this.filters.decodePath.runData(0, data, endStream)
  }

  retainsData(): boolean {
    return this.filters.decodePath.retainsData()
  }

  decodeTrailers(trailers: HeaderMap): void {
    if (this.#ended) return
    this.#noteReceived(true)
    this.timers.onActivity(true)
    this.filters.decodePath.runTrailers(0, trailers)
  }

  sendProtocolErrorReply(status: number, body: string, details: string): void {
    this.streamInfo.protocol = this.#manager.codec?.protocol ?? 'HTTP/1.1'
    this.#broken = true
    this.#closeAfterInvalidMessage()
    this.filters.sendLocalReply({ status, body, details })
  }

  sendLocalReply(reply: LocalReply): void {
    this.streamInfo.protocol = this.#manager.codec?.protocol ?? 'HTTP/1.1'
    this.closeAfter = !this.#multiplexed
    this.filters.sendLocalReply(reply)
  }

  /** 400 is read as trouble with the message: nothing more is taken from the connection. */
  onBadRequest(): void {
    if (this.#closeAfterInvalidMessage()) this.#manager.delayClose()
  }

  #closeAfterInvalidMessage(): boolean {
    if (this.#multiplexed || this.settings.http1.streamErrorOnInvalidHttpMessage) return false
    this.closeAfter = true
    return true
  }

  #noteReceived(endStream: boolean): void {
    if (!endStream) return
    this.remoteComplete = true
    this.streamInfo.lastDownstreamRxByteMs = monotonicMs()
  }

  #answerExpect(headers: HeaderMap): void {
    const interim = answerToExpect(headers)
    if (interim === undefined) return
    chargeResponse(this.settings, 100, false)
    this.#encoder.encode1xxHeaders(interim)
  }

  // ---- Routing ---------------------------------------------------------------------------------------------------

  route(): Route | undefined {
    if (this.requestHeaders === undefined) return undefined
    return this.#routeCache.find(this.requestHeaders, this.streamInfo)
  }

  get currentRoute(): Route | undefined {
    return this.#routeCache.current
  }

  clearRouteCache(): void {
    this.#routeCache.clear()
  }

  // ---- The response, from the filter chain -----------------------------------------------------------------------

  encode1xxHeaders(headers: HeaderMap): void {
    if (this.#ended || !this.settings.proxy100Continue) return
    chargeResponse(this.settings, headers.status, this.streamInfo.healthCheck)
    sanitizeResponseHeaders(headers, this.requestHeaders, this.settings, false)
    this.#encoder.encode1xxHeaders(headers)
  }

  encodeHeaders(headers: HeaderMap, endStream: boolean): void {
    if (this.#ended) return
    const { streamInfo: info, settings } = this
    this.responseHeaders = headers
    info.responseCode = headers.status
    this.upgraded = isUpgradeAccepted(this.#upgradeType, headers)
    mutateResponseHeaders(headers, this.requestHeaders, settings, this.upgraded)
    this.#manager.beforeResponse(this, headers)
    chargeResponse(settings, headers.status, info.healthCheck)
    info.firstDownstreamTxByteMs = monotonicMs()
    // request_timeout is about getting to an answer.
    this.timers.onActivity(true)
    this.#encoder.encodeHeaders(headers, endStream)
    if (endStream) this.#endResponse()
  }

  encodeData(data: Buffer, endStream: boolean): void {
    if (this.#ended) return
    this.streamInfo.bytesSent += data.length
    this.timers.onActivity(false)
    this.#encoder.encodeData(data, endStream)
    if (endStream) this.#endResponse()
  }

  encodeTrailers(trailers: HeaderMap): void {
    if (this.#ended) return
    this.responseTrailers = trailers
    this.#encoder.encodeTrailers(trailers)
    this.#endResponse()
  }

  #endResponse(): void {
    this.localComplete = true
    if (!this.remoteComplete) this.settings.stats.downstreamRqRxReset.inc()
    this.streamInfo.lastDownstreamTxByteMs = monotonicMs()
    this.#end(this.remoteComplete ? undefined : 'localReset')
  }

  finalizeLocalReply(headers: HeaderMap): void {
    if (this.currentRoute !== undefined && this.requestHeaders !== undefined)
      addRouteHeaders(headers, this.currentRoute, this.requestHeaders, this.streamInfo)
  }

  rewriteLocalReply(headers: HeaderMap, body: string): RewrittenReply {
    const rewritten = this.settings.localReply.rewrite(formatterContext(this, 'NotSet', headers), headers, body)
    // The reply's own format does not see it yet, as in Envoy.
    if (this.#broken) this.streamInfo.setResponseFlag(ResponseFlag.DownstreamProtocolError)
    return rewritten
  }

  // ---- Flow control ----------------------------------------------------------------------------------------------

  get hasBufferedData(): boolean {
    return this.#encoder.hasBufferedData
  }

  onRequestDataTooLarge(): void {
    this.settings.stats.downstreamRqTooLarge.inc()
  }

  onResponseDataTooLarge(): void {
    this.settings.stats.rsTooLarge.inc()
  }

  requestReadDisable(disable: boolean): void {
    const { stats } = this.settings
    if (disable) stats.downstreamFlowControlPausedReadingTotal.inc()
    else stats.downstreamFlowControlResumedReadingTotal.inc()
    this.#encoder.readDisable(disable)
  }

  addDownstreamWatermarkCallbacks(callbacks: DownstreamWatermarkCallbacks): void {
    this.watermarks.add(callbacks, this.#encoder.aboveHighWatermark)
  }

  onAboveWriteBufferHighWatermark(): void {
    this.watermarks.onAboveWriteBufferHighWatermark()
  }

  onBelowWriteBufferLowWatermark(): void {
    this.timers.onActivity(false)
    this.watermarks.onBelowWriteBufferLowWatermark()
  }

  // ---- The end ---------------------------------------------------------------------------------------------------

  /** A filter or timer gives the stream up after its response has begun. */
  resetStream(reason: StreamResetReason, details: string): void {
    if (this.#ended) return
    if (details !== '') this.streamInfo.responseCodeDetails = details
    this.settings.stats.downstreamRqTxReset.inc()
    this.settings.stats.downstreamRqRxReset.inc()
    this.remoteComplete = false
    this.#end(reason)
  }

  /** The codec has lost the stream: the client has reset it, or broke the protocol in it. */
  onResetStream(reason: StreamResetReason, details: string): void {
    if (this.#ended) return
    this.settings.stats.downstreamRqRxReset.inc()
    this.streamInfo.setResponseFlag(resetFlag(reason))
    if (details !== '') this.streamInfo.responseCodeDetails = details
    this.resetByClient = true
    this.#end()
  }

  /** The client broke the protocol: in this stream, or elsewhere on its connection. */
  onCodecError(error: CodecProtocolError): void {
    if (this.#ended) return
    const info = this.streamInfo
    this.settings.stats.downstreamRqRxReset.inc()
    info.setResponseFlag(ResponseFlag.DownstreamProtocolError)
    info.responseCodeDetails ||= this.#multiplexed ? this.#encoder.details || error.details : 'http1.codec_error'
    this.remoteComplete = false
    this.#end()
  }

  onConnectionClosed(remote: boolean): void {
    if (this.#ended) return
    const info = this.streamInfo
    this.settings.stats.downstreamRqRxReset.inc()
    if (remote) {
      info.setResponseFlag(ResponseFlag.DownstreamConnectionTermination)
      info.responseCodeDetails = 'downstream_remote_disconnect'
    } else info.responseCodeDetails ||= 'downstream_local_disconnect'
    this.#end()
  }

  recreateStream(response: HeaderMap, body: Buffer | undefined): void {
    this.recreated = true
    this.responseHeaders = response
    this.streamInfo.responseCodeDetails = 'internal_redirect'
    this.#end()
    this.#manager.recreateStream(this.#encoder).#resume(this, body)
  }

  /** Starts a recreated request: its headers have been through the checks already. */
  #resume(before: ActiveStream, body: Buffer | undefined): void {
    const headers = before.requestHeaders
    if (headers === undefined) return
    this.requestHeaders = headers
    this.http10 = before.http10
    this.closeAfter = before.closeAfter
    this.streamInfo.continueFrom(before.streamInfo)
    this.remoteComplete = true
    this.timers.start(true)
    this.#startFilters(headers, body === undefined)
    if (body === undefined || this.#ended) return
    this.streamInfo.bytesReceived += body.length
    this.filters.decodePath.runData(0, body, true)
  }

  /** `abandoned`: the client need not send the rest of its request, and HTTP/2 can say so. */
  #end(abandoned?: StreamResetReason): void {
    this.#ended = true
    this.timers.stop()
    if (abandoned !== undefined && this.#multiplexed)
      this.#encoder.resetStream(tunnelReset(this.#upgradeType, this.streamInfo.responseFlags) ?? abandoned)
    copyByteCounts(this.#encoder, this.streamInfo)
    if (this.#upgradeCounted) this.settings.stats.downstreamCxUpgradesActive.dec()
    this.filters.destroy()
    const now = monotonicMs()
    this.streamInfo.requestCompleteMs = now
    this.settings.stats.downstreamRqTime.recordValue(Math.round(now - this.streamInfo.startTimeMs))
    logStream(this, 'DownstreamEnd')
    this.#manager.removeStream(this)
  }
}
