// The gRPC channel to one host of a cluster: connects as the cluster says, and counts in its statistics.

import type { Socket } from 'node:net'
import { CallCredentials, ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js'
import { monotonicMs } from '../common/clock.ts'
import { Timer } from '../common/timer.ts'
import { upstreamHttp2Settings } from '../http/conn_pool/codec_settings.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { ConnectionPoolLike, Host } from '../upstream/host.ts'
import { secureSocket } from '../upstream/open_socket.ts'
import { countClosed, countConnect, countConnected, countConnectFailure } from '../upstream/pooled_connection.ts'
import { CallCount } from './call_count.ts'
import { type CallEnd, callEnd, endStatus } from './call_end.ts'
import { type CallHead, Channel } from './channel.ts'
import { type GrpcStatus, type GrpcStream, type GrpcStreamCallbacks, grpcUnavailable } from './grpc_client.ts'

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>
type SecureConnectResult = Awaited<ReturnType<SecureConnector['connect']>>

const poolKey = 'grpc'

/** The host's channel; a new one where the last could not connect. */
export function channelTo(host: Host): ClusterChannel {
  const known = host.pools.get(poolKey)
  if (known instanceof ClusterChannel && known.isUsable) return known
  known?.closeConnections()
  const channel = new ClusterChannel(host)
  host.pools.set(poolKey, channel)
  return channel
}

/** Its connection is grpc-js's own; what is between that and the TCP socket is the cluster's transport socket. */
export class ClusterChannel implements ConnectionPoolLike {
  readonly host: Host
  readonly #channel: Channel
  readonly #streams = new Set<ClusterStream>()
  readonly #connector: HostConnector
  #idleCallbacks: (() => void)[] = []
  #isClosed = false

  constructor(host: Host) {
    this.host = host
    this.#connector = new HostConnector(host, {
      isActive: () => this.#isActive,
      isReady: () => this.#channel.isReady,
      onConnected: () => {
        for (const stream of this.#streams) stream.count.onConnected()
      },
      onFailure: (end) => this.#fail(end),
    })
    const credentials = new HostCredentials(this.#connector)
    this.#channel = new Channel(targetOf(host.address), credentials, channelOptions(host))
  }

  get #isActive(): boolean {
    return this.#streams.size > 0
  }

  get isUsable(): boolean {
    return !this.#isClosed && !this.#connector.hasFailed && this.#channel.isUsable
  }

  startStream(head: CallHead, callbacks: GrpcStreamCallbacks): GrpcStream {
    const stream = new ClusterStream(this.#newCount(), callbacks, {
      onBytes: () => this.#connector.countBytes(),
      onOver: (wasLost) => this.#onStreamOver(stream, wasLost),
    })
    this.#streams.add(stream)
    stream.start(this.#channel, head)
    return stream
  }

  #newCount(): CallCount {
    return new CallCount(this.host, this.#channel.isReady)
  }

  #onStreamOver(stream: ClusterStream, wasLost: boolean): void {
    // Calls hear of it before the socket does.
    if (wasLost) this.#connector.onCallLost()
    this.#streams.delete(stream)
    this.#onCallOver()
  }

  #onCallOver(): void {
    if (this.#isActive) return
    this.#connector.onCallsOver()
    // It would go on trying by itself; whoever wants to try again makes a new one.
    if (this.#connector.hasFailed) this.closeConnections()
    for (const callback of this.#idleCallbacks.splice(0)) callback()
  }

  /** There is no connection: all that wait for it have failed. */
  #fail(end: CallEnd): void {
    for (const stream of [...this.#streams]) stream.fail(end)
    this.closeConnections()
  }

  /** Streams go on; new ones are for another channel. */
  drainConnections(): void {
    this.#isClosed = true
    this.#channel.close()
  }

  closeConnections(): void {
    this.drainConnections()
    this.#connector.close()
  }

  onHealthFailure(): void {
    this.drainConnections()
  }

  addIdleCallback(callback: () => void): void {
    this.#idleCallbacks.push(callback)
  }
}

interface StreamUsers {
  /** Some have been read or written. */
  onBytes(): void
  onOver(wasLost: boolean): void
}

/** One stream, counted as a request of the cluster. */
class ClusterStream implements GrpcStream {
  readonly count: CallCount
  readonly #callbacks: GrpcStreamCallbacks
  readonly #users: StreamUsers
  #inner: GrpcStream | undefined
  /** On this side. */
  #isEnded = false
  #isOver = false

  constructor(count: CallCount, callbacks: GrpcStreamCallbacks, users: StreamUsers) {
    this.count = count
    this.#callbacks = callbacks
    this.#users = users
  }

  start(channel: Channel, head: CallHead): void {
    this.#inner = channel.startStream(head, {
      onAnswer: (httpStatus, grpcStatus) => this.count.onAnswer(httpStatus, grpcStatus),
      onMessage: (bytes) => {
        this.#users.onBytes()
        this.#callbacks.onMessage(bytes)
      },
      onClose: (status) => {
        const { isWaiting, isAnswered } = this.count
        this.#close(status, callEnd(status, { isWaiting, isAnswered, isEnded: this.#isEnded }))
      },
    })
  }

  send(bytes: Uint8Array, onSent?: () => void): void {
    this.#inner?.send(bytes, onSent)
    this.#users.onBytes()
  }

  isConnected(): boolean {
    return this.#inner?.isConnected() ?? false
  }

  end(): void {
    this.#isEnded = true
    this.#inner?.end()
  }

  cancel(): void {
    this.#inner?.cancel()
    if (this.#isOver) return
    this.#isOver = true
    this.count.onCancelled()
    this.#users.onOver(false)
  }

  fail(end: CallEnd): void {
    this.#inner?.cancel()
    this.#close({ code: grpcUnavailable, message: '' }, end)
  }

  #close(status: GrpcStatus, end: CallEnd): void {
    if (this.#isOver) return
    this.#isOver = true
    const told = endStatus(status, end, this.count.isAnswered, this.count.host.address)
    this.count.onEnd(status, end)
    this.#users.onOver(end === 'connection termination')
    this.#callbacks.onClose(told)
  }
}

interface ConnectorUsers {
  /** Calls are under way. */
  isActive(): boolean
  /** The connection carries calls. */
  isReady(): boolean
  onConnected(): void
  onFailure(end: CallEnd): void
}

/** What happens to the channel's connections, one after the other, within the cluster's `connect_timeout`. */
class HostConnector implements SecureConnector {
  hasFailed = false
  readonly #host: Host
  readonly #users: ConnectorUsers
  readonly #timer = new Timer(() => this.#onTimeout())
  #startedAtMs = 0
  #isConnecting = false
  /** Of the connection that is there. */
  #hasLostCalls = false
  #bytesRead = 0
  #bytesWritten = 0
  #isClosed = false
  #socket: Socket | undefined

  constructor(host: Host, users: ConnectorUsers) {
    this.#host = host
    this.#users = users
  }

  /** Asked right before each TCP connection is opened. */
  waitForReady(): Promise<void> {
    if (this.hasFailed || this.#isClosed) return Promise.reject(new Error('the channel is closed'))
    this.#settle()
    countConnect(this.#host)
    this.#host.cluster.stats.upstreamCxHttp2Total.inc()
    upstreamHttp2Settings(this.#host.cluster).stats.upstreamConnections.inc()
    this.#startedAtMs = monotonicMs()
    this.#isConnecting = true
    this.#hasLostCalls = false
    this.#timer.enable(this.#host.cluster.connectTimeoutMs)
    return Promise.resolve()
  }

  async connect(tcpSocket: Socket): Promise<SecureConnectResult> {
    this.#socket = tcpSocket
    const host = this.#host
    const socket = await secureSocket(host, tcpSocket, ['h2'])
    if (!this.#isConnecting) throw new Error('connection timeout')
    this.#isConnecting = false
    const startedAtMs = this.#startedAtMs
    countConnected(host, startedAtMs)
    this.#users.onConnected()
    this.#bytesRead = 0
    this.#bytesWritten = 0
    socket.once('close', () => {
      this.#timer.disable()
      this.countBytes()
      countClosed(host, 'remoteClose', startedAtMs, this.#hasLostCalls || this.#users.isActive())
    })
    this.#socket = socket
    return { socket, secure: host.transportSocket.isSecure }
  }

  /** What has been read and written since it was counted last. */
  countBytes(): void {
    const { stats } = this.#host.cluster
    const { bytesRead = 0, bytesWritten = 0 } = this.#socket ?? {}
    stats.upstreamCxRxBytesTotal.add(bytesRead - this.#bytesRead)
    stats.upstreamCxTxBytesTotal.add(bytesWritten - this.#bytesWritten)
    this.#bytesRead = bytesRead
    this.#bytesWritten = bytesWritten
  }

  onCallLost(): void {
    this.#hasLostCalls = true
  }

  /** Calls that end while their connection is still being made have failed by that. */
  onCallsOver(): void {
    this.#settle()
  }

  #settle(): void {
    if (!this.#isConnecting) return
    this.#isConnecting = false
    this.#timer.disable()
    this.hasFailed = true
    countConnectFailure(this.#host, false)
    countClosed(this.#host, 'remoteClose', this.#startedAtMs, false)
  }

  /** Within this time the server must have spoken HTTP/2, too. */
  #onTimeout(): void {
    if (!this.#isConnecting && this.#users.isReady()) return
    this.hasFailed = true
    if (this.#isConnecting) {
      this.#isConnecting = false
      countConnectFailure(this.#host, true)
      countClosed(this.#host, 'localClose', this.#startedAtMs, false)
    }
    this.#users.onFailure('connection timeout')
  }

  close(): void {
    this.#isClosed = true
    this.#timer.disable()
    this.#settle()
    this.#socket?.destroy()
  }

  getCallCredentials(): ReturnType<SecureConnector['getCallCredentials']> {
    return CallCredentials.createEmpty()
  }

  destroy(): void {}
}

/** grpc-js takes no others than those of its own class. */
class HostCredentials extends ChannelCredentials {
  readonly #connector: HostConnector

  constructor(connector: HostConnector) {
    super()
    this.#connector = connector
  }

  _isSecure(): boolean {
    return false
  }

  _equals(other: ChannelCredentials): boolean {
    return this === other
  }

  _createSecureConnector(): SecureConnector {
    return this.#connector
  }
}

function targetOf(address: AddressInfo): string {
  if (address.family === 'pipe')
    return `unix:${address.text.startsWith('@') ? `\0${address.text.slice(1)}` : address.text}`
  return address.family === 'ipv6' ? `ipv6:[${address.ip}]:${address.port}` : `ipv4:${address.ip}:${address.port}`
}

/** The cluster's HTTP/2 options, as far as grpc-js has such. */
function channelOptions({ cluster }: Host): ChannelOptions {
  const http2 = cluster.http.http2
  const { interval, timeout } = http2?.connectionKeepalive ?? {}
  return {
    ...(interval === undefined ? {} : { 'grpc.keepalive_time_ms': interval, 'grpc.keepalive_permit_without_calls': 1 }),
    ...(interval === undefined || timeout === undefined ? {} : { 'grpc.keepalive_timeout_ms': timeout }),
    ...(http2?.initialStreamWindowSize === undefined
      ? {}
      : { 'grpc-node.flow_control_window': http2.initialStreamWindowSize }),
  }
}
