// Remembers the last streams that are over, so that a late frame can be told from a wrong one (RFC 9113 section 5.1).

const endedRemembered = 128
const resetRemembered = 1024

class Ring {
  readonly #size: number
  #ids: Int32Array | undefined = undefined
  #next = 0

  constructor(size: number) {
    this.#size = size
  }

  add(streamId: number): void {
    this.#ids ??= new Int32Array(this.#size)
    this.#ids[this.#next] = streamId
    this.#next = (this.#next + 1) % this.#size
  }

  has(streamId: number): boolean {
    return this.#ids?.includes(streamId) === true
  }
}

/** Stream 0 is never asked for. */
export class ClosedStreams {
  readonly #ended = new Ring(endedRemembered)
  readonly #reset = new Ring(resetRemembered)

  addEnded(streamId: number): void {
    this.#ended.add(streamId)
  }

  /** We have reset it: the peer may have sent more before it heard of that. */
  addReset(streamId: number): void {
    this.#reset.add(streamId)
  }

  wasReset(streamId: number): boolean {
    return this.#reset.has(streamId)
  }

  wasOpen(streamId: number): boolean {
    return this.#ended.has(streamId) || this.#reset.has(streamId)
  }
}
