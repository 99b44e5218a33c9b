// Buffers entries for access log services: one logger for all access logs of a process that are configured alike.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { Timer } from '../../common/timer.ts'
import { type AccessLogEntryKind, joinEntries } from '../../config/access_log_messages.ts'
import type { Counter, Scope } from '../../stats/store.ts'

export type CommonGrpcAccessLogConfig = envoy.extensions.access_loggers.grpc.v3.CommonGrpcAccessLogConfig

/** What a process tells main, which keeps the streams to the services. `stream` is a number of the process's own. */
export type LogStreamMessage =
  | { readonly kind: 'open'; readonly stream: number; readonly config: CommonGrpcAccessLogConfig }
  /** `bytes`: a StreamAccessLogsMessage without identifier. Main says when they have left: see `onTaken`. */
  | { readonly kind: 'batch'; readonly stream: number; readonly bytes: Uint8Array }
  | { readonly kind: 'close'; readonly stream: number }

export type SendLogMessage = (message: LogStreamMessage) => void

const defaultFlushIntervalMs = 1000
const defaultBufferSizeBytes = 16_384
/** While more than this has been given away and has not left yet, no more is given. */
const untakenLimitBytes = 1 << 20

class GrpcAccessLogStats {
  readonly logsWritten: Counter
  readonly logsDropped: Counter
  readonly entriesFlushed: Counter
  readonly entriesFlushFailed: Counter

  constructor(scope: Scope) {
    const own = scope.createScope('access_logs.grpc_access_log')
    this.logsWritten = own.counter('logs_written')
    this.logsDropped = own.counter('logs_dropped')
    this.entriesFlushed = own.counter('grpc_entries_flushed')
    this.entriesFlushFailed = own.counter('grpc_entries_flush_failed')
  }
}

export class GrpcAccessLogger {
  readonly #kind: AccessLogEntryKind
  readonly #stream: number
  readonly #stats: GrpcAccessLogStats
  readonly #send: SendLogMessage
  readonly #flushIntervalMs: number
  readonly #bufferSizeBytes: number
  readonly #timer = new Timer(() => this.flush())
  #entries: Uint8Array[] = []
  #bufferedBytes = 0
  #untakenBytes = 0

  constructor(
    kind: AccessLogEntryKind,
    stream: number,
    config: CommonGrpcAccessLogConfig,
    stats: GrpcAccessLogStats,
    send: SendLogMessage,
  ) {
    this.#kind = kind
    this.#stream = stream
    this.#stats = stats
    this.#send = send
    this.#flushIntervalMs = config.bufferFlushInterval ?? defaultFlushIntervalMs
    // With 0 each entry leaves by itself.
    this.#bufferSizeBytes = Math.max(1, config.bufferSizeBytes ?? defaultBufferSizeBytes)
    send({ kind: 'open', stream, config })
  }

  /** Whether there is room for an entry; where there is none, it counts as dropped. */
  hasRoom(): boolean {
    if (this.#bufferedBytes >= this.#bufferSizeBytes) this.flush()
    if (this.#bufferedBytes < this.#bufferSizeBytes) return true
    this.#stats.logsDropped.inc()
    return false
  }

  /** MUST have room for it. */
  log(entry: Uint8Array): void {
    // Those of connections are not counted, as in Envoy.
    if (this.#kind === 'http') this.#stats.logsWritten.inc()
    this.#entries.push(entry)
    this.#bufferedBytes += entry.length
    if (this.#bufferedBytes >= this.#bufferSizeBytes) this.flush()
    else if (!this.#timer.enabled) this.#timer.enable(this.#flushIntervalMs)
  }

  flush(): void {
    if (this.#entries.length === 0) return
    if (this.#untakenBytes > untakenLimitBytes) {
      this.#stats.entriesFlushFailed.add(this.#entries.length)
      this.#timer.enable(this.#flushIntervalMs)
      return
    }
    this.#timer.disable()
    const bytes = joinEntries(this.#kind, this.#entries)
    this.#stats.entriesFlushed.add(this.#entries.length)
    this.#entries = []
    this.#bufferedBytes = 0
    this.#untakenBytes += bytes.length
    this.#send({ kind: 'batch', stream: this.#stream, bytes })
  }

  /** So much of what was given away has left, or is lost. */
  onTaken(bytes: number): void {
    this.#untakenBytes -= bytes
    if (this.#bufferedBytes >= this.#bufferSizeBytes) this.flush()
  }

  close(): void {
    this.#untakenBytes = 0
    this.flush()
    this.#timer.disable()
    this.#send({ kind: 'close', stream: this.#stream })
  }
}

interface Entry {
  readonly logger: GrpcAccessLogger
  readonly stream: number
  users: number
}

/** All of a process. */
export class GrpcAccessLoggers {
  readonly #scope: Scope
  readonly #send: SendLogMessage
  readonly #loggers = new Map<string, Entry>()
  #stats: GrpcAccessLogStats | undefined = undefined
  #nextStream = 1

  constructor(scope: Scope, send: SendLogMessage) {
    this.#scope = scope
    this.#send = send
  }

  /** The logger of a configuration, and what its user calls when he is done with it. */
  acquire(
    kind: AccessLogEntryKind,
    config: CommonGrpcAccessLogConfig,
  ): { readonly logger: GrpcAccessLogger; readonly release: () => void } {
    const key = `${kind} ${JSON.stringify(config)}`
    let entry = this.#loggers.get(key)
    if (entry === undefined) {
      this.#stats ??= new GrpcAccessLogStats(this.#scope)
      const stream = this.#nextStream++
      entry = { logger: new GrpcAccessLogger(kind, stream, config, this.#stats, this.#send), stream, users: 0 }
      this.#loggers.set(key, entry)
    }
    entry.users++
    return { logger: entry.logger, release: () => this.#release(key) }
  }

  #release(key: string): void {
    const entry = this.#loggers.get(key)
    if (entry === undefined || --entry.users > 0) return
    this.#loggers.delete(key)
    entry.logger.close()
  }

  onTaken(stream: number, bytes: number): void {
    for (const entry of this.#loggers.values()) if (entry.stream === stream) entry.logger.onTaken(bytes)
  }

  flush(): void {
    for (const { logger } of this.#loggers.values()) logger.flush()
  }
}
