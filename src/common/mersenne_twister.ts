// MT19937 (Matsumoto and Nishimura, 1998), the generator of std::mt19937: for choices that must be the same as Envoy's.

const size = 624
const shift = 397

export class MersenneTwister {
  readonly #state = new Uint32Array(size)
  #next = size

  /** Starts over; `seed` is a 32-bit number. */
  seed(seed: number): void {
    const state = this.#state
    state[0] = seed
    for (let i = 1; i < size; i++) {
      const before = state[i - 1]
      state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i
    }
    this.#next = size
  }

  /** A number below 2^32. */
  random(): number {
    if (this.#next === size) this.#generate()
    let y = this.#state[this.#next++]
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  #generate(): void {
    const state = this.#state
    for (let i = 0; i < size; i++) {
      const y = (state[i] & 0x80000000) | (state[(i + 1) % size] & 0x7fffffff)
      state[i] = state[(i + shift) % size] ^ (y >>> 1) ^ ((y & 1) * 0x9908b0df)
    }
    this.#next = 0
  }
}
