import { describe, expect, test } from 'vitest'
import { DEFAULT_BUCKETS } from '../../src/stats/histogram_statistics.ts'
import {
  createStatsSettings,
  defaultStatsSettings,
  parseStatsTag,
  type StatsConfigView,
  type StatsSettings,
} from '../../src/stats/stats_config.ts'

const empty: StatsConfigView<string> = {
  statsTags: [],
  useAllDefaultTags: undefined,
  allowDefaultTagOverrides: undefined,
  statsMatcher: undefined,
  histogramBucketSettings: [],
}

/** A matcher is a prefix here; what compiles it is another part's business. */
function settingsOf(view: Partial<StatsConfigView<string>>): { settings: StatsSettings; errors: string[] } {
  const errors: string[] = []
  const settings = createStatsSettings({ ...empty, ...view }, [], {
    compileMatcher: (prefix) => (text) => text.startsWith(prefix),
    compileRegex(pattern) {
      const regex = new RegExp(pattern, 'd')
      return { find: (text) => regex.exec(text)?.indices }
    },
    addError: (_view, field, message) => errors.push(`${field}: ${message}`),
  })
  return { settings, errors }
}

describe('stats_matcher', () => {
  const names = ['cluster.a', 'http.b']
  const rejected = (statsMatcher: StatsConfigView<string>['statsMatcher']) =>
    names.filter((name) => settingsOf({ statsMatcher }).settings.rejects?.(name))

  test('rejects all, none, what is excluded, or what is not included', () => {
    expect(rejected({ statsMatcher: 'rejectAll', rejectAll: true })).toEqual(names)
    expect(rejected({ statsMatcher: 'rejectAll', rejectAll: false })).toEqual([])
    expect(rejected({ statsMatcher: 'exclusionList', exclusionList: { patterns: ['http'] } })).toEqual(['http.b'])
    expect(rejected({ statsMatcher: 'inclusionList', inclusionList: { patterns: ['http'] } })).toEqual(['cluster.a'])
    expect(rejected(undefined)).toEqual([])
  })
})

describe('stats_tags', () => {
  const custom = [
    { tagName: 'my.fixed', tagValue: 'fixedValue', fixedValue: 'x' },
    { tagName: 'one', tagValue: 'regex', regex: '^tcp\\.(ingress)' },
    { tagName: 'two', tagValue: 'regex', regex: '^vhost\\.(vh\\.(one)\\.)' },
    { tagName: 'cx', tagValue: 'regex', regex: '_(cx)_' },
    { tagName: 'opt', tagValue: 'regex', regex: '^http1(\\.(zzz)?)dropped' },
  ] as const

  // Order and cuts as a real Envoy printed them for the same configuration.
  test.each([
    [
      'tcp.ingress.tcp.downstream_cx_total',
      'tcp.tcp.downstream__total',
      'my.fixed=x cx=cx envoy.tcp_prefix=ingress one=ingress',
    ],
    [
      'vhost.vh.one.route.rt.upstream_rq_200',
      'vhost.route.rt.upstream_rq',
      'envoy.response_code=200 my.fixed=x envoy.virtual_host=vh two=one',
    ],
    ['http1.dropped_headers', 'http1dropped_headers', 'my.fixed=x opt='],
    [
      'listener.t.worker_0.downstream_cx_total',
      'listener.worker_downstream__total',
      'envoy.worker_id=0 my.fixed=x cx=cx envoy.listener_address=t',
    ],
  ])('%s', (name, extractedName, tags) => {
    const tagged = settingsOf({ statsTags: custom }).settings.tags.produce(name)
    expect(tagged.extractedName).toBe(extractedName)
    expect(tagged.tags.map((tag) => `${tag.name}=${tag.value}`).join(' ')).toBe(tags)
  })

  test('a name without a regex takes the default of that name, where all defaults are off', () => {
    const { settings, errors } = settingsOf({
      useAllDefaultTags: false,
      statsTags: [{ tagName: 'envoy.cluster_name' }],
    })
    expect(settings.tags.produce('cluster.c.upstream_rq_200').tags).toEqual([
      { name: 'envoy.cluster_name', value: 'c' },
    ])
    expect(errors).toEqual([])
  })

  test.each([
    [false, 'cluster.a.total', 'cluster.', 'x=a last=total envoy.cluster_name=a'],
    [true, 'cluster.a.total', 'cluster.a.', 'x=a last=total'],
    [true, 'cluster.b.total', 'cluster.', 'x=a last=total envoy.cluster_name=b'],
  ])(
    'the first tag of a name wins, with overriding %s for %s',
    (allowDefaultTagOverrides, name, extractedName, tags) => {
      const { settings } = settingsOf({
        allowDefaultTagOverrides,
        statsTags: [
          { tagName: 'x', tagValue: 'fixedValue', fixedValue: 'a' },
          { tagName: 'x', tagValue: 'fixedValue', fixedValue: 'b' },
          { tagName: 'last', tagValue: 'regex', regex: '(total)$' },
          { tagName: 'last', tagValue: 'regex', regex: '(cluster)' },
          { tagName: 'envoy.cluster_name', tagValue: 'regex', regex: '^cluster\\.((b)\\.)' },
        ],
      })
      const tagged = settings.tags.produce(name)
      expect([tagged.extractedName, tagged.tags.map((tag) => `${tag.name}=${tag.value}`).join(' ')]).toEqual([
        extractedName,
        tags,
      ])
    },
  )

  test('wrong specifiers are told and left out', () => {
    const { settings, errors } = settingsOf({
      statsTags: [{ tagName: 'mine' }, { tagName: 'bad', tagValue: 'regex', regex: '(' }],
    })
    expect(errors).toEqual([
      "regex: No regex specified for tag specifier and no default regex for name: 'mine'",
      expect.stringMatching(/^regex: /),
    ])
    expect(settings.tags.produce('server.live').tags).toEqual([])
  })
})

test('buckets are those of the first setting that matches', () => {
  const { bucketsOf } = settingsOf({
    histogramBucketSettings: [
      { match: 'cluster.a', buckets: [3, 1, 2] },
      { match: 'cluster', buckets: [10] },
    ],
  }).settings
  expect([bucketsOf('cluster.a.x'), bucketsOf('cluster.b'), bucketsOf('http')]).toEqual([
    [1, 2, 3],
    [10],
    DEFAULT_BUCKETS,
  ])
})

test('--stats-tag adds a tag to every stat and refuses what is none', () => {
  const { tags } = defaultStatsSettings([parseStatsTag('zone:a-1')])
  expect(tags.produce('server.live').tags).toEqual([{ name: 'zone', value: 'a-1' }])
  for (const text of ['zone', 'zone:', 'a_b:x', 'zone:a.b']) expect(() => parseStatsTag(text)).toThrow(text)
})
