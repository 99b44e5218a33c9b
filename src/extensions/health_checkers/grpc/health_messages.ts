// The two messages of grpc.health.v1.Health/Check, small enough to be written and read by hand.

import { grpcFrame, grpcFrameHeaderBytes } from '../../../http/grpc_frames.ts'

/** `service`, field 1, a text. */
const serviceTag = 0x0a
/** `status`, field 1, an enum. */
const statusTag = 0x08
const serving = 1
/** A HealthCheckResponse has few bytes: whoever sends more sends something else. */
const mostResponseBytes = 1024

/** The frame of a HealthCheckRequest; '' asks for the server as a whole. */
export function healthRequest(service: string): Buffer {
  const name = Buffer.from(service)
  if (name.length === 0) return grpcFrame(name)
  return grpcFrame(Buffer.concat([Buffer.from([serviceTag, ...varint(name.length)]), name]))
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)]
}

/** The body of an answer, as it comes. */
export class HealthResponse {
  #body = Buffer.alloc(0)

  /** False where it is no frame of one such message. */
  add(data: Buffer): boolean {
    this.#body = Buffer.concat([this.#body, data])
    if (this.#body.length > mostResponseBytes) return false
    const length = this.#messageLength
    if (length === undefined) return true
    return this.#body[0] === 0 && this.#body.length <= grpcFrameHeaderBytes + length
  }

  get #messageLength(): number | undefined {
    return this.#body.length < grpcFrameHeaderBytes ? undefined : this.#body.readUInt32BE(1)
  }

  get isServing(): boolean {
    const length = this.#messageLength
    if (length === undefined || this.#body.length !== grpcFrameHeaderBytes + length) return false
    const message = this.#body.subarray(grpcFrameHeaderBytes)
    return message.length === 2 && message[0] === statusTag && message[1] === serving
  }
}
