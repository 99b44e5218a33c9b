// Operators of metadata and filter state.

import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { FormatterContext, Metadata } from '../formatter_context.ts'
import { byteString, jsonText, quoteJson } from '../json_text.ts'
import { metadataAtPath } from '../metadata_matcher.ts'
import { decodedTextOperator, FormatError, type Operator, type OperatorSpec, valueOperator } from '../operator.ts'

/** What an object in the filter state may offer to logs. Strings and numbers stand there as they are. */
export interface FilterStateObject {
  serializeAsString?(): string | undefined
  /** JSON for TYPED; without it the string is used. */
  serializeAsJson?(): unknown
  getField?(name: string): string | number | undefined
}

type MetadataOf = (ctx: FormatterContext) => Metadata | undefined

const metadataKinds = new Map<string, MetadataOf>([
  ['DYNAMIC', (ctx) => ctx.streamInfo.dynamicMetadata],
  ['CLUSTER', (ctx) => ctx.streamInfo.upstreamCluster?.metadata],
  ['UPSTREAM_HOST', (ctx) => ctx.streamInfo.upstream?.host?.metadata],
  ['ROUTE', (ctx) => ctx.routeMetadata],
  ['VIRTUAL_HOST', (ctx) => ctx.virtualHostMetadata],
  ['LISTENER', (ctx) => ctx.listenerMetadata],
  ['LISTENER_FILTER_CHAIN', () => undefined],
])

function metadataOperator(of: MetadataOf, path: string, maxLength: number | undefined): Operator {
  const keys = path.split(':')
  return valueOperator((ctx) => metadataAtPath(of(ctx), keys), maxLength)
}

function ofKind(kind: string, length: boolean): OperatorSpec {
  const of = metadataKinds.get(kind)
  return {
    argument: 'required',
    length,
    make: (argument, maxLength) => metadataOperator(of ?? (() => undefined), argument, maxLength),
  }
}

/** METADATA(KIND:namespace:key...). */
const metadata: OperatorSpec = {
  argument: 'optional',
  length: true,
  make: (argument, maxLength) => {
    const colon = argument.indexOf(':')
    const kind = colon < 0 ? argument : argument.slice(0, colon)
    const of = metadataKinds.get(kind)
    if (of === undefined) throw new FormatError(`${kind} is not supported type of metadata`)
    return metadataOperator(of, colon < 0 ? '' : argument.slice(colon + 1), maxLength)
  },
}

/** FILTER_STATE(key:PLAIN|TYPED|FIELD:field); TYPED is meant where nothing is said. */
function filterState(lookUp: (info: StreamInfo, key: string) => unknown): OperatorSpec {
  return {
    argument: 'optional',
    length: true,
    make: (argument, maxLength) => {
      const [key, kind = 'TYPED', field] = argument.split(':')
      if (key === '') throw new FormatError('Invalid filter state configuration, key cannot be empty.')
      if (!['PLAIN', 'TYPED', 'FIELD'].includes(kind)) {
        throw new FormatError('Invalid filter state serialize type, only support PLAIN/TYPED/FIELD.')
      }
      if ((kind === 'FIELD') !== (field !== undefined && field !== '')) {
        throw new FormatError('Invalid filter state serialize type, FIELD should be used with the field name.')
      }
      if (kind === 'TYPED') return typedState((ctx) => lookUp(ctx.streamInfo, key), maxLength)
      return decodedTextOperator((ctx) => {
        const object = lookUp(ctx.streamInfo, key)
        const value = kind === 'PLAIN' ? plainState(object) : fieldOf(object, field ?? '')
        return value === undefined ? undefined : byteString(value)
      }, maxLength)
    },
  }
}

function typedState(lookUp: (ctx: FormatterContext) => unknown, maxLength: number | undefined): Operator {
  const json = (ctx: FormatterContext): string | undefined => {
    const object = lookUp(ctx)
    if (isFilterStateObject(object) && object.serializeAsJson !== undefined) return jsonText(object.serializeAsJson())
    const plain = plainState(object)
    return plain === undefined ? undefined : quoteJson(byteString(plain))
  }
  return { text: maxLength === undefined ? json : (ctx) => json(ctx)?.slice(0, maxLength), json }
}

function plainState(object: unknown): string | undefined {
  if (typeof object === 'string') return object
  if (typeof object === 'number' || typeof object === 'boolean' || typeof object === 'bigint') return String(object)
  return isFilterStateObject(object) ? object.serializeAsString?.() : undefined
}

function fieldOf(object: unknown, field: string): string | undefined {
  const value = isFilterStateObject(object) ? object.getField?.(field) : undefined
  return value === undefined ? undefined : String(value)
}

function isFilterStateObject(object: unknown): object is FilterStateObject {
  return typeof object === 'object' && object !== null
}

export const metadataOperators: readonly (readonly [string, OperatorSpec])[] = [
  ['DYNAMIC_METADATA', ofKind('DYNAMIC', true)],
  ['CLUSTER_METADATA', ofKind('CLUSTER', false)],
  ['UPSTREAM_METADATA', ofKind('UPSTREAM_HOST', false)],
  ['METADATA', metadata],
  ['FILTER_STATE', filterState((info, key) => info.filterState.get(key))],
  // Filters of the upstream side keep no state of their own here.
  ['UPSTREAM_FILTER_STATE', filterState(() => undefined)],
]
