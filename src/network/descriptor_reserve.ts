// Keeps some descriptors from clients: a worker that has none left can neither reach a backend nor open a log.

import type { Socket } from 'node:net'
import { monotonicMs } from '../common/clock.ts'
import { descriptorLimit } from '../os/process.ts'

/** Node has no documented way to a socket's descriptor number. */
interface SocketInternals {
  readonly _handle?: { readonly fd?: number } | null
}

const largestReserve = 256
const warnEveryMs = 10_000

/**
 * The kernel hands out the lowest free number, so that a high one says how many are in use, without a question to it.
 * Without a reserve, Node would close new connections unseen once the limit (`ulimit -n`) is reached.
 */
export class DescriptorReserve {
  readonly limit: number
  /** Numbers from here on are not for clients. */
  readonly firstReserved: number
  #warnedAtMs = Number.NEGATIVE_INFINITY

  constructor(limit = Number(descriptorLimit().soft)) {
    this.limit = limit
    this.firstReserved = limit - Math.min(largestReserve, Math.ceil(limit / 8))
  }

  /** Whether this accepted socket is one too many. */
  isShort(socket: Socket): boolean {
    const fd = (socket as unknown as SocketInternals)._handle?.fd
    return fd !== undefined && fd >= this.firstReserved
  }

  /** True now and then, so that a flood of connections does not become a flood of log lines. */
  mayWarn(): boolean {
    const now = monotonicMs()
    if (now - this.#warnedAtMs < warnEveryMs) return false
    this.#warnedAtMs = now
    return true
  }
}
