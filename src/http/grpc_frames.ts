// The frames of gRPC messages in a body: one byte of flags, four of length, the message (gRPC over HTTP/2, "Length-Prefixed-Message").

export const grpcFrameHeaderBytes = 5

/** Connect's flag of the frame that ends a stream and says how. */
export const connectEndStreamFlag = 2

/** gRPC-Web's flag of the frame that holds the trailers. */
export const grpcWebTrailersFlag = 0x80

/** The frame of one message, header and all. */
export function grpcFrame(message: Buffer, flags = 0): Buffer {
  return Buffer.concat([grpcFrameHeader(message.length, flags), message])
}

export function grpcFrameHeader(messageBytes: number, flags = 0): Buffer {
  const header = Buffer.allocUnsafe(grpcFrameHeaderBytes)
  header[0] = flags
  header.writeUInt32BE(messageBytes, 1)
  return header
}

/** Follows the frames in a body that comes in pieces of any size. */
export class GrpcFrameReader {
  /** Messages that have begun; Connect's last frame is none. */
  count = 0
  #headerBytes = 0
  #length = 0
  /** Of the current message. */
  #missingBytes = 0

  /** Reads on from `start` to the end of a frame or of the data, and returns where that is. */
  readTo(data: Buffer, start: number): number {
    let at = start
    while (this.#headerBytes < grpcFrameHeaderBytes) {
      if (at === data.length) return at
      if (this.#headerBytes === 0) {
        if ((data[at] & connectEndStreamFlag) === 0) this.count++
        this.#length = 0
      } else this.#length = this.#length * 256 + data[at]
      this.#headerBytes++
      at++
      if (this.#headerBytes === grpcFrameHeaderBytes) this.#missingBytes = this.#length
    }
    const taken = Math.min(this.#missingBytes, data.length - at)
    this.#missingBytes -= taken
    if (this.#missingBytes === 0) this.#headerBytes = 0
    return at + taken
  }

  /** At the end of a frame, or before the first. */
  get betweenFrames(): boolean {
    return this.#headerBytes === 0
  }

  /** How many messages begin in `data`, the next piece of the body. */
  countIn(data: Buffer): number {
    const before = this.count
    for (let at = 0; at < data.length; ) at = this.readTo(data, at)
    return this.count - before
  }
}
