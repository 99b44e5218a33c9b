// One host as main's outlier detector knows it.

import type { Host, OutlierHealth } from '../host.ts'
import { EjectionTime } from './ejection_time.ts'
import { hostWord } from './host_words.ts'
import type { OutlierSettings } from './outlier_settings.ts'
import type { ConsecutiveType } from './outlier_type.ts'
import { SuccessRate } from './success_rate.ts'

export const wordOfType = {
  CONSECUTIVE_5XX: hostWord.consecutive5xx,
  CONSECUTIVE_GATEWAY_FAILURE: hostWord.consecutiveGatewayFailure,
  CONSECUTIVE_LOCAL_ORIGIN_FAILURE: hostWord.consecutiveLocalOriginFailure,
} as const satisfies Record<ConsecutiveType, number>

export class MonitoredHost implements OutlierHealth {
  readonly host: Host
  readonly slot: number
  readonly words: Int32Array
  readonly successRate: SuccessRate
  readonly localOriginSuccessRate: SuccessRate
  readonly ejection: EjectionTime
  readonly degradation: EjectionTime
  isEjected = false
  isDegraded = false
  ejections = 0

  /** Its words MUST be nobody else's by now. */
  constructor(host: Host, slot: number, words: Int32Array, settings: OutlierSettings) {
    words.fill(0)
    this.host = host
    this.slot = slot
    this.words = words
    this.successRate = new SuccessRate(words, hostWord.total)
    this.localOriginSuccessRate = new SuccessRate(words, hostWord.localOriginTotal)
    this.ejection = new EjectionTime(settings)
    this.degradation = new EjectionTime(settings)
  }

  failures(type: ConsecutiveType): number {
    return Atomics.load(this.words, wordOfType[type])
  }

  resetFailures(type: ConsecutiveType): void {
    Atomics.store(this.words, wordOfType[type], 0)
  }
}
