/** `/stats?format=json`: one array of stats, whose last element holds all histograms. */
import { type Bin, disjointCounts, type HistogramStatistics, SUPPORTED_QUANTILES } from './histogram_statistics.ts'
import type { MergedHistogram } from './merged_stat.ts'
import { formatInteger, formatJsonDouble } from './number_format.ts'
import type { StatsSnapshot } from './reader.ts'
import type { HistogramBuckets } from './render_options.ts'
import { mergeByName } from './render_text.ts'

export function* renderJson(selected: StatsSnapshot, buckets: HistogramBuckets): Iterable<string> {
  let comma = ''
  yield '{"stats":['
  for (const stat of selected.textReadouts) {
    yield `${comma}{"name":${JSON.stringify(stat.name)},"value":${JSON.stringify(stat.value())}}`
    comma = ','
  }
  for (const stat of mergeByName(selected.counters, selected.gauges)) {
    yield `${comma}{"name":${JSON.stringify(stat.name)},"value":${formatInteger(stat.value())}}`
    comma = ','
  }
  if (selected.histograms.length > 0) {
    yield comma
    yield* renderHistograms(selected.histograms, buckets)
  }
  yield ']}'
}

function* renderHistograms(histograms: readonly MergedHistogram[], buckets: HistogramBuckets): Iterable<string> {
  const [opening, closing] = frame(buckets)
  yield `{"histograms":${opening}`
  let comma = ''
  for (const histogram of histograms) {
    yield `${comma}{"name":${JSON.stringify(histogram.name)},${histogramBody(histogram, buckets)}}`
    comma = ','
  }
  yield `${closing}}`
}

function frame(buckets: HistogramBuckets): [opening: string, closing: string] {
  const percentiles = SUPPORTED_QUANTILES.map((quantile) => formatJsonDouble(quantile * 100)).join(',')
  switch (buckets) {
    case 'summary':
      return [`{"supported_quantiles":[${percentiles}],"computed_quantiles":[`, ']}']
    case 'detailed':
      return [`{"supported_percentiles":[${percentiles}],"details":[`, ']}']
    case 'cumulative':
    case 'disjoint':
      return ['[', ']']
  }
}

function histogramBody(histogram: MergedHistogram, buckets: HistogramBuckets): string {
  const interval = histogram.interval()
  const cumulative = histogram.cumulative()
  switch (buckets) {
    case 'summary':
      return `"values":${quantileList(interval, cumulative)}`
    case 'detailed': {
      const bins = `"totals":${binList(cumulative.bins)},"intervals":${binList(interval.bins)}`
      return `${bins},"percentiles":${quantileList(interval, cumulative)}`
    }
    case 'cumulative':
      return bucketList(cumulative.bounds, interval.cumulativeCounts, cumulative.cumulativeCounts)
    case 'disjoint':
      return bucketList(
        cumulative.bounds,
        disjointCounts(interval.cumulativeCounts),
        disjointCounts(cumulative.cumulativeCounts),
      )
  }
}

function quantileList(interval: HistogramStatistics, cumulative: HistogramStatistics): string {
  const entries = cumulative.quantiles.map(
    (value, i) => `{"cumulative":${formatJsonDouble(value)},"interval":${formatJsonDouble(interval.quantiles[i])}}`,
  )
  return `[${entries.join(',')}]`
}

function binList(bins: readonly Bin[]): string {
  const entries = bins.map(
    (bin) =>
      `{"lower_bound":${formatJsonDouble(bin.left)},"width":${formatJsonDouble(bin.width)},"count":${bin.count}}`,
  )
  return `[${entries.join(',')}]`
}

function bucketList(bounds: readonly number[], interval: readonly number[], cumulative: readonly number[]): string {
  const entries = bounds.map(
    (bound, i) => `{"upper_bound":${formatJsonDouble(bound)},"interval":${interval[i]},"cumulative":${cumulative[i]}}`,
  )
  return `"buckets":[${entries.join(',')}]`
}
