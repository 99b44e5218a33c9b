/** The `/stats` output of the admin interface: which stats it shows, in which format, as chunks of text. */
import type { MergedStat } from './merged_stat.ts'
import type { StatsSnapshot } from './reader.ts'
import { renderHtml } from './render_html.ts'
import { renderJson } from './render_json.ts'
import type { RenderOptions, StatsFormat, StatsType } from './render_options.ts'
import { renderPrometheus } from './render_prometheus.ts'
import { renderText } from './render_text.ts'

const CHUNK_LENGTH = 64 * 1024

/** Content types of the formats. */
export const STATS_CONTENT_TYPE: Readonly<Record<StatsFormat, string>> = {
  text: 'text/plain; charset=UTF-8',
  json: 'application/json',
  prometheus: 'text/plain; charset=UTF-8',
  html: 'text/html; charset=UTF-8',
  'active-html': 'text/html; charset=UTF-8',
}

/** The output in chunks of about 64 KiB, made one by one as they are taken; an empty one is a pause in long work. */
export function* renderStats(snapshot: StatsSnapshot, options: RenderOptions): Iterable<string> {
  let chunk = ''
  for (const piece of renderPieces(selectStats(snapshot, options), options)) {
    chunk += piece
    if (chunk.length < CHUNK_LENGTH && piece !== '') continue
    yield chunk
    chunk = ''
  }
  if (chunk !== '') yield chunk
}

function renderPieces(selected: StatsSnapshot, options: RenderOptions): Iterable<string> {
  switch (options.format) {
    case 'text':
      return renderText(selected, options.histogramBuckets ?? 'summary')
    case 'json':
      return renderJson(selected, options.histogramBuckets ?? 'summary')
    case 'prometheus':
      return renderPrometheus(selected, options.histogramBuckets ?? 'cumulative', options.textReadouts)
    case 'html':
    case 'active-html':
      return renderHtml(selected, options)
  }
}

function selectStats(snapshot: StatsSnapshot, options: RenderOptions): StatsSnapshot {
  const { format, type, usedOnly, filter } = options
  const shows = (stat: MergedStat) => (!usedOnly || stat.used()) && (filter === undefined || filter(stat.name))
  // Envoy's Prometheus output shows all types whatever is asked for.
  const wants = (kind: StatsType) => type === 'All' || type === kind || format === 'prometheus'
  return {
    counters: wants('Counters') ? snapshot.counters.filter(shows) : [],
    gauges: wants('Gauges') ? snapshot.gauges.filter(shows) : [],
    textReadouts: wants('TextReadouts') ? snapshot.textReadouts.filter(shows) : [],
    histograms: wants('Histograms') ? snapshot.histograms.filter(shows) : [],
    tags: snapshot.tags,
  }
}
