// What a session's cookie holds, in Envoy's form: a protobuf message of the host's address (1) and when it expires (2).

import { isUtf8 } from 'node:buffer'

export interface SessionCookie {
  /** `address:port`. */
  readonly address: string
  /** Seconds since the epoch; 0 for never. */
  readonly expires: number
}

const addressTag = 0x0a
const expiresTag = 0x10

export function encodeSessionCookie({ address, expires }: SessionCookie): Buffer {
  const text = Buffer.from(address)
  const bytes = [addressTag, ...varint(text.length), ...text]
  return Buffer.from(expires === 0 ? bytes : [...bytes, expiresTag, ...varint(expires)])
}

function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  return [...bytes, rest]
}

/** Undefined where the bytes are no such message. Fields that nobody knows are read over. */
export function decodeSessionCookie(bytes: Buffer): SessionCookie | undefined {
  const reader = new WireReader(bytes)
  let address = ''
  let expires = 0
  while (!reader.isAtEnd) {
    const tag = reader.varint()
    if (tag === undefined || tag < 8) return undefined
    if (tag === addressTag) {
      const text = reader.bytes(reader.varint())
      if (text === undefined || !isUtf8(text)) return undefined
      address = text.toString()
    } else if (tag === expiresTag) {
      const value = reader.varint()
      if (value === undefined) return undefined
      expires = value
    } else if (!reader.skip(tag % 8)) return undefined
  }
  return { address, expires }
}

/** Each gives undefined where there are not so many bytes. */
class WireReader {
  readonly #data: Buffer
  #at = 0

  constructor(data: Buffer) {
    this.#data = data
  }

  get isAtEnd(): boolean {
    return this.#at === this.#data.length
  }

  varint(): number | undefined {
    let value = 0
    for (let scale = 1, count = 0; count < 10 && this.#at < this.#data.length; count++, scale *= 0x80) {
      const byte = this.#data[this.#at++]
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    return undefined
  }

  bytes(length: number | undefined): Buffer | undefined {
    if (length === undefined || this.#at + length > this.#data.length) return undefined
    this.#at += length
    return this.#data.subarray(this.#at - length, this.#at)
  }

  skip(wireType: number): boolean {
    if (wireType === 0) return this.varint() !== undefined
    if (wireType === 1) return this.bytes(8) !== undefined
    if (wireType === 5) return this.bytes(4) !== undefined
    return wireType === 2 && this.bytes(this.varint()) !== undefined
  }
}
