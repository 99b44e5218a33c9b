// /stats and /stats/prometheus: all statistics, in every format.

import { type CompiledRegex, compileRegex, RegexError } from '../../common/regex.ts'
import type { ServerControl } from '../../server/server_control.ts'
import type { StatsSnapshot } from '../../stats/reader.ts'
import { renderStats, STATS_CONTENT_TYPE } from '../../stats/render.ts'
import type { HistogramBuckets, RenderOptions, StatsFormat, StatsType } from '../../stats/render_options.ts'
import { type AdminEndpoint, type AdminParam, type AdminReply, textReply } from '../endpoint.ts'
import { contentSecurityPolicy, elementTexts, htmlReply } from '../html.ts'
import type { QueryParams } from '../query_params.ts'

const formats: readonly StatsFormat[] = ['html', 'active-html', 'text', 'json', 'prometheus']
const types: readonly StatsType[] = ['All', 'Counters', 'Histograms', 'Gauges', 'TextReadouts']
const bucketModes: readonly HistogramBuckets[] = ['cumulative', 'disjoint', 'detailed', 'summary']
/** What a request may ask of the regular expression engine: far more than any name filter needs. */
const filterProgramSize = 100_000

const filterParams: readonly AdminParam[] = [
  { name: 'usedonly', kind: 'flag', help: 'only stats that were written since the start' },
  { name: 'filter', kind: 'text', help: 'only names that match this regular expression (RE2)' },
  { name: 'invert_filter', kind: 'flag', help: 'only names that do not match' },
]

/** What is wrong with the parameters, in Envoy's words. */
class StatsQueryError extends Error {}

export function statsEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/stats',
    help: 'statistics',
    mutates: false,
    params: [
      ...filterParams,
      { name: 'format', kind: 'choice', choices: formats, help: 'output format' },
      { name: 'type', kind: 'choice', choices: types, help: 'kinds of stats' },
      { name: 'histogram_buckets', kind: 'choice', choices: bucketModes, help: 'how histograms are shown' },
    ],
    answer: ({ query }) => statsReply(control, query, undefined),
  }
}

export function prometheusEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/stats/prometheus',
    help: 'statistics in the Prometheus text format',
    mutates: false,
    params: [
      ...filterParams.slice(0, 1),
      { name: 'text_readouts', kind: 'flag', help: 'text readouts too, as gauges of value 0' },
      ...filterParams.slice(1),
      {
        name: 'histogram_buckets',
        kind: 'choice',
        choices: ['cumulative', 'summary'],
        help: 'how histograms are shown',
      },
    ],
    answer: ({ query }) => statsReply(control, query, 'prometheus'),
  }
}

function statsReply(control: ServerControl, query: QueryParams, format: StatsFormat | undefined): AdminReply {
  let options: RenderOptions
  try {
    options = renderOptions(query, format)
  } catch (error) {
    if (!(error instanceof StatsQueryError)) throw error
    return textReply(error.message, 400)
  }
  control.refreshServerStats()
  const snapshot = control.stats.snapshot()
  const body = renderStats(snapshot, options)
  if (options.format === 'html') return htmlReply(body, pagePolicy(false, snapshot))
  if (options.format === 'active-html') return htmlReply(body, pagePolicy(true, snapshot))
  const contentType = STATS_CONTENT_TYPE[options.format]
  const withHealth = options.format === 'prometheus' && options.filter === undefined
  return { status: 200, contentType, body: withHealth ? andNodeHealth(body, control) : body }
}

/** The runtime's own health stands behind the stats; a request for certain names does not mean it. */
async function* andNodeHealth(body: Iterable<string>, control: ServerControl): AsyncIterable<string> {
  yield* body
  yield await control.nodeHealth.render()
}

function renderOptions(query: QueryParams, givenFormat: StatsFormat | undefined): RenderOptions {
  const filterText = query.nonEmpty('filter')
  const format = givenFormat ?? chosen(query, 'format', formats, formatUsage) ?? 'text'
  if (format !== 'prometheus' && query.nonEmpty('histogram_buckets') === 'prometheusnative')
    throw new StatsQueryError('Invalid histogram_buckets type for non prometheus stats type')
  const histogramBuckets = chosen(query, 'histogram_buckets', bucketModes, bucketUsage)
  if (format === 'prometheus' && (histogramBuckets === 'disjoint' || histogramBuckets === 'detailed'))
    throw new StatsQueryError('unsupported prometheus histogram bucket mode')
  const filter = filterText === undefined ? undefined : filterOf(filterText, query.has('invert_filter'))
  return {
    format,
    type: chosen(query, 'type', types, 'invalid &type= param') ?? 'All',
    usedOnly: query.has('usedonly'),
    textReadouts: query.has('text_readouts'),
    ...(filter === undefined ? {} : { filter }),
    ...(filterText === undefined ? {} : { filterText }),
    ...(histogramBuckets === undefined ? {} : { histogramBuckets }),
  }
}

const formatUsage = 'usage: /stats?format=(html|active-html|json|prometheus|text)\n\n'
const bucketUsage = 'usage: /stats?histogram_buckets=(cumulative|disjoint|detailed|summary|prometheusnative)\n'

function chosen<T extends string>(
  query: QueryParams,
  name: string,
  choices: readonly T[],
  usage: string,
): T | undefined {
  const value = query.nonEmpty(name)
  if (value === undefined) return undefined
  const choice = choices.find((each) => each === value)
  if (choice === undefined) throw new StatsQueryError(usage)
  return choice
}

function filterOf(pattern: string, inverted: boolean): (name: string) => boolean {
  let regex: CompiledRegex
  try {
    regex = compileRegex(pattern, filterProgramSize)
  } catch (error) {
    if (error instanceof RegexError) throw new StatsQueryError(`Invalid re2 regex: ${error.message}`)
    throw error
  }
  return (name) => regex.find(name) !== inverted
}

const policies = new Map<boolean, string>()

/** The policy of the stats pages: their one style and, on the page that refreshes, their one script. */
function pagePolicy(active: boolean, { tags }: StatsSnapshot): string {
  let policy = policies.get(active)
  if (policy === undefined) {
    const empty = { counters: [], gauges: [], textReadouts: [], histograms: [], tags }
    const format = active ? 'active-html' : 'html'
    const page = [...renderStats(empty, { format, type: 'All', usedOnly: false, textReadouts: false })].join('')
    policy = contentSecurityPolicy(elementTexts(page, 'style'), elementTexts(page, 'script'))
    policies.set(active, policy)
  }
  return policy
}
