// Operators of metadata and filter state.

import { filterStateField, filterStateText, isFilterStateObject } from '../../stream_info/filter_state.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { FormatterContext, Metadata } from '../formatter_context.ts'
import { byteString, jsonText, quoteJson } from '../json_text.ts'
import { metadataAtPath } from '../metadata_matcher.ts'
import { decodedTextOperator, FormatError, type Operator, type OperatorSpec, valueOperator } from '../operator.ts'

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
        const value = kind === 'PLAIN' ? filterStateText(object) : filterStateField(object, field ?? '')
        return value === undefined ? undefined : byteString(value)
      }, maxLength)
    },
  }
}

function typedState(lookUp: (ctx: FormatterContext) => unknown, maxLength: number | undefined): Operator {
  const json = (ctx: FormatterContext): string | undefined => {
    const object = lookUp(ctx)
    if (isFilterStateObject(object) && object.serializeAsJson !== undefined) return jsonText(object.serializeAsJson())
    const plain = filterStateText(object)
    return plain === undefined ? undefined : quoteJson(byteString(plain))
  }
  return { text: maxLength === undefined ? json : (ctx) => json(ctx)?.slice(0, maxLength), json }
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
