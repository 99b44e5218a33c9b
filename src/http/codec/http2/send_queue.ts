// Data of one stream that waits for the peer's flow control window.

/** Plain fields on the hot path; `bytes` is for reading only. */
export class SendQueue {
  readonly #buffers: Buffer[] = []
  /** How much of the first buffer has been sent. */
  #offset = 0
  bytes = 0

  push(data: Buffer, start: number): void {
    this.#buffers.push(start === 0 ? data : data.subarray(start))
    this.bytes += data.length - start
  }

  /** At most `limit` bytes from the front, of one buffer; there are some. */
  take(limit: number): Buffer {
    const first = this.#buffers[0]
    const length = Math.min(limit, first.length - this.#offset)
    const taken = first.subarray(this.#offset, this.#offset + length)
    this.#offset += length
    this.bytes -= length
    if (this.#offset === first.length) {
      this.#buffers.shift()
      this.#offset = 0
    }
    return taken
  }
}
