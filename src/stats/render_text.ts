/** `/stats` as text: text readouts, then counters and gauges together, then histograms, each sorted by name. */
import { disjointCounts, type HistogramStatistics, SUPPORTED_QUANTILES } from './histogram_statistics.ts'
import type { MergedCounter, MergedGauge, MergedHistogram } from './merged_stat.ts'
import { compareText } from './name_order.ts'
import { formatGeneral, formatInteger, formatShortest } from './number_format.ts'
import type { StatsSnapshot } from './reader.ts'
import type { HistogramBuckets } from './render_options.ts'

export function* renderText(selected: StatsSnapshot, buckets: HistogramBuckets): Iterable<string> {
  for (const stat of selected.textReadouts) yield `${stat.name}: "${stat.value()}"\n`
  for (const stat of mergeByName(selected.counters, selected.gauges)) {
    yield `${stat.name}: ${formatInteger(stat.value())}\n`
  }
  for (const histogram of selected.histograms) {
    yield histogram.used() ? renderHistogram(histogram, buckets) : `${histogram.name}: No recorded values\n`
  }
}

/** Counters and gauges as one sorted sequence; a gauge hides a counter of its name, as in Envoy. */
export function* mergeByName(
  counters: readonly MergedCounter[],
  gauges: readonly MergedGauge[],
): Iterable<MergedCounter | MergedGauge> {
  let at = 0
  for (const gauge of gauges) {
    while (at < counters.length && compareText(counters[at].name, gauge.name) < 0) yield counters[at++]
    if (counters[at]?.name === gauge.name) at++
    yield gauge
  }
  while (at < counters.length) yield counters[at++]
}

function renderHistogram(histogram: MergedHistogram, buckets: HistogramBuckets): string {
  const { name } = histogram
  const interval = histogram.interval()
  const cumulative = histogram.cumulative()
  switch (buckets) {
    case 'summary':
      return `${name}: ${quantileSummary(interval, cumulative)}\n`
    case 'cumulative':
      return `${name}: ${bucketSummary(cumulative.bounds, interval.cumulativeCounts, cumulative.cumulativeCounts)}\n`
    case 'disjoint': {
      const intervalCounts = disjointCounts(interval.cumulativeCounts)
      const cumulativeCounts = disjointCounts(cumulative.cumulativeCounts)
      return `${name}: ${bucketSummary(cumulative.bounds, intervalCounts, cumulativeCounts)}\n`
    }
    case 'detailed': {
      const summary = quantileSummary(interval, cumulative)
      return `${name}:\n  totals=${binList(cumulative)}\n  intervals=${binList(interval)}\n  summary=${summary}\n`
    }
  }
}

function quantileSummary(interval: HistogramStatistics, cumulative: HistogramStatistics): string {
  return SUPPORTED_QUANTILES.map((quantile, i) => {
    const values = `${formatShortest(interval.quantiles[i])},${formatShortest(cumulative.quantiles[i])}`
    return `P${formatGeneral(quantile * 100, 6)}(${values})`
  }).join(' ')
}

function bucketSummary(bounds: readonly number[], interval: readonly number[], cumulative: readonly number[]): string {
  return bounds.map((bound, i) => `B${formatGeneral(bound, 6)}(${interval[i]},${cumulative[i]})`).join(' ')
}

function binList(statistics: HistogramStatistics): string {
  return statistics.bins
    .map((bin) => `${formatGeneral(bin.left, 15)},${formatGeneral(bin.width, 15)}:${bin.count}`)
    .join(', ')
}
