// Brings changes of the configuration to the workers in the order in which they are made, a few at a time, so that workers
// serve requests in between.

import type { ConfigChange } from './channel.ts'
import type { WorkerPool } from './worker_pool.ts'

/** How many changes a worker makes at once: building one cluster takes some tenths of a millisecond. */
const changesAtOnce = 16

interface Waiting {
  readonly change: ConfigChange
  readonly applied: () => void
}

export class ConfigPush {
  readonly #workers: () => Pick<WorkerPool, 'apply'>
  readonly #waiting: Waiting[] = []
  #isSending = false
  #last: Promise<void> = Promise.resolve()

  constructor(workers: () => Pick<WorkerPool, 'apply'>) {
    this.#workers = workers
  }

  /** Resolves when every worker has the change, and all before it. */
  push(change: ConfigChange): Promise<void> {
    this.#last = new Promise((applied) => {
      this.#waiting.push({ change, applied })
      if (!this.#isSending) void this.#send()
    })
    return this.#last
  }

  /** Resolves when every worker has all changes so far. */
  applied(): Promise<void> {
    return this.#last
  }

  async #send(): Promise<void> {
    this.#isSending = true
    // What is pushed in the same turn goes together.
    await Promise.resolve()
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, changesAtOnce)
      await this.#workers().apply({ type: 'config', changes: batch.map(({ change }) => change) })
      for (const { applied } of batch) applied()
    }
    this.#isSending = false
  }
}
