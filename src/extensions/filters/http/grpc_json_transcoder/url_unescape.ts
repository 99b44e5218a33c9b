// Percent-decoding of path segments and query parameters, by `url_unescape_spec`.

export type UrlUnescapeSpec = 'ALL_CHARACTERS_EXCEPT_RESERVED' | 'ALL_CHARACTERS_EXCEPT_SLASH' | 'ALL_CHARACTERS'

/** RFC 6570's reserved characters. */
const reserved = "!#$&'()*+,/:;=?@[]"
const escapes = /%([0-9A-Fa-f]{2})/g

/** Byte string in, byte string out; what is no escape stays as it is. */
export function urlUnescape(text: string, spec: UrlUnescapeSpec): string {
  if (!text.includes('%')) return text
  return text.replace(escapes, (sequence, digits: string) => {
    const char = String.fromCharCode(Number.parseInt(digits, 16))
    if (spec === 'ALL_CHARACTERS_EXCEPT_RESERVED' && reserved.includes(char)) return sequence
    return spec === 'ALL_CHARACTERS_EXCEPT_SLASH' && char === '/' ? sequence : char
  })
}

/** The value of a query parameter; with `plusIsSpace` as HTML forms send it. */
export function queryUnescape(text: string, plusIsSpace: boolean): string {
  return urlUnescape(plusIsSpace ? text.replaceAll('+', ' ') : text, 'ALL_CHARACTERS')
}
