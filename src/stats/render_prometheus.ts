/** `/stats/prometheus`: the text exposition format, tags as labels, grouped by metric and sorted as Envoy sorts. */
import { SUPPORTED_QUANTILES } from './histogram_statistics.ts'
import {
  compareStats,
  type MergedHistogram,
  type MergedStat,
  type MergedTextReadout,
  type Metric,
} from './merged_stat.ts'
import { compareTokens } from './name_order.ts'
import { formatGeneral, formatInteger } from './number_format.ts'
import type { StatsSnapshot } from './reader.ts'
import type { HistogramBuckets } from './render_options.ts'
import type { Tag, TagProducer } from './tag_extractor.ts'

/** Digits Envoy asks its formatter for: enough to print any bound and sum in full. */
const PRECISION = 32
/** So many names are taken apart at a time. */
const PAUSE_EVERY = 10_000

export function* renderPrometheus(
  selected: StatsSnapshot,
  buckets: HistogramBuckets,
  textReadouts: boolean,
): Iterable<string> {
  yield* renderGroups(selected.counters, selected.tags, 'counter', (stat, metric, labels) => {
    return `${metric}{${labels}} ${formatInteger(stat.value())}\n`
  })
  yield* renderGroups(selected.gauges, selected.tags, 'gauge', (stat, metric, labels) => {
    return `${metric}{${labels}} ${formatInteger(stat.value())}\n`
  })
  if (textReadouts) yield* renderGroups(selected.textReadouts, selected.tags, 'gauge', renderTextReadout)
  if (buckets === 'summary') yield* renderGroups(selected.histograms, selected.tags, 'summary', renderSummary)
  else yield* renderGroups(selected.histograms, selected.tags, 'histogram', renderHistogram)
}

function* renderGroups<S extends MergedStat>(
  stats: readonly S[],
  tags: TagProducer,
  type: string,
  render: (stat: S, metric: string, labels: string) => string,
): Iterable<string> {
  yield* nameAll(stats, tags)
  for (const [metric, group] of groupByMetric(stats)) {
    yield `# TYPE ${metric.name} ${type}\n`
    for (const stat of group) yield render(stat, metric.name, stat.prometheus?.labels ?? '')
  }
}

/** Takes apart the names that no one has asked for yet, and pauses at times: there may be very many. */
function* nameAll(stats: readonly MergedStat[], tags: TagProducer): Iterable<string> {
  const metrics = new Map<string, Metric>()
  const labelTexts = new Map<string, string>()
  let made = 0
  for (const stat of stats) {
    if (stat.prometheus !== undefined) {
      metrics.set(stat.prometheus.metric.extractedName, stat.prometheus.metric)
      continue
    }
    const { extractedName, tags: found } = tags.produce(stat.name)
    let metric = metrics.get(extractedName)
    if (metric === undefined) {
      metric = { extractedName, name: sanitize(`envoy_${extractedName}`) }
      metrics.set(extractedName, metric)
    }
    stat.prometheus = { metric, labels: shared(labelTexts, formatLabels(found)) }
    if (++made % PAUSE_EVERY === 0) yield ''
  }
}

/** The equal text that was there before, so that many stats hold one. */
function shared(texts: Map<string, string>, text: string): string {
  const known = texts.get(text)
  if (known !== undefined) return known
  const flat = Buffer.from(text).toString()
  texts.set(flat, flat)
  return flat
}

function groupByMetric<S extends MergedStat>(stats: readonly S[]): [Metric, readonly S[]][] {
  const groups = new Map<string, { metric: Metric; stats: S[] }>()
  for (const stat of stats) {
    if (stat.prometheus === undefined) continue
    const { metric } = stat.prometheus
    const group = groups.get(metric.extractedName)
    if (group === undefined) groups.set(metric.extractedName, { metric, stats: [stat] })
    else group.stats.push(stat)
  }
  return [...groups.values()]
    .sort((a, b) => compareTokens(a.metric.extractedName, b.metric.extractedName))
    .map(({ metric, stats: group }) => [metric, group.sort((a, b) => compareStats(a, b, compareTokens))])
}

function renderTextReadout(stat: MergedTextReadout, metric: string, labels: string): string {
  return `${metric}{${withLabel(labels, `text_value="${escapeLabel(stat.value())}"`)}} 0\n`
}

function renderHistogram(histogram: MergedHistogram, metric: string, labels: string): string {
  const { bounds, cumulativeCounts, count, sum } = histogram.cumulative()
  let text = ''
  for (const [i, bound] of bounds.entries()) {
    const le = `le="${formatGeneral(bound, PRECISION)}"`
    text += `${metric}_bucket{${withLabel(labels, le)}} ${cumulativeCounts[i]}\n`
  }
  text += `${metric}_bucket{${withLabel(labels, 'le="+Inf"')}} ${count}\n`
  return `${text}${metric}_sum{${labels}} ${formatGeneral(sum, PRECISION)}\n${metric}_count{${labels}} ${count}\n`
}

function renderSummary(histogram: MergedHistogram, metric: string, labels: string): string {
  const { quantiles, count, sum } = histogram.interval()
  let text = ''
  for (const [i, quantile] of SUPPORTED_QUANTILES.entries()) {
    const label = `quantile="${formatGeneral(quantile, 6)}"`
    text += `${metric}{${withLabel(labels, label)}} ${formatGeneral(quantiles[i], PRECISION)}\n`
  }
  return `${text}${metric}_sum{${labels}} ${formatGeneral(sum, PRECISION)}\n${metric}_count{${labels}} ${count}\n`
}

function withLabel(labels: string, label: string): string {
  return labels === '' ? label : `${labels},${label}`
}

/** Labels without the braces around them. */
export function formatLabels(tags: readonly Tag[]): string {
  return tags.map((tag) => `${sanitize(tag.name)}="${escapeLabel(tag.value)}"`).join(',')
}

function sanitize(name: string): string {
  return name.replace(/[^a-zA-Z0-9_]/g, '_')
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"')
}
