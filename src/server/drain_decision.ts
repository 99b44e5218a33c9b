// Decides for each response whether its connection should be asked to leave, while a drain is in force.

import { wallMs } from '../common/clock.ts'
import type { DrainDecision } from '../upstream/server_context.ts'
import type { DrainState } from './channel.ts'

export const notDraining: DrainState = { startedAtWallMs: 0, drainTimeMs: 0, strategy: 'gradual', direction: 'none' }

/**
 * Gradual: the chance grows with every second, and is certain from half of the drain time on, so that clients have the
 * other half to leave in; immediate: certain at once.
 */
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
    const elapsedSeconds = Math.floor((wallMs() - startedAtWallMs) / 1000)
    return Math.random() * Math.ceil(drainTimeMs / 2000) < elapsedSeconds || drainTimeMs === 0
  }
}
