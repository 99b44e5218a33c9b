// What the last health check that passed was answered, for all workers, until the time of the cache is over.

const statusBits = 0xffffn
const degradedBit = 1n << 16n
const periodShift = 17n

export class CachedResponse {
  /** The status, whether degraded, and in which period it was told; 0 for nothing yet. */
  readonly #word: BigInt64Array
  readonly #cacheTimeMs: number

  constructor(word: BigInt64Array, cacheTimeMs: number) {
    this.#word = word
    this.#cacheTimeMs = cacheTimeMs
  }

  set(status: number, isDegraded: boolean): void {
    const degraded = isDegraded ? degradedBit : 0n
    Atomics.store(this.#word, 0, (this.#period() << periodShift) | degraded | BigInt(status))
  }

  /** Undefined where it is too old. As in Envoy all of a period ends at once, whenever it was told. */
  get(): { readonly status: number; readonly isDegraded: boolean } | undefined {
    const word = Atomics.load(this.#word, 0)
    if (word === 0n || word >> periodShift !== this.#period()) return undefined
    return { status: Number(word & statusBits), isDegraded: (word & degradedBit) !== 0n }
  }

  /** Of the machine's clock, which is the same in every process. */
  #period(): bigint {
    return process.hrtime.bigint() / BigInt(Math.max(1, Math.round(this.#cacheTimeMs * 1e6)))
  }
}
