/** Log-linear histogram bins as Envoy's libcircllhist has them: two significant decimal digits for each power of ten. */

/** Digits 10 to 99 of one power of ten. */
export const BINS_PER_BLOCK = 90
/** Powers of ten kept: values up to 9.9e15, beyond the largest integer a double holds exactly. */
export const BLOCK_LIMIT = 16
/** Values below this find their bin in a table. */
export const TABLE_LIMIT = 1000
/** Bits of a packed bin that hold its place in the block; the power of ten is above them. */
export const BLOCK_SHIFT = 7
export const BIN_MASK = (1 << BLOCK_SHIFT) - 1

/** Packed bin (power of ten above BLOCK_SHIFT, place in the block below) of each integer 1 to 999. Entry 0 is unused. */
export const PACKED_BINS = new Uint16Array(TABLE_LIMIT)
for (let value = 1; value < TABLE_LIMIT; value++) PACKED_BINS[value] = computePackedBin(value)

/** Packed bin of an integer of at least 1; what is beyond the last bin counts there. */
export function packedBin(value: number): number {
  return value < TABLE_LIMIT ? PACKED_BINS[value] : computePackedBin(value)
}

function computePackedBin(value: number): number {
  if (value < 10) return value * 10 - 10
  let power = 1
  let scaled = value
  while (scaled >= 100) {
    power++
    if (power === BLOCK_LIMIT) return ((BLOCK_LIMIT - 1) << BLOCK_SHIFT) | (BINS_PER_BLOCK - 1)
    scaled = Math.floor(scaled / 10)
  }
  return (power << BLOCK_SHIFT) | (scaled - 10)
}

/** Least value of the bin at `place` (0 to 89) of power of ten `power`, with libcircllhist's own rounding of it. */
export function binLeft(power: number, place: number): number {
  return ((place + 10) / 10) * 10 ** power
}

/** Width of the bins of one power of ten. */
export function binWidth(power: number): number {
  return 10 ** power / 10
}
