// JSON scalars as values of protobuf fields, as leniently as Envoy's transcoder takes them: numbers in strings and back.

import type { EnumDescriptor } from './descriptors.ts'
import type { JsonScalar } from './json_reader.ts'
import { formatDouble } from './json_text.ts'

/** The scalar does not fit the field. `message` shows it as Envoy shows it in its complaint. */
export class ScalarError extends Error {}

/** The scalar as complaints show it. */
export function showScalar(scalar: JsonScalar): string {
  switch (scalar.kind) {
    case 'string':
      return `"${scalar.text}"`
    case 'integer':
      return scalar.text
    case 'double':
      return formatDouble(scalar.value)
    case 'bool':
      return String(scalar.value)
    case 'null':
      return 'null'
  }
}

function refuse(scalar: JsonScalar): never {
  throw new ScalarError(showScalar(scalar))
}

const digits = /^[+-]?\d+$/

/** An integer of so many bits. */
export function toInteger(scalar: JsonScalar, bits: 32 | 64, signed: boolean): bigint {
  const value = integerOf(scalar)
  if (value === undefined) return refuse(scalar)
  if (!signed && scalar.kind === 'string' && scalar.text.startsWith('-')) return refuse(scalar)
  const fits = (signed ? BigInt.asIntN(bits, value) : BigInt.asUintN(bits, value)) === value
  return fits ? value : refuse(scalar)
}

export function toInt32(scalar: JsonScalar): number {
  // The common case needs no 64-bit arithmetic.
  if (scalar.kind === 'integer' && scalar.text.length < 10) return Number(scalar.text)
  return Number(toInteger(scalar, 32, true))
}

export function toUint32(scalar: JsonScalar): number {
  return Number(toInteger(scalar, 32, false))
}

function integerOf(scalar: JsonScalar): bigint | undefined {
  switch (scalar.kind) {
    case 'integer':
      return BigInt(scalar.text)
    case 'double':
      return Number.isInteger(scalar.value) ? BigInt(scalar.value) : undefined
    case 'string':
      return digits.test(scalar.text) ? BigInt(scalar.text.replace('+', '')) : undefined
    default:
      return undefined
  }
}

const decimal = /^[ \t\n\v\f\r]*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?[\t\n\v\f\r]*$/
const maxFloat = 3.4028234663852886e38

export function toDouble(scalar: JsonScalar): number {
  const special = specialNumber(scalar)
  if (special !== undefined) return special
  switch (scalar.kind) {
    case 'double':
      return scalar.value
    case 'integer':
      return Number(scalar.text)
    case 'string': {
      const value = decimalOf(scalar.text)
      return value !== undefined && Number.isFinite(value) ? value : refuse(scalar)
    }
    default:
      return refuse(scalar)
  }
}

export function toFloat(scalar: JsonScalar): number {
  const special = specialNumber(scalar)
  if (special !== undefined) return special
  switch (scalar.kind) {
    case 'double':
      // What rounds to the largest float is one.
      return Number.isFinite(Math.fround(scalar.value)) ? scalar.value : refuse(scalar)
    case 'integer':
      return Number(scalar.text)
    case 'string': {
      const value = decimalOf(scalar.text)
      return value !== undefined && Math.abs(value) <= maxFloat ? value : refuse(scalar)
    }
    default:
      return refuse(scalar)
  }
}

function specialNumber(scalar: JsonScalar): number | undefined {
  if (scalar.kind !== 'string') return undefined
  if (scalar.text === 'NaN') return Number.NaN
  if (scalar.text === 'Infinity') return Number.POSITIVE_INFINITY
  return scalar.text === '-Infinity' ? Number.NEGATIVE_INFINITY : undefined
}

function decimalOf(text: string): number | undefined {
  if (/^ | $/.test(text) || !decimal.test(text)) return undefined
  return Number(text)
}

export function toBool(scalar: JsonScalar): boolean {
  if (scalar.kind === 'bool') return scalar.value
  if (scalar.kind !== 'string') return refuse(scalar)
  switch (scalar.text.toLowerCase()) {
    case 'true':
    case 't':
    case 'yes':
    case 'y':
    case '1':
      return true
    case 'false':
    case 'f':
    case 'no':
    case 'n':
    case '0':
      return false
    default:
      return refuse(scalar)
  }
}

export function toText(scalar: JsonScalar): string {
  return scalar.kind === 'string' ? scalar.text : refuse(scalar)
}

/** Base64, plain or for URLs, padded or not. */
export function toBytes(scalar: JsonScalar): Buffer {
  if (scalar.kind !== 'string') return refuse(scalar)
  const text = scalar.text.replace(/[ \t\n\v\f\r]+/g, '')
  const plain = text.replace(/[=.]+$/, '')
  const padding = text.length - plain.length
  const isWellFormed =
    (/^[A-Za-z0-9+/]*$/.test(plain) || /^[A-Za-z0-9_-]*$/.test(plain)) &&
    plain.length % 4 !== 1 &&
    (padding === 0 || (plain.length + padding) % 4 === 0)
  return isWellFormed ? Buffer.from(plain, 'base64') : refuse(scalar)
}

/** The number of an enum value: by name, by number, or by number in a string where the enum has it. */
export function toEnum(scalar: JsonScalar, type: EnumDescriptor, caseInsensitive: boolean): number {
  if (scalar.kind === 'null') return 0
  if (scalar.kind !== 'string') return toInt32(scalar)
  const byName = type.numberOf.get(scalar.text)
  if (byName !== undefined) return byName
  const number = integerOf(scalar)
  if (number !== undefined && type.nameOf.has(Number(number))) return Number(number)
  const normalized = caseInsensitive ? type.numberOf.get(scalar.text.toUpperCase().replaceAll('-', '_')) : undefined
  return normalized ?? refuse(scalar)
}
