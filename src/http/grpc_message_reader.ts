// gRPC messages taken out of the frames of a body that comes in pieces (gRPC over HTTP/2, "Length-Prefixed-Message").

import { grpcFrameHeaderBytes } from './grpc_frames.ts'

const resourceExhausted = 8
const internal = 13

/** Messages that cannot be read. The message is Envoy's. */
export class GrpcFrameError extends Error {
  readonly grpcStatus: number

  constructor(message: string, grpcStatus = internal) {
    super(message)
    this.grpcStatus = grpcStatus
  }
}

/** Collects data until messages are complete. */
export class GrpcMessageReader {
  readonly #mostMessageBytes: number
  #chunks: Buffer[] = []
  /** Bytes in `#chunks`. */
  buffered = 0

  constructor(mostMessageBytes = Number.POSITIVE_INFINITY) {
    this.#mostMessageBytes = mostMessageBytes
  }

  /** `data` is the reader's from now on. */
  push(data: Buffer): void {
    if (data.length === 0) return
    this.#chunks.push(data)
    this.buffered += data.length
  }

  /** The next complete message; undefined where more must come. Throws GrpcFrameError for compressed and too large ones. */
  next(): Buffer | undefined {
    if (this.buffered < grpcFrameHeaderBytes) return undefined
    const header = this.#peek(grpcFrameHeaderBytes)
    if (header[0] !== 0) throw new GrpcFrameError(`Unsupported gRPC frame flag: ${header[0]}`)
    const length = header.readUInt32BE(1)
    if (length > this.#mostMessageBytes) throw new GrpcFrameError(`gRPC message of ${length} bytes`, resourceExhausted)
    const total = grpcFrameHeaderBytes + length
    if (this.buffered < total) return undefined
    const frame = this.#peek(total)
    const rest = this.#chunks[0].subarray(total)
    if (rest.length > 0) this.#chunks[0] = rest
    else this.#chunks.shift()
    this.buffered -= total
    return frame.subarray(grpcFrameHeaderBytes)
  }

  /** Nothing more will come. Throws GrpcFrameError where a message is cut off. */
  finish(): void {
    if (this.buffered === 0) return
    if (this.buffered < grpcFrameHeaderBytes) throw new GrpcFrameError('Incomplete gRPC frame header received')
    const size = this.#peek(grpcFrameHeaderBytes).readUInt32BE(1)
    const actual = this.buffered - grpcFrameHeaderBytes
    throw new GrpcFrameError(`Incomplete gRPC frame expected size: ${size} actual size: ${actual}`)
  }

  discard(): void {
    this.#chunks = []
    this.buffered = 0
  }

  /** The first bytes in one piece. */
  #peek(bytes: number): Buffer {
    if (this.#chunks[0].length < bytes) this.#chunks = [Buffer.concat(this.#chunks)]
    return this.#chunks[0].subarray(0, bytes)
  }
}
