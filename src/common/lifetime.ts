// What ends together: the watches, timers and subscriptions that one piece of the configuration has begun.

export class Lifetime {
  readonly #ends: (() => void)[] = []
  #ended = false

  /** `end` is called once, when this ends, in reverse order; at once where it has ended already. */
  onEnd(end: () => void): void {
    if (this.#ended) end()
    else this.#ends.push(end)
  }

  end(): void {
    this.#ended = true
    for (const end of this.#ends.splice(0).reverse()) end()
  }
}
