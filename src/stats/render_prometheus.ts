/** `/stats/prometheus`: the text exposition format, tags as labels, grouped by metric and sorted as Envoy sorts. */
import { SUPPORTED_QUANTILES } from './histogram_statistics.ts'
import { formatGeneral, formatInteger } from './number_format.ts'
import {
  compareTokens,
  type MergedHistogram,
  type MergedStat,
  type MergedTextReadout,
  type StatsSnapshot,
} from './reader.ts'
import type { HistogramBuckets } from './render_options.ts'
import type { Tag } from './tag_extractor.ts'

/** Digits Envoy asks its formatter for: enough to print any bound and sum in full. */
const PRECISION = 32

export function* renderPrometheus(
  selected: StatsSnapshot,
  buckets: HistogramBuckets,
  textReadouts: boolean,
): Iterable<string> {
  yield* renderGroups(selected.counters, 'counter', (stat, metric, labels) => {
    return `${metric}{${labels}} ${formatInteger(stat.value())}\n`
  })
  yield* renderGroups(selected.gauges, 'gauge', (stat, metric, labels) => {
    return `${metric}{${labels}} ${formatInteger(stat.value())}\n`
  })
  if (textReadouts) yield* renderGroups(selected.textReadouts, 'gauge', renderTextReadout)
  if (buckets === 'summary') yield* renderGroups(selected.histograms, 'summary', renderSummary)
  else yield* renderGroups(selected.histograms, 'histogram', renderHistogram)
}

function* renderGroups<S extends MergedStat>(
  stats: readonly S[],
  type: string,
  render: (stat: S, metric: string, labels: string) => string,
): Iterable<string> {
  for (const [extractedName, group] of groupByExtractedName(stats)) {
    const metric = sanitize(`envoy_${extractedName}`)
    yield `# TYPE ${metric} ${type}\n`
    for (const stat of group) yield render(stat, metric, formatLabels(stat.id.tagged().tags))
  }
}

function groupByExtractedName<S extends MergedStat>(stats: readonly S[]): [string, S[]][] {
  const groups = new Map<string, S[]>()
  for (const stat of stats) {
    const { extractedName } = stat.id.tagged()
    const group = groups.get(extractedName)
    if (group === undefined) groups.set(extractedName, [stat])
    else group.push(stat)
  }
  // Already in the order of whole names, which is nearly this one.
  for (const group of groups.values()) group.sort((a, b) => compareTokens(a.id.name, b.id.name))
  return [...groups].sort(([a], [b]) => compareTokens(a, b))
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
