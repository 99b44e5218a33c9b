// Makes strings of the literals in header blocks, one string for the same bytes seen again.

import { latin1Slice } from '../../../../common/latin1.ts'
import { HpackError } from './hpack_error.ts'
import { decodedLimit, decodeHuffman } from './huffman_decoder.ts'

/** Where Huffman code is decoded; a longer string gets memory for itself. */
const scratch = Buffer.allocUnsafeSlow(8 * 1024)

/** A literal's bytes as a Latin-1 string. Throws HpackError for what is no Huffman code. */
export function literalString(data: Buffer, start: number, end: number, isHuffman: boolean): string {
  if (!isHuffman) return latin1Slice(data, start, end)
  const room = decodedLimit(end - start)
  const out = room <= scratch.length ? scratch : Buffer.allocUnsafeSlow(room)
  const length = decodeHuffman(data, start, end, out)
  if (length < 0) throw new HpackError('a string that is no Huffman code')
  return latin1Slice(out, 0, length)
}

/**
 * Strings of this process by their bytes in the block, each in the one place that its hash gives it. Names and values that
 * a peer does not index come with every request (`:path`, `content-length`): to find one here takes less than half of the
 * time that decoding it takes (bench/micro/hpack.ts), and comparing it later is a comparison of pointers. Whoever sends
 * bytes that fall on the same places costs others the gain, nothing else.
 */
const places = 512
const longestBytes = 64
/** Longer ones that are no Huffman code are made faster than found. */
const longestPlainBytes = 32
const placeStrings: string[] = new Array(places).fill('')
/** Of the bytes: their count, and 128 for Huffman code. 0: the place is free. */
const placeForms = new Uint8Array(places)
const placeBytes = new Uint8Array(places * longestBytes)
/** What was last not found at each place: only a string that comes again is worth the place. */
const missedHashes = new Int32Array(places)

export function cachedLiteralString(data: Buffer, start: number, end: number, isHuffman: boolean): string {
  const length = end - start
  if (length > (isHuffman ? longestBytes : longestPlainBytes)) return literalString(data, start, end, isHuffman)
  const form = isHuffman ? length | 128 : length
  let hash = form
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ data[i], 0x01000193)
  const place = (hash ^ (hash >>> 15)) & (places - 1)
  if (placeForms[place] === form && hasBytes(place * longestBytes, data, start, end)) return placeStrings[place]
  const text = literalString(data, start, end, isHuffman)
  if (missedHashes[place] !== hash) missedHashes[place] = hash
  else {
    placeStrings[place] = text
    placeForms[place] = form
    for (let i = 0; i < length; i++) placeBytes[place * longestBytes + i] = data[start + i]
  }
  return text
}

function hasBytes(at: number, data: Buffer, start: number, end: number): boolean {
  for (let i = start, j = at; i < end; i++, j++) if (data[i] !== placeBytes[j]) return false
  return true
}
