// Requests that wait to be sent, by type: one for each type at most, made when its turn comes.

import type { ControlPlaneStats } from './control_plane_stats.ts'
import type { DiscoveryStream } from './discovery_stream.ts'

/** Requests of one turn of the event loop leave together at its end, in the order in which they were asked for. */
export class RequestQueue {
  readonly #stream: DiscoveryStream
  readonly #stats: ControlPlaneStats
  readonly #send: (typeName: string) => void
  readonly #waiting = new Set<string>()
  /** How many hold back each type. */
  readonly #pauses = new Map<string, number>()
  /** Types whose turn has come while they were held back. */
  readonly #held = new Set<string>()
  #isScheduled = false

  constructor(stream: DiscoveryStream, stats: ControlPlaneStats, send: (typeName: string) => void) {
    this.#stream = stream
    this.#stats = stats
    this.#send = send
  }

  add(typeName: string): void {
    if (!this.#stream.isOpen) return
    if (this.#pauses.has(typeName)) {
      this.#held.add(typeName)
      return
    }
    this.#waiting.add(typeName)
    this.#stats.pendingRequests.set(this.#waiting.size)
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.drain()
    })
  }

  pause(typeName: string): () => void {
    this.#pauses.set(typeName, (this.#pauses.get(typeName) ?? 0) + 1)
    if (this.#waiting.delete(typeName)) this.#held.add(typeName)
    let isPaused = true
    return () => {
      if (!isPaused) return
      isPaused = false
      const left = (this.#pauses.get(typeName) ?? 1) - 1
      if (left > 0) {
        this.#pauses.set(typeName, left)
        return
      }
      this.#pauses.delete(typeName)
      if (this.#held.delete(typeName)) this.add(typeName)
    }
  }

  drain(): void {
    for (const typeName of this.#waiting) {
      if (!this.#stream.isOpen || !this.#stream.checkRateLimitAllowsDrain()) break
      this.#waiting.delete(typeName)
      this.#send(typeName)
    }
    this.#stats.pendingRequests.set(this.#waiting.size)
  }

  /** A new stream knows nothing of what was to be said on the old one. */
  clear(): void {
    this.#waiting.clear()
    this.#held.clear()
    this.#stats.pendingRequests.set(0)
  }
}
