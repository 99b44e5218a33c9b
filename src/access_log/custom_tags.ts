// Custom tags: values that a configuration has an entry of a log named by.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { compileFormat, type Formatter } from './formatter.ts'
import type { FormatterContext, Metadata } from './formatter_context.ts'
import { byteString, jsonText } from './json_text.ts'
import { compileAt } from './substitution_format.ts'

type CustomTagView = envoy.type.tracing.v3.CustomTag
type MetadataTag = envoy.type.tracing.v3.CustomTag.Metadata

type Read = (ctx: FormatterContext) => string | undefined

export interface CustomTag {
  readonly name: string
  /** A byte string; undefined where the entry goes without the tag. */
  readonly read: Read
}

/** What is wrong goes to `errors`. */
export function compileCustomTags(views: readonly CustomTagView[], errors: ConfigErrors): CustomTag[] {
  return views.map((view) => ({ name: view.tag, read: reader(view, errors) }))
}

function reader(view: CustomTagView, errors: ConfigErrors): Read {
  switch (view.type) {
    case 'literal':
      return constant(view.literal?.value)
    case 'environment':
      return constant(process.env[view.environment?.name ?? ''] ?? view.environment?.defaultValue)
    case 'requestHeader': {
      const name = view.requestHeader?.name.toLowerCase() ?? ''
      const absent = present(view.requestHeader?.defaultValue)
      return ({ requestHeaders }) => requestHeaders?.get(name) || absent
    }
    case 'metadata':
      return metadataReader(view.metadata!, errors)
    case 'value': {
      const compile = (): Formatter => compileFormat(view.value ?? '', { omitEmptyValues: true })
      const formatter = compileAt(view, 'value', errors, compile)
      return (ctx) => formatter?.format(ctx) || undefined
    }
    default:
      errors.add(view, undefined, `custom tag '${view.tag}' has no type`)
      return () => undefined
  }
}

function constant(text: string | undefined): Read {
  const value = present(text)
  return () => value
}

/** Configured text as a byte string; none where it is empty. */
function present(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : byteString(text)
}

function metadataReader({ kind, metadataKey, defaultValue }: MetadataTag, errors: ConfigErrors): Read {
  const of = metadataOf(kind?.kind)
  const key = metadataKey?.key ?? ''
  const steps = metadataKey?.path.map((segment) => segment.key ?? '') ?? []
  if (kind !== undefined && of === undefined) errors.add(kind, undefined, 'Unsupported metadata kind')
  const absent = present(defaultValue)
  return (ctx) => metadataText(valueAt(of?.(ctx)?.[key], steps)) ?? absent
}

function metadataOf(kind: string | undefined): ((ctx: FormatterContext) => Metadata | undefined) | undefined {
  switch (kind) {
    case 'request':
      return (ctx) => ctx.streamInfo.dynamicMetadata
    case 'route':
      return (ctx) => ctx.routeMetadata
    case 'cluster':
      return (ctx) => ctx.streamInfo.upstreamCluster?.metadata
    case 'host':
      return (ctx) => ctx.streamInfo.upstream?.host?.metadata
    default:
      return undefined
  }
}

function valueAt(start: unknown, steps: readonly string[]): unknown {
  let value = start
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined
    value = (value as Record<string, unknown>)[step]
  }
  return value
}

/** Text as it is, anything else as JSON would have it; undefined for nothing. */
function metadataText(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  return typeof value === 'string' ? byteString(value) : jsonText(value)
}
