// The frames of grpc.health.v1.Health/Check (https://github.com/grpc/grpc/blob/master/doc/health-checking.md).

import type { grpc } from '../../../../proto/generated/api.d.ts'
import { decodeResource } from '../../../config/load.ts'
import { encodeMessage } from '../../../config/wire_encode.ts'
import { grpcFrame, grpcFrameHeaderBytes } from '../../../http/grpc_frames.ts'

/** A HealthCheckResponse has few bytes: whoever sends more sends something else. */
const mostResponseBytes = 1024

/** '' asks for the server as a whole. */
export function healthRequest(service: string): Buffer {
  return grpcFrame(Buffer.from(encodeMessage('grpc.health.v1.HealthCheckRequest', { service })))
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
    const bytes = this.#body.subarray(grpcFrameHeaderBytes)
    const { value } = decodeResource('grpc.health.v1.HealthCheckResponse', bytes, { unknownFields: 'ignore' })
    return (value as grpc.health.v1.HealthCheckResponse | undefined)?.status === 'SERVING'
  }
}
