// The weight that a host's own load reports give it: requests a second for each unit of utilization.

import { monotonicMs } from '../../common/clock.ts'
import type { HostLoadData } from '../host.ts'
import { type LoadReport, maxUtilization } from '../orca/load_report.ts'

export interface WeightSettings {
  /** Reports count only when they have come for so long. Milliseconds. */
  readonly blackoutPeriodMs: number
  /** A weight that was not reported anew for so long counts no more. */
  readonly expirationPeriodMs: number
  readonly errorPenalty: number
  /** Metrics that stand for the utilization where there is no application_utilization. */
  readonly metricNames: readonly string[]
}

const largestWeight = 0xffff_ffff

export class ClientSideWeight implements HostLoadData {
  readonly #settings: WeightSettings
  #weight = 0
  #updatedMs = 0
  /** Since when there are reports without a gap; undefined for none. */
  #sinceMs: number | undefined = undefined

  constructor(settings: WeightSettings) {
    this.#settings = settings
  }

  onLoadReport(report: LoadReport): void {
    const weight = weightOf(report, this.#settings)
    if (weight === undefined) return
    this.#weight = weight
    this.#updatedMs = monotonicMs()
    this.#sinceMs ??= this.#updatedMs
  }

  /** Undefined where it does not count yet, or no more. */
  current(nowMs: number): number | undefined {
    const { blackoutPeriodMs, expirationPeriodMs } = this.#settings
    if (this.#sinceMs === undefined || nowMs - blackoutPeriodMs < this.#sinceMs) return undefined
    if (this.#updatedMs >= nowMs - expirationPeriodMs) return this.#weight
    this.#sinceMs = undefined
    return undefined
  }
}

/** A whole number of at least 1; undefined where the report says too little. */
function weightOf(report: LoadReport, { metricNames, errorPenalty }: WeightSettings): number | undefined {
  const rate = report.rpsFractional
  if (!(rate > 0)) return undefined
  const utilization = utilizationOf(report, metricNames) + (errorPenalty * report.eps) / rate
  if (!(utilization > 0)) return undefined
  return Math.max(1, Math.floor(Math.min(largestWeight, rate / utilization)))
}

function utilizationOf(report: LoadReport, metricNames: readonly string[]): number {
  if (report.applicationUtilization > 0) return report.applicationUtilization
  const named = maxUtilization(metricNames, report)
  return named > 0 ? named : report.cpuUtilization
}
