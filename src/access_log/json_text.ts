// Byte strings and JSON text, as access logs write them.
//
// A byte string holds one byte in each UTF-16 unit (Latin-1), which is how header values come off the wire and how
// lines go to the file. Text from configuration is Unicode and turns into its UTF-8 bytes first.

import { isUtf8 } from 'node:buffer'
import { utf8ByteString } from '../common/string_matcher.ts'

/** The UTF-8 bytes of Unicode text, as a byte string. */
export const byteString = utf8ByteString

/** A byte string as the inside of a JSON string, with quotes around it. */
export function quoteJson(bytes: string): string {
  return `"${escapeJson(bytes)}"`
}

/**
 * Escapes a byte string for JSON as Envoy does: in valid UTF-8 control characters, quote and backslash by the shortest
 * escapes; in anything else all that is not visible ASCII, quote and backslash too, by the number of each byte.
 */
export function escapeJson(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes.charCodeAt(i)
    if (code < 0x20 || code === 0x22 || code === 0x5c || code > 0x7f) return escapeSpecial(bytes)
  }
  return bytes
}

const shortEscapes = new Map([
  [0x08, '\\b'],
  [0x09, '\\t'],
  [0x0a, '\\n'],
  [0x0c, '\\f'],
  [0x0d, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
])

function escapeSpecial(bytes: string): string {
  if (!isUtf8(Buffer.from(bytes, 'latin1'))) {
    return bytes.replace(/[^ !#-[\]-~]/g, (c) => `\\u00${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  }
  let escaped = ''
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes.charCodeAt(i)
    const plain = code >= 0x20 && code !== 0x22 && code !== 0x5c
    escaped += plain ? bytes[i] : (shortEscapes.get(code) ?? `\\u00${code.toString(16).padStart(2, '0')}`)
  }
  return escaped
}

/** A number as C++'s shortest to_chars prints a double: `1e+05`, but `23200` and `12345678901234567168`. */
export function doubleText(value: number): string {
  if (Object.is(value, -0)) return '-0'
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '"NaN"' : value < 0 ? '"-Infinity"' : '"Infinity"'
  const scientific = value.toExponential().replace(/e([+-])(\d)$/, 'e$10$2')
  const fixed = Number.isInteger(value) ? BigInt(value).toString() : String(value)
  return fixed.length <= scientific.length && !fixed.includes('e') ? fixed : scientific
}

/** A JSON value of Unicode strings as JSON in a byte string, keys in byte order. */
export function jsonText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return quoteJson(byteString(value))
    case 'number':
      return doubleText(value)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'bigint':
      return value.toString()
    case 'object':
      if (value === null) return 'null'
      if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`
      return `{${sortedEntries(value)
        .map(([key, member]) => `${quoteJson(key)}:${jsonText(member)}`)
        .join(',')}}`
    default:
      return 'null'
  }
}

/** Members by key in byte order, the keys as byte strings. */
export function sortedEntries(object: object): [key: string, member: unknown][] {
  return Object.entries(object)
    .map(([key, member]): [string, unknown] => [byteString(key), member])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

/**
 * Decoded or configured text for a text line or a header value: a control character in it could end the line, so it is
 * written as an escape. (Headers as received cannot hold any but the tab.)
 */
export function escapeControls(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    const code = bytes.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f) {
      return bytes.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
    }
  }
  return bytes
}
