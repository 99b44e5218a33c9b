/** `stats_config`: tags, which stats are kept, histogram buckets; one pair of proxies each. */
import type { ParityCase, ParitySuite } from '../case.ts'
import { get } from '../requests.ts'
import { bootstrap, cluster, httpListener } from '../yaml.ts'

const configs: Readonly<Record<string, string>> = {
  'without default tags': `
    use_all_default_tags: false
    stats_tags:
    - { tag_name: mine, regex: "^cluster\\\\.((main)\\\\.)" }
    - { tag_name: fixed, fixed_value: v }
    - { tag_name: envoy.http_conn_manager_prefix }`,
  'tags in order': `
    stats_tags:
    - { tag_name: code, regex: "_rq(_(\\\\d{3}))$" }
    - { tag_name: z, fixed_value: 'a"b' }
    - { tag_name: one_group, regex: "^cluster\\\\.(main)" }
    - { tag_name: no_match, regex: "zzz(y)" }
    - { tag_name: inner, regex: "upstream_(cx(_x)?)_total$" }
    - { tag_name: ahead, regex: "^cluster(?=\\\\.).*?\\\\.upstream_((?:[_[:lower:]]*)_)total$" }
    - { tag_name: "odd.name-x", regex: "^http\\\\.((main))" }`,
  'exclusion list': `
    stats_matcher:
      exclusion_list:
        patterns:
        - { prefix: cluster. }
        - { suffix: _active }
        - { contains: watchdog }
        - { safe_regex: { regex: "http\\\\.main.*2xx" } }`,
  'inclusion list': `
    stats_matcher:
      inclusion_list: { patterns: [ { prefix: cluster.main.upstream_rq }, { exact: HTTP.MAIN.downstream_rq_2xx, ignore_case: true } ] }`,
  'reject all': `
    stats_matcher: { reject_all: true }`,
  buckets: `
    histogram_bucket_settings:
    - { match: { prefix: cluster.main.upstream_cx }, buckets: [ 0.5, 10, 100 ] }
    - { match: { suffix: _ms }, buckets: [ 1 ] }`,
}

const FILTER = encodeURIComponent(
  '^(cluster.main.(upstream_(rq_(total|200|2xx|active|pending_total)|cx_(total|active|connect_ms|length_ms)$)|external.upstream_rq_2|circuit_breakers.default.cx_open|assignment)|http.main.downstream_(rq|cx)_(2xx|total|active)|listener.main.downstream_cx_t)',
)

/** Recorded times are each proxy's own. */
const TIMES: [RegExp, string][] = [
  [/(_ms(_\w+)?(\{[^}]*\})?:? )P.*/g, '$1 H'],
  [/(_ms(_\w+)?\{[^}]*\}) [\d.]+/g, '$1 H'],
  [/"(cumulative|interval)":[\d.]+/g, '"$1":H'],
  [/(_ms: )B[0-9].*/g, '$1B'],
]

const outputs = ['/stats?', '/stats/prometheus?', '/stats?format=json&', '/stats?histogram_buckets=cumulative&']

const cases: ParityCase[] = [
  { name: 'a request', steps: [get(), { waitFor: 'ok' }] },
  ...outputs.map((path) => ({
    name: `${path}filter=...`,
    steps: [{ admin: `${path}filter=${FILTER}` }],
    logLines: 0,
    normalize: TIMES,
  })),
]

export const statsConfigSuites: readonly ParitySuite[] = Object.entries(configs).map(([name, config]) => ({
  name: `stats_config: ${name}`,
  yaml: bootstrap(
    [httpListener({ name: 'main', hcm: 'delayed_close_timeout: 0.02s' })],
    [cluster('main')],
    `stats_config:${config.replaceAll('\n    ', '\n  ')}`,
  ),
  cases,
}))
