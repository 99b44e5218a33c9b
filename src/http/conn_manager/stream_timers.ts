// The timers of one stream: idle, whole request, and longest duration.

import type { HeaderMap } from '../../common/header_map.ts'
import { Timer } from '../../common/timer.ts'
import { gatherWrites } from '../../network/write_batch.ts'
import { ResponseFlag } from '../../stream_info/response_flags.ts'
import type { Route } from '../route.ts'
import { maxStreamDuration } from '../stream_duration.ts'
import type { ActiveStream } from './active_stream.ts'
import type { ConnectionManagerSettings } from './settings.ts'

/** The gRPC status of a timeout. */
const deadlineExceeded = 4

export class StreamTimers {
  readonly #stream: ActiveStream
  readonly #settings: ConnectionManagerSettings
  #idleMs: number
  #idle: Timer | undefined = undefined
  #request: Timer | undefined = undefined
  #maxDuration: Timer | undefined = undefined

  constructor(stream: ActiveStream, settings: ConnectionManagerSettings) {
    this.#stream = stream
    this.#settings = settings
    this.#idleMs = settings.streamIdleTimeoutMs
    this.#setFlushTimeout()
  }

  /** A response may wait for a client that does not read it as long as a stream may rest, where nothing else is said. */
  #setFlushTimeout(): void {
    const { streamFlushTimeoutMs, overload } = this.#settings
    this.#stream.setFlushTimeout(streamFlushTimeoutMs ?? this.#idleMs, overload.timers.streamFlush)
  }

  start(requestComplete: boolean): void {
    const { requestTimeoutMs, maxStreamDurationMs } = this.#settings
    this.#armIdle()
    if (requestTimeoutMs > 0 && !requestComplete) {
      this.#request = new Timer(() => gatherWrites(() => this.#onRequestTimeout()))
      this.#request.enable(requestTimeoutMs)
    }
    if (maxStreamDurationMs > 0) this.#armMaxDuration(maxStreamDurationMs)
  }

  /** A route may have its own idle timeout; 0 turns it off. */
  applyRoute(route: Route, headers: HeaderMap): void {
    if (route.kind === 'forward' && (route.maxStreamDurationMs ?? route.grpcTimeoutHeaderMaxMs) !== undefined)
      this.#setMaxDuration(maxStreamDuration(route, headers, this.#settings.maxStreamDurationMs))
    if (route.idleTimeoutMs === undefined) return
    this.#idleMs = route.idleTimeoutMs
    this.#armIdle()
    this.#setFlushTimeout()
  }

  /** max_stream_duration as the route or a grpc-timeout header sets it; replaces the connection manager's. */
  #setMaxDuration(milliseconds: number): void {
    if (Number.isFinite(milliseconds)) this.#armMaxDuration(milliseconds)
    else this.#maxDuration?.disable()
  }

  onActivity(requestComplete: boolean): void {
    if (requestComplete) this.#request?.disable()
    this.#armIdle()
  }

  stop(): void {
    this.#idle?.disable()
    this.#request?.disable()
    this.#maxDuration?.disable()
  }

  #armIdle(): void {
    if (this.#idleMs <= 0) {
      this.#idle?.disable()
      return
    }
    const { streamIdle } = this.#settings.overload.timers
    this.#idle ??= new Timer(() => gatherWrites(() => this.#onIdleTimeout()), streamIdle)
    this.#idle.enable(this.#idleMs)
  }

  #armMaxDuration(milliseconds: number): void {
    this.#maxDuration ??= new Timer(() => gatherWrites(() => this.#onMaxDuration()))
    this.#maxDuration.enable(milliseconds)
  }

  #onIdleTimeout(): void {
    const stream = this.#stream
    this.#settings.stats.downstreamRqIdleTimeout.inc()
    const reply = stream.remoteComplete
      ? { status: 504, body: 'stream timeout', details: 'stream_idle_timeout' }
      : { status: 408, body: 'stream timeout', details: 'stream_idle_timeout' }
    stream.filters.sendLocalReply({ ...reply, flag: ResponseFlag.StreamIdleTimeout })
  }

  #onRequestTimeout(): void {
    this.#settings.stats.downstreamRqTimeout.inc()
    this.#stream.filters.sendLocalReply({ status: 408, body: 'request timeout', details: 'request_overall_timeout' })
  }

  #onMaxDuration(): void {
    const stream = this.#stream
    this.#settings.stats.downstreamRqMaxDurationReached.inc()
    const status = stream.remoteComplete ? 504 : 408
    stream.filters.sendLocalReply({
      status,
      body: 'downstream duration timeout',
      details: 'max_duration_timeout',
      grpcStatus: deadlineExceeded,
    })
  }
}
