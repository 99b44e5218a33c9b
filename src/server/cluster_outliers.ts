// The outlier detection of one cluster, in main: which of its hosts are watched, where they are counted, who is told of them.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host, HostSnapshot } from '../upstream/host.ts'
import { isOriginalDst } from '../upstream/original_dst/original_dst_cluster.ts'
import type { OutlierEventLog } from '../upstream/outlier_detection/event_log.ts'
import { hostWords } from '../upstream/outlier_detection/host_words.ts'
import { MonitoredHost } from '../upstream/outlier_detection/monitored_host.ts'
import { OutlierDetector } from '../upstream/outlier_detection/outlier_detector.ts'
import {
  baseEjectionTimeMs,
  maxEjectionTimeMs,
  type OutlierSettings,
  outlierSettings,
} from '../upstream/outlier_detection/outlier_settings.ts'
import { outlierStats } from '../upstream/outlier_detection/outlier_stats.ts'
import type { ReportedType } from '../upstream/outlier_detection/outlier_type.ts'
import type { SuccessRateThreshold } from '../upstream/outlier_detection/success_rate.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { OutlierSlots } from './outlier_slots.ts'

type OutlierDetection = envoy.config.cluster.v3.OutlierDetection

/** What outlier detection needs of the server. */
export interface OutlierParts {
  readonly outlierSlots: OutlierSlots
  readonly outlierEventLog: OutlierEventLog | undefined
}

/** Undefined where the cluster detects no outliers. What is wrong goes to `context.errors`. */
export function createClusterOutliers(
  cluster: Cluster,
  context: ServerContext,
  parts: OutlierParts,
): ClusterOutliers | undefined {
  const { outlierDetection: view } = cluster.info.config
  // Nobody chooses by the health of hosts that requests name themselves.
  if (view === undefined || isOriginalDst(cluster.info.config)) return undefined
  checkTimes(view, context.errors)
  return new ClusterOutliers(cluster, outlierSettings(view, context.runtime), context, parts)
}

function checkTimes(view: OutlierDetection, errors: ConfigErrors): void {
  if (maxEjectionTimeMs(view) >= baseEjectionTimeMs(view)) return
  const text = "outlier detector's max_ejection_time cannot be smaller than base_ejection_time"
  errors.add(view, 'maxEjectionTime', text)
}

export class ClusterOutliers {
  readonly #cluster: Cluster
  readonly #settings: OutlierSettings
  readonly #context: ServerContext
  readonly #slots: OutlierSlots
  readonly #detector: OutlierDetector
  #hosts = new Map<Host, MonitoredHost>()
  #onChanged: (host: Host) => void = () => {}

  constructor(
    cluster: Cluster,
    settings: OutlierSettings,
    context: ServerContext,
    { outlierSlots, outlierEventLog: eventLog }: OutlierParts,
  ) {
    this.#cluster = cluster
    this.#settings = settings
    this.#context = context
    this.#slots = outlierSlots
    const stats = outlierStats(cluster.info.scope)
    this.#detector = new OutlierDetector({ settings, stats, eventLog, onChanged: (host) => this.#onChanged(host) })
    cluster.onNewHost.push((host) => this.#onNewHost(host))
  }

  start(onChanged: (host: Host) => void): void {
    this.#onChanged = onChanged
    this.#detector.start()
  }

  stop(): void {
    this.#detector.stop()
    this.#release(this.#hosts.values())
    this.#hosts.clear()
  }

  #onNewHost(host: Host): void {
    const slot = this.#slots.take()
    const monitored = new MonitoredHost(host, slot, hostWords(this.#context.shared, slot), this.#settings)
    this.#hosts.set(host, monitored)
    host.outlierHealth = monitored
    host.monitorOutliers(slot)
  }

  /** The cluster has the hosts of another list. */
  onHosts(): void {
    const current = new Set(this.#cluster.prioritySet.hosts())
    const gone = [...this.#hosts.values()].filter(({ host }) => !current.has(host))
    for (const { host } of gone) this.#hosts.delete(host)
    this.#detector.setHosts(new Set(this.#hosts.values()))
    this.#release(gone)
  }

  #release(hosts: Iterable<MonitoredHost>): void {
    void this.#slots.release(Array.from(hosts, ({ slot }) => slot))
  }

  onReport(slot: number, type: ReportedType): void {
    for (const monitored of this.#hosts.values()) if (monitored.slot === slot) this.#detector.onReport(monitored, type)
  }

  onPassedCheck(host: Host): void {
    const monitored = this.#hosts.get(host)
    if (monitored !== undefined) this.#detector.onPassedCheck(monitored)
  }

  /** Maybe before it could report what it had counted. */
  onWorkerDied(): void {
    this.#detector.onProcessDied()
  }

  /** What workers are told of a host. */
  told(host: Host): Pick<HostSnapshot, 'outlier'> {
    const monitored = this.#hosts.get(host)
    if (monitored === undefined) return {}
    const { slot, isEjected, isDegraded } = monitored
    return { outlier: { slot, isEjected, isDegraded } }
  }

  get thresholds(): Readonly<Record<'successRate' | 'localOriginSuccessRate', SuccessRateThreshold>> {
    return this.#detector.thresholds
  }

  /** Percent, of the last interval; -1 for none. */
  ratesOf(host: Host): { readonly successRate: number; readonly localOriginSuccessRate: number } {
    const monitored = this.#hosts.get(host)
    return {
      successRate: monitored?.successRate.told ?? -1,
      localOriginSuccessRate: monitored?.localOriginSuccessRate.told ?? -1,
    }
  }
}
