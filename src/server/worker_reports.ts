// What main asks its workers for, put together for the admin interface.

import type { HostNumbers, ProfilerQuery } from './channel.ts'
import { hostKeys } from './host_keys.ts'
import type { WorkerPool } from './worker_pool.ts'

/** How long a worker may take to write its heap to a file. */
const heapSnapshotTimeoutMs = 60_000

export class WorkerReports {
  readonly #workers: WorkerPool

  constructor(workers: WorkerPool) {
    this.#workers = workers
  }

  /** Numbers of every host by its key, added up over the workers. */
  async hostNumbers(): Promise<ReadonlyMap<string, HostNumbers>> {
    const sums = new Map<string, HostNumbers>()
    for (const answer of (await this.#workers.query('hostStats')) as HostNumbers[][]) {
      const keyOf = hostKeys()
      for (const numbers of answer) {
        const key = keyOf(numbers.cluster, numbers.address)
        const sum = sums.get(key)
        sums.set(key, sum === undefined ? numbers : addNumbers(sum, numbers))
      }
    }
    return sums
  }

  /** Of all processes, main first. */
  async memoryUsage(): Promise<readonly NodeJS.MemoryUsage[]> {
    const workers = (await this.#workers.query('memory')) as NodeJS.MemoryUsage[]
    return [process.memoryUsage(), ...workers]
  }

  async ask(what: ProfilerQuery): Promise<readonly unknown[]> {
    return this.#workers.query(what)
  }

  async writeHeapSnapshot(workerIndex: number): Promise<string | undefined> {
    return (await this.#workers.queryOne(workerIndex, 'heapSnapshot', heapSnapshotTimeoutMs)) as string | undefined
  }
}

function addNumbers(a: HostNumbers, b: HostNumbers): HostNumbers {
  return {
    cluster: a.cluster,
    address: a.address,
    cxTotal: a.cxTotal + b.cxTotal,
    cxActive: a.cxActive + b.cxActive,
    cxConnectFail: a.cxConnectFail + b.cxConnectFail,
    rqTotal: a.rqTotal + b.rqTotal,
    rqActive: a.rqActive + b.rqActive,
    rqSuccess: a.rqSuccess + b.rqSuccess,
    rqError: a.rqError + b.rqError,
    rqTimeout: a.rqTimeout + b.rqTimeout,
  }
}
