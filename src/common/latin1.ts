// Bytes as text, one character a byte: how HTTP/1 heads are read and written (RFC 9110 5.5 calls the upper half obs-text).

/** Characters of `data` from `start` to `end`. */
export function latin1Slice(data: Buffer, start: number, end: number): string {
  return data.toString('latin1', start, end)
}

/** The same text with memory of its own: V8 lets a slice of a text keep the whole of it alive. */
export function flatCopy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1')
}

const beyondAscii = /[^\x00-\x7f]/

export function isAscii(text: string): boolean {
  return !beyondAscii.test(text)
}

/** The Unicode text that such bytes are the UTF-8 of. */
export function decodeUtf8(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8')
}

/** The UTF-8 of Unicode text, as such bytes. */
export function encodeUtf8(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1')
}
