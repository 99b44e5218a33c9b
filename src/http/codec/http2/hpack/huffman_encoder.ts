// Encodes strings by the Huffman code: RFC 7541 5.2.

import { codeLengths, codes } from './huffman_code.ts'

/** Codes of up to 16 bits with their length above them, 0 for longer ones: those of all characters that are usual. */
const shortCodes = new Int32Array(256)
for (let symbol = 0; symbol < 256; symbol++) {
  if (codeLengths[symbol] <= 16) shortCodes[symbol] = (codeLengths[symbol] << 16) | codes[symbol]
}

/** Bytes that `data` takes in Huffman code from `start` to `end`. */
export function huffmanLength(data: Uint8Array, start: number, end: number): number {
  let bits = 0
  for (let i = start; i < end; i++) bits += codeLengths[data[i]]
  return (bits + 7) >>> 3
}

/**
 * Writes a Latin-1 text in Huffman code to `out` at `position`. Returns the position behind it, or -1 where a character has
 * a long code, with any bytes written so far. To have the bytes of a text takes longer than reading its characters, if it is
 * short (bench/micro/hpack.ts).
 */
export function encodeShortText(text: string, out: Uint8Array, position: number): number {
  let at = position
  /** The lowest `held` bits are not written yet: at most fifteen between two symbols. */
  let pending = 0
  let held = 0
  for (let i = 0; i < text.length; i++) {
    const entry = shortCodes[text.charCodeAt(i) & 0xff]
    if (entry === 0) return -1
    const bits = entry >> 16
    pending = (pending << bits) | (entry & 0xffff)
    held += bits
    if (held >= 16) {
      held -= 16
      out[at] = pending >> (held + 8)
      out[at + 1] = pending >> held
      at += 2
    }
  }
  return writeRest(pending, held, out, at)
}

/** Writes any bytes, from `start` to `end`, in Huffman code to `out` at `position`. Returns the position behind them. */
export function encodeHuffman(data: Uint8Array, start: number, end: number, out: Uint8Array, position: number): number {
  let at = position
  let pending = 0
  let held = 0
  for (let i = start; i < end; i++) {
    let bits = codeLengths[data[i]]
    let code = codes[data[i]]
    if (bits > 16) {
      // In two parts, so that what is pending stays below 32 bits.
      bits -= 16
      pending = (pending << bits) | (code >>> 16)
      held += bits
      if (held >= 16) {
        held -= 16
        out[at] = pending >> (held + 8)
        out[at + 1] = pending >> held
        at += 2
      }
      code &= 0xffff
      bits = 16
    }
    pending = (pending << bits) | code
    held += bits
    if (held >= 16) {
      held -= 16
      out[at] = pending >> (held + 8)
      out[at + 1] = pending >> held
      at += 2
    }
  }
  return writeRest(pending, held, out, at)
}

/** What is left, filled up with ones. */
function writeRest(pending: number, held: number, out: Uint8Array, position: number): number {
  let at = position
  let bits = held
  if (bits >= 8) {
    bits -= 8
    out[at++] = pending >> bits
  }
  if (bits > 0) out[at++] = (pending << (8 - bits)) | (0xff >> bits)
  return at
}
