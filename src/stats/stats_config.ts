/** `stats_config` of the bootstrap made ready: which stats are kept, which tags are extracted, which buckets are shown. */
import { createDefaultExtractors, createDefaultExtractorsOf } from './default_tags.ts'
import { DEFAULT_BUCKETS } from './histogram_statistics.ts'
import {
  createFixedExtractor,
  createRegexExtractor,
  type TagExtractor,
  TagProducer,
  type TagRegex,
} from './tag_extractor.ts'

/** The fields of envoy.config.metrics.v3.StatsConfig that are read here; `M` is a StringMatcher. */
export interface StatsConfigView<M> {
  readonly statsTags: readonly TagSpecifierView[]
  readonly useAllDefaultTags: boolean | undefined
  /** A tag of `statsTags` that has a default tag's name takes its place. */
  readonly allowDefaultTagOverrides: boolean | undefined
  readonly statsMatcher: StatsMatcherView<M> | undefined
  readonly histogramBucketSettings: readonly HistogramBucketView<M>[]
}

export interface TagSpecifierView {
  readonly tagName: string
  readonly tagValue?: 'regex' | 'fixedValue' | undefined
  readonly regex?: string | undefined
  readonly fixedValue?: string | undefined
}

export interface StatsMatcherView<M> {
  readonly statsMatcher?: 'rejectAll' | 'exclusionList' | 'inclusionList' | undefined
  readonly rejectAll?: boolean | undefined
  readonly exclusionList?: { readonly patterns: readonly M[] } | undefined
  readonly inclusionList?: { readonly patterns: readonly M[] } | undefined
}

export interface HistogramBucketView<M> {
  readonly match: M | undefined
  readonly buckets: readonly number[]
}

/** What a configuration gives this to work with: compiled matchers and regexes, and a place for errors. */
export interface StatsConfigTools<M> {
  readonly compileMatcher: (matcher: M) => (text: string) => boolean
  /** Compiles a pattern of std::regex's ECMAScript grammar, as Envoy does here; throws for a bad one. */
  readonly compileRegex: (pattern: string) => TagRegex
  readonly addError: (view: object, field: string | undefined, message: string) => void
}

export interface StatsSettings {
  /** Undefined where everything is kept. */
  readonly rejects: ((name: string) => boolean) | undefined
  readonly tags: TagProducer
  readonly bucketsOf: (histogramName: string) => readonly number[]
}

/** A tag from `--stats-tag name:value`. */
export interface CommandLineTag {
  readonly name: string
  readonly value: string
}

/** Reads `--stats-tag`: a name of letters and digits (Envoy allows none of them), a colon, a value without dots. Throws for anything else. */
export function parseStatsTag(text: string): CommandLineTag {
  const colon = text.indexOf(':')
  if (colon < 0) throw new Error(`misformatted stats-tag '${text}'`)
  const name = text.slice(0, colon)
  const value = text.slice(colon + 1)
  if (!/^[a-zA-Z0-9]*$/.test(name)) {
    throw new Error(`misformatted stats-tag '${text}' contains invalid char in '${name}'`)
  }
  if (!/^[^.]+$/.test(value)) throw new Error(`misformatted stats-tag '${text}' contains invalid char in '${value}'`)
  return { name, value }
}

/** What holds where the bootstrap has no `stats_config`. */
export function defaultStatsSettings(commandLineTags: readonly CommandLineTag[] = []): StatsSettings {
  const fixed = commandLineTags.map(({ name, value }) => createFixedExtractor(name, value))
  return {
    rejects: undefined,
    tags: new TagProducer([...createDefaultExtractors(), ...fixed]),
    bucketsOf: () => DEFAULT_BUCKETS,
  }
}

/** Makes the settings of a `stats_config`; what is wrong goes to `tools.addError` and is left out. */
export function createStatsSettings<M>(
  view: StatsConfigView<M>,
  commandLineTags: readonly CommandLineTag[],
  tools: StatsConfigTools<M>,
): StatsSettings {
  return {
    rejects: createRejects(view.statsMatcher, tools),
    tags: createTagProducer(view, commandLineTags, tools),
    bucketsOf: createBucketsOf(view.histogramBucketSettings, tools),
  }
}

/** Which names a stats_matcher does not keep; undefined where it keeps all. */
export function createRejects<M>(
  view: StatsMatcherView<M> | undefined,
  tools: Pick<StatsConfigTools<M>, 'compileMatcher'>,
): ((name: string) => boolean) | undefined {
  switch (view?.statsMatcher) {
    case undefined:
      return undefined
    case 'rejectAll':
      return view.rejectAll === true ? () => true : undefined
    case 'exclusionList': {
      const matchers = (view.exclusionList?.patterns ?? []).map(tools.compileMatcher)
      return (name) => matchers.some((matches) => matches(name))
    }
    case 'inclusionList': {
      const matchers = (view.inclusionList?.patterns ?? []).map(tools.compileMatcher)
      return (name) => !matchers.some((matches) => matches(name))
    }
  }
}

function createTagProducer<M>(
  view: StatsConfigView<M>,
  commandLineTags: readonly CommandLineTag[],
  tools: StatsConfigTools<M>,
): TagProducer {
  const configured = view.statsTags.flatMap((specifier) => createExtractors(specifier, tools))
  const names = new Set(view.statsTags.map((specifier) => specifier.tagName))
  const isOverridden = (extractor: TagExtractor) =>
    view.allowDefaultTagOverrides === true && names.has(extractor.tagName)
  return new TagProducer([
    ...(view.useAllDefaultTags === false ? [] : createDefaultExtractors()).filter((tag) => !isOverridden(tag)),
    ...commandLineTags.map(({ name, value }) => createFixedExtractor(name, value)),
    ...configured,
  ])
}

function createExtractors<M>(specifier: TagSpecifierView, tools: StatsConfigTools<M>): TagExtractor[] {
  const { tagName, tagValue, regex = '', fixedValue = '' } = specifier
  if (tagValue === 'fixedValue') return [createFixedExtractor(tagName, fixedValue)]
  if (regex === '') {
    const known = createDefaultExtractorsOf(tagName)
    if (known.length > 0) return known
    const message = `No regex specified for tag specifier and no default regex for name: '${tagName}'`
    tools.addError(specifier, 'regex', message)
    return []
  }
  try {
    return [createRegexExtractor(tagName, regex, tools.compileRegex(regex))]
  } catch (error) {
    tools.addError(specifier, 'regex', error instanceof Error ? error.message : String(error))
    return []
  }
}

function createBucketsOf<M>(
  views: readonly HistogramBucketView<M>[],
  tools: StatsConfigTools<M>,
): (histogramName: string) => readonly number[] {
  const settings = views
    .filter((view) => view.match !== undefined && view.buckets.length > 0)
    .map((view) => ({
      matches: tools.compileMatcher(view.match as M),
      bounds: [...view.buckets].sort((a, b) => a - b),
    }))
  return (name) => settings.find(({ matches }) => matches(name))?.bounds ?? DEFAULT_BUCKETS
}
