// Outlier events in a file, each a line of JSON: `envoy.data.cluster.v3.OutlierDetectionEvent`.

import type { envoy, JsonObject } from '../../../proto/generated/api.d.ts'
import type { AccessLogContext } from '../../access_log/access_log.ts'
import type { LineWriter } from '../../access_log/access_log_manager.ts'
import { byteString } from '../../access_log/json_text.ts'
import { openWriter } from '../../access_log/line_access_log.ts'
import { monotonicMs, wallMs } from '../../common/clock.ts'
import { timestampText } from '../../config/proto_json.ts'
import type { MonitoredHost } from './monitored_host.ts'
import type { OutlierType } from './outlier_type.ts'
import type { SuccessRateThreshold } from './success_rate.ts'

type OutlierDetectionView = envoy.config.bootstrap.v3.ClusterManager.OutlierDetection

export interface OutlierEventLog {
  /** `enforced`: it is out by it. */
  onOutlier(host: MonitoredHost, type: OutlierType | 'DEGRADED', enforced: boolean, rates: SuccessRateThreshold): void
  onUneject(host: MonitoredHost): void
}

/** `outlier_detection` of the cluster manager; undefined where it names no file, or one that cannot be opened. */
export function createOutlierEventLog(
  view: OutlierDetectionView | undefined,
  context: AccessLogContext,
): OutlierEventLog | undefined {
  if (view === undefined || view.eventLogPath === '') return undefined
  const writer = openWriter(view.eventLogPath, view, 'eventLogPath', context)
  return writer && new EventLog(writer)
}

class EventLog implements OutlierEventLog {
  readonly #writer: LineWriter

  constructor(writer: LineWriter) {
    this.#writer = writer
  }

  onOutlier(
    monitored: MonitoredHost,
    type: OutlierType | 'DEGRADED',
    enforced: boolean,
    rates: SuccessRateThreshold,
  ): void {
    this.#write(monitored, monitored.ejection.endedAtMs, type, {
      action: 'EJECT',
      num_ejections: monitored.ejections,
      enforced,
      ...details(monitored, type, rates),
    })
  }

  /** It tells of no type: what stands there is the first that there is. */
  onUneject(monitored: MonitoredHost): void {
    const { ejection, ejections } = monitored
    const more = { action: 'UNEJECT', num_ejections: ejections, enforced: false }
    this.#write(monitored, ejection.startedAtMs, 'CONSECUTIVE_5XX', more)
  }

  #write({ host }: MonitoredHost, lastActionMs: number | undefined, type: string, more: JsonObject): void {
    const line: JsonObject = {
      type,
      timestamp: timestampText(wallMs()),
      ...(lastActionMs === undefined ? {} : { secs_since_last_action: String(secondsSince(lastActionMs)) }),
      cluster_name: host.cluster.name,
      upstream_url: host.address.text,
      ...more,
    }
    this.#writer.write(`${byteString(JSON.stringify(line))}\n`)
  }
}

function secondsSince(ms: number): number {
  return Math.floor((monotonicMs() - ms) / 1000)
}

/** Rates are whole percents here. */
function details(
  monitored: MonitoredHost,
  type: OutlierType | 'DEGRADED',
  { average, ejection }: SuccessRateThreshold,
): JsonObject {
  const isLocal = type === 'SUCCESS_RATE_LOCAL_ORIGIN' || type === 'FAILURE_PERCENTAGE_LOCAL_ORIGIN'
  const { told } = isLocal ? monitored.localOriginSuccessRate : monitored.successRate
  const host = { host_success_rate: Math.trunc(told) }
  switch (type) {
    case 'SUCCESS_RATE':
    case 'SUCCESS_RATE_LOCAL_ORIGIN':
      return {
        eject_success_rate_event: {
          ...host,
          cluster_average_success_rate: Math.trunc(average),
          cluster_success_rate_ejection_threshold: Math.trunc(ejection),
        },
      }
    case 'FAILURE_PERCENTAGE':
    case 'FAILURE_PERCENTAGE_LOCAL_ORIGIN':
      return { eject_failure_percentage_event: host }
    default:
      return { eject_consecutive_event: {} }
  }
}
