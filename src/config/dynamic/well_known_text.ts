// Timestamps, durations and field masks from and to the strings that stand for them in JSON.

import { snakeCase } from '../names.ts'
import { ScalarError } from './json_scalars.ts'

export interface SecondsNanos {
  readonly seconds: bigint
  readonly nanos: number
}

const maxTimestamp = 253402300799n
const minTimestamp = -62135596800n
const maxDuration = 315576000000n

/** RFC 3339 with a zone. Throws ScalarError, with Envoy's words. */
export function parseTimestamp(text: string): SecondsNanos {
  const zone = /(Z|[+-]\d\d:\d\d)$/.exec(text)?.[0]
  const offset = zone === undefined ? undefined : zoneSeconds(zone)
  if (zone === undefined || offset === undefined)
    throw new ScalarError("Illegal timestamp format; timestamps must end with 'Z' or have a valid timezone offset.")
  const [time, fraction] = splitFraction(text.slice(0, -zone.length))
  const match = /^\s*(\d{1,4})-(\d{1,2})-(\d{1,2})T(\d{1,2}):(\d{1,2}):(\d{1,2})\s*$/.exec(time)
  if (match === null) throw new ScalarError('Invalid time format: Failed to parse input')
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number)
  // 60 is a leap second, which counts as the first of the next minute.
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60)
    throw new ScalarError('Invalid time format: Failed to parse input')
  if (day > new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate())
    throw new ScalarError('Invalid time format: Out-of-range field')
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  date.setUTCHours(hour, minute, second)
  const nanos = parseNanos(
    fraction,
    'Invalid time format, failed to parse nano seconds',
    'Timestamp value exceeds limits',
  )
  const seconds = BigInt(date.getTime() / 1000 - offset)
  if (seconds > maxTimestamp || seconds < minTimestamp) throw new ScalarError('Timestamp value exceeds limits')
  return { seconds, nanos }
}

function zoneSeconds(zone: string): number | undefined {
  if (zone === 'Z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(4))
  if (hours >= 24 || minutes >= 60) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60
}

/** Seconds with an `s` behind them. Throws ScalarError, with Envoy's words. */
export function parseDuration(text: string): SecondsNanos {
  if (!text.endsWith('s')) throw new ScalarError("Illegal duration format; duration must end with 's'")
  const negative = text.startsWith('-')
  const [whole, fraction] = splitFraction(text.slice(negative ? 1 : 0, -1))
  if (!/^\+?\d+$/.test(whole) || BigInt(whole.replace('+', '')) > 0xffff_ffff_ffff_ffffn)
    throw new ScalarError('Invalid duration format, failed to parse seconds')
  const nanos = parseNanos(
    fraction,
    'Invalid duration format, failed to parse nano seconds',
    'Duration value exceeds limits',
  )
  const seconds = BigInt(whole.replace('+', ''))
  if (seconds > maxDuration) throw new ScalarError('Duration value exceeds limits')
  return negative ? { seconds: -seconds, nanos: -nanos } : { seconds, nanos }
}

function splitFraction(text: string): [whole: string, fraction: string] {
  const dot = text.lastIndexOf('.')
  return dot < 0 ? [text, ''] : [text.slice(0, dot), text.slice(dot + 1)]
}

function parseNanos(fraction: string, malformed: string, exceeded: string): number {
  if (!/^\d*$/.test(fraction)) throw new ScalarError(malformed)
  const significant = fraction.replace(/^0+/, '')
  if (significant === '') return 0
  if (significant.length > 10 || Number(significant) > 0x7fffffff) throw new ScalarError(malformed)
  if (fraction.length > 9) throw new ScalarError(exceeded)
  return Number(fraction.padEnd(9, '0'))
}

/** The paths of a mask, with underscores: `fooBar,baz(a,b)` is foo_bar, baz.a and baz.b. */
export function parseFieldMask(text: string): string[] {
  const paths: string[] = []
  const prefixes: string[] = []
  let start = 0
  for (let at = 0; at <= text.length; at++) {
    const char = text[at]
    if (char !== undefined && char !== ',' && char !== '(' && char !== ')') continue
    const segment = text.slice(start, at)
    const prefix = prefixes.at(-1) ?? ''
    const path = prefix === '' ? segment : segment === '' ? prefix : `${prefix}.${segment}`
    if (char === '(') prefixes.push(path)
    else if (segment !== '') paths.push(snakeCase(path))
    if (char === ')' && prefixes.pop() === undefined)
      throw new ScalarError(`Invalid FieldMask '${text}'. Cannot find matching '(' for all ')'.`)
    start = at + 1
  }
  if (prefixes.length > 0) throw new ScalarError(`Invalid FieldMask '${text}'. Cannot find matching ')' for all '('.`)
  return paths
}

/** A value that has no text. The message is Envoy's. */
export class PrintError extends Error {
  /** The value is an Any of a type that nobody has declared. */
  readonly isUnknownType: boolean

  constructor(message: string, isUnknownType = false) {
    super(message)
    this.isUnknownType = isUnknownType
  }
}

export function formatTimestamp({ seconds, nanos }: SecondsNanos): string {
  if (seconds < minTimestamp) throw new PrintError('minimum acceptable time value is 0001-01-01T00:00:00Z')
  if (seconds > maxTimestamp) throw new PrintError('maximum acceptable time value is 9999-12-31T23:59:59Z')
  if (nanos < 0 || nanos > 999999999) throw new PrintError('nanos must be in range [0, +999,999,999]')
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  return `${whole}${fractionText(nanos)}Z`
}

export function formatDuration({ seconds, nanos }: SecondsNanos): string {
  if (seconds > maxDuration || seconds < -maxDuration || Math.abs(nanos) > 999999999)
    throw new PrintError('duration out of range')
  if (seconds !== 0n && nanos !== 0 && seconds < 0n !== nanos < 0)
    throw new PrintError('nanos and seconds signs do not match')
  const sign = seconds < 0n || nanos < 0 ? '-' : ''
  return `${sign}${seconds < 0n ? -seconds : seconds}${fractionText(Math.abs(nanos))}s`
}

/** Three, six or nine digits behind a point; nothing for zero. */
function fractionText(nanos: number): string {
  if (nanos === 0) return ''
  const digits = String(nanos).padStart(9, '0')
  return `.${digits.replace(/(000){1,2}$/, '')}`
}

/** Paths with underscores to lowerCamelCase, joined. */
export function formatFieldMask(paths: readonly string[]): string {
  return paths.map((path) => path.replace(/_+([a-z])/g, (_, letter: string) => letter.toUpperCase())).join(',')
}
