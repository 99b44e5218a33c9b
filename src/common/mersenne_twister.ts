// MT19937 (Matsumoto and Nishimura, 1998), the generator of std::mt19937: for choices that must be the same as Envoy's.

const size = 624
const shift = 397

export class MersenneTwister {
  readonly #state = new Uint32Array(size)
  /** So much of the state follows from the seed already: the first numbers need little of it, and mostly few are asked for. */
  #seeded = 1
  #next = 0

  /** Starts over; `seed` is a 32-bit number. */
  seed(seed: number): void {
    this.#state[0] = seed
    this.#seeded = 1
    this.#next = 0
  }

  #seedUpTo(count: number): void {
    const state = this.#state
    for (let i = this.#seeded; i < count; i++) {
      const before = state[i - 1]
      state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i
    }
    this.#seeded = count
  }

  /** A number below 2^32. */
  random(): number {
    let y = this.#generate()
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  #generate(): number {
    const state = this.#state
    const i = this.#next
    if (this.#seeded < size) this.#seedUpTo(Math.min(size, i + shift + 1))
    const y = (state[i] & 0x80000000) | (state[(i + 1) % size] & 0x7fffffff)
    state[i] = state[(i + shift) % size] ^ (y >>> 1) ^ ((y & 1) * 0x9908b0df)
    this.#next = (i + 1) % size
    return state[i]
  }
}
