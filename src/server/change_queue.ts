// Makes in a worker the changes that main sends, in their order, a few milliseconds of them at a time: requests are served in
// between, however many changes there are.

import { monotonicMs } from '../common/clock.ts'
import type { Steps } from '../common/steps.ts'
import type { ConfigChange } from './channel.ts'
import { type ChangePart, joinLists, type ListPiece } from './long_lists.ts'

/** One cluster takes some tenths of a millisecond. */
const sliceMs = 2

interface Batch {
  readonly changes: readonly ChangePart[]
  readonly applied: () => void
}

export class ChangeQueue {
  readonly #apply: (change: ConfigChange) => Steps<void>
  readonly #batches: Batch[] = []
  /** Of the first batch. */
  #next = 0
  /** What is left to do of the change before. */
  #steps: Steps<void> | undefined = undefined
  /** Of the change that follows. */
  readonly #pieces: ListPiece[] = []
  #isScheduled = false

  constructor(apply: (change: ConfigChange) => Steps<void>) {
    this.#apply = apply
  }

  /** `applied` is called when all of these, and those before them, are in force. */
  add(changes: readonly ChangePart[], applied: () => void): void {
    this.#batches.push({ changes, applied })
    if (!this.#isScheduled) this.#run()
  }

  #run(): void {
    const end = monotonicMs() + sliceMs
    for (let batch = this.#batches[0]; batch !== undefined; batch = this.#batches[0]) {
      while (this.#steps !== undefined || this.#next < batch.changes.length) {
        if (monotonicMs() >= end) {
          this.#schedule()
          return
        }
        this.#steps ??= this.#begin(batch.changes[this.#next++])
        if (this.#steps?.next().done !== false) this.#steps = undefined
      }
      this.#next = 0
      this.#batches.shift()
      batch.applied()
    }
  }

  /** Undefined where there is nothing to do (yet). */
  #begin(part: ChangePart): Steps<void> | undefined {
    if (part.kind === 'items') {
      this.#pieces.push(part)
      return undefined
    }
    const change = part.kind === 'cut' ? joinLists(part, this.#pieces.splice(0)) : part
    return change && this.#apply(change)
  }

  #schedule(): void {
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#run()
    })
  }
}
