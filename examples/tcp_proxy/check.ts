// Drives the TCP proxy: bytes both ways, a half-closed connection, the connection limit, the log line.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { tcpEcho } from '../backends.ts'
import type { Example, ExampleProxy } from '../example.ts'

const waitMs = 5000

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

async function until(condition: () => Promise<boolean> | boolean, what: string): Promise<void> {
  const deadline = performance.now() + waitMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not in ${waitMs} ms: ${what}`)
    await delay(10)
  }
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('tcp')
  const size = 300_000

  // The end of the request is passed on, and the rest of the answer still comes.
  const first = await open(port)
  first.end('x'.repeat(size))
  assert.equal((await text(first)).length, size)

  const active = 'connection_limit.tcp.active_connections'
  await until(async () => (await proxy.stats(active)).get(active) === 0, 'the first connection is gone')
  const held = [await open(port), await open(port)]
  for (const socket of held) {
    socket.write('hello')
    assert.equal(String(await once(socket, 'data')), 'hello')
  }
  const refused = await open(port)
  refused.on('end', () => refused.destroy()).resume()
  await once(refused, 'close')
  for (const socket of held) socket.destroy()

  const stats = await proxy.stats('^(cluster\\.echo|connection_limit\\.tcp)\\.')
  assert.equal(stats.get('connection_limit.tcp.limited_connections'), 1)
  assert.equal(stats.get('cluster.echo.upstream_cx_total'), 3)
  const line = `tcp 127.0.0.1 -> echo received ${size} sent ${size}\n`
  await until(() => proxy.stdout.includes(line), `the log line ${line}`)
}

export const example: Example = { backends: { 7001: tcpEcho, 7002: tcpEcho }, check }
