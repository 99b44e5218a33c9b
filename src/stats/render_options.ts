/** What a request for `/stats` can ask for. */

export type StatsFormat = 'text' | 'json' | 'prometheus' | 'html' | 'active-html'
export type StatsType = 'All' | 'Counters' | 'Gauges' | 'Histograms' | 'TextReadouts'
export type HistogramBuckets = 'cumulative' | 'disjoint' | 'detailed' | 'summary'

export interface RenderOptions {
  readonly format: StatsFormat
  readonly type: StatsType
  /** Only stats that were ever written. */
  readonly usedOnly: boolean
  /** Says which names to show. */
  readonly filter?: (name: string) => boolean
  /** Undefined where the request says nothing: each format has its own default. */
  readonly histogramBuckets?: HistogramBuckets
  /** Prometheus only: show text readouts as gauges with the text as a label. */
  readonly textReadouts: boolean
  /** HTML only: the filter's source, to fill in the form again. */
  readonly filterText?: string
}
