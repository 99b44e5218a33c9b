// Decides for each response whether its connection should be asked to leave, while a drain is in force.

import { wallMs } from '../common/clock.ts'
import { type DrainDecision, drainsNow } from '../network/drain.ts'
import type { DrainState } from './channel.ts'

export const notDraining: DrainState = { startedAtWallMs: 0, drainTimeMs: 0, strategy: 'gradual', direction: 'none' }

/** The drain of the whole server. */
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
    return drainsNow(wallMs() - startedAtWallMs, drainTimeMs, strategy)
  }
}
