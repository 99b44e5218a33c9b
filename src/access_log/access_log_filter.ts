// Access log filters: each configured one becomes a function that says whether a line is written.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { ExtensionFactory, ExtensionRegistry } from '../config/registry.ts'
import { denominators, type Runtime } from '../config/runtime.ts'
import { responseFlagNames } from '../stream_info/response_flags.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { FormatterContext } from './formatter_context.ts'
import { compileHeaderMatcher } from './header_matcher.ts'
import { compileMetadataMatcher } from './metadata_matcher.ts'
import { grpcStatusOf } from './operators/grpc_operators.ts'
import { durationMs } from './operators/time_operators.ts'

type FilterView = envoy.config.accesslog.v3.AccessLogFilter

export type AccessLogFilter = (ctx: FormatterContext) => boolean

/** What filters are built from; every server context has it. */
export interface AccessLogFilterContext {
  readonly registry: ExtensionRegistry
  readonly runtime: Runtime
  /** Errors of the configuration go here, and building goes on. */
  readonly errors: ConfigErrors
}

/** Category `envoy.access_loggers.extension_filters`. */
export interface AccessLogFilterFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.access_loggers.extension_filters'
  createFilter(config: Config, context: AccessLogFilterContext): AccessLogFilter
}

/** Compiles one filter. What is wrong goes to `context.errors`, and the filter then lets nothing pass. */
export function compileAccessLogFilter(view: FilterView, context: AccessLogFilterContext): AccessLogFilter {
  switch (view.filterSpecifier) {
    case 'statusCodeFilter':
      return comparison(view.statusCodeFilter?.comparison, context, (ctx) => ctx.streamInfo.responseCode)
    case 'durationFilter':
      return comparison(view.durationFilter?.comparison, context, (ctx) => durationMs(ctx.streamInfo))
    case 'notHealthCheckFilter':
      return (ctx) => !ctx.streamInfo.healthCheck
    case 'traceableFilter':
      // A stream is traced from the moment when a tracer has given it an id.
      return (ctx) => ctx.streamInfo.traceId !== '' && !ctx.streamInfo.healthCheck
    case 'runtimeFilter':
      return runtimeFilter(view.runtimeFilter!, context)
    case 'andFilter':
      return allOf(view.andFilter!.filters.map((filter) => compileAccessLogFilter(filter, context)))
    case 'orFilter':
      return anyOf(view.orFilter!.filters.map((filter) => compileAccessLogFilter(filter, context)))
    case 'headerFilter':
      return headerFilter(view.headerFilter!, context)
    case 'responseFlagFilter':
      return responseFlagFilter(view.responseFlagFilter!.flags)
    case 'grpcStatusFilter':
      return grpcStatusFilter(view.grpcStatusFilter!)
    case 'metadataFilter':
      return metadataFilter(view.metadataFilter!, context)
    case 'logTypeFilter':
      return logTypeFilter(view.logTypeFilter!)
    case 'extensionFilter':
      return extensionFilter(view.extensionFilter!, context)
    default:
      context.errors.add(view, undefined, 'filter_specifier is required')
      return never
  }
}

const never: AccessLogFilter = () => false

function comparison(
  view: envoy.config.accesslog.v3.ComparisonFilter | undefined,
  context: AccessLogFilterContext,
  read: (ctx: FormatterContext) => number,
): AccessLogFilter {
  if (view?.value === undefined) return never
  const limit = context.runtime.uint32(view.value)
  switch (view.op) {
    case 'GE':
      return (ctx) => read(ctx) >= limit()
    case 'LE':
      return (ctx) => read(ctx) <= limit()
    case 'NE':
      return (ctx) => read(ctx) !== limit()
    default:
      return (ctx) => read(ctx) === limit()
  }
}

function runtimeFilter(
  view: envoy.config.accesslog.v3.RuntimeFilter,
  context: AccessLogFilterContext,
): AccessLogFilter {
  const { numerator, denominator } = view.percentSampled ?? { numerator: 0, denominator: 'HUNDRED' }
  // Unlike elsewhere the runtime value is a whole number in the configured denominator.
  const limit = context.runtime.uint32({ defaultValue: numerator, runtimeKey: view.runtimeKey })
  const buckets = denominators[denominator]
  const sampled = (random: number): boolean => random % buckets < limit()
  if (view.useIndependentRandomness) return () => sampled(independentRandom())
  return (ctx) => sampled(requestIdNumber(ctx.streamInfo) ?? independentRandom())
}

/**
 * The first eight hexadecimal digits of the request id: every proxy on a request's way draws the same number from it, so
 * that all log the same requests. Undefined where the id is not a UUID.
 */
export function requestIdNumber(info: StreamInfo): number | undefined {
  if (info.requestId.length !== 36) return undefined
  const number = Number.parseInt(info.requestId.slice(0, 8), 16)
  return Number.isNaN(number) ? undefined : number
}

function independentRandom(): number {
  return Math.floor(Math.random() * 0x1_0000_0000)
}

function allOf(filters: readonly AccessLogFilter[]): AccessLogFilter {
  return (ctx) => {
    for (const filter of filters) if (!filter(ctx)) return false
    return true
  }
}

function anyOf(filters: readonly AccessLogFilter[]): AccessLogFilter {
  return (ctx) => {
    for (const filter of filters) if (filter(ctx)) return true
    return false
  }
}

function headerFilter(view: envoy.config.accesslog.v3.HeaderFilter, context: AccessLogFilterContext): AccessLogFilter {
  if (view.header === undefined) return never
  const matches = compileHeaderMatcher(view.header, context.errors)
  return (ctx) => matches(ctx.requestHeaders)
}

/** No flags named: any flag passes. */
function responseFlagFilter(flags: readonly string[]): AccessLogFilter {
  let bits = 0
  for (const [bit, short] of responseFlagNames) if (flags.length === 0 || flags.includes(short)) bits |= bit
  return (ctx) => (ctx.streamInfo.responseFlags & bits) !== 0
}

const grpcStatusNumbers: Readonly<Record<string, number>> = {
  OK: 0,
  CANCELED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
}

/** Requests that are not gRPC count by the status their HTTP code stands for. */
function grpcStatusFilter(view: envoy.config.accesslog.v3.GrpcStatusFilter): AccessLogFilter {
  const wanted = new Set(view.statuses.map((status) => grpcStatusNumbers[status]))
  return (ctx) => wanted.has(grpcStatusOf(ctx) ?? grpcStatusNumbers.UNKNOWN) !== view.exclude
}

function metadataFilter(
  view: envoy.config.accesslog.v3.MetadataFilter,
  context: AccessLogFilterContext,
): AccessLogFilter {
  const matchIfKeyNotFound = view.matchIfKeyNotFound ?? true
  if (view.matcher === undefined) return () => matchIfKeyNotFound
  const matches = compileMetadataMatcher(view.matcher, context.errors)
  return (ctx) => matches(ctx.streamInfo.dynamicMetadata) ?? matchIfKeyNotFound
}

function logTypeFilter(view: envoy.config.accesslog.v3.LogTypeFilter): AccessLogFilter {
  const types: ReadonlySet<string> = new Set(view.types)
  return (ctx) => types.has(ctx.accessLogType) !== view.exclude
}

function extensionFilter(
  view: envoy.config.accesslog.v3.ExtensionFilter,
  context: AccessLogFilterContext,
): AccessLogFilter {
  const category = 'envoy.access_loggers.extension_filters'
  const factory = context.registry.lookup<AccessLogFilterFactory>(category, view, context.errors)
  return factory?.createFilter(view.typedConfig?.value, context) ?? never
}
