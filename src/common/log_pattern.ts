// Log line patterns in spdlog's syntax, compiled to a function; what a line does not name is not computed for it.

export const logLevels = ['trace', 'debug', 'info', 'warning', 'error', 'critical', 'off'] as const

/** Where in the source a line is logged. */
export interface LogLocation {
  /** From the source root on, such as `src/server/server.ts`. */
  readonly file: string
  readonly line: number
  readonly functionName: string
}

export interface LogRecord {
  readonly time: Date
  /** Milliseconds since the line before. */
  readonly sincePreviousMs: number
  /** Index into logLevels. */
  readonly level: number
  readonly name: string
  readonly message: string
  /** Costs a stack trace. */
  location(): LogLocation
}

export type LogPattern = (record: LogRecord) => string

type Field = (record: LogRecord) => string

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
] as const

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}

const dayOf: Field = ({ time }) => days[time.getUTCDay()]
const monthOf: Field = ({ time }) => months[time.getUTCMonth()]
const hour12: Field = ({ time }) => pad(time.getUTCHours() % 12 || 12, 2)
const halfDay: Field = ({ time }) => (time.getUTCHours() < 12 ? 'AM' : 'PM')
const hourMinute: Field = ({ time }) => `${pad(time.getUTCHours(), 2)}:${pad(time.getUTCMinutes(), 2)}`
const clockTime: Field = ({ time }) => time.toISOString().slice(11, 19)
const shortDate: Field = ({ time }) =>
  `${pad(time.getUTCMonth() + 1, 2)}/${pad(time.getUTCDate(), 2)}/${pad(time.getUTCFullYear() % 100, 2)}`
const dateAndTime: Field = (record) => {
  const { time } = record
  return `${dayOf(record).slice(0, 3)} ${monthOf(record).slice(0, 3)} ${time.getUTCDate()} ${clockTime(record)} ${time.getUTCFullYear()}`
}
const processId: Field = () => String(process.pid)
const messageOf: Field = ({ message }) => message
const nothing: Field = () => ''

/** All times are UTC, as Envoy logs them; the letters are those that Envoy 1.40 knows. */
const fields: Readonly<Record<string, Field>> = {
  a: (record) => dayOf(record).slice(0, 3),
  A: dayOf,
  b: (record) => monthOf(record).slice(0, 3),
  h: (record) => monthOf(record).slice(0, 3),
  B: monthOf,
  c: dateAndTime,
  C: ({ time }) => pad(time.getUTCFullYear() % 100, 2),
  d: ({ time }) => pad(time.getUTCDate(), 2),
  D: shortDate,
  x: shortDate,
  e: ({ time }) => pad(time.getUTCMilliseconds(), 3),
  E: ({ time }) => String(Math.floor(time.getTime() / 1000)),
  f: ({ time }) => pad(time.getUTCMilliseconds() * 1000, 6),
  F: ({ time }) => pad(time.getUTCMilliseconds() * 1_000_000, 9),
  g: (record) => record.location().file,
  '#': (record) => String(record.location().line),
  '!': (record) => record.location().functionName,
  s: (record) => record.location().file.replace(/^.*\//, ''),
  '@': (record) => `${record.location().file}:${record.location().line}`,
  H: ({ time }) => pad(time.getUTCHours(), 2),
  I: hour12,
  i: ({ sincePreviousMs }) => String(Math.round(sincePreviousMs * 1000)),
  u: ({ sincePreviousMs }) => String(Math.round(sincePreviousMs * 1_000_000)),
  o: ({ sincePreviousMs }) => String(Math.floor(sincePreviousMs)),
  O: ({ sincePreviousMs }) => String(Math.floor(sincePreviousMs / 1000)),
  // Within a JSON text: the message without its quotes.
  j: ({ message }) => JSON.stringify(message).slice(1, -1),
  l: ({ level }) => logLevels[level],
  L: ({ level }) => logLevels[level][0].toUpperCase(),
  m: ({ time }) => pad(time.getUTCMonth() + 1, 2),
  M: ({ time }) => pad(time.getUTCMinutes(), 2),
  n: ({ name }) => name,
  p: halfDay,
  P: processId,
  t: processId,
  r: (record) => `${hour12(record)}${clockTime(record).slice(2)} ${halfDay(record)}`,
  R: hourMinute,
  S: ({ time }) => pad(time.getUTCSeconds(), 2),
  T: clockTime,
  X: clockTime,
  v: messageOf,
  '+': messageOf,
  _: ({ message }) => message.replaceAll('\n', '\\n'),
  Y: ({ time }) => pad(time.getUTCFullYear(), 4),
  z: () => '+00:00',
  '%': () => '%',
  // Colours begin and end.
  '^': nothing,
  $: nothing,
}

/** `%5l` fills on the left, `%-5l` on the right, `%=5l` on both sides; `!` behind the width cuts what is longer. */
const placeholder = /%(?:([-=]?)(\d+)(!?))?([a-zA-Z%#!@_+^$])/g

/** Letters that mean nothing stay as they are. */
export function compilePattern(pattern: string): LogPattern {
  const parts: (string | Field)[] = []
  let end = 0
  for (const match of pattern.matchAll(placeholder)) {
    const [whole, align = '', width, cut, letter] = match
    const field = fields[letter]
    if (field === undefined) continue
    parts.push(pattern.slice(end, match.index))
    parts.push(width === undefined ? field : padded(field, Number(width), align, cut === '!'))
    end = match.index + whole.length
  }
  parts.push(pattern.slice(end))
  const kept = parts.filter((part) => part !== '')
  return (record) => {
    let line = ''
    for (const part of kept) line += typeof part === 'string' ? part : part(record)
    return line
  }
}

function padded(field: Field, width: number, align: string, cut: boolean): Field {
  return (record) => {
    const text = field(record)
    const missing = width - text.length
    if (missing <= 0) return cut ? text.slice(0, width) : text
    if (align === '-') return text.padEnd(width)
    if (align === '=') return text.padStart(text.length + Math.floor(missing / 2)).padEnd(width)
    return text.padStart(width)
  }
}

/** A JSON object whose values are patterns; a string is escaped where it stands. */
export function compileJsonPattern(format: Readonly<Record<string, unknown>>): LogPattern {
  const members = Object.entries(format).map(([key, value]) => ({ key: JSON.stringify(key), value: jsonValue(value) }))
  return (record) => `{${members.map(({ key, value }) => `${key}:${value(record)}`).join(',')}}`
}

function jsonValue(value: unknown): LogPattern {
  if (typeof value === 'string') {
    // `%j` is escaped already, and nothing else that a pattern gives holds a character that JSON escapes.
    return compilePattern(JSON.stringify(value))
  }
  if (Array.isArray(value)) {
    const elements = value.map(jsonValue)
    return (record) => `[${elements.map((element) => element(record)).join(',')}]`
  }
  if (value !== null && typeof value === 'object') return compileJsonPattern(value as Record<string, unknown>)
  return () => JSON.stringify(value)
}

/** Why a JSON format cannot be used; undefined if it can. Raw messages would break the JSON. */
export function jsonPatternProblem(format: unknown): string | undefined {
  const text = JSON.stringify(format)
  for (const raw of ['%v', '%_']) {
    if (text.includes(raw)) return `Usage of ${raw} is unavailable for JSON log formats`
  }
  return undefined
}
