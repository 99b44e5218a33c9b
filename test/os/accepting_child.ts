/** Takes a listening socket from descriptor 3, serves one connection on it, ends when the channel closes. */
import net from 'node:net'
import { receiveDescriptors } from '../../src/os/descriptor_passing.ts'
import { watchReadable } from '../../src/os/readiness.ts'

const CHANNEL_FD = 3

watchReadable(CHANNEL_FD, () => {
  const message = receiveDescriptors(CHANNEL_FD)
  if (message === 'closed') process.exit(0)
  if (message === undefined) return
  const server = net.createServer((connection) => connection.end(`served by ${process.pid}`))
  server.listen({ fd: message.descriptors[0], exclusive: true, backlog: 16 })
})
