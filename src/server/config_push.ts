// Brings changes of the configuration to the workers in the order in which they are made, a few in one message: a worker
// reads a message in one go.

import type { ConfigChange } from './channel.ts'
import { type ChangePart, cutLongLists } from './long_lists.ts'
import type { WorkerPool } from './worker_pool.ts'

/** Of a cluster a message holds some kilobytes. */
const changesAtOnce = 16

interface Waiting {
  readonly part: ChangePart
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
      for (const part of cutLongLists(change))
        this.#waiting.push({ part, applied: part.kind === 'items' ? () => {} : applied })
      if (!this.#isSending) void this.#send()
    })
    return this.#last
  }

  /** Resolves when every worker has all changes so far. */
  applied(): Promise<void> {
    return this.#last
  }

  /** One message is under way while the workers are at the one before: they need not wait for main, nor hold all at once. */
  async #send(): Promise<void> {
    this.#isSending = true
    // What is pushed in the same turn goes together.
    let previous = Promise.resolve()
    await previous
    while (this.#waiting.length > 0) {
      // A piece of a long list is a message of its own.
      const piece = this.#waiting.slice(0, changesAtOnce).findIndex(({ part }) => part.kind === 'items')
      const batch = this.#waiting.splice(0, piece < 0 ? changesAtOnce : Math.max(1, piece))
      const sent = this.#sendBatch(batch)
      await previous
      previous = sent
    }
    this.#isSending = false
  }

  async #sendBatch(batch: readonly Waiting[]): Promise<void> {
    await this.#workers().apply({ type: 'config', changes: batch.map(({ part }) => part) })
    for (const { applied } of batch) applied()
  }
}
