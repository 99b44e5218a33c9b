import { expect, test } from 'vitest'
import { StatsReader, type StatsSnapshot } from '../../src/stats/reader.ts'
import { renderStats } from '../../src/stats/render.ts'
import type { RenderOptions } from '../../src/stats/render_options.ts'
import { createStatsSettings } from '../../src/stats/stats_config.ts'
import { createLocalStore } from '../../src/stats/store.ts'

// Buckets are shortened to two; what is printed of them was compared with a real Envoy's output.
const settings = createStatsSettings<string>(
  {
    statsTags: [],
    useAllDefaultTags: undefined,
    allowDefaultTagOverrides: undefined,
    statsMatcher: undefined,
    histogramBucketSettings: [{ match: '', buckets: [10, 300_000] }],
  },
  [],
  {
    compileMatcher: () => () => true,
    compileRegex: () => ({ find: () => undefined }),
    addError(_view, _field, message) {
      throw new Error(message)
    },
  },
)

function createSnapshot(): StatsSnapshot {
  const store = createLocalStore()
  store.textReadout('cluster_manager.cds.version_text').set('v"1\\x')
  store.counter('http.h.downstream_rq_total').add(8)
  store.counter('cluster.b.upstream_rq_200').add(3)
  store.counter('cluster.a.upstream_rq_200')
  store.gauge('cluster.a.membership_total').set(0)
  store.gauge('server.live')
  store.histogram('cluster.a.empty_ms', 'ms')
  const histogram = store.histogram('cluster.a.upstream_rq_time', 'ms')
  for (let i = 0; i < 8; i++) {
    histogram.recordValue(9)
    histogram.recordValue(11)
  }
  const reader = new StatsReader([store.slab], settings)
  reader.flush()
  reader.flush()
  return reader.snapshot()
}

const plain: RenderOptions = { format: 'text', type: 'All', usedOnly: false, textReadouts: false }

function render(options: Partial<RenderOptions>): string {
  return [...renderStats(createSnapshot(), { ...plain, ...options })].join('')
}

const quantiles =
  'P0(nan,9.011111111111111) P25(nan,9.044444444444444) P50(nan,9.088888888888889) P75(nan,11.444444444444445) ' +
  'P90(nan,11.777777777777779) P95(nan,11.88888888888889) P99(nan,11.88888888888889) P99.5(nan,11.88888888888889) ' +
  'P99.9(nan,11.88888888888889) P100(nan,11.88888888888889)'

test('text: readouts, counters with gauges, histograms', () => {
  expect(render({})).toBe(
    [
      'cluster_manager.cds.version_text: "v"1\\x"',
      'cluster.a.membership_total: 0',
      'cluster.a.upstream_rq_200: 0',
      'cluster.b.upstream_rq_200: 3',
      'http.h.downstream_rq_total: 8',
      'server.live: 0',
      'cluster.a.empty_ms: No recorded values',
      `cluster.a.upstream_rq_time: ${quantiles}`,
      '',
    ].join('\n'),
  )
})

test('text: only used stats, by type and by filter', () => {
  expect(render({ usedOnly: true, type: 'Gauges' })).toBe('cluster.a.membership_total: 0\n')
  expect(render({ usedOnly: true, type: 'Counters' })).toBe(
    'cluster.b.upstream_rq_200: 3\nhttp.h.downstream_rq_total: 8\n',
  )
  expect(render({ filter: (name) => name.endsWith('live') })).toBe('server.live: 0\n')
  expect(render({ filter: () => false })).toBe('')
})

test.each([
  ['cumulative', 'B10(0,8) B300000(0,16)'],
  ['disjoint', 'B10(0,8) B300000(0,8)'],
  ['detailed', `\n  totals=9,0.1:8, 11,1:8\n  intervals=\n  summary=${quantiles}`],
] as const)('text: %s buckets', (histogramBuckets, text) => {
  const separator = text.startsWith('\n') ? '' : ' '
  expect(render({ histogramBuckets, type: 'Histograms', usedOnly: true })).toBe(
    `cluster.a.upstream_rq_time:${separator}${text}\n`,
  )
})

test('json: one array whose last element holds the histograms', () => {
  expect(render({ format: 'json', type: 'TextReadouts' })).toBe(
    '{"stats":[{"name":"cluster_manager.cds.version_text","value":"v\\"1\\\\x"}]}',
  )
  expect(render({ format: 'json', filter: () => false })).toBe('{"stats":[]}')
  expect(render({ format: 'json', histogramBuckets: 'cumulative', type: 'Histograms', usedOnly: true })).toBe(
    '{"stats":[{"histograms":[{"name":"cluster.a.upstream_rq_time","buckets":[' +
      '{"upper_bound":10,"interval":0,"cumulative":8},{"upper_bound":3e+05,"interval":0,"cumulative":16}]}]}]}',
  )
  const detailed = JSON.parse(
    render({ format: 'json', histogramBuckets: 'detailed', type: 'Histograms', usedOnly: true }),
  )
  expect(detailed.stats[0].histograms.details[0]).toMatchObject({
    totals: [
      { lower_bound: 9, width: 0.1, count: 8 },
      { lower_bound: 11, width: 1, count: 8 },
    ],
    intervals: [],
  })
  const all = JSON.parse(render({ format: 'json' })).stats
  expect(all.length).toBe(7)
  expect(all[6].histograms.computed_quantiles[0].values[0]).toEqual({ cumulative: null, interval: null })
})

test('prometheus: tags as labels, groups sorted, all types whatever is asked for', () => {
  const labels = 'envoy_cluster_name="a"'
  const time = 'envoy_cluster_upstream_rq_time'
  expect(render({ format: 'prometheus', type: 'Gauges', usedOnly: true, textReadouts: true })).toBe(
    [
      '# TYPE envoy_cluster_upstream_rq counter',
      'envoy_cluster_upstream_rq{envoy_response_code="200",envoy_cluster_name="b"} 3',
      '# TYPE envoy_http_downstream_rq_total counter',
      'envoy_http_downstream_rq_total{envoy_http_conn_manager_prefix="h"} 8',
      '# TYPE envoy_cluster_membership_total gauge',
      `envoy_cluster_membership_total{${labels}} 0`,
      '# TYPE envoy_cluster_manager_cds_version_text gauge',
      'envoy_cluster_manager_cds_version_text{text_value="v\\"1\\\\x"} 0',
      `# TYPE ${time} histogram`,
      `${time}_bucket{${labels},le="10"} 8`,
      `${time}_bucket{${labels},le="300000"} 16`,
      `${time}_bucket{${labels},le="+Inf"} 16`,
      `${time}_sum{${labels}} 164.22387701177035523869562894106`,
      `${time}_count{${labels}} 16`,
      '',
    ].join('\n'),
  )
})

test('prometheus: summaries tell the last interval', () => {
  const text = render({ format: 'prometheus', histogramBuckets: 'summary', usedOnly: true })
  expect(text).toContain('# TYPE envoy_cluster_upstream_rq_time summary\n')
  expect(text).toContain('envoy_cluster_upstream_rq_time{envoy_cluster_name="a",quantile="0.995"} nan\n')
  expect(text).toContain('envoy_cluster_upstream_rq_time_count{envoy_cluster_name="a"} 0\n')
})

test('html: escaped stats under a form that keeps the query', () => {
  const html = render({ format: 'html', usedOnly: true, filterText: '<"&' })
  expect(html).toContain('cluster_manager.cds.version_text: &quot;v&quot;1\\x&quot;\n')
  expect(html).toContain('value="&lt;&quot;&amp;"')
  expect(html).toContain('name="usedonly" checked')
  expect(render({ format: 'html', filter: () => false })).toContain('No stats found')
  expect(render({ format: 'active-html' })).toContain('<tbody id="active-stats">')
})

test('large outputs come in chunks', () => {
  const store = createLocalStore()
  for (let i = 0; i < 5000; i++) store.counter(`cluster.${'x'.repeat(50)}.c${i}`)
  const snapshot = new StatsReader([store.slab], settings).snapshot()
  const chunks = [...renderStats(snapshot, plain)]
  expect(chunks.length).toBeGreaterThan(4)
  expect(Math.max(...chunks.map((chunk) => chunk.length))).toBeLessThan(70_000)
})
