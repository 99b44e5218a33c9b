// Hashes that Envoy uses to spread requests over hosts; the same input must give the same number as there.
//
// Numbers of 64 bits stand as two signed halves of 32 (which V8 keeps without allocating), and operations leave theirs in
// `high` and `low`. (The plain form, BigInt with a mask, takes six times as long: a ring of a thousand points would hold a
// worker up for milliseconds.)

let high = 0
let low = 0

function set(h: number, l: number): void {
  high = h
  low = l
}

function multiply(ah: number, al: number, bh: number, bl: number): void {
  const a0 = al & 0xffff
  const a1 = al >>> 16
  const b0 = bl & 0xffff
  const b1 = bl >>> 16
  const least = a0 * b0
  const middle = a1 * b0 + (least >>> 16)
  const other = a0 * b1 + (middle & 0xffff)
  high = (a1 * b1 + (middle >>> 16) + (other >>> 16) + Math.imul(ah, bl) + Math.imul(al, bh)) | 0
  low = (other << 16) | (least & 0xffff)
}

function add(ah: number, al: number, bh: number, bl: number): void {
  low = (al + bl) | 0
  high = (ah + bh + (low >>> 0 < al >>> 0 ? 1 : 0)) | 0
}

/** By 1 to 31 bits. */
function rotateLeft(bits: number): void {
  const h = high
  high = (h << bits) | (low >>> (32 - bits))
  low = (low << bits) | (h >>> (32 - bits))
}

/** value ^= value >> bits, of 1 to 63 bits. */
function xorShiftRight(bits: number): void {
  if (bits >= 32) low ^= high >>> (bits - 32)
  else {
    low ^= (low >>> bits) | (high << (32 - bits))
    high ^= high >>> bits
  }
}

/** The input, read as little-endian words: the machines that Node runs on are. */
let bytes = new Uint8Array(1024)
let words = new Int32Array(bytes.buffer)

/** Copies the input; returns its length. */
function load(data: string | Uint8Array): number {
  const { length } = data
  if (length > bytes.length) {
    bytes = new Uint8Array((length * 2 + 7) & ~7)
    words = new Int32Array(bytes.buffer)
  }
  if (typeof data !== 'string') bytes.set(data)
  else for (let i = 0; i < length; i++) bytes[i] = data.charCodeAt(i)
  return length
}

const result = new BigUint64Array(1)
const resultHalves = new Int32Array(result.buffer)

function finished(): bigint {
  resultHalves[0] = low
  resultHalves[1] = high
  return result[0]
}

// ---- XXH64 ---------------------------------------------------------------------------------------------------------

const p1h = 0x9e37_79b1 | 0
const p1l = 0x85eb_ca87 | 0
const p2h = 0xc2b2_ae3d | 0
const p2l = 0x27d4_eb4f | 0
const p3h = 0x1656_67b1 | 0
const p3l = 0x9e37_79f9 | 0
const p4h = 0x85eb_ca77 | 0
const p4l = 0xc2b2_ae63 | 0
const p5h = 0x27d4_eb2f | 0
const p5l = 0x1656_67c5 | 0

/** rotate(accumulator + input * P2, 31) * P1 */
function round(accumulatorHigh: number, accumulatorLow: number, inputHigh: number, inputLow: number): void {
  multiply(inputHigh, inputLow, p2h, p2l)
  add(high, low, accumulatorHigh, accumulatorLow)
  rotateLeft(31)
  multiply(high, low, p1h, p1l)
}

/** The four accumulators, lower halves first. */
const accumulators = new Int32Array(8)

/** Takes in whole stripes of 32 bytes; returns how many bytes those are. */
function stripes(length: number, seedHigh: number, seedLow: number): number {
  const v = accumulators
  const keep = (i: number): void => {
    v[i] = low
    v[i + 1] = high
  }
  add(seedHigh, seedLow, p1h, p1l)
  add(high, low, p2h, p2l)
  keep(0)
  add(seedHigh, seedLow, p2h, p2l)
  keep(2)
  set(seedHigh, seedLow)
  keep(4)
  // Minus P1.
  add(seedHigh, seedLow, ~p1h, -p1l)
  keep(6)
  let word = 0
  for (let left = length; left >= 32; left -= 32) {
    for (let i = 0; i < 8; i += 2, word += 2) {
      round(v[i + 1], v[i], words[word + 1], words[word])
      keep(i)
    }
  }
  mergeAccumulators()
  return word * 4
}

const rotations = [1, 7, 12, 18]

function mergeAccumulators(): void {
  const v = accumulators
  let h = 0
  let l = 0
  for (let i = 0; i < 4; i++) {
    set(v[2 * i + 1], v[2 * i])
    rotateLeft(rotations[i])
    add(high, low, h, l)
    h = high
    l = low
  }
  for (let i = 0; i < 8; i += 2) {
    round(0, 0, v[i + 1], v[i])
    multiply(h ^ high, l ^ low, p1h, p1l)
    add(high, low, p4h, p4l)
    h = high
    l = low
  }
}

/** XXH64 of the bytes (a string is Latin-1). */
export function xxHash64(data: string | Uint8Array, seed = 0n): bigint {
  const length = load(data)
  result[0] = seed
  const seedLow = resultHalves[0]
  const seedHigh = resultHalves[1]
  let p = 0
  if (length >= 32) p = stripes(length, seedHigh, seedLow)
  else add(seedHigh, seedLow, p5h, p5l)
  add(high, low, 0, length)
  for (; p + 8 <= length; p += 8) {
    const h = high
    const l = low
    round(0, 0, words[(p >> 2) + 1], words[p >> 2])
    set(h ^ high, l ^ low)
    rotateLeft(27)
    multiply(high, low, p1h, p1l)
    add(high, low, p4h, p4l)
  }
  if (p + 4 <= length) {
    const h = high
    const l = low
    multiply(0, words[p >> 2], p1h, p1l)
    set(h ^ high, l ^ low)
    rotateLeft(23)
    multiply(high, low, p2h, p2l)
    add(high, low, p3h, p3l)
    p += 4
  }
  for (; p < length; p++) {
    const h = high
    const l = low
    multiply(0, bytes[p], p5h, p5l)
    set(h ^ high, l ^ low)
    rotateLeft(11)
    multiply(high, low, p1h, p1l)
  }
  xorShiftRight(33)
  multiply(high, low, p2h, p2l)
  xorShiftRight(29)
  multiply(high, low, p3h, p3l)
  xorShiftRight(32)
  return finished()
}

// ---- MurmurHash64A -------------------------------------------------------------------------------------------------

const murmurHigh = 0xc6a4_a793 | 0
const murmurLow = 0x5bd1_e995 | 0
const murmurSeed = 0xc70f_6907 | 0

/** MurmurHash64A with the seed of libstdc++'s std::hash, which Envoy uses for MURMUR_HASH_2 (a string is Latin-1). */
export function murmurHash2(data: string | Uint8Array): bigint {
  const length = load(data)
  multiply(0, length, murmurHigh, murmurLow)
  let h = high
  let l = low ^ murmurSeed
  let p = 0
  for (; p + 8 <= length; p += 8) {
    multiply(words[(p >> 2) + 1], words[p >> 2], murmurHigh, murmurLow)
    xorShiftRight(47)
    multiply(high, low, murmurHigh, murmurLow)
    multiply(h ^ high, l ^ low, murmurHigh, murmurLow)
    h = high
    l = low
  }
  if (p < length) {
    for (let i = length; i < p + 8; i++) bytes[i] = 0
    multiply(h ^ words[(p >> 2) + 1], l ^ words[p >> 2], murmurHigh, murmurLow)
    h = high
    l = low
  }
  set(h, l)
  xorShiftRight(47)
  multiply(high, low, murmurHigh, murmurLow)
  xorShiftRight(47)
  return finished()
}
