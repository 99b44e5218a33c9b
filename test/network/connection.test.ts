import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { Connection } from '../../src/network/connection.ts'
import type { ConnectionEvent } from '../../src/network/connection_types.ts'
import { socketPair } from './support.ts'

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

interface Pair {
  readonly connection: Connection
  /** Reads nothing until it is told to. */
  readonly peer: Socket
  /** How the connection ends. */
  readonly ended: Promise<ConnectionEvent>
}

async function pair(): Promise<Pair> {
  const { client: peer, server } = await socketPair()
  peer.on('error', () => {})
  cleanups.push(() => peer.destroy())
  const connection = new Connection(server, undefined, 1024 * 1024, true)
  cleanups.push(() => connection.close('noFlush', ''))
  const ended = new Promise<ConnectionEvent>((resolve) => {
    connection.addConnectionCallbacks({
      onEvent: (event) => event !== 'connected' && resolve(event),
      onAboveWriteBufferHighWatermark() {},
      onBelowWriteBufferLowWatermark() {},
    })
  })
  return { connection, peer, ended }
}

/** More than the kernel takes from us before the peer reads. */
const large = Buffer.alloc(16 * 1024 * 1024, 'x')

async function readAll(peer: Socket): Promise<number> {
  let bytes = 0
  peer.on('data', (data) => {
    bytes += data.length
  })
  await once(peer, 'end')
  return bytes
}

describe('a flushing close', () => {
  it('ends once everything is written, though the peer does not close', async () => {
    const { connection, peer, ended } = await pair()
    connection.write(large)
    connection.close('flushWrite', 'done')
    expect(connection.state).toBe('closing')
    expect(await readAll(peer)).toBe(large.length)
    expect(await ended).toBe('localClose')
    expect(connection.localCloseReason).toBe('done')
  })

  it('ends likewise where our FIN was queued before', async () => {
    const { connection, peer, ended } = await pair()
    connection.halfCloseEnabled = true
    connection.write(large, true)
    connection.close('flushWrite', 'done')
    expect(await readAll(peer)).toBe(large.length)
    expect(await ended).toBe('localClose')
  })

  it('is the peer’s close where the peer ends first during the delay', async () => {
    const { connection, peer, ended } = await pair()
    connection.delayedCloseTimeoutMs = 60_000
    connection.write('bye')
    connection.close('flushWriteAndDelay', '')
    peer.end()
    expect(await ended).toBe('remoteClose')
    expect(connection.delayedCloseTimedOut).toBe(false)
  })

  it('is ours where the delay is over', async () => {
    const { connection, ended } = await pair()
    connection.delayedCloseTimeoutMs = 10
    connection.write('bye')
    connection.close('flushWriteAndDelay', '')
    expect(await ended).toBe('localClose')
    expect(connection.delayedCloseTimedOut).toBe(true)
  })

  it('gives way to one that drops what is left', async () => {
    const { connection, ended } = await pair()
    connection.write(large)
    connection.close('flushWrite', 'first')
    connection.close('noFlush', 'second')
    expect(await ended).toBe('localClose')
    expect(connection.localCloseReason).toBe('first')
  })
})

describe('the peer learns how the connection ended', () => {
  it('by a reset', async () => {
    const { connection, peer } = await pair()
    const error = once(peer, 'error')
    connection.close('abortReset', '')
    expect((await error)[0]).toMatchObject({ code: 'ECONNRESET' })
    expect(connection.detectedCloseType).toBe('local_reset')
  })

  it('by a FIN', async () => {
    const { connection, peer } = await pair()
    connection.close('noFlush', '')
    expect(await readAll(peer)).toBe(0)
    expect(connection.detectedCloseType).toBe('normal')
  })
})

describe('half-close', () => {
  it('passes the FIN on as the end of data, and goes on writing', async () => {
    const { connection, peer, ended } = await pair()
    connection.halfCloseEnabled = true
    const end = new Promise<void>((resolve) => {
      connection.reader = { onData: (_data, endStream) => endStream && resolve() }
    })
    peer.end('ping')
    await end
    connection.write('pong', true)
    expect(await readAll(peer)).toBe(4)
    expect(await ended).toBe('localClose')
  })

  it('without it the FIN is the end', async () => {
    const { peer, ended } = await pair()
    peer.end()
    expect(await ended).toBe('remoteClose')
  })
})
