// Sends bytes through both proxies and back, and looks whether they were encrypted in between.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { join } from 'node:path'
import { tcpEcho } from '../backends.ts'
import { writeSigned } from '../certificates.ts'
import type { Example, ExampleProxy } from '../example.ts'

const payload = Buffer.alloc(1024 * 1024, 'every byte comes back ')

async function check(proxy: ExampleProxy): Promise<void> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port('outbound'), allowHalfOpen: true })
  const received: Buffer[] = []
  socket.on('data', (data: Buffer) => received.push(data))
  socket.end(payload)
  await once(socket, 'end')
  assert.ok(Buffer.concat(received).equals(payload), 'what came back is what was sent')

  const stats = await proxy.stats('ssl\\.handshake')
  assert.equal(stats.get('cluster.other_proxy.ssl.handshake'), 1)
  assert.equal([...stats].find(([name]) => name.startsWith('listener.'))?.[1], 1)
}

export const example: Example = {
  prepare: (folder) =>
    writeSigned(join(folder, 'double_proxy'), {
      outbound: 'DNS:outbound.example.com',
      inbound: 'DNS:inbound.example.com',
    }),
  backends: { 7001: tcpEcho },
  check,
}
