// Runs asynchronous tasks one after the other, in the order in which they were given.

import { getLogger } from '../common/log.ts'

const log = getLogger('config')

export class SerialTasks {
  #last: Promise<void> = Promise.resolve()

  add(task: () => Promise<void>): void {
    this.#last = this.#last.then(task).catch((error: unknown) => {
      log.error(`an update has failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
    })
  }
}
