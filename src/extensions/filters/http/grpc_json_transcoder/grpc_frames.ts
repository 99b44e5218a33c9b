// gRPC messages in parts, joined to a frame.

import { grpcFrameHeader } from '../../../../http/grpc_frames.ts'

/** The frame of a message that is there in parts, not compressed. */
export function grpcFrame(...parts: readonly Buffer[]): Buffer {
  let length = 0
  for (const part of parts) length += part.length
  return Buffer.concat([grpcFrameHeader(length), ...parts])
}
