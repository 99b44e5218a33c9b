// One proxied TCP connection: finds an upstream connection for it, then passes bytes, ends and pressure both ways.

import { monotonicMs } from '../../../../common/clock.ts'
import { Timer } from '../../../../common/timer.ts'
import { httpPools } from '../../../../http/conn_pool/http_pools.ts'
import { writeAccessLogs } from '../../../../network/active_connection.ts'
import { localAddressOf } from '../../../../network/address.ts'
import type { Connection } from '../../../../network/connection.ts'
import type { ConnectionCallbacks, ConnectionEvent, ConnectionReader } from '../../../../network/connection_types.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../../../network/network_filter.ts'
import type { OverloadAction } from '../../../../network/overload/overload_state.ts'
import { ResponseFlag } from '../../../../stream_info/response_flags.ts'
import type { StreamInfo } from '../../../../stream_info/stream_info.ts'
import type { Host } from '../../../../upstream/host.ts'
import {
  type PendingTcpConnection,
  type TcpPoolCallbacks,
  type TcpPoolFailureReason,
  tcpPool,
} from '../../../../upstream/tcp_pool.ts'
import type { TransportSocketOptions } from '../../../../upstream/transport_socket.ts'
import { transportSocketOptions } from '../../../../upstream/transport_socket_options.ts'
import { ConnectionSelection } from './connection_selection.ts'
import { perConnectionCluster } from './filter_state.ts'
import type { ClusterRoute, TcpProxySettings } from './settings.ts'
import { Tunnel, type TunnelOwner } from './tunnel.ts'
import type { TunnelSettings } from './tunneling.ts'
import { UpstreamDrain } from './upstream_drain.ts'

const noBytes = Buffer.alloc(0)

/** Numbers that the close reason of a connection without an upstream ends with. */
const InitFailure = { connectFailed: 0, noHealthyUpstream: 1, resourceLimitExceeded: 2, noRoute: 3 } as const

/** The upstream connection's events, passed on to the filter. */
class UpstreamSide implements ConnectionReader, ConnectionCallbacks {
  readonly #filter: TcpProxyFilter

  constructor(filter: TcpProxyFilter) {
    this.#filter = filter
  }

  onData(data: Buffer, endStream: boolean): void {
    this.#filter.onUpstreamData(data, endStream)
  }

  onEvent(event: ConnectionEvent): void {
    if (event !== 'connected') this.#filter.onUpstreamClosed()
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#filter.pauseDownstream(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#filter.pauseDownstream(false)
  }
}

export class TcpProxyFilter implements ReadFilter, ConnectionCallbacks, TcpPoolCallbacks, TunnelOwner {
  readonly #settings: TcpProxySettings
  #downstream!: Connection
  #streamInfo!: StreamInfo
  #route: ClusterRoute | undefined = undefined
  #upstream: Connection | Tunnel | undefined = undefined
  #pending: PendingTcpConnection | undefined = undefined
  #attempts = 0
  #nextBackoffMs: number
  #idleTimer: Timer | undefined = undefined
  #durationTimer: Timer | undefined = undefined
  #flushTimer: Timer | undefined = undefined
  #retryTimer: Timer | undefined = undefined
  #upstreamEnded = false
  #downstreamEnded = false

  constructor(settings: TcpProxySettings) {
    this.#settings = settings
    this.#nextBackoffMs = settings.backoff?.baseIntervalMs ?? 0
  }

  initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
    const { connection } = callbacks
    if (connection.streamInfo === undefined) throw new Error('tcp_proxy needs the stream info of its connection')
    this.#downstream = connection
    this.#streamInfo = connection.streamInfo
    connection.halfCloseEnabled = true
    connection.byteStats = this.#settings.byteStats
    connection.addConnectionCallbacks(this)
    this.#settings.stats.downstreamCxTotal.inc()
    // Nothing is read before there is a place for it.
    connection.readDisable(true)
  }

  onNewConnection(): FilterStatus {
    const settings = this.#settings
    if (settings.maxDownstreamConnectionDurationMs > 0) this.#startDurationTimer()
    if (settings.accessLogFlushIntervalMs > 0) {
      this.#flushTimer = new Timer(() => this.#onFlushTimer())
      this.#flushTimer.enable(settings.accessLogFlushIntervalMs)
    }
    if (settings.idleTimeoutMs > 0) this.#idleTimer = new Timer(() => this.#onIdleTimeout())
    this.#streamInfo.upstreamInfo()
    this.#streamInfo.isConnectionStream = true
    if (settings.flushAccessLogOnStart) this.#log('TcpConnectionStart')
    this.#route = this.#pickRoute()
    this.#connect()
    return FilterStatus.StopIteration
  }

  onData(data: Buffer, endStream: boolean): FilterStatus {
    if (this.#sheds(this.#settings.onDataPoint)) return FilterStatus.StopIteration
    if (endStream) this.#downstreamEnded = true
    this.#upstream?.write(data, endStream)
    this.#onActivity()
    return FilterStatus.StopIteration
  }

  onUpstreamData(data: Buffer, endStream: boolean): void {
    if (endStream) this.#upstreamEnded = true
    this.#downstream.write(data, endStream)
    this.#onActivity()
  }

  onEvent(event: ConnectionEvent): void {
    if (event === 'connected') return
    this.#idleTimer?.disable()
    this.#durationTimer?.disable()
    this.#flushTimer?.disable()
    this.#retryTimer?.disable()
    this.#pending?.cancel()
    this.#pending = undefined
    this.#noteDownstreamBytes()
    const upstream = this.#upstream
    this.#upstream = undefined
    if (upstream !== undefined) this.#closeUpstream(upstream, event)
  }

  onDestroy(): void {
    this.#log('TcpConnectionEnd')
  }

  onAboveWriteBufferHighWatermark(): void {
    this.#upstream?.readDisable(true)
  }

  onBelowWriteBufferLowWatermark(): void {
    this.#upstream?.readDisable(false)
    this.#onActivity()
  }

  pauseDownstream(paused: boolean): void {
    const { stats } = this.#settings
    if (paused) stats.downstreamFlowControlPausedReadingTotal.inc()
    else stats.downstreamFlowControlResumedReadingTotal.inc()
    this.#downstream.readDisable(paused)
    this.#onActivity()
  }

  onPoolReady(connection: Connection, host: Host): void {
    this.#noteUpstream(connection, host)
    this.#streamInfo.upstreamInfo().transportFailureReason = ''
    const side = new UpstreamSide(this)
    this.#upstream = connection
    connection.reader = side
    connection.halfCloseEnabled = true
    connection.addConnectionCallbacks(side)
    connection.reuseReadBuffer(() => this.#downstream.bufferedBytes > 0)
    this.#downstream.reuseReadBuffer(() => connection.bufferedBytes > 0)
    this.#beginReading(connection)
  }

  onTunnelReady(tunnel: Tunnel, host: Host, connection: Connection): void {
    this.#noteUpstream(connection, host)
    this.#upstream = tunnel
    this.#downstream.reuseReadBuffer(() => tunnel.hasBufferedData)
    this.#beginReading(tunnel)
  }

  #noteUpstream(connection: Connection, host: Host): void {
    this.#pending = undefined
    host.outlierMonitor?.putResult('connectSuccessFinal')
    this.#noteAttempt(host)
    const info = this.#streamInfo.upstreamInfo()
    info.connectionIdsAttempted.push(connection.id)
    info.connectionId = connection.id
    info.connectionPoolReadyMs = monotonicMs()
    info.remoteAddress = host.address
    // Only logs show it, and asking the kernel costs more than all the rest here.
    if (this.#settings.logsAddresses) info.localAddress = localAddressOf(connection.socket)
    info.tls = connection.tls
  }

  #beginReading(upstream: Connection | Tunnel): void {
    this.#downstream.readDisable(false)
    // Node tells of a FIN even while reading is stopped: it waited here for somewhere to go.
    if (this.#downstreamEnded) upstream.write(noBytes, true)
    this.#onActivity()
    if (this.#settings.flushAccessLogOnConnected) this.#log('TcpUpstreamConnected')
  }

  onPoolFailure(reason: TcpPoolFailureReason, transportFailureReason: string, host: Host | undefined): void {
    this.#pending = undefined
    if (reason === 'overflow') {
      this.#streamInfo.setResponseFlag(ResponseFlag.UpstreamOverflow)
      this.#fail(InitFailure.resourceLimitExceeded)
      return
    }
    if (host !== undefined) this.#noteAttempt(host)
    this.#streamInfo.upstreamInfo().transportFailureReason = transportFailureReason
    if (reason !== 'localConnectionFailure') {
      this.#streamInfo.setResponseFlag(ResponseFlag.UpstreamConnectionFailure)
      host?.outlierMonitor?.putResult(reason === 'connectionTimeout' ? 'timeout' : 'connectFailed')
    }
    const { backoff } = this.#settings
    if (backoff === undefined || this.#attempts >= this.#settings.maxConnectAttempts) {
      this.#connect()
      return
    }
    this.#retryTimer ??= new Timer(() => this.#connect())
    this.#retryTimer.enable(Math.random() * this.#nextBackoffMs)
    this.#nextBackoffMs = Math.min(this.#nextBackoffMs * 2, backoff.maxIntervalMs)
  }

  onUpstreamClosed(): void {
    const upstream = this.#upstream
    if (upstream === undefined) return
    this.#upstream = undefined
    this.#noteUpstreamEnd(upstream)
    const reset = upstream.detectedCloseType === 'remote_reset'
    if (reset) this.#streamInfo.setResponseFlag(ResponseFlag.UpstreamRemoteReset)
    this.#downstream.close(reset ? 'abortReset' : 'flushWrite', '')
  }

  #sheds(point: OverloadAction): boolean {
    if (!point.isTaken()) return false
    this.#settings.stats.downstreamCxOverloadClose.inc()
    this.#streamInfo.setResponseFlag(ResponseFlag.OverloadManagerTerminated)
    this.#downstream.close('noFlush', 'overload_manager_close')
    return true
  }

  #pickRoute(): ClusterRoute {
    const named = this.#streamInfo.filterState.get(perConnectionCluster)
    if (typeof named !== 'string') return this.#settings.route(Math.random())
    return { clusterName: named, metadataMatch: this.#settings.defaultMetadataMatch }
  }

  #connect(): void {
    const settings = this.#settings
    if (this.#sheds(settings.upstreamConnectPoint)) return
    const route = this.#route
    const cluster = route === undefined ? undefined : settings.clusterManager.get(route.clusterName)
    if (route === undefined || cluster === undefined) {
      settings.stats.downstreamCxNoRoute.inc()
      this.#streamInfo.setResponseFlag(ResponseFlag.NoClusterFound)
      this.#fail(InitFailure.noRoute)
      return
    }
    this.#streamInfo.upstreamCluster = cluster.info
    if (this.#attempts >= settings.maxConnectAttempts) {
      this.#streamInfo.setResponseFlag(ResponseFlag.UpstreamRetryLimitExceeded)
      cluster.info.stats.upstreamCxConnectAttemptsExceeded.inc()
      this.#fail(InitFailure.connectFailed)
      return
    }
    const selection = new ConnectionSelection(settings, route, this.#downstream, this.#streamInfo)
    const host = cluster.chooseHost(selection)
    if (host === undefined) {
      if (!selection.isHostPending) cluster.info.stats.upstreamCxNoneHealthy.inc()
      this.#streamInfo.setResponseFlag(ResponseFlag.NoHealthyUpstream)
      this.#fail(InitFailure.noHealthyUpstream)
      return
    }
    if (this.#attempts === 0) settings.addTlvs?.(this.#streamInfo)
    this.#attempts++
    const { usesProxyProtocol } = cluster.info.transportSockets
    const options = transportSocketOptions(this.#streamInfo, undefined, usesProxyProtocol)
    if (settings.tunneling === undefined) this.#pending = tcpPool(host, options).newConnection(this)
    else this.#startTunnel(settings.tunneling, host, options)
  }

  #startTunnel(settings: TunnelSettings, host: Host, options: TransportSocketOptions | undefined): void {
    const hasRoom = host.cluster.resourceManager('DEFAULT').connections.canCreate()
    if (!hasRoom) host.cluster.stats.upstreamCxOverflow.inc()
    // Where the cluster goes by the client's protocol, tunnels have the one that can carry many.
    const pool = hasRoom ? httpPools.get(host, 'DEFAULT', 'HTTP/2', options) : undefined
    if (pool === undefined) {
      this.onPoolFailure('overflow', '', host)
      return
    }
    this.#streamInfo.attemptCount = this.#attempts
    const tunnel = new Tunnel(settings, this.#streamInfo, this)
    this.#pending = tunnel
    tunnel.start(pool)
  }

  retainsUpstreamData(): boolean {
    return this.#downstream.bufferedBytes > 0
  }

  /** There is no upstream connection, and there will be none. */
  #fail(failure: number): void {
    if (failure !== InitFailure.noRoute) this.#streamInfo.upstreamInfo().connectionPoolReadyMs = monotonicMs()
    // The spelling is Envoy's: operators search for it.
    this.#downstream.close('noFlush', `tcp_initializion_failure:${failure}`)
  }

  #noteAttempt(host: Host): void {
    const info = this.#streamInfo.upstreamInfo()
    info.host = host
    info.hostsAttempted.push(host)
    this.#streamInfo.attemptCount = this.#attempts
  }

  /** The downstream connection is closed: what it has sent still goes out, unless this side has cut it off. */
  #closeUpstream(upstream: Connection | Tunnel, event: ConnectionEvent): void {
    if (upstream instanceof Tunnel) {
      upstream.onDownstreamClosed()
      this.#noteUpstreamEnd(upstream)
      return
    }
    // Where both sides have ended the upstream connection closes by itself, once it has written everything.
    if (!this.#downstreamEnded || !this.#upstreamEnded) {
      if (event === 'localClose') upstream.close('noFlush', this.#downstream.localCloseReason)
      else upstream.close('flushWrite', '')
    }
    this.#noteUpstreamEnd(upstream)
    if (upstream.state === 'closed' || upstream.bufferedBytes === 0) return
    new UpstreamDrain(upstream, this.#settings.stats, this.#settings.idleTimeoutMs)
  }

  #noteUpstreamEnd(upstream: Connection | Tunnel): void {
    const info = this.#streamInfo.upstreamInfo()
    info.detectedCloseType = upstream.detectedCloseType
    info.localCloseReason = upstream.localCloseReason
    this.#noteUpstreamBytes(upstream)
  }

  #noteUpstreamBytes(upstream: Connection | Tunnel): void {
    if (upstream instanceof Tunnel) {
      upstream.noteBytes()
      return
    }
    const info = this.#streamInfo.upstreamInfo()
    info.wireBytesSent = upstream.bytesSent
    info.wireBytesReceived = upstream.bytesReceived
  }

  #onActivity(): void {
    const settings = this.#settings
    if (this.#upstream !== undefined) this.#idleTimer?.enable(settings.idleTimeoutMs)
    if (settings.drainDecision?.drainClose() === true && this.#downstream.isOpen) {
      settings.stats.downstreamCxDrainClose.inc()
      this.#downstream.close('flushWrite', '')
    }
  }

  #onIdleTimeout(): void {
    this.#settings.stats.idleTimeout.inc()
    this.#downstream.close('noFlush', 'tcp_session_idle_timeout')
  }

  #startDurationTimer(): void {
    const { maxDownstreamConnectionDurationMs, durationJitter } = this.#settings
    this.#durationTimer = new Timer(() => {
      this.#streamInfo.setResponseFlag(ResponseFlag.DurationTimeout)
      this.#settings.stats.maxDownstreamConnectionDuration.inc()
      this.#downstream.close('noFlush', 'max_connection_duration_reached')
    })
    // Whole milliseconds: jitter would otherwise give every connection a timer list of its own.
    const jitterMs = Math.floor(Math.random() * durationJitter * maxDownstreamConnectionDurationMs)
    this.#durationTimer.enable(maxDownstreamConnectionDurationMs + jitterMs)
  }

  #onFlushTimer(): void {
    this.#log('TcpPeriodic')
    this.#flushTimer?.enable(this.#settings.accessLogFlushIntervalMs)
  }

  #log(type: 'TcpConnectionStart' | 'TcpUpstreamConnected' | 'TcpPeriodic' | 'TcpConnectionEnd'): void {
    const { accessLogs } = this.#settings
    if (accessLogs.length === 0) return
    this.#noteDownstreamBytes()
    if (this.#upstream !== undefined) this.#noteUpstreamBytes(this.#upstream)
    writeAccessLogs(accessLogs, this.#streamInfo, type)
  }

  #noteDownstreamBytes(): void {
    const streamInfo = this.#streamInfo
    streamInfo.bytesReceived = this.#downstream.bytesReceived
    streamInfo.bytesSent = this.#downstream.bytesSent
    streamInfo.downstreamWireBytesReceived = streamInfo.bytesReceived
    streamInfo.downstreamWireBytesSent = streamInfo.bytesSent
  }
}
