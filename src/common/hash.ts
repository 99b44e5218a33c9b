// Hashes that Envoy uses to spread requests over hosts; the same input must give the same number as there.

const mask = 0xffff_ffff_ffff_ffffn
const prime1 = 0x9e37_79b1_85eb_ca87n
const prime2 = 0xc2b2_ae3d_27d4_eb4fn
const prime3 = 0x1656_67b1_9e37_79f9n
const prime4 = 0x85eb_ca77_c2b2_ae63n
const prime5 = 0x27d4_eb2f_1656_67c5n

function rotateLeft(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (64n - bits))) & mask
}

function round(accumulator: bigint, input: bigint): bigint {
  return (rotateLeft((accumulator + input * prime2) & mask, 31n) * prime1) & mask
}

function mergeRound(hash: bigint, accumulator: bigint): bigint {
  return ((hash ^ round(0n, accumulator)) * prime1 + prime4) & mask
}

const murmurPrime = 0xc6a4_a793_5bd1_e995n
const murmurSeed = 0xc70f_6907n

function shiftMix(value: bigint): bigint {
  return value ^ (value >> 47n)
}

/** MurmurHash64A with the seed of libstdc++'s std::hash, which Envoy uses for MURMUR_HASH_2 (a string is Latin-1). */
export function murmurHash2(data: string | Uint8Array, seed = murmurSeed): bigint {
  const bytes =
    typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data.buffer, data.byteOffset, data.length)
  const length = bytes.length
  let hash = seed ^ ((BigInt(length) * murmurPrime) & mask)
  let p = 0
  for (; p + 8 <= length; p += 8) {
    const word = (shiftMix((bytes.readBigUInt64LE(p) * murmurPrime) & mask) * murmurPrime) & mask
    hash = ((hash ^ word) * murmurPrime) & mask
  }
  if (p < length) {
    let rest = 0n
    for (let i = length - 1; i >= p; i--) rest = (rest << 8n) | BigInt(bytes[i])
    hash = ((hash ^ rest) * murmurPrime) & mask
  }
  hash = (shiftMix(hash) * murmurPrime) & mask
  return shiftMix(hash)
}

/** XXH64 of the bytes (a string is Latin-1). */
export function xxHash64(data: string | Uint8Array, seed = 0n): bigint {
  const bytes =
    typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data.buffer, data.byteOffset, data.length)
  const length = bytes.length
  let p = 0
  let hash: bigint
  if (length >= 32) {
    let v1 = (seed + prime1 + prime2) & mask
    let v2 = (seed + prime2) & mask
    let v3 = seed & mask
    let v4 = (seed - prime1) & mask
    for (; p + 32 <= length; p += 32) {
      v1 = round(v1, bytes.readBigUInt64LE(p))
      v2 = round(v2, bytes.readBigUInt64LE(p + 8))
      v3 = round(v3, bytes.readBigUInt64LE(p + 16))
      v4 = round(v4, bytes.readBigUInt64LE(p + 24))
    }
    hash = (rotateLeft(v1, 1n) + rotateLeft(v2, 7n) + rotateLeft(v3, 12n) + rotateLeft(v4, 18n)) & mask
    hash = mergeRound(mergeRound(mergeRound(mergeRound(hash, v1), v2), v3), v4)
  } else hash = (seed + prime5) & mask
  hash = (hash + BigInt(length)) & mask
  for (; p + 8 <= length; p += 8) {
    hash = (rotateLeft(hash ^ round(0n, bytes.readBigUInt64LE(p)), 27n) * prime1 + prime4) & mask
  }
  if (p + 4 <= length) {
    hash = (rotateLeft(hash ^ ((BigInt(bytes.readUInt32LE(p)) * prime1) & mask), 23n) * prime2 + prime3) & mask
    p += 4
  }
  for (; p < length; p++) hash = (rotateLeft(hash ^ ((BigInt(bytes[p]) * prime5) & mask), 11n) * prime1) & mask
  hash = ((hash ^ (hash >> 33n)) * prime2) & mask
  hash = ((hash ^ (hash >> 29n)) * prime3) & mask
  return hash ^ (hash >> 32n)
}
