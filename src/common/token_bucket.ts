// A token bucket whose whole state is one 64-bit word, so that several processes can share it exactly.

/** Monotonic nanoseconds on the machine's clock: the same in every process. */
export type NanosecondClock = () => bigint

export interface TokenBucketLimits {
  readonly maxTokens: number
  readonly tokensPerFill: number
  readonly fillIntervalMs: number
}

/**
 * Fills steadily at `tokensPerFill / fillIntervalMs` up to `maxTokens`, as Envoy's atomic bucket does, and starts full.
 *
 * The word holds the time at which the bucket would have been empty had it only filled since; a fresh word of zero lies
 * so far back that the bucket is full. Taking tokens moves that time forward, by compare-and-exchange.
 */
export class TokenBucket {
  readonly maxTokens: number
  readonly tokensPerMs: number
  readonly #cell: BigInt64Array
  readonly #clock: NanosecondClock
  readonly #tokenNs: number
  readonly #fullNs: bigint

  /** `cell` is one word, of memory that all users of the bucket share; by default the bucket is this object's own. */
  constructor(
    limits: TokenBucketLimits,
    cell: BigInt64Array = new BigInt64Array(1),
    clock: NanosecondClock = process.hrtime.bigint,
  ) {
    this.maxTokens = limits.maxTokens
    this.tokensPerMs = limits.tokensPerFill / limits.fillIntervalMs
    this.#cell = cell
    this.#clock = clock
    this.#tokenNs = (limits.fillIntervalMs * 1e6) / limits.tokensPerFill
    // One that never holds anything takes for ever to fill, and is full at once.
    this.#fullNs = limits.maxTokens === 0 ? 0n : BigInt(Math.round(this.#tokenNs * limits.maxTokens))
    // A machine that booted a moment ago must not find the bucket empty.
    if (clock() < this.#fullNs) Atomics.compareExchange(cell, 0, 0n, clock() - this.#fullNs)
  }

  /** Takes `tokens` if there are as many; otherwise takes none and returns false. */
  tryConsume(tokens = 1): boolean {
    const cost = BigInt(Math.round(this.#tokenNs * tokens))
    const now = this.#clock()
    const earliest = now - this.#fullNs
    let seen = Atomics.load(this.#cell, 0)
    for (;;) {
      const next = latest(seen, earliest) + cost
      if (next > now) return false
      const found = Atomics.compareExchange(this.#cell, 0, seen, next)
      if (found === seen) return true
      seen = found
    }
  }

  /** Takes `tokens`, or as many whole ones as there are; returns how many. */
  consumeUpTo(tokens: number): number {
    const now = this.#clock()
    const earliest = now - this.#fullNs
    let seen = Atomics.load(this.#cell, 0)
    for (;;) {
      const emptyAt = latest(seen, earliest)
      const taken = Math.min(tokens, this.#wholeTokens(now - emptyAt))
      if (taken === 0) return 0
      const found = Atomics.compareExchange(this.#cell, 0, seen, emptyAt + BigInt(Math.round(this.#tokenNs * taken)))
      if (found === seen) return taken
      seen = found
    }
  }

  /** Puts tokens back, at most until the bucket is full. */
  refill(tokens: number): void {
    const gainNs = BigInt(Math.round(this.#tokenNs * tokens))
    const earliest = this.#clock() - this.#fullNs
    let seen = Atomics.load(this.#cell, 0)
    for (;;) {
      const found = Atomics.compareExchange(this.#cell, 0, seen, latest(latest(seen, earliest) - gainNs, earliest))
      if (found === seen) return
      seen = found
    }
  }

  /** Sets how many tokens there are now, at most as many as the bucket holds. */
  reset(tokens: number): void {
    Atomics.store(this.#cell, 0, this.#clock() - BigInt(Math.round(this.#tokenNs * tokens)))
  }

  /** Whole tokens in the bucket now. */
  remainingTokens(): number {
    const now = this.#clock()
    const earliest = now - this.#fullNs
    return this.#wholeTokens(now - latest(Atomics.load(this.#cell, 0), earliest))
  }

  #wholeTokens(filledNs: bigint): number {
    return Math.max(0, Math.min(this.maxTokens, Math.floor(Number(filledNs) / this.#tokenNs + 1e-9)))
  }

  /** Milliseconds until one token is there; 0 if there is one. */
  nextTokenAvailableMs(): number {
    const now = this.#clock()
    const emptyAt = latest(Atomics.load(this.#cell, 0), now - this.#fullNs)
    const readyAt = Number(emptyAt - now) + this.#tokenNs
    return Math.max(0, readyAt / 1e6)
  }
}

function latest(a: bigint, b: bigint): bigint {
  if (a > b) return a
  return b
}
