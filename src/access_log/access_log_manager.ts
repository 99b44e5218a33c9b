// Where the access logs of one process go: files, each opened once, however many logs name it, and access log services.

import type { Scope } from '../stats/store.ts'
import { AccessLogFile, type AccessLogFileStats, accessLogFileStats, checkCanOpen } from './access_log_file.ts'
import { GrpcAccessLoggers, type SendLogMessage } from './grpc/grpc_access_logger.ts'

export interface AccessLogManagerOptions {
  /** --file-flush-interval-msec. */
  readonly flushIntervalMs?: number
  /** --file-flush-min-size-kb, in bytes. */
  readonly flushMinSizeBytes?: number
  readonly bufferLimitBytes?: number
  /** False for a process that only checks a configuration: files are not made, only whether they could be is looked at. */
  readonly opensFiles?: boolean
  /** How batches for access log services leave; without it they go nowhere. */
  readonly sendLogMessage?: SendLogMessage
}

/** Where lines go: a file, or nowhere while a configuration is only checked. */
export interface LineWriter {
  /** One line as a byte string, with its line end. */
  write(line: string): void
}

const discard: LineWriter = { write: () => {} }

export class AccessLogManager {
  /** Of access log services. */
  readonly grpcLoggers: GrpcAccessLoggers
  readonly #files = new Map<string, AccessLogFile>()
  readonly #stats: AccessLogFileStats
  readonly #flushIntervalMs: number
  readonly #flushMinSizeBytes: number
  readonly #bufferLimitBytes: number
  readonly #opensFiles: boolean
  readonly #onExit = (): void => this.#flushSync()
  #timer: NodeJS.Timeout | undefined = undefined

  constructor(scope: Scope, options: AccessLogManagerOptions = {}) {
    this.#stats = accessLogFileStats(scope)
    this.#flushIntervalMs = options.flushIntervalMs ?? 10_000
    this.#flushMinSizeBytes = options.flushMinSizeBytes ?? 65_536
    this.#bufferLimitBytes = options.bufferLimitBytes ?? 16 << 20
    this.#opensFiles = options.opensFiles ?? true
    this.grpcLoggers = new GrpcAccessLoggers(scope, options.sendLogMessage ?? (() => {}))
  }

  /** The file of a path; `/dev/stdout` and `/dev/stderr` are the process's own streams. Throws AccessLogFileError. */
  file(path: string): LineWriter {
    if (!this.#opensFiles) {
      checkCanOpen(path)
      return discard
    }
    let file = this.#files.get(path)
    if (file === undefined) {
      const options = { flushMinSizeBytes: this.#flushMinSizeBytes, bufferLimitBytes: this.#bufferLimitBytes }
      file = new AccessLogFile(path, options, this.#stats)
      this.#files.set(path, file)
      this.#start()
    }
    return file
  }

  /** Opens every file anew (SIGUSR1, /reopen_logs); one that cannot be opened stays as it is and is counted. */
  reopen(): void {
    for (const file of this.#files.values()) file.reopen()
  }

  /** Resolves when all lines written so far are in their files, or could not be written; entries are on their way. */
  async flushAll(): Promise<void> {
    this.grpcLoggers.flush()
    await Promise.all([...this.#files.values()].map((file) => file.flush()))
  }

  /** Writes out and closes everything. */
  close(): void {
    clearInterval(this.#timer)
    process.off('exit', this.#onExit)
    for (const file of this.#files.values()) file.close()
    this.#files.clear()
    this.#timer = undefined
  }

  #start(): void {
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => {
      for (const file of this.#files.values()) file.onFlushTimer()
    }, this.#flushIntervalMs).unref()
    process.on('exit', this.#onExit)
  }

  #flushSync(): void {
    for (const file of this.#files.values()) file.flushSync()
  }
}
