// Paces the data of one stream in one direction, for filters that slow bodies down (Envoy's StreamRateLimiter).

import { Timer } from '../common/timer.ts'
import { TokenBucket } from '../common/token_bucket.ts'

export interface StreamRateLimiterCallbacks {
  /** Passes data on to the filters behind; never no data, unless that ends the stream. */
  writeData(data: Buffer, endStream: boolean): void
  /** All data has gone that trailers were held back for. */
  continueIteration(): void
  /** More data is held than the limit, or no longer half of it. */
  pauseData(): void
  resumeData(): void
  /** As many bytes go on now, perhaps none; the rest waits for the bucket for another interval (`isHeldBack`). */
  dataAllowed?(bytes: number, isHeldBack: boolean): void
}

export const defaultFillIntervalMs = 50
const bytesPerKilobyte = 1024
const noBytes = Buffer.alloc(0)

/** A token is a byte. The bucket holds what may pass in a second, and fills as fast. */
export function createByteBucket(limitKbps: number, cell?: BigInt64Array): TokenBucket {
  const bytesPerSecond = limitKbps * bytesPerKilobyte
  return new TokenBucket({ maxTokens: bytesPerSecond, tokensPerFill: bytesPerSecond, fillIntervalMs: 1000 }, cell)
}

export class StreamRateLimiter {
  readonly #bucket: TokenBucket
  readonly #callbacks: StreamRateLimiterCallbacks
  readonly #bufferLimitBytes: number
  readonly #fillIntervalMs: number
  readonly #timer = new Timer(() => this.#onTimer())
  #held: Buffer[] = []
  #heldBytes = 0
  #paused = false
  #sawEndStream = false
  #sawTrailers = false

  /**
   * `bufferLimitBytes`: how much is held before whoever sends is stopped; 0 for no limit. `fillIntervalMs`: how long held
   * data waits before the bucket is asked again.
   */
  constructor(
    bucket: TokenBucket,
    bufferLimitBytes: number,
    callbacks: StreamRateLimiterCallbacks,
    fillIntervalMs = defaultFillIntervalMs,
  ) {
    this.#bucket = bucket
    this.#bufferLimitBytes = bufferLimitBytes
    this.#callbacks = callbacks
    this.#fillIntervalMs = fillIntervalMs
  }

  /** A limiter with a bucket of its own, which begins with what may pass in one interval. */
  static ofStream(
    limitKbps: number,
    bufferLimitBytes: number,
    callbacks: StreamRateLimiterCallbacks,
  ): StreamRateLimiter {
    const bucket = createByteBucket(limitKbps)
    bucket.reset((bucket.maxTokens * defaultFillIntervalMs) / 1000)
    return new StreamRateLimiter(bucket, bufferLimitBytes, callbacks)
  }

  /** Data given to it is still in use. */
  get holdsData(): boolean {
    return this.#heldBytes > 0
  }

  /** Takes data; it goes on when the event loop has turned, at the earliest. */
  writeData(data: Buffer, endStream: boolean): void {
    if (data.length > 0) this.#held.push(data)
    this.#heldBytes += data.length
    this.#sawEndStream = endStream
    if (!this.#paused && this.#bufferLimitBytes > 0 && this.#heldBytes > this.#bufferLimitBytes) {
      this.#paused = true
      this.#callbacks.pauseData()
    }
    if (!this.#timer.enabled) this.#timer.enable(0)
  }

  /** Whether the trailers must wait for data that is still held. */
  onTrailers(): boolean {
    this.#sawTrailers = true
    if (this.#heldBytes > 0) return true
    this.#timer.disable()
    return false
  }

  destroy(): void {
    this.#timer.disable()
    this.#held = []
    this.#heldBytes = 0
  }

  #onTimer(): void {
    const data = this.#take(this.#bucket.consumeUpTo(this.#heldBytes))
    const isEmpty = this.#heldBytes === 0
    this.#callbacks.dataAllowed?.(data.length, !isEmpty)
    if (!isEmpty) this.#timer.enable(this.#fillIntervalMs)
    if (this.#paused && this.#heldBytes <= this.#bufferLimitBytes / 2) {
      this.#paused = false
      this.#callbacks.resumeData()
    }
    const endStream = isEmpty && this.#sawEndStream && !this.#sawTrailers
    if (data.length > 0 || endStream) this.#callbacks.writeData(data, endStream)
    if (isEmpty && this.#sawTrailers) this.#callbacks.continueIteration()
  }

  #take(bytes: number): Buffer {
    const taken: Buffer[] = []
    let missing = bytes
    while (missing > 0) {
      const first = this.#held[0]
      if (first.length > missing) this.#held[0] = first.subarray(missing)
      else this.#held.shift()
      taken.push(first.subarray(0, missing))
      missing -= Math.min(missing, first.length)
    }
    this.#heldBytes -= bytes
    if (taken.length === 1) return taken[0]
    return taken.length === 0 ? noBytes : Buffer.concat(taken, bytes)
  }
}
