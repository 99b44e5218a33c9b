// A downstream connection in its listener: its filter chain while it lives, its stats and access log when it ends.

import type { AccessLog } from '../access_log/access_log.ts'
import { type FormatterContext, unansweredContext } from '../access_log/formatter_context.ts'
import { monotonicMs } from '../common/clock.ts'
import { Timer } from '../common/timer.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { BuiltListener, FilterChain } from './built_listener.ts'
import type { Connection } from './connection.ts'
import type { ConnectionSocket } from './connection_socket.ts'
import type { ConnectionCallbacks, ConnectionEvent } from './connection_types.ts'
import { FilterManager } from './filter_manager.ts'

export class ActiveConnection implements ConnectionCallbacks {
  readonly connection: Connection
  readonly facts: ConnectionSocket
  readonly streamInfo: StreamInfo
  readonly filterManager: FilterManager
  readonly chain: FilterChain
  readonly #listener: BuiltListener
  #highWatermarkTimer: Timer | undefined = undefined
  #handshakeTimer: Timer | undefined = undefined
  readonly #onClosed: (connection: ActiveConnection) => void

  constructor(
    connection: Connection,
    facts: ConnectionSocket,
    streamInfo: StreamInfo,
    listener: BuiltListener,
    chain: FilterChain,
    onClosed: (connection: ActiveConnection) => void,
  ) {
    this.connection = connection
    this.facts = facts
    this.streamInfo = streamInfo
    this.filterManager = new FilterManager(connection)
    this.#listener = listener
    this.chain = chain
    this.#onClosed = onClosed
    connection.streamInfo = streamInfo
    const { stats } = listener
    stats.cxTotal.inc()
    stats.cxActive.inc()
    stats.workerCxTotal.inc()
    stats.workerCxActive.inc()
  }

  /** Makes the filters, and tells them of the connection as soon as its handshake is over. */
  start(): void {
    const { filters, transportSocketConnectTimeoutMs, transportSocketConnectTimers } = this.chain
    const isComplete = this.filterManager.createFilters(filters)
    // After the filters' own: when the log is written they have said how the connection ended.
    this.connection.addConnectionCallbacks(this)
    if (!isComplete) {
      this.#listener.stats.networkExtensionConfigMissing.inc()
      this.connection.close('noFlush', 'no_network_filters')
      return
    }
    if (this.connection.isOpen) {
      this.filterManager.initializeReadFilters()
      return
    }
    if (transportSocketConnectTimeoutMs === 0) return
    this.#handshakeTimer = new Timer(() => {
      this.#listener.stats.cxTransportSocketConnectTimeout.inc()
      this.connection.close('noFlush', 'transport_socket_timeout')
    }, transportSocketConnectTimers)
    this.#handshakeTimer.enable(transportSocketConnectTimeoutMs)
  }

  onEvent(event: ConnectionEvent): void {
    this.#handshakeTimer?.disable()
    if (event === 'connected') {
      this.filterManager.initializeReadFilters()
      return
    }
    const { connection, facts, streamInfo } = this
    facts.detectedCloseType = connection.detectedCloseType
    facts.localCloseReason = connection.localCloseReason
    streamInfo.bytesReceived = connection.bytesReceived
    streamInfo.bytesSent = connection.bytesSent
    streamInfo.requestCompleteMs = monotonicMs()
    this.#highWatermarkTimer?.disable()
    const { stats, accessLogs } = this.#listener
    stats.cxActive.dec()
    stats.cxDestroy.inc()
    stats.workerCxActive.dec()
    stats.cxLengthMs.recordValue(monotonicMs() - facts.acceptedAtMs)
    writeAccessLogs(accessLogs, streamInfo)
    this.filterManager.destroy()
    this.#onClosed(this)
  }

  onAboveWriteBufferHighWatermark(): void {
    const timeoutMs = this.#listener.highWatermarkTimeoutMs
    if (timeoutMs === 0) return
    this.#highWatermarkTimer ??= new Timer(() => {
      this.connection.close('noFlush', 'buffer_high_watermark_timeout')
    })
    this.#highWatermarkTimer.enable(timeoutMs)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#highWatermarkTimer?.disable()
  }
}

/** One entry in each log, of a connection that has no request. */
export function writeAccessLogs(
  logs: readonly AccessLog[],
  streamInfo: StreamInfo,
  accessLogType: FormatterContext['accessLogType'] = 'NotSet',
): void {
  if (logs.length === 0) return
  const context = { ...unansweredContext(streamInfo), accessLogType }
  for (const log of logs) log.log(context)
}
