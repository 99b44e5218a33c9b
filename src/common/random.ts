// Chance, where nobody must be kept from guessing it.

/** Whole, from 0 on, below 2^32. */
export function randomUint32(): number {
  return Math.floor(Math.random() * 2 ** 32)
}
