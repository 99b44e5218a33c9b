// Scalar values from configuration text, as leniently as protobuf's JSON parser in the mode that Envoy uses.
import { describeNode, type ScalarNode } from './config_node.ts'
import type { EnumSchema, ScalarType } from './schema.ts'
import { suggest } from './suggestions.ts'

/** Either a value, or what is wrong with the text. */
export type Result<T> = { readonly value: T } | Problem
export interface Problem {
  readonly message: string
  readonly expected?: string
  readonly suggestion?: string
}

const integerRanges: Partial<Record<ScalarType, readonly [bigint, bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  sint32: [-(2n ** 31n), 2n ** 31n - 1n],
  sfixed32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  sint64: [-(2n ** 63n), 2n ** 63n - 1n],
  sfixed64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  fixed32: [0n, 2n ** 32n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
  fixed64: [0n, 2n ** 64n - 1n],
}

/** What protobuf takes for an absent value. */
export function scalarDefault(type: ScalarType): unknown {
  if (type === 'bool') return false
  if (type === 'string') return ''
  return type === 'bytes' ? new Uint8Array(0) : 0
}

/** A value of one scalar type. 64-bit integers become numbers, and may lose digits beyond 2^53. */
export function readScalar(type: ScalarType, node: ScalarNode): Result<unknown> {
  switch (type) {
    case 'string':
      if (node.json === 'string') return { value: node.text }
      return {
        message: `expected a string, got ${describeNode(node)}`,
        // As it was written: YAML's `no` and `n` arrive as booleans.
        suggestion: `"${node.source.text.slice(node.start, node.end)}"`,
      }
    case 'bool':
      return readBool(node)
    case 'bytes':
      return readBytes(node)
    case 'double':
    case 'float':
      return readDouble(node)
    default:
      return readInteger(type, node)
  }
}

const trueTexts = new Set(['true', 't', 'yes', 'y', '1'])
const falseTexts = new Set(['false', 'f', 'no', 'n', '0'])

function readBool(node: ScalarNode): Result<boolean> {
  if (node.json === 'bool') return { value: node.text === 'true' }
  const text = node.text.toLowerCase()
  if (node.json === 'string' && trueTexts.has(text)) return { value: true }
  if (node.json === 'string' && falseTexts.has(text)) return { value: false }
  return { message: `expected a boolean, got ${describeNode(node)}`, expected: 'true or false' }
}

function readBytes(node: ScalarNode): Result<Uint8Array> {
  const plain = node.text
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/={0,2}$/, '')
  if (node.json === 'string' && /^[\w+/]*$/.test(plain) && plain.length % 4 !== 1) {
    return { value: new Uint8Array(Buffer.from(plain, 'base64')) }
  }
  return { message: `expected base64 text, got ${describeNode(node)}`, expected: 'bytes in base64' }
}

const decimalFloat = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/
const hexInteger = /^[+-]?0[xX][\da-fA-F]+$/

/** The number in a JSON number or a quoted one; undefined for other text. */
function numberIn(text: string): number | undefined {
  if (decimalFloat.test(text)) return Number(text)
  if (hexInteger.test(text)) return text.startsWith('-') ? -Number(text.slice(1)) : Number(text.replace('+', ''))
  const word = text.toLowerCase().replace(/^[+-]/, '')
  const sign = text.startsWith('-') ? -1 : 1
  if (word === 'inf' || word === 'infinity') return sign * Number.POSITIVE_INFINITY
  return word === 'nan' ? Number.NaN : undefined
}

function readDouble(node: ScalarNode): Result<number> {
  const value = node.json === 'number' || node.json === 'string' ? numberIn(node.text) : undefined
  return value === undefined
    ? { message: `expected a number, got ${describeNode(node)}`, expected: 'a number' }
    : { value }
}

function readInteger(type: ScalarType, node: ScalarNode): Result<number> {
  const [low, high] = integerRanges[type]!
  const expected = `an integer from ${low} to ${high}`
  if (node.json !== 'number' && node.json !== 'string')
    return { message: `expected a number, got ${describeNode(node)}`, expected }
  let exact: bigint
  if (/^[+-]?\d+$/.test(node.text)) exact = BigInt(node.text.replace('+', ''))
  else {
    const value = numberIn(node.text)
    if (value === undefined || !Number.isFinite(value))
      return { message: `invalid number: ${describeNode(node)}`, expected }
    if (!Number.isInteger(value))
      return { message: `expected an integer, but ${node.text} has a fractional part`, expected }
    exact = BigInt(value)
  }
  if (exact < low || exact > high) return { message: `${type} out of range: ${node.text}`, expected }
  return { value: Number(exact) }
}

/** A value name in any letter case, or its number; an unknown number is kept as its digits, as protobuf's open enums do. */
export function readEnum(schema: EnumSchema, node: ScalarNode): Result<string | null> {
  if (schema.fullName === 'google.protobuf.NullValue') return { value: null }
  const name = schema.byUpperCase.get(node.text.toUpperCase())
  if (node.json === 'string' && name !== undefined) return { value: name }
  if (node.json === 'number' ? /^-?\d+(\.0*)?$/.test(node.text) : /^[+-]?\d+$/.test(node.text)) {
    const number = Number(node.text)
    return { value: schema.nameOf.get(number) ?? String(number) }
  }
  const names = schema.names.length > 12 ? `${schema.names.slice(0, 12).join(', ')}, ...` : schema.names.join(', ')
  const suggestion = node.json === 'string' ? suggest(node.text, schema.names) : undefined
  const problem = { message: `unknown enum value: ${describeNode(node)}`, expected: `one of ${names}` }
  return suggestion === undefined ? problem : { ...problem, suggestion }
}

/** The limit of protobuf's Duration; Envoy's own is what 64 bits hold in nanoseconds. */
const maxDurationSeconds = 315_576_000_000
const maxNanosecondsAsSeconds = 9_223_372_036

/** `1.5s` to milliseconds. At most nine digits of a fraction. */
export function readDurationText(node: ScalarNode): Result<number> {
  const expected = 'a duration in seconds, such as 0.25s'
  const match = node.json === 'string' ? /^(-?)(\d+)(?:\.(\d{1,9}))?s$/.exec(node.text) : null
  if (match === null) {
    const problem = { message: `invalid duration: ${describeNode(node)}`, expected }
    const suggestion = durationSuggestion(node.text)
    return suggestion === undefined ? problem : { ...problem, suggestion }
  }
  const seconds = Number(match[2])
  if (seconds > maxDurationSeconds) return { message: `duration out of range: ${node.text}`, expected }
  return durationMs(
    match[1] === '-' ? -seconds : seconds,
    Number((match[3] ?? '').padEnd(9, '0')) * (match[1] === '-' ? -1 : 1),
  )
}

/** Seconds and nanoseconds of protobuf's Duration to milliseconds; Envoy takes no negative ones anywhere. */
export function durationMs(seconds: number, nanos: number): Result<number> {
  if (seconds < 0 || nanos < 0)
    return { message: 'Invalid duration: Expected positive duration', expected: 'zero or more seconds' }
  if (seconds > maxNanosecondsAsSeconds) {
    return {
      message: 'Invalid duration: Duration out-of-range',
      expected: `at most ${maxNanosecondsAsSeconds} seconds`,
    }
  }
  return { value: seconds * 1000 + nanos / 1e6 }
}

/** What a duration in other units would be: `500ms` is `0.5s`. */
function durationSuggestion(text: string): string | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|us|m|min|h|S|sec)?$/.exec(text.trim())
  if (match === null) return undefined
  const factor = { ms: 0.001, us: 0.000001, m: 60, min: 60, h: 3600 }[match[2] ?? 's'] ?? 1
  return `${Number((Number(match[1]) * factor).toFixed(9))}s`
}

/** RFC 3339 text to milliseconds since the epoch. */
export function readTimestampText(node: ScalarNode): Result<number> {
  const ok = node.json === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(node.text)
  const value = ok ? Date.parse(node.text) : Number.NaN
  if (!Number.isNaN(value)) return { value }
  return { message: `invalid timestamp: ${describeNode(node)}`, expected: 'a time such as 2026-01-31T12:00:00Z' }
}
