// Reads values of google.protobuf's well-known types (all but Any) from configuration text.
import { type ConfigNode, describeNode, isNull, type MapNode } from './config_node.ts'
import {
  durationMs,
  type Problem,
  type Result,
  readDurationText,
  readScalar,
  readTimestampText,
  scalarDefault,
} from './scalars.ts'
import type { MessageSchema, ScalarType } from './schema.ts'
import type { SourceSpan } from './view_origin.ts'

/** A value, or what is wrong and, where it is not the whole node, which part. */
export type LocatedResult = { readonly value: unknown } | (Problem & { readonly at?: SourceSpan })

export function readWellKnown(schema: MessageSchema, node: ConfigNode): LocatedResult {
  switch (schema.wellKnown) {
    case 'value':
      return { value: toJson(node) }
    case 'struct':
      return node.kind === 'map' ? { value: toJson(node) } : isNull(node) ? { value: {} } : mismatch('a map', node)
    case 'listValue':
      return node.kind === 'list' ? { value: toJson(node) } : isNull(node) ? { value: [] } : mismatch('a list', node)
    case 'empty':
      return node.kind === 'map' || isNull(node) ? { value: {} } : mismatch('a map', node)
    case 'fieldMask':
      if (isNull(node)) return { value: '' }
      return node.kind === 'scalar' && node.json === 'string' ? { value: node.text } : mismatch('a string', node)
    case 'wrapper':
      return readWrapped(schema.wrapped!, node)
    default:
      return readTime(schema.wellKnown === 'duration' ? 'duration' : 'timestamp', node)
  }
}

function mismatch(expected: string, node: ConfigNode): Problem {
  return { message: `expected ${expected}, got ${describeNode(node)}`, expected }
}

/** Besides the bare value Envoy takes `{value: 4}`. */
function readWrapped(scalar: ScalarType, node: ConfigNode): LocatedResult {
  let inner: ConfigNode | undefined = node
  if (node.kind === 'map') {
    const parts = readParts(node, ['value'])
    if (!Array.isArray(parts)) return parts
    inner = parts[0]
  }
  if (inner === undefined || isNull(inner)) return { value: scalarDefault(scalar) }
  return inner.kind === 'scalar' ? readScalar(scalar, inner) : { ...mismatch(`a single ${scalar}`, inner), at: inner }
}

function readTime(kind: 'duration' | 'timestamp', node: ConfigNode): LocatedResult {
  if (node.kind === 'list') return mismatch(`a ${kind}`, node)
  if (isNull(node)) return { value: 0 }
  if (node.kind === 'scalar') return kind === 'duration' ? readDurationText(node) : readTimestampText(node)
  const parts = readParts(node, ['seconds', 'nanos'])
  if (!Array.isArray(parts)) return parts
  const seconds = readNumber('int64', parts[0])
  if (!('value' in seconds)) return seconds
  const nanos = readNumber('int32', parts[1])
  if (!('value' in nanos)) return nanos
  if (kind === 'duration') return durationMs(seconds.value, nanos.value)
  return { value: seconds.value * 1000 + nanos.value / 1e6 }
}

function readNumber(type: ScalarType, node: ConfigNode | undefined): Result<number> {
  if (node === undefined || isNull(node)) return { value: 0 }
  return node.kind === 'scalar' ? (readScalar(type, node) as Result<number>) : mismatch('a number', node)
}

/** The values of a well-known type that is written as a map of its fields. */
function readParts(node: MapNode, names: string[]): (ConfigNode | undefined)[] | (Problem & { at: SourceSpan }) {
  const stranger = node.entries.find((entry) => !names.includes(entry.key))
  if (stranger !== undefined) {
    const at = { source: node.source, start: stranger.keyStart, end: stranger.keyEnd }
    return { message: `unknown field '${stranger.key}'`, expected: names.join(' or '), at }
  }
  return names.map((name) => node.entries.find((entry) => entry.key === name)?.value)
}

/** Plain JSON, as google.protobuf.Struct holds it: all numbers are doubles. */
export function toJson(node: ConfigNode): unknown {
  if (node.kind === 'list') return node.items.map(toJson)
  if (node.kind === 'map') {
    const result: Record<string, unknown> = {}
    for (const entry of node.entries) setOwn(result, entry.key, toJson(entry.value))
    return result
  }
  if (node.json === 'string') return node.text
  if (node.json === 'number') return Number(node.text)
  return node.json === 'null' ? null : node.text === 'true'
}

/** Sets an own property, even one called `__proto__`. */
export function setOwn(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key !== '__proto__') target[key] = value
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}
