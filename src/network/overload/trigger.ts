// A trigger of an overload action or load shed point: from the pressure of a resource to a scale.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'

type TriggerView = envoy.config.overload.v3.Trigger

/** 0 for nothing, 1 for saturated. */
export type Trigger = (pressure: number) => number

/** What is wrong goes to `errors`. */
export function compileTrigger(view: TriggerView, errors: ConfigErrors): Trigger {
  if (view.threshold !== undefined) {
    const { value } = view.threshold
    return (pressure) => (pressure >= value ? 1 : 0)
  }
  if (view.scaled === undefined) {
    errors.add(view, undefined, `action not set for trigger ${view.name}`)
    return () => 0
  }
  const { scalingThreshold: from, saturationThreshold: to } = view.scaled
  if (from >= to) errors.add(view, 'scaled', 'scaling_threshold must be less than saturation_threshold')
  return (pressure) => Math.max(0, Math.min(1, (pressure - from) / (to - from)))
}
