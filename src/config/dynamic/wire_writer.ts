// Writes protobuf's wire format field by field, in the order of the calls.

export const WireType = { Varint: 0, Fixed64: 1, Delimited: 2, StartGroup: 3, EndGroup: 4, Fixed32: 5 } as const

const initialBytes = 256

/** A growing buffer of encoded fields. */
export class WireWriter {
  #buffer = Buffer.allocUnsafe(initialBytes)
  #length = 0

  get length(): number {
    return this.#length
  }

  /** A copy of what was written. */
  finish(): Buffer {
    return Buffer.from(this.#buffer.subarray(0, this.#length))
  }

  tag(field: number, wireType: number): void {
    this.#varint((field * 8 + wireType) >>> 0)
  }

  /** 0 up to 2^32 - 1. */
  #varint(value: number): void {
    this.#reserve(5)
    while (value > 0x7f) {
      this.#buffer[this.#length++] = (value & 0x7f) | 0x80
      value >>>= 7
    }
    this.#buffer[this.#length++] = value
  }

  uint32(value: number): void {
    this.#varint(value >>> 0)
  }

  /** Negative numbers take ten bytes, as all of their 64 bits are written. */
  int32(value: number): void {
    if (value < 0) this.varint64(BigInt(value))
    else this.#varint(value)
  }

  sint32(value: number): void {
    this.#varint(((value << 1) ^ (value >> 31)) >>> 0)
  }

  varint64(value: bigint): void {
    let rest = BigInt.asUintN(64, value)
    this.#reserve(10)
    while (rest > 0x7fn) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80
      rest >>= 7n
    }
    this.#buffer[this.#length++] = Number(rest)
  }

  sint64(value: bigint): void {
    this.varint64((value << 1n) ^ (value >> 63n))
  }

  fixed32(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeUInt32LE(value >>> 0, this.#length)
  }

  fixed64(value: bigint): void {
    this.#reserve(8)
    this.#length = this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), this.#length)
  }

  float(value: number): void {
    this.#reserve(4)
    this.#length = this.#buffer.writeFloatLE(value, this.#length)
  }

  double(value: number): void {
    this.#reserve(8)
    this.#length = this.#buffer.writeDoubleLE(value, this.#length)
  }

  /** Length and bytes. */
  bytes(data: Uint8Array): void {
    this.#varint(data.length)
    this.raw(data)
  }

  /** Length and bytes of a byte string (one character a byte). */
  byteString(text: string): void {
    this.#varint(text.length)
    this.#reserve(text.length)
    this.#buffer.write(text, this.#length, 'latin1')
    this.#length += text.length
  }

  raw(data: Uint8Array): void {
    this.#reserve(data.length)
    this.#buffer.set(data, this.#length)
    this.#length += data.length
  }

  /** Puts the length of what was written since `start` in front of it. */
  insertLength(start: number): void {
    const size = this.#length - start
    this.#varint(size)
    const width = this.#length - start - size
    const prefix = Buffer.from(this.#buffer.subarray(this.#length - width, this.#length))
    this.#buffer.copyWithin(start + width, start, start + size)
    this.#buffer.set(prefix, start)
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#length + bytes))
    this.#buffer.copy(grown, 0, 0, this.#length)
    this.#buffer = grown
  }
}
