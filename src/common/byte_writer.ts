// Memory that grows with what is written to it, used again for each message.

/**
 * Writers ask for room once and then write to `bytes` directly, moving `length`. What is written stays until the next one
 * begins: whoever wants it later copies it.
 */
export class ByteWriter {
  bytes: Buffer
  length = 0
  readonly #keptBytes: number

  /** It may grow beyond `keptBytes`, until the next clear(). */
  constructor(keptBytes: number) {
    this.bytes = Buffer.allocUnsafeSlow(keptBytes)
    this.#keptBytes = keptBytes
  }

  clear(): void {
    this.length = 0
    if (this.bytes.length > this.#keptBytes) this.bytes = Buffer.allocUnsafeSlow(this.#keptBytes)
  }

  /** Makes room for so many bytes behind those that are there; `bytes` may be another buffer afterwards. */
  reserve(byteCount: number): void {
    const wanted = this.length + byteCount
    if (wanted <= this.bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(wanted, this.bytes.length * 2))
    this.bytes.copy(larger, 0, 0, this.length)
    this.bytes = larger
  }
}
