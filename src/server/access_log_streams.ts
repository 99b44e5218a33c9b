// The streams to access log services, which main keeps for its workers: one for each logger of each process.

import type { CommonGrpcAccessLogConfig, LogStreamMessage } from '../access_log/grpc/grpc_access_logger.ts'
import { JitteredBackOff } from '../common/backoff.ts'
import { getLogger } from '../common/log.ts'
import { Timer } from '../common/timer.ts'
import { encodeIdentifier } from '../config/access_log_messages.ts'
import { ConfigErrors } from '../config/errors.ts'
import { type GrpcClient, type GrpcStatus, type GrpcStream, grpcUnavailable } from '../grpc/grpc_client.ts'
import { createGrpcClient, type GrpcContext } from '../grpc/grpc_service.ts'
import type { serverNode } from './node.ts'

const log = getLogger('grpc')
/** How long a service may take to end a stream that has ended here. */
const closeGraceMs = 1000
const connectionLookMs = 50
const method = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs'

export interface AccessLogStreamsParts {
  readonly grpc: () => GrpcContext
  /** What services are told of this server. */
  readonly node: () => ReturnType<typeof serverNode>
  /** So many bytes of a stream have left, or are lost. */
  readonly onTaken: (stream: number, bytes: number) => void
}

/** Of one process. */
export class AccessLogStreams {
  readonly #parts: AccessLogStreamsParts
  readonly #streams = new Map<number, AccessLogStream>()

  constructor(parts: AccessLogStreamsParts) {
    this.#parts = parts
  }

  onMessage(message: LogStreamMessage): void {
    const { stream } = message
    switch (message.kind) {
      case 'open':
        this.#streams.set(stream, new AccessLogStream(message.config, this.#parts, stream))
        break
      case 'batch':
        this.#streams.get(stream)?.send(message.bytes)
        break
      case 'close':
        void this.#streams.get(stream)?.close()
        this.#streams.delete(stream)
        break
    }
  }

  /** The process has ended: what it has given leaves, and the streams end, which is waited for a while. */
  async close(): Promise<void> {
    const closed = [...this.#streams.values()].map((stream) => stream.close())
    this.#streams.clear()
    await Promise.all(closed)
  }
}

/** One stream, opened with the first batch, and again with the first one after it has ended. */
class AccessLogStream {
  readonly #config: CommonGrpcAccessLogConfig
  readonly #parts: AccessLogStreamsParts
  readonly #id: number
  readonly #client: GrpcClient | undefined
  readonly #retries: ConnectRetries
  readonly #retryTimer = new Timer(() => this.#open())
  #stream: GrpcStream | undefined
  /** What has been given to the stream, or waits for it, and has not left. */
  #waiting: Uint8Array[] = []
  #onClosed: () => void = () => {}

  constructor(config: CommonGrpcAccessLogConfig, parts: AccessLogStreamsParts, id: number) {
    this.#config = config
    this.#parts = parts
    this.#id = id
    // What can be wrong with it has been told where the configuration was checked.
    if (config.grpcService !== undefined)
      this.#client = createGrpcClient(config.grpcService, parts.grpc(), new ConfigErrors())
    this.#retries = new ConnectRetries(config.grpcStreamRetryPolicy)
  }

  send(batch: Uint8Array): void {
    this.#waiting.push(batch)
    if (this.#stream !== undefined) this.#sendOn(this.#stream, batch, batch)
    else if (!this.#retryTimer.enabled) this.#open()
  }

  #open(): void {
    if (this.#client === undefined) {
      this.#loseAll()
      return
    }
    const stream = this.#client.startStream(method, {
      // A service answers once, when all is over.
      onMessage: () => {},
      onClose: (status) => this.#onClose(status),
    })
    this.#stream = stream
    const identifier = encodeIdentifier(this.#parts.node(), this.#config.logName)
    for (const [i, batch] of this.#waiting.entries())
      this.#sendOn(stream, i === 0 ? Buffer.concat([identifier, batch]) : batch, batch)
  }

  #sendOn(stream: GrpcStream, message: Uint8Array, batch: Uint8Array): void {
    stream.send(message, () => this.#onSent(stream, batch))
  }

  #onSent(stream: GrpcStream, batch: Uint8Array): void {
    if (this.#stream !== stream) return
    // Without a connection it has left for a queue alone, and may have to be sent again.
    if (this.#retries.areConfigured && !stream.isConnected()) {
      setTimeout(() => this.#onSent(stream, batch), connectionLookMs).unref()
      return
    }
    this.#retries.reset()
    this.#tellTaken(this.#waiting.splice(0, this.#waiting.indexOf(batch) + 1))
  }

  #loseAll(): void {
    this.#tellTaken(this.#waiting.splice(0))
  }

  #tellTaken(batches: readonly Uint8Array[]): void {
    const bytes = batches.reduce((sum, batch) => sum + batch.length, 0)
    if (bytes > 0) this.#parts.onTaken(this.#id, bytes)
  }

  #onClose({ code, message }: GrpcStatus): void {
    const name = this.#config.logName
    log.debug(`StreamAccessLogs to ${this.#client?.destination} for ${name} closed: ${code}, ${message}`)
    this.#stream = undefined
    this.#onClosed()
    const delayMs = code === grpcUnavailable && this.#waiting.length > 0 ? this.#retries.nextDelayMs() : undefined
    if (delayMs !== undefined) {
      this.#retryTimer.enable(delayMs)
      return
    }
    this.#retries.reset()
    this.#loseAll()
  }

  /** Resolves when the service has ended the stream, too; it is cut where that takes too long. */
  async close(): Promise<void> {
    this.#retryTimer.disable()
    const stream = this.#stream
    if (stream === undefined) return
    const closed = new Promise<void>((resolve) => {
      this.#onClosed = resolve
    })
    stream.end()
    const timer = setTimeout(() => {
      stream.cancel()
      this.#onClosed()
    }, closeGraceMs)
    await closed
    clearTimeout(timer)
    this.#retryTimer.disable()
  }
}

/** `grpc_stream_retry_policy`: tries again where there is no connection. */
class ConnectRetries {
  readonly #limit: number
  readonly #backOff: JitteredBackOff
  #count = 0

  constructor(policy: CommonGrpcAccessLogConfig['grpcStreamRetryPolicy']) {
    this.#limit = policy === undefined ? 0 : (policy.numRetries ?? 1)
    const baseMs = policy?.retryBackOff?.baseInterval ?? 1000
    const maxMs = policy?.retryBackOff?.maxInterval ?? baseMs * 10
    this.#backOff = new JitteredBackOff(Math.max(1, Math.min(baseMs, maxMs)), Math.max(1, maxMs))
  }

  get areConfigured(): boolean {
    return this.#limit > 0
  }

  /** Undefined where there were enough. */
  nextDelayMs(): number | undefined {
    if (this.#count >= this.#limit) return undefined
    this.#count++
    return Math.max(1, this.#backOff.nextBackOffMs())
  }

  reset(): void {
    this.#count = 0
    this.#backOff.reset()
  }
}
