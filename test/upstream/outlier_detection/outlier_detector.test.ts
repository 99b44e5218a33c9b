import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Runtime as RuntimeType } from '../../../src/config/runtime.ts'
import { Runtime } from '../../../src/config/runtime.ts'
import { createLocalStore } from '../../../src/stats/store.ts'
import type { MonitoredHost } from '../../../src/upstream/outlier_detection/monitored_host.ts'
import type { OutlierDetector } from '../../../src/upstream/outlier_detection/outlier_detector.ts'
import type { OutlierMonitor } from '../../../src/upstream/outlier_detection/outlier_monitor.ts'
import { outlierSettings } from '../../../src/upstream/outlier_detection/outlier_settings.ts'
import { outlierStats } from '../../../src/upstream/outlier_detection/outlier_stats.ts'
import { clusterViews, serverContext, startCluster, staticClusterYaml } from '../support.ts'

const intervalMs = 1000

/** A detector on a clock of the test, whose hosts are told of results as a worker tells them. */
class Detection {
  readonly stats = outlierStats(createLocalStore().createScope('cluster.c'))
  readonly runtime: RuntimeType = new Runtime()
  readonly changed: string[] = []
  readonly detector: OutlierDetector
  readonly hosts: MonitoredHost[]
  readonly monitors: OutlierMonitor[]

  /** Modules MUST have been loaded on the clock of the test. */
  constructor(modules: Modules, fields: string, count: number) {
    const more = `  outlier_detection: {interval: 1s, max_ejection_percent: 100, ${fields}}`
    const yaml = staticClusterYaml(
      Array.from({ length: count }, (_, i) => `127.0.0.${i + 1}:1`),
      more,
    )
    const settings = outlierSettings(clusterViews(yaml)[0].outlierDetection!, this.runtime)
    const { prioritySet } = startCluster(yaml, serverContext())
    this.hosts = [...prioritySet.hosts()].map(
      (host, slot) => new modules.MonitoredHost(host, slot, new Int32Array(8), settings),
    )
    this.detector = new modules.OutlierDetector({
      settings,
      stats: this.stats,
      eventLog: undefined,
      onChanged: (host) => this.changed.push(host.address.ip),
    })
    this.detector.setHosts(new Set(this.hosts))
    this.detector.start()
    this.monitors = this.hosts.map(
      (host) =>
        new modules.OutlierMonitor(host.words, settings, undefined, (type) => this.detector.onReport(host, type)),
    )
  }

  put(host: number, ...statuses: readonly number[]): void {
    for (const status of statuses) this.monitors[host].putStatus(status)
  }

  get ejected(): boolean[] {
    return this.hosts.map(({ isEjected }) => isEjected)
  }

  /** How many intervals the host stays out from now on, at most a hundred. */
  intervalsOut(host = 0): number {
    for (let intervals = 0; intervals < 100; intervals++) {
      if (!this.hosts[host].isEjected) return intervals
      vi.advanceTimersByTime(intervalMs)
    }
    return 100
  }
}

async function loadModules() {
  vi.resetModules()
  const { OutlierDetector } = await import('../../../src/upstream/outlier_detection/outlier_detector.ts')
  const { MonitoredHost } = await import('../../../src/upstream/outlier_detection/monitored_host.ts')
  const { OutlierMonitor } = await import('../../../src/upstream/outlier_detection/outlier_monitor.ts')
  return { OutlierDetector, MonitoredHost, OutlierMonitor }
}

type Modules = Awaited<ReturnType<typeof loadModules>>

let modules: Modules

beforeEach(async () => {
  vi.useFakeTimers()
  modules = await loadModules()
})

afterEach(() => {
  vi.useRealTimers()
})

const detection = (fields: string, count = 1): Detection => new Detection(modules, fields, count)

describe('an ejection', () => {
  const times = 'consecutive_5xx: 1, base_ejection_time: 3s, max_ejection_time: 10s'

  it('lasts longer each time, up to the longest', () => {
    const test = detection(times)
    const lasted = Array.from({ length: 6 }, () => {
      test.put(0, 500)
      return test.intervalsOut()
    })
    expect(lasted).toEqual([3, 6, 9, 10, 10, 10])
    expect(test.hosts[0].ejections).toBe(6)
  })

  it('lasts less long again for each interval without one', () => {
    const test = detection(times)
    const lasted = [0, 0, 2, 0, 100].map((quietIntervals) => {
      vi.advanceTimersByTime(quietIntervals * intervalMs)
      test.put(0, 500)
      return test.intervalsOut()
    })
    // Twice, less two intervals, and once more; then as at first.
    expect(lasted).toEqual([3, 6, 3, 6, 3])
  })

  it('ends at the end of an interval, later by chance', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const test = detection(`${times}, max_ejection_time_jitter: 2s, enforcing_consecutive_5xx: 100`)
    test.put(0, 500)
    expect(test.intervalsOut()).toBe(5)
    vi.restoreAllMocks()
  })

  it('begins all counts anew when it ends', () => {
    const test = detection('consecutive_5xx: 3, consecutive_gateway_failure: 4, base_ejection_time: 1s')
    test.put(0, 503, 503, 503, 503, 503)
    expect(test.ejected).toEqual([true])
    test.intervalsOut()
    test.put(0, 503, 503)
    expect(test.ejected).toEqual([false])
    test.put(0, 503)
    expect(test.ejected).toEqual([true])
    expect(test.stats.detected.CONSECUTIVE_GATEWAY_FAILURE.value()).toBe(0)
  })

  it('follows the runtime', () => {
    const test = detection(times)
    test.runtime.update({
      'outlier_detection.consecutive_5xx': 2,
      'outlier_detection.base_ejection_time_ms': 5000,
      'outlier_detection.max_ejection_percent': 100,
    })
    test.put(0, 500)
    expect(test.ejected).toEqual([false])
    test.put(0, 500)
    expect(test.intervalsOut()).toBe(5)
    test.runtime.update({ 'outlier_detection.enforcing_consecutive_5xx': 0 })
    test.put(0, 500)
    expect(test.ejected).toEqual([false])
    expect(test.stats.detected.CONSECUTIVE_5XX.value()).toBe(2)
    test.runtime.update({ 'outlier_detection.max_ejection_percent': 0 })
    test.put(0, 500)
    expect(test.stats.overflow.value()).toBe(1)
  })

  it('ends with the host', () => {
    const test = detection(times, 2)
    test.put(0, 500)
    test.put(1, 500)
    expect(test.stats.active.value()).toBe(2)
    test.detector.setHosts(new Set([test.hosts[1]]))
    expect(test.stats.active.value()).toBe(1)
    test.put(0, 500)
    expect(test.stats.detected.CONSECUTIVE_5XX.value()).toBe(2)
    test.detector.stop()
    expect(test.stats.active.value()).toBe(0)
  })
})

describe('at the end of an interval', () => {
  const rates = 'consecutive_5xx: 0, success_rate_minimum_hosts: 5, success_rate_request_volume: 10'
  const many = (status: number, count: number): number[] => Array.from({ length: count }, () => status)

  it('hosts far below the average are ejected', () => {
    const test = detection(rates, 5)
    test.put(0, ...many(500, 5), ...many(200, 5))
    for (const host of [1, 2, 3, 4]) test.put(host, ...many(200, 10))
    vi.advanceTimersByTime(intervalMs)
    // 50 and four times 100: 90 on average, with a standard deviation of 20.
    expect(test.detector.thresholds.successRate).toEqual({ average: 90, ejection: 90 - 1.9 * 20 })
    expect(test.ejected).toEqual([true, false, false, false, false])
    expect(test.hosts.map(({ successRate }) => successRate.told)).toEqual([50, 100, 100, 100, 100])
    vi.advanceTimersByTime(intervalMs)
    expect(test.detector.thresholds.successRate).toEqual({ average: -1, ejection: -1 })
    expect(test.hosts.map(({ successRate }) => successRate.told)).toEqual([-1, -1, -1, -1, -1])
  })

  it('hosts with few responses do not count, nor are few hosts compared', () => {
    const test = detection(`${rates}, failure_percentage_request_volume: 9`, 5)
    test.put(0, ...many(500, 9))
    for (const host of [1, 2, 3, 4]) test.put(host, ...many(200, 10))
    vi.advanceTimersByTime(intervalMs)
    expect(test.detector.thresholds.successRate.average).toBe(-1)
    expect(test.stats.detected.SUCCESS_RATE.value()).toBe(0)
    // Enough for another comparison, which is not enforced by default.
    expect(test.hosts[0].successRate.told).toBe(0)
    expect(test.stats.detected.FAILURE_PERCENTAGE.value()).toBe(1)
    expect(test.ejected).toEqual([false, false, false, false, false])
  })

  it('only what came since the last counts', () => {
    const failing = 'consecutive_5xx: 0, failure_percentage_minimum_hosts: 1, failure_percentage_request_volume: 4'
    const test = detection(`${failing}, failure_percentage_threshold: 50, enforcing_failure_percentage: 100`)
    test.put(0, ...many(500, 3))
    vi.advanceTimersByTime(intervalMs)
    test.put(0, ...many(500, 1), ...many(200, 3))
    vi.advanceTimersByTime(intervalMs)
    expect(test.ejected).toEqual([false])
    test.put(0, ...many(500, 2), ...many(200, 2))
    vi.advanceTimersByTime(intervalMs)
    expect(test.ejected).toEqual([true])
  })

  it('both comparisons together eject a host once', () => {
    const failures = 'failure_percentage_request_volume: 10, enforcing_failure_percentage: 100'
    const test = detection(`${rates}, ${failures}, base_ejection_time: 1s`, 5)
    test.put(0, ...many(500, 10))
    for (const host of [1, 2, 3, 4]) test.put(host, ...many(200, 10))
    vi.advanceTimersByTime(intervalMs)
    expect(test.stats.detected.SUCCESS_RATE.value()).toBe(1)
    expect(test.stats.detected.FAILURE_PERCENTAGE.value()).toBe(1)
    expect(test.stats.enforcedTotal.value()).toBe(1)
    expect(test.intervalsOut()).toBe(1)
    expect(test.stats.active.value()).toBe(0)
  })

  it('totals that wrap go on', () => {
    const test = detection(
      'consecutive_5xx: 0, failure_percentage_minimum_hosts: 1, failure_percentage_request_volume: 4',
    )
    const [{ words, successRate }] = test.hosts
    words[4] = 2 ** 31 - 2
    words[5] = 2 ** 31 - 2
    vi.advanceTimersByTime(intervalMs)
    test.put(0, ...many(200, 3), 500)
    vi.advanceTimersByTime(intervalMs)
    expect(successRate.told).toBe(75)
  })

  it('what a process has counted and could not tell is found', () => {
    const test = detection('consecutive_5xx: 3, detect_degraded_hosts: true', 2)
    const [first, second] = test.hosts
    first.words[0] = 4
    second.words[3] = 1
    vi.advanceTimersByTime(intervalMs)
    expect(test.ejected).toEqual([false, false])
    test.detector.onProcessDied()
    vi.advanceTimersByTime(intervalMs)
    expect(test.ejected).toEqual([true, false])
    expect(second.isDegraded).toBe(true)
    expect(test.changed.sort()).toEqual(['127.0.0.1', '127.0.0.2'])
  })
})

describe('results of connecting', () => {
  it('are those of responses', () => {
    const test = detection(
      'consecutive_5xx: 0, consecutive_gateway_failure: 3, enforcing_consecutive_gateway_failure: 100',
    )
    const [monitor] = test.monitors
    for (let i = 0; i < 2; i++) monitor.putResult('connectFailed')
    monitor.putResult('connectSuccessFinal')
    monitor.putResult('timeout')
    // Something is understood above the connection, which has yet to succeed.
    monitor.putResult('connectSuccess')
    monitor.putResult('connectFailed')
    // The client is told that all is well.
    monitor.putResult('timeout', 204)
    for (let i = 0; i < 2; i++) monitor.putResult('timeout', 504)
    expect(test.ejected).toEqual([false])
    monitor.putResult('connectFailed')
    expect(test.ejected).toEqual([true])
  })

  it('are by themselves where they are split', () => {
    const test = detection(
      'consecutive_5xx: 2, consecutive_local_origin_failure: 3, split_external_local_origin_errors: true',
    )
    const [monitor] = test.monitors
    monitor.putResult('timeout', 504)
    monitor.putResult('connectFailed')
    monitor.putResult('connectSuccess')
    monitor.putResult('connectFailed')
    monitor.putResult('timeout')
    test.put(0, 200)
    expect(test.ejected).toEqual([false])
    monitor.putResult('connectFailed')
    expect(test.ejected).toEqual([true])
    expect(test.stats.enforced.CONSECUTIVE_LOCAL_ORIGIN_FAILURE.value()).toBe(1)
  })
})
