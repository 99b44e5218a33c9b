// The overload action reduce_timeouts: which timers it shortens, down to what, and as far as it is taken.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { plainTimers, TimerGroup } from '../../common/timer.ts'
import type { ConfigErrors } from '../../config/errors.ts'

type ScaleTimersView = envoy.config.overload.v3.ScaleTimersOverloadActionConfig
type ScaleTimerView = envoy.config.overload.v3.ScaleTimersOverloadActionConfig.ScaleTimer
export type ScaledTimerType = envoy.config.overload.v3.ScaleTimersOverloadActionConfig.TimerType

export const reduceTimeoutsAction = 'envoy.overload_actions.reduce_timeouts'

/** Of one process. */
export class ScaledTimers {
  readonly #groups: ReadonlyMap<ScaledTimerType, TimerGroup>

  constructor(groups: ReadonlyMap<ScaledTimerType, TimerGroup> = new Map()) {
    this.#groups = groups
  }

  /** What timers of the type are to be made with. */
  group(type: ScaledTimerType): TimerGroup {
    return this.#groups.get(type) ?? plainTimers
  }

  /** The scale of the action: 0 leaves the timers as they are. */
  reduce(scale: number): void {
    for (const group of this.#groups.values()) group.setScale(1 - scale)
  }
}

/** What is wrong goes to `errors`. */
export function compileScaledTimers(view: ScaleTimersView, errors: ConfigErrors): ScaledTimers {
  const groups = new Map<ScaledTimerType, TimerGroup>()
  for (const each of view.timerScaleFactors) {
    if (groups.has(each.timer)) errors.add(each, 'timer', `Found duplicate entry for timer type ${each.timer}`)
    groups.set(each.timer, new TimerGroup(minimumOf(each)))
  }
  return new ScaledTimers(groups)
}

function minimumOf({ minTimeout, minScale }: ScaleTimerView): (durationMs: number) => number {
  if (minTimeout !== undefined) return () => minTimeout
  const share = (minScale?.value ?? 0) / 100
  return (durationMs) => durationMs * share
}
