// gRPC messages in parts: joined to a frame, and taken out of frames that come in pieces.

import { grpcFrameHeader, grpcFrameHeaderBytes } from '../../../../http/grpc_frames.ts'

/** The frame of a message that is there in parts, not compressed. */
export function grpcFrame(...parts: readonly Buffer[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  return Buffer.concat([grpcFrameHeader(length), ...parts])
}

/** Messages that cannot be read. The message is Envoy's. */
export class GrpcFrameError extends Error {}

/** Collects data until messages are complete. */
export class GrpcMessageReader {
  #chunks: Buffer[] = []
  /** Bytes in `#chunks`. */
  buffered = 0

  push(data: Buffer): void {
    if (data.length === 0) return
    this.#chunks.push(data)
    this.buffered += data.length
  }

  /** The next complete message; undefined where more must come. Throws GrpcFrameError for compressed ones. */
  next(): Buffer | undefined {
    if (this.buffered < grpcFrameHeaderBytes) return undefined
    const header = this.#peek(grpcFrameHeaderBytes)
    if (header[0] !== 0) throw new GrpcFrameError(`Unsupported gRPC frame flag: ${header[0]}`)
    const total = grpcFrameHeaderBytes + header.readUInt32BE(1)
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
