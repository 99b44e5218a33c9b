/** An error that nobody expects ends the connection it happened on, and no other. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { setAllLevels } from '../../src/common/log.ts'
import { Connection } from '../../src/network/connection.ts'
import type { ConnectionEvent } from '../../src/network/connection_types.ts'

let server: ReturnType<typeof createServer>
const events: ConnectionEvent[] = []

beforeEach(async () => {
  setAllLevels('off')
  events.length = 0
  server = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Connection(socket, undefined, 0, true)
    connection.addConnectionCallbacks({
      onEvent: (event) => events.push(event),
      onAboveWriteBufferHighWatermark() {},
      onBelowWriteBufferLowWatermark() {},
    })
    connection.reader = {
      onData(data) {
        const text = data.toString()
        connection.write(text)
        if (text === 'break') throw new Error('an invariant is broken')
      },
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(() => {
  setAllLevels('info')
  server.close()
})

async function client(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

test('the others go on', async () => {
  const [broken, other] = [await client(), await client()]
  broken.resume().write('break')
  await once(broken, 'close')
  expect(events).toEqual(['localClose'])
  other.write('fine')
  const [echoed] = (await once(other, 'data')) as [Buffer]
  expect(echoed.toString()).toBe('fine')
  other.destroy()
})
