// Decides for each response whether its connection should be asked to leave, while a drain is in force.

import { wallMs } from '../common/clock.ts'
import type { DrainDecision } from '../upstream/server_context.ts'
import type { DrainState } from './channel.ts'

export const notDraining: DrainState = { startedAtWallMs: 0, drainTimeMs: 0, strategy: 'gradual', direction: 'none' }

/** Gradual: the chance grows evenly from none to certain over the drain time; immediate: certain at once. */
export class DrainManager {
  state: DrainState = notDraining
  #healthCheckFailed: () => boolean

  constructor(healthCheckFailed: () => boolean) {
    this.#healthCheckFailed = healthCheckFailed
  }

  /** The decision for a listener. A failed health check drains at once, but where `drain_type` is MODIFY_ONLY. */
  forListener({ inbound, modifyOnly }: { inbound: boolean; modifyOnly: boolean }): DrainDecision {
    return { drainClose: () => (!modifyOnly && this.#healthCheckFailed()) || this.#drainClose(inbound) }
  }

  #drainClose(inbound: boolean): boolean {
    const { direction, strategy, startedAtWallMs, drainTimeMs } = this.state
    if (direction === 'none' || (direction === 'inboundOnly' && !inbound)) return false
    if (strategy === 'immediate') return true
    const elapsedMs = wallMs() - startedAtWallMs
    return elapsedMs >= drainTimeMs || Math.random() * drainTimeMs < elapsedMs
  }
}
