// How Envoy's transcoder prints the leaves of JSON: numbers as C's %g does, strings with more escapes than JSON needs.

/** The shortest of 15 or 17 significant digits that reads back as the same number. */
export function formatDouble(value: number): string {
  const short = formatGeneral(value, 15)
  return Number(short) === value ? short : formatGeneral(value, 17)
}

/** As formatDouble, for a 32-bit float: 6 or 9 digits. */
export function formatFloat(value: number): string {
  const short = formatGeneral(value, 6)
  return Math.fround(Number(short)) === value ? short : formatGeneral(value, 9)
}

/** `%.<precision>g` of C for finite numbers; `inf` and `nan` for others. */
function formatGeneral(value: number, precision: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf'
  if (value === 0) return Object.is(value, -0) ? '-0' : '0'
  const [mantissa, exponentText] = value.toExponential(precision - 1).split('e')
  const exponent = Number(exponentText)
  if (exponent >= -4 && exponent < precision) return withoutTrailingZeros(value.toFixed(precision - 1 - exponent))
  const sign = exponent < 0 ? '-' : '+'
  return `${withoutTrailingZeros(mantissa)}e${sign}${String(Math.abs(exponent)).padStart(2, '0')}`
}

function withoutTrailingZeros(text: string): string {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text
}

/** JSON allows these as they are; they are escaped for the sake of programs that take JSON for JavaScript. */
const escapedRanges: readonly (readonly [from: number, to: number])[] = [
  [0x00, 0x1f],
  [0x7f, 0x9f],
  [0xad, 0xad],
  [0x600, 0x603],
  [0x6dd, 0x6dd],
  [0x70f, 0x70f],
  [0x17b4, 0x17b5],
  [0x200b, 0x200f],
  [0x2028, 0x202e],
  [0x2060, 0x2064],
  [0x206a, 0x206f],
  [0xfeff, 0xfeff],
  [0xfff9, 0xfffb],
  [0x1d173, 0x1d17a],
  [0xe0001, 0xe0001],
  [0xe0020, 0xe007f],
]
const shortEscapes: Readonly<Record<string, string>> = {
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '"': '\\"',
  '\f': '\\f',
  '\b': '\\b',
  '\\': '\\\\',
  '<': '\\u003c',
  '>': '\\u003e',
}
const mayNeedEscape = /["\\<>]|[^ -~]/
const suspects = /["\\<>]|[^ -~]/gu

/** A JSON string, with quotes. */
export function quoteString(text: string): string {
  if (!mayNeedEscape.test(text)) return `"${text}"`
  return `"${text.replace(suspects, escapeCharacter)}"`
}

function escapeCharacter(character: string): string {
  const short = shortEscapes[character]
  if (short !== undefined) return short
  const code = character.codePointAt(0) ?? 0
  if (!escapedRanges.some(([from, to]) => from <= code && code <= to)) return character
  let escaped = ''
  for (let i = 0; i < character.length; i++) {
    escaped += `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`
  }
  return escaped
}
