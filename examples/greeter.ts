// The gRPC service behind the examples, on a plain HTTP/2 server: it greets whoever has a name, once or several times.
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2'
import { setTimeout } from 'node:timers/promises'

/** The service as gRPC and JSON clients see it. */
export const greeterProto = `
syntax = "proto3";
package examples;
service Greeter {
  rpc SayHello (HelloRequest) returns (HelloReply) {
    option (google.api.http) = {
      get: "/hello/{name}"
      additional_bindings { post: "/hello" body: "*" }
    };
  }
  rpc SayHellos (HelloRequest) returns (stream HelloReply);
}
message HelloRequest { string name = 1; }
message HelloReply { string message = 1; }
`

const invalidArgument = '3'
/** What SayHellos says, one after the other. */
const hellos = ['Hello', 'Hallo', 'Bonjour', 'Γειά σου'] as const
const betweenHellosMs = 150

/** A gRPC message frame of a message whose only field is this text, shorter than 128 bytes. */
export function textFrame(text: string): Buffer {
  const bytes = Buffer.from(text)
  const field = bytes.length === 0 ? bytes : Buffer.concat([Buffer.from([0x0a, bytes.length]), bytes])
  const header = Buffer.alloc(5)
  header.writeUInt32BE(field.length, 1)
  return Buffer.concat([header, field])
}

/** The text of such a frame. */
export function frameText(frame: Buffer): string {
  return frame.subarray(7).toString()
}

export function greeter(): Http2Server {
  const server = createServer()
  server.on('stream', (stream: ServerHttp2Stream, { ':path': path }) => {
    const received: Buffer[] = []
    stream.on('error', () => {})
    stream.on('data', (data: Buffer) => received.push(data))
    stream.on('end', () => {
      const name = frameText(Buffer.concat(received))
      const head = { ':status': 200, 'content-type': 'application/grpc' }
      if (name === '') {
        stream.respond({ ...head, 'grpc-status': invalidArgument, 'grpc-message': 'who are you?' }, { endStream: true })
        return
      }
      stream.respond(head, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
      if (path === '/examples.Greeter/SayHellos') void sayHellos(stream, name)
      else stream.end(textFrame(`Hello, ${name}!`))
    })
  })
  return server
}

async function sayHellos(stream: ServerHttp2Stream, name: string): Promise<void> {
  for (const hello of hellos) {
    if (stream.destroyed) return
    stream.write(textFrame(`${hello}, ${name}!`))
    await setTimeout(betweenHellosMs)
  }
  stream.end()
}
