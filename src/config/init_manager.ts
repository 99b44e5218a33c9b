// What has to come before something may be used: Envoy's init manager and its targets.

import { monotonicMs } from '../common/clock.ts'

export interface InitTarget {
  /** As `/init_dump` shows it, such as `RdsRouteConfigSubscription init local`. */
  readonly name: string
  readonly sinceMs: number
}

export class InitManager {
  readonly #unready = new Set<InitTarget>()
  #waiting: (() => void)[] = []

  /** Adds something to wait for; call what it returns as soon as that is there, or is waited for no more. */
  add(name: string): () => void {
    const target = { name, sinceMs: monotonicMs() }
    this.#unready.add(target)
    return () => {
      if (!this.#unready.delete(target) || this.#unready.size > 0) return
      for (const wake of this.#waiting.splice(0)) wake()
    }
  }

  /** Waits, as for one thing of that name, until the other is ready. Returns what ends the wait. */
  addNested(name: string, inner: InitManager): () => void {
    if (inner.isReady) return () => {}
    const ready = this.add(name)
    void inner.whenReady().then(ready)
    return ready
  }

  get isReady(): boolean {
    return this.#unready.size === 0
  }

  unready(): readonly InitTarget[] {
    return [...this.#unready]
  }

  /** Resolves when nothing is waited for: at once where nothing has been added. */
  whenReady(): Promise<void> {
    if (this.isReady) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push(resolve))
  }
}
