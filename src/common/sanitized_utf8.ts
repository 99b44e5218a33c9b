// Bytes that ought to be UTF-8 and may be anything, as text.

const replacement = 0x21

/** UTF-8 text in which each byte that belongs to no character has become `!`, as in Envoy. */
export function sanitizedUtf8(bytes: Buffer): string {
  const clean = Buffer.from(bytes)
  let i = 0
  while (i < clean.length) {
    const length = characterLength(clean, i)
    if (length === 0) clean[i++] = replacement
    else i += length
  }
  return clean.toString('utf8')
}

/** Bytes of the well-formed character at a position (Unicode, table 3-7); 0 where there is none. */
function characterLength(bytes: Buffer, at: number): number {
  const first = bytes[at]
  if (first < 0x80) return 1
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) return 0
  const second = bytes[at + 1]
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < lowest || second > highest) return 0
  for (let i = at + 2; i < at + length; i++) if (bytes[i] >>> 6 !== 2) return 0
  return length
}

/** A byte string (one UTF-16 unit a byte, as headers are kept) as text, by the same rule. */
export function textOfByteString(bytes: string): string {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes.charCodeAt(i) > 0x7f) return sanitizedUtf8(Buffer.from(bytes, 'latin1'))
  }
  return bytes
}
