// Decodes Huffman strings a byte at a time: RFC 7541 5.2.

import { codeLengths, codes, endOfString } from './huffman_code.ts'

/**
 * The state between two bytes is the node of the code's tree that the bits so far lead to; node 0 is the root. An entry
 * for each state and byte holds what the byte's eight bits do:
 *
 *     bits 0-7    the next state
 *     bits 8-9    how many symbols the bits complete: at most two, since no code is shorter than five bits
 *     bit  10     the end-of-string symbol was among them, which is an error
 *     bits 11-18  the first symbol
 *     bits 19-26  the second symbol
 *
 * The plain form, a walk of the tree by single bits, takes more than ten times as long (bench/micro/hpack.ts).
 */
let transitions: Int32Array | undefined
/** For each state: whether a string may end in it, that is after a whole symbol and up to seven ones. */
let mayEnd: Uint8Array | undefined

const failure = 1 << 10

/** Bytes that `encodedBytes` of Huffman code may become, and the room that the decoder wants behind them. */
export function decodedLimit(encodedBytes: number): number {
  return ((encodedBytes * 8) / 5 + 2) | 0
}

/**
 * Decodes `data` from `start` to `end` into `out`, which has room for decodedLimit() bytes. Returns how many there are, -1
 * for what is no Huffman string: the end-of-string symbol, or padding that is longer than seven bits or not of ones.
 */
export function decodeHuffman(data: Uint8Array, start: number, end: number, out: Uint8Array): number {
  const table = transitions ?? buildTables()
  let state = 0
  let seen = 0
  let length = 0
  for (let i = start; i < end; i++) {
    const entry = table[(state << 8) | data[i]]
    // Both are written, wanted or not, since a branch costs more.
    out[length] = entry >>> 11
    out[length + 1] = entry >>> 19
    length += (entry >>> 8) & 3
    state = entry & 0xff
    seen |= entry
  }
  return (seen & failure) === 0 && (mayEnd as Uint8Array)[state] === 1 ? length : -1
}

/** Made when first used: most processes that speak no HTTP/2 start without them. */
function buildTables(): Int32Array {
  const tree = buildTree()
  const nibbles = new Int32Array(256 * 16)
  for (let state = 0; state < 256; state++) {
    for (let nibble = 0; nibble < 16; nibble++) nibbles[(state << 4) | nibble] = walk(tree, state, nibble)
  }
  const table = new Int32Array(256 * 256)
  for (let state = 0; state < 256; state++) {
    for (let high = 0; high < 16; high++) {
      const first = nibbles[(state << 4) | high]
      for (let low = 0; low < 16; low++) {
        table[(state << 8) | (high << 4) | low] = joined(first, nibbles[((first & 0xff) << 4) | low])
      }
    }
  }
  mayEnd = new Uint8Array(256)
  let node = 0
  for (let ones = 0; ones <= 7; ones++) {
    mayEnd[node] = 1
    node = tree[node * 2 + 1]
  }
  transitions = table
  return table
}

/** Two children for each inner node: another node, or the symbol s as ~s. */
function buildTree(): Int16Array {
  const tree = new Int16Array(256 * 2)
  let nodes = 1
  for (let symbol = 0; symbol <= endOfString; symbol++) {
    let node = 0
    for (let bit = codeLengths[symbol] - 1; bit > 0; bit--) {
      const at = node * 2 + ((codes[symbol] >>> bit) & 1)
      if (tree[at] === 0) tree[at] = nodes++
      node = tree[at]
    }
    tree[node * 2 + (codes[symbol] & 1)] = ~symbol
  }
  return tree
}

/** The entry of four bits, which complete one symbol at most. */
function walk(tree: Int16Array, state: number, nibble: number): number {
  let node = state
  let entry = 0
  for (let bit = 3; bit >= 0; bit--) {
    node = tree[node * 2 + ((nibble >>> bit) & 1)]
    if (node >= 0) continue
    const symbol = ~node
    entry = symbol === endOfString ? failure : (1 << 8) | (symbol << 11)
    node = 0
  }
  return entry | node
}

function joined(first: number, second: number): number {
  const firstCount = (first >>> 8) & 3
  const secondCount = (second >>> 8) & 3
  const symbol = (second >>> 11) & 0xff
  const symbols = firstCount === 0 ? symbol << 11 : (first & (0xff << 11)) | (symbol << 19)
  return (second & 0xff) | ((firstCount + secondCount) << 8) | ((first | second) & failure) | symbols
}
