// Reads a Connect stream's response: how many messages, and by its last frame whether it ended well.

import { connectEndStreamFlag, GrpcFrameReader, grpcFrameHeaderBytes } from '../../../../http/grpc_frames.ts'

/** A last frame that is longer counts as a failure: it is errors that are long. */
const endLimitBytes = 65_536

export class ConnectStreamReader {
  readonly #frames = new GrpcFrameReader()
  #end: Buffer[] = []
  #endBytes = 0
  #inEnd = false

  get count(): number {
    return this.#frames.count
  }

  /** How many messages begin in `data`, the next piece of the body. */
  countIn(data: Buffer): number {
    const before = this.#frames.count
    for (let at = 0; at < data.length; ) {
      if (this.#frames.betweenFrames) this.#inEnd = (data[at] & connectEndStreamFlag) !== 0
      const next = this.#frames.readTo(data, at)
      if (this.#inEnd) this.#keep(data.subarray(at, next))
      at = next
    }
    return this.#frames.count - before
  }

  #keep(part: Buffer): void {
    this.#endBytes += part.length
    if (this.#endBytes <= endLimitBytes) this.#end.push(Buffer.from(part))
    else this.#end = []
  }

  /** A last frame has come, and tells of no error. */
  get endedWell(): boolean {
    try {
      const end: unknown = JSON.parse(Buffer.concat(this.#end).subarray(grpcFrameHeaderBytes).toString())
      return typeof end === 'object' && end !== null && !Array.isArray(end) && !('error' in end)
    } catch {
      return false
    }
  }
}
