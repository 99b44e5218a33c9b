// Decides which hosts of a cluster are outliers, in main: by what all processes report, and by how hosts compare at the end of
// each interval.

import { monotonicMs } from '../../common/clock.ts'
import { Timer } from '../../common/timer.ts'
import type { Host } from '../host.ts'
import type { OutlierEventLog } from './event_log.ts'
import { hostWord } from './host_words.ts'
import { type MonitoredHost, wordOfType } from './monitored_host.ts'
import type { OutlierSettings } from './outlier_settings.ts'
import type { OutlierStats } from './outlier_stats.ts'
import type { ConsecutiveType, OutlierType, ReportedType } from './outlier_type.ts'
import { noThreshold, type SuccessRateThreshold, successRateThreshold } from './success_rate.ts'

const consecutiveTypes = Object.keys(wordOfType) as readonly ConsecutiveType[]

/** What is compared: all responses, or by themselves those that never came. */
interface RateKind {
  readonly rate: 'successRate' | 'localOriginSuccessRate'
  readonly lowRate: OutlierType
  readonly manyFailures: OutlierType
}

const externalRates: RateKind = { rate: 'successRate', lowRate: 'SUCCESS_RATE', manyFailures: 'FAILURE_PERCENTAGE' }
const localOriginRates: RateKind = {
  rate: 'localOriginSuccessRate',
  lowRate: 'SUCCESS_RATE_LOCAL_ORIGIN',
  manyFailures: 'FAILURE_PERCENTAGE_LOCAL_ORIGIN',
}

export interface OutlierDetectorParts {
  readonly settings: OutlierSettings
  readonly stats: OutlierStats
  readonly eventLog: OutlierEventLog | undefined
  /** It is ejected or degraded, or no longer. */
  readonly onChanged: (host: Host) => void
}

export class OutlierDetector {
  readonly #parts: OutlierDetectorParts
  readonly #settings: OutlierSettings
  readonly #stats: OutlierStats
  readonly #timer = new Timer(() => this.#onInterval())
  #hosts: ReadonlySet<MonitoredHost> = new Set()
  #ejected = 0
  /** Since the last interval a process has died, maybe before it could tell what it had counted. */
  #isSomethingUntold = false
  /** Of the last interval. */
  readonly thresholds: Record<RateKind['rate'], SuccessRateThreshold> = {
    successRate: noThreshold,
    localOriginSuccessRate: noThreshold,
  }

  constructor(parts: OutlierDetectorParts) {
    this.#parts = parts
    this.#settings = parts.settings
    this.#stats = parts.stats
  }

  start(): void {
    this.#timer.enable(this.#settings.intervalMs())
  }

  stop(): void {
    this.#timer.disable()
    this.setHosts(new Set())
  }

  setHosts(hosts: ReadonlySet<MonitoredHost>): void {
    for (const monitored of this.#hosts) if (monitored.isEjected && !hosts.has(monitored)) this.#countEjected(-1)
    this.#hosts = hosts
  }

  onProcessDied(): void {
    this.#isSomethingUntold = true
  }

  onReport(monitored: MonitoredHost, type: ReportedType): void {
    if (!this.#hosts.has(monitored)) return
    if (type === 'DEGRADED') this.#degrade(monitored)
    else if (!monitored.isEjected) this.#onFailures(monitored, type)
  }

  #onFailures(monitored: MonitoredHost, type: ConsecutiveType): void {
    this.#detect(monitored, type)
    if (type === 'CONSECUTIVE_5XX') this.#stats.consecutive5xx.inc()
    monitored.resetFailures(type)
  }

  /** An active health check of it has passed. */
  onPassedCheck(monitored: MonitoredHost): void {
    if (this.#settings.unejectsOnCheck && monitored.isEjected && this.#hosts.has(monitored)) this.#uneject(monitored)
  }

  #detect(monitored: MonitoredHost, type: OutlierType, threshold = noThreshold): void {
    this.#stats.detected[type].inc()
    if (!this.#mayEject()) {
      this.#stats.overflow.inc()
      return
    }
    if (type === 'CONSECUTIVE_5XX' || type === 'SUCCESS_RATE') this.#stats.total.inc()
    const isEnforced = Math.floor(Math.random() * 100) < this.#settings.enforcing[type]()
    // The other comparison of the same interval may have ejected it.
    if (isEnforced && !monitored.isEjected) this.#eject(monitored, type)
    this.#parts.eventLog?.onOutlier(monitored, type, isEnforced, threshold)
  }

  #mayEject(): boolean {
    if (this.#settings.alwaysEjectsOne && this.#ejected === 0) return true
    return (100 * (this.#ejected + 1)) / this.#hosts.size <= Math.min(100, this.#settings.maxEjectionPercent())
  }

  #eject(monitored: MonitoredHost, type: OutlierType): void {
    this.#countEjected(1)
    this.#stats.enforcedTotal.inc()
    this.#stats.enforced[type].inc()
    monitored.isEjected = true
    monitored.ejections++
    monitored.ejection.start(monotonicMs())
    this.#parts.onChanged(monitored.host)
  }

  /** The counters begin anew: one that was nearly full would eject the host again after very few failures. */
  #uneject(monitored: MonitoredHost): void {
    this.#countEjected(-1)
    monitored.isEjected = false
    for (const type of consecutiveTypes) monitored.resetFailures(type)
    monitored.ejection.end(monotonicMs())
    this.#parts.onChanged(monitored.host)
    this.#parts.eventLog?.onUneject(monitored)
  }

  #degrade(monitored: MonitoredHost): void {
    if (monitored.isDegraded) return
    this.#stats.detectedDegradation.inc()
    monitored.isDegraded = true
    monitored.degradation.start(monotonicMs())
    this.#parts.onChanged(monitored.host)
    this.#parts.eventLog?.onOutlier(monitored, 'DEGRADED', true, noThreshold)
  }

  #undegrade(monitored: MonitoredHost): void {
    monitored.isDegraded = false
    Atomics.store(monitored.words, hostWord.degraded, 0)
    monitored.degradation.end(monotonicMs())
    this.#parts.onChanged(monitored.host)
    this.#parts.eventLog?.onUneject(monitored)
  }

  #countEjected(by: 1 | -1): void {
    this.#ejected += by
    this.#stats.active.add(by)
  }

  #onInterval(): void {
    const nowMs = monotonicMs()
    if (this.#isSomethingUntold) this.#findUntold()
    for (const monitored of this.#hosts) {
      if (monitored.isDegraded && monitored.degradation.isOver(nowMs)) this.#undegrade(monitored)
      if (monitored.isEjected && monitored.ejection.isOver(nowMs)) this.#uneject(monitored)
      monitored.successRate.endInterval()
      monitored.localOriginSuccessRate.endInterval()
    }
    this.#compare(externalRates)
    this.#compare(localOriginRates)
    for (const { isEjected, isDegraded, ejection, degradation } of this.#hosts) {
      if (!isEjected) ejection.relax(nowMs)
      if (!isDegraded) degradation.relax(nowMs)
    }
    this.#timer.enable(this.#settings.intervalMs())
  }

  /** Whoever was to tell of it tells when a count reaches its limit, not when it is beyond. */
  #findUntold(): void {
    this.#isSomethingUntold = false
    const limits = {
      CONSECUTIVE_5XX: this.#settings.consecutive5xx(),
      CONSECUTIVE_GATEWAY_FAILURE: this.#settings.consecutiveGatewayFailure(),
      CONSECUTIVE_LOCAL_ORIGIN_FAILURE: this.#settings.consecutiveLocalOriginFailure(),
    }
    for (const monitored of this.#hosts) {
      if (Atomics.load(monitored.words, hostWord.degraded) !== 0) this.#degrade(monitored)
      for (const type of consecutiveTypes)
        if (!monitored.isEjected && limits[type] > 0 && monitored.failures(type) >= limits[type])
          this.#onFailures(monitored, type)
    }
  }

  #compare({ rate, lowRate, manyFailures }: RateKind): void {
    const settings = this.#settings
    this.thresholds[rate] = noThreshold
    const leastForRate = settings.successRateMinimumHosts()
    const leastForFailures = settings.failurePercentageMinimumHosts()
    if (this.#hosts.size < leastForRate && this.#hosts.size < leastForFailures) return
    const volumeForRate = settings.successRateRequestVolume()
    const volumeForFailures = settings.failurePercentageRequestVolume()
    const counted = [...this.#hosts].filter((each) => !each.isEjected && each[rate].volume > 0)
    for (const { [rate]: own } of counted)
      if (own.volume >= Math.min(volumeForRate, volumeForFailures)) own.told = own.percent
    const byRate = counted.filter((each) => each[rate].volume >= volumeForRate)
    const byFailures = counted.filter((each) => each[rate].volume >= volumeForFailures)
    if (byRate.length > 0 && byRate.length >= leastForRate) {
      const percents = byRate.map((each) => each[rate].percent)
      const threshold = successRateThreshold(percents, settings.successRateStdevFactor() / 1000)
      this.thresholds[rate] = threshold
      for (const monitored of byRate.filter((each) => each[rate].percent < threshold.ejection)) {
        this.#stats.successRate.inc()
        this.#detect(monitored, lowRate, threshold)
      }
    }
    if (byFailures.length === 0 || byFailures.length < leastForFailures) return
    const most = settings.failurePercentageThreshold()
    for (const monitored of byFailures.filter((each) => 100 - each[rate].percent >= most))
      this.#detect(monitored, manyFailures)
  }
}
