// The gRPC channel to one host of a cluster: connects as the cluster says, and counts in its statistics.

import type { Socket } from 'node:net'
import { CallCredentials, ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js'
import { monotonicMs } from '../common/clock.ts'
import { Timer } from '../common/timer.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { ConnectionPoolLike, Host } from '../upstream/host.ts'
import { secureSocket } from '../upstream/open_socket.ts'
import { countClosed, countConnect, countConnected, countConnectFailure } from '../upstream/pooled_connection.ts'
import { CallCount } from './call_count.ts'
import { type CallHead, Channel } from './channel.ts'
import {
  GrpcError,
  type GrpcStatus,
  type GrpcStream,
  type GrpcStreamCallbacks,
  grpcInternal,
  grpcOk,
  grpcUnavailable,
} from './grpc_client.ts'

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
  readonly #unaryCalls = new Set<CallCount>()
  #idleCallbacks: (() => void)[] = []
  #isClosed = false

  constructor(host: Host) {
    this.host = host
    this.#connector = new HostConnector(host, {
      isActive: () => this.#isActive,
      isReady: () => this.#channel.isReady,
      onConnected: () => {
        for (const stream of this.#streams) stream.count.onConnected()
        for (const count of this.#unaryCalls) count.onConnected()
      },
      onFailure: (reason) => this.#fail(reason),
    })
    const credentials = new HostCredentials(this.#connector)
    this.#channel = new Channel(targetOf(host.address), credentials, channelOptions(host))
  }

  get #isActive(): boolean {
    return this.#streams.size + this.#unaryCalls.size > 0
  }

  get isUsable(): boolean {
    return !this.#isClosed && !this.#connector.hasFailed && this.#channel.isUsable
  }

  startStream(head: CallHead, callbacks: GrpcStreamCallbacks): GrpcStream {
    const stream = new ClusterStream(this.#newCount(), callbacks, () => this.#onStreamOver(stream))
    this.#streams.add(stream)
    stream.start(this.#channel, head)
    return stream
  }

  async unaryCall(head: CallHead, bytes: Uint8Array, timeoutMs: number | undefined): Promise<Uint8Array> {
    const count = this.#newCount()
    this.#unaryCalls.add(count)
    try {
      const answer = await this.#channel.unaryCall(head, bytes, timeoutMs, (httpStatus) => count.onAnswer(httpStatus))
      count.onEnd({ code: grpcOk, message: '' })
      return answer
    } catch (error) {
      count.onEnd(error instanceof GrpcError ? error.status : { code: grpcInternal, message: '' })
      throw error
    } finally {
      this.#unaryCalls.delete(count)
      this.#onCallOver()
    }
  }

  #newCount(): CallCount {
    return new CallCount(this.host, this.#channel.isReady)
  }

  #onStreamOver(stream: ClusterStream): void {
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
  #fail(reason: string): void {
    for (const stream of [...this.#streams]) stream.fail(reason)
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

  addIdleCallback(callback: () => void): void {
    this.#idleCallbacks.push(callback)
  }
}

/** One stream, counted as a request of the cluster. */
class ClusterStream implements GrpcStream {
  readonly count: CallCount
  readonly #callbacks: GrpcStreamCallbacks
  readonly #onOver: () => void
  #inner: GrpcStream | undefined
  #isOver = false

  constructor(count: CallCount, callbacks: GrpcStreamCallbacks, onOver: () => void) {
    this.count = count
    this.#callbacks = callbacks
    this.#onOver = onOver
  }

  start(channel: Channel, head: CallHead): void {
    this.#inner = channel.startStream(head, {
      onAnswer: (httpStatus) => this.count.onAnswer(httpStatus),
      onMessage: (bytes) => this.#callbacks.onMessage(bytes),
      onClose: (status) => this.#close(status),
    })
  }

  send(bytes: Uint8Array): void {
    this.#inner?.send(bytes)
  }

  end(): void {
    this.#inner?.end()
  }

  cancel(): void {
    this.#inner?.cancel()
    if (this.#isOver) return
    this.#isOver = true
    this.count.onCancelled()
    this.#onOver()
  }

  fail(reason: string): void {
    this.#inner?.cancel()
    this.#close({ code: grpcUnavailable, message: reason })
  }

  #close(status: GrpcStatus): void {
    if (this.#isOver) return
    this.#isOver = true
    this.count.onEnd(status)
    this.#onOver()
    this.#callbacks.onClose(status)
  }
}

interface ConnectorUsers {
  /** Calls are under way. */
  isActive(): boolean
  /** The connection carries calls. */
  isReady(): boolean
  onConnected(): void
  onFailure(reason: string): void
}

/** What happens to the channel's connections, one after the other, within the cluster's `connect_timeout`. */
class HostConnector implements SecureConnector {
  hasFailed = false
  readonly #host: Host
  readonly #users: ConnectorUsers
  readonly #timer = new Timer(() => this.#onTimeout())
  #startedAtMs = 0
  #isConnecting = false
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
    this.#startedAtMs = monotonicMs()
    this.#isConnecting = true
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
    host.cluster.stats.upstreamCxHttp2Total.inc()
    this.#users.onConnected()
    socket.once('close', () => {
      this.#timer.disable()
      countClosed(host, 'remoteClose', startedAtMs, this.#users.isActive())
    })
    this.#socket = socket
    return { socket, secure: host.transportSocket.isSecure }
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
    this.#users.onFailure('upstream connect error or disconnect/reset before headers. reset reason: connection timeout')
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
