// Reads lengths and byte strings one after another; what is not there comes as -1 or undefined, never as an exception.

export class ByteCursor {
  readonly #data: Buffer
  #position = 0

  constructor(data: Buffer) {
    this.#data = data
  }

  get remaining(): number {
    return this.#data.length - this.#position
  }

  /** -1 at the end. */
  uint8(): number {
    return this.remaining < 1 ? -1 : this.#data[this.#position++]
  }

  /** -1 where two bytes are not left. */
  uint16(): number {
    if (this.remaining < 2) return -1
    this.#position += 2
    return this.#data.readUInt16BE(this.#position - 2)
  }

  /** So many bytes; undefined where they are not left. */
  bytes(length: number): Buffer | undefined {
    if (length < 0 || this.remaining < length) return undefined
    this.#position += length
    return this.#data.subarray(this.#position - length, this.#position)
  }

  /** Bytes behind a length of one byte. */
  vector8(): Buffer | undefined {
    return this.bytes(this.uint8())
  }

  /** Bytes behind a length of two bytes. */
  vector16(): Buffer | undefined {
    return this.bytes(this.uint16())
  }
}

/** The numbers of a list of 16-bit values; an odd byte at the end is left out. */
export function uint16List(data: Buffer): number[] {
  const numbers: number[] = []
  for (let i = 0; i + 1 < data.length; i += 2) numbers.push(data.readUInt16BE(i))
  return numbers
}
