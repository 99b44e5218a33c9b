import { createHash, randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { Connection } from '../../src/network/connection.ts'
import { socketPair, until } from './support.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** A relay as tcp_proxy is one: what comes on one connection is written to the other, under watermarks. */
async function relay(
  bufferLimitBytes: number,
): Promise<{ sender: Socket; receiver: Socket; from: Connection; to: Connection }> {
  const first = await socketPair()
  const second = await socketPair()
  const from = new Connection(first.server, undefined, bufferLimitBytes, true)
  const to = new Connection(second.server, undefined, bufferLimitBytes, true)
  from.halfCloseEnabled = true
  to.halfCloseEnabled = true
  from.reader = { onData: (data, endStream) => to.write(data, endStream) }
  to.addConnectionCallbacks({
    onEvent() {},
    onAboveWriteBufferHighWatermark: () => from.readDisable(true),
    onBelowWriteBufferLowWatermark: () => from.readDisable(false),
  })
  from.reuseReadBuffer(() => to.bufferedBytes > 0)
  cleanups.push(() => {
    for (const socket of [first.client, first.server, second.client, second.server]) socket.destroy()
  })
  return { sender: first.client, receiver: second.client, from, to }
}

function digestOf(socket: Socket): Promise<{ bytes: number; digest: string }> {
  const hash = createHash('sha256')
  let bytes = 0
  socket.on('data', (data: Buffer) => {
    bytes += data.length
    hash.update(data)
  })
  return new Promise((resolve, reject) => {
    socket.once('end', () => resolve({ bytes, digest: hash.digest('hex') }))
    socket.once('error', reject)
  })
}

const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex')

describe('a read buffer that is used again', () => {
  it.each([32_768, 1_048_576, 0])('changes no byte while the reader stalls and goes on (limit %d)', async (limit) => {
    const { sender, receiver, to } = await relay(limit)
    const data = randomBytes(24 * 1024 * 1024)
    const received = digestOf(receiver)
    receiver.pause()
    sender.end(data)
    await until(() => to.bufferedBytes > 0, 'stalled')
    let bursts = 0
    receiver.on('data', () => {
      if (bursts++ % 40 !== 0) return
      receiver.pause()
      setImmediate(() => receiver.resume())
    })
    receiver.resume()
    expect(await received).toEqual({ bytes: data.length, digest: sha256(data) })
  })

  it('keeps many connections apart that read small and large chunks in turn', async () => {
    const relays = await Promise.all(Array.from({ length: 12 }, () => relay(65_536)))
    const sent = relays.map((_, i) => randomBytes(400_000 + i * 1000))
    const received = relays.map(({ receiver }) => digestOf(receiver))
    const sizes = [1, 100, 3000, 5000, 40_000, 7]
    for (const [i, { sender }] of relays.entries()) {
      let offset = 0
      let turn = i
      const send = () => {
        const size = sizes[turn++ % sizes.length]
        const chunk = sent[i].subarray(offset, offset + size)
        offset += size
        if (offset >= sent[i].length) sender.end(chunk)
        else sender.write(chunk, () => setImmediate(send))
      }
      send()
    }
    const results = await Promise.all(received)
    expect(results.map((each) => each.digest)).toEqual(sent.map(sha256))
  })

  it('delivers the end of a stream, and what came before reading was paused', async () => {
    const { sender, receiver, from } = await relay(65_536)
    from.readDisable(true)
    const received = digestOf(receiver)
    const data = randomBytes(10_000)
    sender.end(data)
    setImmediate(() => from.readDisable(false))
    expect(await received).toEqual({ bytes: data.length, digest: sha256(data) })
  })
})
