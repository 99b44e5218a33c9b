// What the hosts of one cluster report of themselves in every process, where the cluster detects outliers.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ServerContext } from '../server_context.ts'
import { compileErrorMatcher } from './error_matcher.ts'
import { hostWords } from './host_words.ts'
import { OutlierMonitor } from './outlier_monitor.ts'
import { outlierSettings } from './outlier_settings.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type HttpOutlierDetection = envoy.extensions.upstreams.http.v3.HttpProtocolOptions.OutlierDetection

export interface OutlierReporting {
  /** Of the host with that slot. */
  monitorOf(slot: number): OutlierMonitor
}

/** Undefined where the cluster has no `outlier_detection`. */
export function outlierReporting(
  { name, outlierDetection }: ClusterView,
  http: HttpOutlierDetection | undefined,
  context: ServerContext,
): OutlierReporting | undefined {
  const matcher = http?.errorMatcher && compileErrorMatcher(http.errorMatcher, context.errors)
  if (outlierDetection === undefined) return undefined
  const settings = outlierSettings(outlierDetection, context.runtime)
  return {
    monitorOf: (slot) =>
      new OutlierMonitor(hostWords(context.shared, slot), settings, matcher, (type) =>
        context.onOutlier(name, slot, type),
      ),
  }
}
