// What load reports say of hosts and clusters beyond their statistics (LRS): metrics that hosts tell, and dropped requests.

import { type LoadReport, metricsByName } from './orca/load_report.ts'

/** One metric of one host, added up over the responses that told it. */
export interface LoadMetric {
  requests: number
  total: number
}

/** The metrics of one host that `lrs_report_endpoint_metrics` names. */
export class HostLoadMetrics {
  readonly metrics = new Map<string, LoadMetric>()
  readonly #names: readonly string[]

  constructor(names: readonly string[]) {
    this.#names = names
  }

  onLoadReport(report: LoadReport): void {
    for (const name of this.#names) {
      for (const [key, value] of metricsByName(name, report)) {
        const metric = this.metrics.get(key)
        if (metric === undefined) this.metrics.set(key, { requests: 1, total: value })
        else {
          metric.requests++
          metric.total += value
        }
      }
    }
  }
}

/** Requests of a cluster that were not sent because there were too many. Fields are plain for speed. */
export class ClusterLoadStats {
  /** Whatever the reason. */
  dropped = 0
  /** Because the control plane wants it (`drop_overloads`). */
  dropOverload = 0
}
