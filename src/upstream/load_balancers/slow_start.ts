// Slow start: a host that has just come gets a growing share of its weight (Envoy's EdfLoadBalancerBase).

import type { envoy } from '../../../proto/generated/api.d.ts'
import { monotonicMs } from '../../common/clock.ts'
import type { Runtime } from '../../config/runtime.ts'
import type { Host } from '../host.ts'

type SlowStartConfig = envoy.config.cluster.v3.Cluster.SlowStartConfig

const defaultMinWeightPercent = 10

export interface SlowStart {
  /** Whether the host is in its window. */
  includes(host: Host): boolean
  /** What to multiply its weight by, up to 1. */
  factor(host: Host): number
}

/** Undefined where the configuration asks for no slow start. */
export function createSlowStart(config: SlowStartConfig | undefined, runtime: Runtime): SlowStart | undefined {
  const windowMs = config?.slowStartWindow ?? 0
  if (windowMs <= 0) return undefined
  const aggression = config?.aggression
  const minFactor = (config?.minWeightPercent?.value ?? defaultMinWeightPercent) / 100
  const ageMs = (host: Host): number => monotonicMs() - host.availableSinceMs
  return {
    includes: (host) => host.healthy && ageMs(host) < windowMs,
    factor(host) {
      const age = ageMs(host)
      if (!host.healthy || age >= windowMs) return 1
      const exponent = aggression === undefined ? 1 : runtime.getNumber(aggression.runtimeKey, aggression.defaultValue)
      const share = Math.max(1, age) / windowMs
      return Math.max(minFactor, exponent > 0 ? share ** (1 / exponent) : share)
    },
  }
}
