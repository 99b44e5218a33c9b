// Compiles `rate_limits` of virtual hosts, routes and filters.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { parseFormat } from '../../access_log/format_parser.ts'
import { FormatError } from '../../access_log/formatter.ts'
import { unansweredContext } from '../../access_log/formatter_context.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { DescriptorEntry, RateLimitDescriptor, RateLimitEntry, RateLimitedRequest } from '../../http/rate_limit.ts'
import type { ServerContext } from '../../upstream/server_context.ts'
import { compileLimitOverride, type ReadLimit } from './limit_override.ts'
import { compileRateLimitAction, type RateLimitAction } from './rate_limit_action.ts'

type RateLimitView = envoy.config.route.v3.RateLimit
type HitsAddendView = envoy.config.route.v3.RateLimit.HitsAddend

/** Undefined where the request has no such number. */
type ReadHits = (request: RateLimitedRequest) => number | undefined

const mostHits = 1_000_000_000

/** Those of routes and virtual hosts, where a request always counts for one. What is wrong goes to `context.errors`. */
export function compileRateLimits(views: readonly RateLimitView[], context: ServerContext): readonly RateLimitEntry[] {
  const effect = "has no effect here: only rate_limits of a filter, or of a route's settings of it, read it"
  for (const view of views)
    if (view.hitsAddend !== undefined) context.errors.warn(view, 'hitsAddend', `hits_addend ${effect}`)
  return views.map((view) => new CompiledRateLimit({ ...view, hitsAddend: undefined }, context))
}

/** Those of a filter itself, where nothing tells stages apart. */
export function compileFilterRateLimits(
  views: readonly RateLimitView[],
  context: ServerContext,
): readonly RateLimitEntry[] {
  for (const view of views) {
    if (view.stage === undefined && view.disableKey === '') continue
    const field = view.stage === undefined ? 'disableKey' : 'stage'
    context.errors.add(view, field, "'stage' field and 'disable_key' field are not supported")
  }
  return views.map((view) => new CompiledRateLimit(view, context))
}

class CompiledRateLimit implements RateLimitEntry {
  readonly stage: number
  readonly disableKey: string
  readonly applyOnStreamDone: boolean
  readonly #actions: readonly RateLimitAction[]
  readonly #readHits: ReadHits | undefined
  readonly #isNegativeHits: boolean
  readonly #readLimit: ReadLimit | undefined
  readonly #xRatelimitOption: RateLimitDescriptor['xRatelimitOption']

  constructor(view: RateLimitView, context: ServerContext) {
    this.stage = view.stage ?? 0
    this.disableKey = view.disableKey
    this.applyOnStreamDone = view.applyOnStreamDone
    this.#actions = view.actions.map((action) => compileRateLimitAction(action, context))
    this.#readHits = view.hitsAddend === undefined ? undefined : compileHits(view.hitsAddend, context.errors)
    this.#isNegativeHits = view.hitsAddend?.isNegativeHits ?? false
    this.#readLimit = view.limit === undefined ? undefined : compileLimitOverride(view.limit)
    this.#xRatelimitOption = view.xRatelimitOption
  }

  describe(request: RateLimitedRequest): RateLimitDescriptor | undefined {
    const entries: DescriptorEntry[] = []
    for (const action of this.#actions) {
      const entry = action(request)
      if (entry === undefined) return undefined
      if (entry !== 'skipped') entries.push(entry)
    }
    const hitsAddend = this.#readHits?.(request)
    if (this.#readHits !== undefined && hitsAddend === undefined) return undefined
    return {
      entries,
      limit: this.#readLimit?.(request),
      hitsAddend,
      isNegativeHits: this.#isNegativeHits,
      xRatelimitOption: this.#xRatelimitOption,
    }
  }
}

function compileHits(view: HitsAddendView, errors: ConfigErrors): ReadHits {
  const { number, format } = view
  if ((number === undefined) === (format === ''))
    errors.add(view, undefined, 'hits_addend must contain either a format or a number')
  if (format === '') return () => number
  try {
    const pieces = parseFormat(format)
    const [operator] = pieces
    if (pieces.length === 1 && typeof operator !== 'string') {
      return ({ headers, streamInfo }) => hitsOf(operator.text(unansweredContext(streamInfo, headers)))
    }
    errors.add(view, 'format', 'hits_addend format must contain exactly one substitution')
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    errors.add(view, 'format', error.message)
  }
  return () => undefined
}

/** Fractions are cut off. */
function hitsOf(text: string | undefined): number | undefined {
  if (text === undefined || !/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(text)) return undefined
  const number = Number(text)
  return number >= 0 && number <= mostHits ? Math.trunc(number) : undefined
}
