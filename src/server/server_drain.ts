// How a server's listeners leave: at once, over the drain time, or to another process.

import { wallMs } from '../common/clock.ts'
import type { DrainState } from './channel.ts'
import { notDraining } from './drain_decision.ts'
import type { LiveConfiguration } from './live_configuration.ts'
import type { Options } from './options.ts'
import type { DrainListenersOptions } from './server_control.ts'
import type { WorkerPool } from './worker_pool.ts'

export interface ServerDrainParts {
  readonly options: Options
  readonly live: LiveConfiguration
  readonly workers: () => WorkerPool
}

export class ServerDrain {
  state: DrainState = notDraining
  readonly #parts: ServerDrainParts

  constructor(parts: ServerDrainParts) {
    this.#parts = parts
  }

  async drainListeners({ graceful, inboundOnly, skipExit }: DrainListenersOptions): Promise<void> {
    // Who wants the listeners to go on wants a drain, whether he says so or not.
    if (!graceful && !skipExit) {
      await this.#stopListeners(inboundOnly)
      return
    }
    // A drain that is under way goes on as it was started.
    if (this.state.direction !== 'none') return
    const { drainTimeSeconds, drainStrategy: strategy } = this.#parts.options
    const drainTimeMs = drainTimeSeconds * 1000
    if (!skipExit) setTimeout(() => void this.#stopListeners(inboundOnly), drainTimeMs).unref()
    const direction = inboundOnly ? 'inboundOnly' : 'all'
    await this.#set({ startedAtWallMs: wallMs(), drainTimeMs, strategy, direction })
  }

  /** Another process accepts on the listening sockets: connections that are here are asked to leave. */
  async leaveListeners(): Promise<void> {
    await this.#parts.workers().apply({ type: 'pauseListeners', isPaused: true })
    await this.drainListeners({ graceful: true, inboundOnly: false, skipExit: true })
  }

  /** It has ended: this one accepts again. */
  async returnToListeners(): Promise<void> {
    await this.#set(notDraining)
    await this.#parts.workers().apply({ type: 'pauseListeners', isPaused: false })
  }

  /** New connections are refused from now on; those that are open go on. */
  async #stopListeners(inboundOnly: boolean): Promise<void> {
    const { live, workers } = this.#parts
    live.listeners.stopListening(inboundOnly)
    await workers().apply({ type: 'stopListeners', inboundOnly })
  }

  #set(state: DrainState): Promise<void> {
    const { live, workers } = this.#parts
    this.state = state
    live.instance.setDrain(state)
    return workers().apply({ type: 'drain', drain: state })
  }
}
