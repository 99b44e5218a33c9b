// The HTTP/2 backend of the benchmarks, as cheap as Node can be one: it reads no header.
// `node bench/backend_http2.ts MODE BODY_BYTES`: `get` answers each request without a body, `grpc` sends each message back as
// it comes and ends with `grpc-status: 0`, `limits` is a rate limit service that lets everything pass. Prints its port.

import { createServer, type Socket } from 'node:net'
import { Flag, FrameType, frame, frameHeaderBytes, Http2Peer, literal } from './http2_frames.ts'

const [mode = 'get', bodyBytes = '128'] = process.argv.slice(2)

const status200 = Buffer.from([0x88])
const contentType = 31
const contentLength = 28

const getHead = Buffer.concat([
  status200,
  literal(contentType, 'text/plain', false),
  literal(contentLength, bodyBytes, false),
])
const getAnswer = Buffer.concat([
  frame(FrameType.headers, Flag.endHeaders, 0, getHead),
  frame(FrameType.data, Flag.endStream, 0, Buffer.alloc(Number(bodyBytes), 'x')),
])
const secondFrame = frameHeaderBytes + getHead.length
const grpcHead = Buffer.concat([status200, literal(contentType, 'application/grpc', false)])
const grpcTrailers = literal('grpc-status', '0', false)

/** A RateLimitResponse with `overall_code: OK`, behind the five bytes that gRPC puts before a message. */
const okMessage = Buffer.from([0, 0, 0, 0, 2, 0x08, 1])
const limitsAnswer = Buffer.concat([
  frame(FrameType.headers, Flag.endHeaders, 0, grpcHead),
  frame(FrameType.data, 0, 0, okMessage),
  frame(FrameType.headers, Flag.endHeaders | Flag.endStream, 0, grpcTrailers),
])
/** Where each of its frames begins. */
const limitsFrames = [
  0,
  frameHeaderBytes + grpcHead.length,
  2 * frameHeaderBytes + grpcHead.length + okMessage.length,
] as const

function answerGets(socket: Socket): void {
  const peer = new Http2Peer(
    socket,
    {
      onHeaders: (streamId) => {
        const answer = Buffer.from(getAnswer)
        answer.writeUInt32BE(streamId, 5)
        answer.writeUInt32BE(streamId, secondFrame + 5)
        peer.send(answer)
      },
      onData: () => {},
      onAbort: () => {},
    },
    false,
  )
  peer.flush()
}

function answerGrpc(socket: Socket): void {
  const end = (streamId: number) =>
    peer.send(frame(FrameType.headers, Flag.endHeaders | Flag.endStream, streamId, grpcTrailers))
  const peer = new Http2Peer(
    socket,
    {
      onHeaders: (streamId, endStream) => {
        peer.send(frame(FrameType.headers, Flag.endHeaders, streamId, grpcHead))
        if (endStream) end(streamId)
      },
      onData: (streamId, payload, endStream) => {
        if (payload.length > 0) peer.send(frame(FrameType.data, 0, streamId, payload))
        if (endStream) end(streamId)
      },
      onAbort: () => {},
    },
    false,
  )
  peer.flush()
}

/** Nothing of a call is looked at: the answer is OK. */
function answerLimits(socket: Socket): void {
  const peer = new Http2Peer(
    socket,
    {
      onHeaders: () => {},
      onData: (streamId, _payload, endStream) => {
        if (!endStream) return
        const answer = Buffer.from(limitsAnswer)
        for (const at of limitsFrames) answer.writeUInt32BE(streamId, at + 5)
        peer.send(answer)
      },
      onAbort: () => {},
    },
    false,
  )
  peer.flush()
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  if (mode === 'grpc') answerGrpc(socket)
  else if (mode === 'limits') answerLimits(socket)
  else answerGets(socket)
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})
