// The backend of the benchmarks: answers every request with a body of a fixed size, as cheaply as Node can.

import { createServer } from 'node:net'

const bodyBytes = Number(process.argv[2] ?? 128)
const head = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${bodyBytes}\r\n\r\n`
const response = Buffer.from(head + 'x'.repeat(bodyBytes), 'latin1')

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  // Requests of the benchmarks have no bodies: one packet is one request.
  socket.on('data', () => socket.write(response))
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  console.log(typeof address === 'object' ? address?.port : '')
})
