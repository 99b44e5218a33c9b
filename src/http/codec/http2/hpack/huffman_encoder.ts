// Encodes strings by the Huffman code: RFC 7541 5.2.

import { codeLengths, codes } from './huffman_code.ts'

/** Bytes that a Latin-1 string takes in Huffman code. */
export function huffmanLength(text: string): number {
  let bits = 0
  for (let i = 0; i < text.length; i++) bits += codeLengths[text.charCodeAt(i) & 0xff]
  return (bits + 7) >>> 3
}

/** Writes a Latin-1 string in Huffman code at `position`, filled up with ones. Returns the position behind it. */
export function encodeHuffman(text: string, out: Uint8Array, position: number): number {
  let at = position
  /** The lowest `held` bits are not written yet: at most seven between two symbols. */
  let pending = 0
  let held = 0
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 0xff
    const code = codes[symbol]
    let bits = codeLengths[symbol]
    if (bits > 16) {
      // In two parts, so that what is pending stays below 32 bits.
      bits -= 16
      pending = (pending << bits) | (code >>> 16)
      held += bits
      while (held >= 8) {
        held -= 8
        out[at++] = pending >>> held
      }
      pending = (pending << 16) | (code & 0xffff)
      held += 16
    } else {
      pending = (pending << bits) | code
      held += bits
    }
    while (held >= 8) {
      held -= 8
      out[at++] = pending >>> held
    }
  }
  if (held > 0) out[at++] = (pending << (8 - held)) | (0xff >>> held)
  return at
}
