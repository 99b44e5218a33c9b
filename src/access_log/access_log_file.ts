// One log file: lines are buffered and written by Node's thread pool, so that a request never waits for a disk.

import { accessSync, closeSync, constants, existsSync, openSync, statSync, write, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { getSystemErrorMap } from 'node:util'
import type { Counter, Gauge, Scope } from '../stats/store.ts'

/** Envoy's `filesystem.` stats, kept by one process. */
export interface AccessLogFileStats {
  readonly writeBuffered: Counter
  readonly writeCompleted: Counter
  readonly writeFailed: Counter
  readonly flushedByTimer: Counter
  readonly reopenFailed: Counter
  readonly writeTotalBuffered: Gauge
}

export function accessLogFileStats(scope: Scope): AccessLogFileStats {
  return {
    writeBuffered: scope.counter('filesystem.write_buffered'),
    writeCompleted: scope.counter('filesystem.write_completed'),
    writeFailed: scope.counter('filesystem.write_failed'),
    flushedByTimer: scope.counter('filesystem.flushed_by_timer'),
    reopenFailed: scope.counter('filesystem.reopen_failed'),
    writeTotalBuffered: scope.gauge('filesystem.write_total_buffered'),
  }
}

/** A log file that cannot be opened. */
export class AccessLogFileError extends Error {
  override readonly name = 'AccessLogFileError'
}

export interface AccessLogFileOptions {
  /** A write starts when this much waits. */
  readonly flushMinSizeBytes: number
  /** Lines beyond this much waiting are dropped and counted as failed writes: a full disk must not fill memory. */
  readonly bufferLimitBytes: number
}

/** How long a write waits that found a pipe full. */
const pipeRetryMs = 20
const pipeRetryLimit = 50

const standardStreams = new Map([
  ['/dev/stdout', 1],
  ['/dev/stderr', 2],
])

/**
 * Lines are kept as one string and turned into bytes at the flush, which costs about two thirds of writing each into a
 * Buffer as it comes (bench/micro/access_log.ts). Only whole lines go to one write, so that processes appending to one
 * file never mix theirs.
 */
export class AccessLogFile {
  readonly path: string
  readonly #options: AccessLogFileOptions
  readonly #stats: AccessLogFileStats
  #descriptor: number
  #pending = ''
  /** The bytes being written, or waiting for another attempt after a failure. */
  #chunk: Buffer | undefined = undefined
  #writing = false
  #reopenWanted = false
  #idleWaiters: (() => void)[] = []

  /** Opens the file for appending, made with mode 0644 where it is missing. Throws AccessLogFileError. */
  constructor(path: string, options: AccessLogFileOptions, stats: AccessLogFileStats) {
    this.path = path
    this.#options = options
    this.#stats = stats
    this.#descriptor = openForAppend(path)
  }

  /** Adds one line: a byte string with its line end. */
  write(line: string): void {
    if (this.#pending.length + line.length > this.#options.bufferLimitBytes) {
      this.#stats.writeFailed.inc()
      return
    }
    this.#pending += line
    this.#stats.writeBuffered.inc()
    this.#stats.writeTotalBuffered.add(line.length)
    if (this.#pending.length >= this.#options.flushMinSizeBytes && !this.#writing && this.#chunk === undefined) {
      this.#flush()
    }
  }

  onFlushTimer(): void {
    this.#stats.flushedByTimer.inc()
    this.#flush()
  }

  /** Opens the path anew before the next write: what is buffered goes to the new file. */
  reopen(): void {
    this.#reopenWanted = true
    this.#flush()
  }

  /** Resolves when what was written so far is in the file, or a write failed. */
  flush(): Promise<void> {
    this.#flush()
    if (!this.#writing) return Promise.resolve()
    return new Promise((resolve) => this.#idleWaiters.push(resolve))
  }

  /** Writes what waits, at once: for the end of the process, which waits for a write that its thread pool has begun. */
  flushSync(): void {
    if (!this.#writing && this.#chunk !== undefined) this.#writeSync(this.#chunk)
    if (this.#pending !== '') this.#writeSync(Buffer.from(this.#pending, 'latin1'))
    this.#pending = ''
    if (!this.#writing) this.#chunk = undefined
  }

  close(): void {
    this.flushSync()
    if (!standardStreams.has(this.path)) closeSync(this.#descriptor)
  }

  #flush(): void {
    if (this.#writing) return
    if (this.#reopenWanted) this.#reopenNow()
    if (this.#chunk === undefined) {
      if (this.#pending === '') return
      this.#chunk = Buffer.from(this.#pending, 'latin1')
      this.#pending = ''
    }
    this.#writeChunk(this.#chunk)
  }

  #reopenNow(): void {
    this.#reopenWanted = false
    if (standardStreams.has(this.path)) return
    try {
      const descriptor = openForAppend(this.path)
      closeSync(this.#descriptor)
      this.#descriptor = descriptor
    } catch {
      this.#stats.reopenFailed.inc()
    }
  }

  #writeChunk(chunk: Buffer): void {
    this.#writing = true
    write(this.#descriptor, chunk, 0, chunk.length, null, (error, written) => {
      this.#writing = false
      if (error === null) this.#onWritten(chunk, written)
      else this.#onWriteError(error)
      if (this.#writing) return
      const waiters = this.#idleWaiters
      this.#idleWaiters = []
      for (const resolve of waiters) resolve()
    })
  }

  #onWritten(chunk: Buffer, written: number): void {
    this.#stats.writeTotalBuffered.sub(written)
    if (written < chunk.length) {
      this.#chunk = chunk.subarray(written)
      this.#writeChunk(this.#chunk)
      return
    }
    this.#stats.writeCompleted.inc()
    this.#chunk = undefined
    const goOn = this.#idleWaiters.length > 0 || this.#reopenWanted
    if (goOn || this.#pending.length >= this.#options.flushMinSizeBytes) this.#flush()
  }

  /** Bytes that a full disk refused are tried again at the next flush; a stream whose reader is gone never takes any. */
  #onWriteError(error: NodeJS.ErrnoException): void {
    const chunk = this.#chunk
    if (error.code === 'EAGAIN' && chunk !== undefined) {
      this.#writing = true
      setTimeout(() => this.#writeChunk(chunk), pipeRetryMs)
      return
    }
    this.#stats.writeFailed.inc()
    if (error.code !== 'EPIPE' && error.code !== 'EBADF') return
    this.#stats.writeTotalBuffered.sub((this.#chunk?.length ?? 0) + this.#pending.length)
    this.#chunk = undefined
    this.#pending = ''
  }

  #writeSync(bytes: Buffer): void {
    let offset = 0
    for (let attempt = 0; offset < bytes.length && attempt < pipeRetryLimit; attempt++) {
      try {
        offset += writeSync(this.#descriptor, bytes, offset)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') break
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pipeRetryMs)
      }
    }
    if (offset === bytes.length) this.#stats.writeCompleted.inc()
    else this.#stats.writeFailed.inc()
    this.#stats.writeTotalBuffered.sub(bytes.length)
  }
}

/** Whether the file could be opened, as far as that shows without making it. Throws AccessLogFileError. */
export function checkCanOpen(path: string): void {
  if (standardStreams.has(path)) return
  try {
    if (!existsSync(path)) accessSync(dirname(path), constants.W_OK | constants.X_OK)
    // Which fails; a pipe would wait for its reader.
    else if (statSync(path).isDirectory()) openSync(path, 'a')
    else accessSync(path, constants.W_OK)
  } catch (error) {
    throw new AccessLogFileError(`unable to open file '${path}': ${systemMessage(error)}`, { cause: error })
  }
}

function openForAppend(path: string): number {
  const standard = standardStreams.get(path)
  if (standard !== undefined) return standard
  try {
    return openSync(path, 'a', 0o644)
  } catch (error) {
    throw new AccessLogFileError(`unable to open file '${path}': ${systemMessage(error)}`, { cause: error })
  }
}

/** The system's words for an errno. */
function systemMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { errno } = error as NodeJS.ErrnoException
  return (errno === undefined ? undefined : getSystemErrorMap().get(errno)?.[1]) ?? error.message
}
