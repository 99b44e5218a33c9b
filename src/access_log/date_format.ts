// strftime patterns for START_TIME and its kin: compiled once, with Abseil's %E forms and Envoy's %f and %1f to %9f.

/** Formats wall-clock milliseconds (fractions count) as a byte string. */
export type DateFormat = (wallMs: number) => string

interface DateParts {
  /** The moment moved by the zone's offset, so that its UTC fields are the local ones. */
  readonly date: Date
  readonly wallMs: number
  readonly offsetMinutes: number
  readonly zone: string
}

type Part = (parts: DateParts) => string

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
]

/** Compiles a pattern of UTF-8 bytes; '' means ISO 8601 with milliseconds, as Envoy's default. */
export function compileDateFormat(pattern: string, local: boolean): DateFormat {
  if (pattern === '') return local ? localIsoFormat() : utcIsoFormat()
  const parts = parsePattern(pattern)
  return (wallMs) => {
    const broken = breakDown(wallMs, local)
    let text = ''
    for (const part of parts) text += typeof part === 'string' ? part : part(broken)
    return text
  }
}

/** `2026-11-21T07:28:51.004Z`; all but the milliseconds is kept from line to line of one second. */
function utcIsoFormat(): DateFormat {
  let second = Number.NaN
  let prefix = ''
  return (wallMs) => {
    const current = Math.floor(wallMs / 1000)
    if (current !== second) {
      second = current
      prefix = new Date(current * 1000).toISOString().slice(0, 20)
    }
    return `${prefix}${pad3(Math.floor(wallMs) - current * 1000)}Z`
  }
}

function localIsoFormat(): DateFormat {
  return (wallMs) => {
    const { date, offsetMinutes } = breakDown(wallMs, true)
    return date.toISOString().slice(0, 23) + offsetText(offsetMinutes, '')
  }
}

function breakDown(wallMs: number, local: boolean): DateParts {
  if (!local) return { date: new Date(wallMs), wallMs, offsetMinutes: 0, zone: 'UTC' }
  const instant = new Date(wallMs)
  const offsetMinutes = -instant.getTimezoneOffset()
  return { date: new Date(wallMs + offsetMinutes * 60_000), wallMs, offsetMinutes, zone: zoneName(instant) }
}

function zoneName(instant: Date): string {
  const parts = new Intl.DateTimeFormat('en-US', { timeZoneName: 'short' }).formatToParts(instant)
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? ''
}

const conversion = /%(?:([1-9])f|E(\*|[0-9]+)([Sf])|E(\*?)z|E4Y|(:{0,2})z|([-_0^#]*)([1-9][0-9]?)?([EO]?)(.))/sy

function parsePattern(pattern: string): (string | Part)[] {
  const parts: (string | Part)[] = []
  let position = 0
  while (position < pattern.length) {
    const percent = pattern.indexOf('%', position)
    if (percent < 0) break
    if (percent > position) parts.push(pattern.slice(position, percent))
    conversion.lastIndex = percent
    const match = conversion.exec(pattern)
    if (match === null) {
      position = percent
      break
    }
    parts.push(partOf(match))
    position = conversion.lastIndex
  }
  if (position < pattern.length) parts.push(pattern.slice(position))
  return parts
}

function partOf(match: RegExpExecArray): string | Part {
  const [whole, envoyDigits, digits, digitsOf, extendedZone, zoneColons, flags, width, modifier, letter] = match
  if (envoyDigits !== undefined) return fraction(Number(envoyDigits))
  if (digits !== undefined) {
    const sub = digits === '*' ? shortFraction : fraction(Number(digits))
    if (digitsOf === 'f') return sub
    return (p) => {
      const text = sub(p)
      return pad2(p.date.getUTCSeconds()) + (text === '' ? '' : `.${text}`)
    }
  }
  if (whole === '%E4Y') return (p) => String(p.date.getUTCFullYear()).padStart(4, '0')
  if (extendedZone !== undefined) return (p) => offsetText(p.offsetMinutes, ':') + (extendedZone === '*' ? ':00' : '')
  if (zoneColons !== undefined) {
    const colon = zoneColons === '' ? '' : ':'
    return (p) => offsetText(p.offsetMinutes, colon) + (zoneColons === '::' ? ':00' : '')
  }
  if (whole === '%ET') return 'T'
  const plain = plainConversions[letter]
  if (plain === undefined || (modifier === 'E' && !'cCsxXyY'.includes(letter))) return whole
  if (flags === '' && width === undefined) return plain
  if (letter === 'f') return whole
  // `#` changes the case, and these are in capitals already.
  const isLower = flags.includes('#') && (letter === 'p' || letter === 'Z')
  return (p) => {
    const text = adjusted(typeof plain === 'string' ? plain : plain(p), flags, Number(width ?? 0))
    return isLower ? text.toLowerCase() : text
  }
}

/** The flags and the width that glibc's strftime knows: `%-d` without padding, `%_d` with spaces, `%^a` in capitals. */
function adjusted(text: string, flags: string, width: number): string {
  let value = text
  const isNumber = /^[ \d]+$/.test(text)
  if (flags.includes('^') || flags.includes('#')) value = value.toUpperCase()
  if (isNumber && flags.includes('-')) return value.replace(/^[ 0]+(?=\d)/, '').padStart(width)
  if (isNumber && flags.includes('_')) value = value.replace(/^0+(?=\d)/, (zeros) => ' '.repeat(zeros.length))
  if (isNumber && flags.includes('0')) value = value.replaceAll(' ', '0')
  return value.padStart(width, isNumber && !flags.includes('_') ? '0' : ' ')
}

const plainConversions: Readonly<Record<string, string | Part>> = {
  '%': '%',
  n: '\n',
  t: '\t',
  a: (p) => days[p.date.getUTCDay()].slice(0, 3),
  A: (p) => days[p.date.getUTCDay()],
  b: (p) => months[p.date.getUTCMonth()].slice(0, 3),
  B: (p) => months[p.date.getUTCMonth()],
  h: (p) => months[p.date.getUTCMonth()].slice(0, 3),
  c: (p) =>
    `${days[p.date.getUTCDay()].slice(0, 3)} ${months[p.date.getUTCMonth()].slice(0, 3)} ` +
    `${pad2(p.date.getUTCDate(), ' ')} ${clockText(p.date)} ${p.date.getUTCFullYear()}`,
  C: (p) => pad2(Math.floor(p.date.getUTCFullYear() / 100)),
  d: (p) => pad2(p.date.getUTCDate()),
  D: (p) => slashDate(p.date),
  e: (p) => pad2(p.date.getUTCDate(), ' '),
  f: fraction(9),
  F: (p) => `${p.date.getUTCFullYear()}-${pad2(p.date.getUTCMonth() + 1)}-${pad2(p.date.getUTCDate())}`,
  g: (p) => pad2(isoWeek(p.date).year % 100),
  G: (p) => String(isoWeek(p.date).year),
  H: (p) => pad2(p.date.getUTCHours()),
  I: (p) => pad2(hour12(p.date)),
  j: (p) => pad3(dayOfYear(p.date) + 1),
  k: (p) => pad2(p.date.getUTCHours(), ' '),
  l: (p) => pad2(hour12(p.date), ' '),
  m: (p) => pad2(p.date.getUTCMonth() + 1),
  M: (p) => pad2(p.date.getUTCMinutes()),
  p: (p) => (p.date.getUTCHours() < 12 ? 'AM' : 'PM'),
  P: (p) => (p.date.getUTCHours() < 12 ? 'am' : 'pm'),
  r: (p) =>
    `${pad2(hour12(p.date))}:${pad2(p.date.getUTCMinutes())}:${pad2(p.date.getUTCSeconds())} ` +
    (p.date.getUTCHours() < 12 ? 'AM' : 'PM'),
  R: (p) => clockText(p.date).slice(0, 5),
  s: (p) => String(Math.floor(p.wallMs / 1000)),
  S: (p) => pad2(p.date.getUTCSeconds()),
  T: (p) => clockText(p.date),
  u: (p) => String(p.date.getUTCDay() || 7),
  U: (p) => pad2(Math.floor((dayOfYear(p.date) + 7 - p.date.getUTCDay()) / 7)),
  V: (p) => pad2(isoWeek(p.date).week),
  w: (p) => String(p.date.getUTCDay()),
  W: (p) => pad2(Math.floor((dayOfYear(p.date) + 7 - ((p.date.getUTCDay() + 6) % 7)) / 7)),
  x: (p) => slashDate(p.date),
  X: (p) => clockText(p.date),
  y: (p) => pad2(p.date.getUTCFullYear() % 100),
  Y: (p) => String(p.date.getUTCFullYear()),
  Z: (p) => p.zone,
}

/** The first digits of the second's fraction, nine of them known to the microsecond at best. */
function fraction(digits: number): Part {
  return (p) => nanosText(p.wallMs).padEnd(digits, '0').slice(0, digits)
}

function shortFraction(p: DateParts): string {
  return nanosText(p.wallMs).replace(/0+$/, '')
}

function nanosText(wallMs: number): string {
  // Rounded, for 4.326 ms after a large whole number is a little less in binary.
  const micros = Math.min(999_999, Math.round((wallMs - Math.floor(wallMs / 1000) * 1000) * 1000))
  return `${String(micros).padStart(6, '0')}000`
}

function offsetText(minutes: number, colon: string): string {
  const size = Math.abs(minutes)
  return `${minutes < 0 ? '-' : '+'}${pad2(Math.floor(size / 60))}${colon}${pad2(size % 60)}`
}

function clockText(date: Date): string {
  return date.toISOString().slice(11, 19)
}

function slashDate(date: Date): string {
  return `${pad2(date.getUTCMonth() + 1)}/${pad2(date.getUTCDate())}/${pad2(date.getUTCFullYear() % 100)}`
}

function hour12(date: Date): number {
  return date.getUTCHours() % 12 || 12
}

const dayMs = 86_400_000

/** Days since January 1. */
function dayOfYear(date: Date): number {
  return Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / dayMs)
}

/** ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(date: Date): { year: number; week: number } {
  const thursday = new Date(date.getTime() + (4 - (date.getUTCDay() || 7)) * dayMs)
  return { year: thursday.getUTCFullYear(), week: Math.floor(dayOfYear(thursday) / 7) + 1 }
}

function pad2(value: number, fill = '0'): string {
  return value < 10 ? fill + value : String(value)
}

function pad3(value: number): string {
  return value < 10 ? `00${value}` : value < 100 ? `0${value}` : String(value)
}
