// Drives the proxy with a real WebSocket client: messages both ways where it is allowed, 403 where it is not.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { webSocketEcho } from '../backends.ts'
import { get } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

const handshake = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')

  const socket = new WebSocket(`ws://127.0.0.1:${port}/chat`)
  await once(socket, 'open')
  for (const message of ['hello', 'and again']) {
    socket.send(message)
    const [event] = (await once(socket, 'message')) as [MessageEvent]
    assert.equal(event.data, message)
  }
  const active = 'http.http.downstream_cx_upgrades_active'
  assert.equal((await proxy.stats(active)).get(active), 1)
  socket.close(1000)
  const [closed] = (await once(socket, 'close')) as [CloseEvent]
  assert.equal(closed.code, 1000)

  assert.equal((await get(port, '/chat')).body, 'plain HTTP\n')
  assert.equal((await get(port, '/elsewhere', handshake)).status, 403)
}

export const example: Example = { backends: { 8081: webSocketEcho }, check }
