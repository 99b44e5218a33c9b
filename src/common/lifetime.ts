// What ends together: the watches, timers and subscriptions that one piece of the configuration has begun.

export class Lifetime {
  readonly #ends: ((graceMs: number) => void)[] = []
  #ended = false

  /**
   * `end` is called once, when this ends, in reverse order; at once where it has ended already. For so long after that, other
   * processes may still use what has been begun.
   */
  onEnd(end: (graceMs: number) => void): void {
    if (this.#ended) end(0)
    else this.#ends.push(end)
  }

  end(graceMs = 0): void {
    this.#ended = true
    for (const end of this.#ends.splice(0).reverse()) end(graceMs)
  }
}
