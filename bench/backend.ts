// The backend of the benchmarks: answers every request with a body of a fixed size, as cheaply as Node can.
// `node bench/backend.ts MODE BODY_BYTES`: `keepalive` for requests without bodies, `close` ends the connection after one
// answer, `upload` reads bodies with a content-length. Prints its port.

import { createServer, type Socket } from 'node:net'

const [mode = 'keepalive', bodyBytes = '128'] = process.argv.slice(2)
const connection = mode === 'close' ? 'connection: close\r\n' : ''
const head = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n${connection}content-length: ${bodyBytes}\r\n\r\n`
const response = Buffer.from(head + 'x'.repeat(Number(bodyBytes)), 'latin1')

/** Without bodies and pipelining one packet is one request. */
function answerPackets(socket: Socket): void {
  socket.on('data', () => (mode === 'close' ? socket.end(response) : socket.write(response)))
}

function answerUploads(socket: Socket): void {
  let headBytes: Buffer = Buffer.alloc(0)
  let bodyLeft = 0
  socket.on('data', (chunk) => {
    let rest = chunk as Buffer
    while (rest.length > 0) {
      if (bodyLeft === 0) {
        const start = headBytes.length === 0 ? rest : Buffer.concat([headBytes, rest])
        const end = start.indexOf('\r\n\r\n')
        headBytes = end < 0 ? start : Buffer.alloc(0)
        if (end < 0) return
        bodyLeft = Number(/\r\ncontent-length: *(\d+)/i.exec(start.toString('latin1', 0, end + 2))?.[1] ?? 0)
        rest = start.subarray(end + 4)
      }
      const taken = Math.min(bodyLeft, rest.length)
      bodyLeft -= taken
      rest = rest.subarray(taken)
      if (bodyLeft === 0) socket.write(response)
    }
  })
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  if (mode === 'upload') answerUploads(socket)
  else answerPackets(socket)
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})
