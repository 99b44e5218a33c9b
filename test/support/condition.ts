/** Lets a test wait until something holds of an object whose events wake it. */

export class Condition {
  readonly #waiters: (() => void)[] = []

  /** Resolves when `holds` is true after some `wake()`; rejects at the end of the time with what `describe` says. */
  async until(holds: () => boolean, timeoutMs: number, describe: () => string): Promise<void> {
    const deadline = performance.now() + timeoutMs
    while (!holds()) {
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`condition not met in ${timeoutMs} ms; ${describe()}`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#waiters.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
  }

  wake(): void {
    for (const wake of this.#waiters.splice(0)) wake()
  }
}
