import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { percentile, runFixedRate } from '../../bench/clients/fixed_rate.ts'
import { loadKinds, runHttp2Load } from '../../bench/clients/http2_load.ts'
import { drive, type Load } from '../../bench/load.ts'
import { startBackend } from '../../bench/processes.ts'
import { turns } from '../../bench/rounds.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

async function listen(onRequest: (socket: Socket) => void): Promise<number> {
  const sockets: Socket[] = []
  const server: Server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', () => onRequest(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return (server.address() as { port: number }).port
}

const plain: Omit<Load, 'port'> = {
  path: '/',
  connections: 4,
  seconds: 1,
  uploads: false,
  newConnections: false,
  tls: false,
  protocol: 'http1',
  streams: 2,
  bodyBytes: 64,
}

describe('the load', () => {
  it.each([
    ['keepalive', {}],
    ['upload', { uploads: true }],
    ['close', { newConnections: true }],
    ['get', { protocol: 'http2' }],
    ['grpc', { protocol: 'grpc_unary' }],
    ['grpc', { protocol: 'grpc_streaming' }],
  ] as const)('is answered by the %s backend', { timeout: 20_000 }, async (mode, load) => {
    const backend = await startBackend(mode, 64)
    stops.push(() => backend.stop())
    expect((await drive({ ...plain, ...load, port: backend.port })).total).toBeGreaterThan(0)
  })

  it.each(loadKinds)('of our own HTTP/2 client is answered: %s', { timeout: 20_000 }, async (kind) => {
    const backend = await startBackend(kind === 'get' ? 'get' : 'grpc', 64)
    stops.push(() => backend.stop())
    expect((await runHttp2Load(kind, backend.port, 2, 3, 0.3, 64)).total).toBeGreaterThan(0)
  })

  it('of our own HTTP/2 client does not count answers of another length', { timeout: 20_000 }, async () => {
    const backend = await startBackend('get', 65)
    stops.push(() => backend.stop())
    await expect(runHttp2Load('get', backend.port, 1, 1, 5, 64)).rejects.toThrow('65 bytes of 64')
  })

  it('does not count answers that are errors', { timeout: 20_000 }, async () => {
    const port = await listen((socket) => socket.write('HTTP/1.1 503 No\r\ncontent-length: 0\r\n\r\n'))
    await expect(drive({ ...plain, port })).rejects.toThrow('errors')
  })
})

describe('the client of a fixed rate', () => {
  const answer = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

  it('sends what is due, and reads answers in pieces', async () => {
    const port = await listen((socket) => {
      socket.write(answer.slice(0, 20))
      setImmediate(() => socket.write(answer.slice(20)))
    })
    expect((await runFixedRate(port, 200, 4, 0.5, 2)).completed).toBe(100)
  })

  it('charges a pause of the server to all requests that were due in it', async () => {
    const held: Socket[] = []
    let count = 0
    const port = await listen((socket) => {
      // The hundredth request is answered when the client has no connection left to send another on.
      if (++count < 100 || held.length > 1) socket.write(answer)
      else if (held.push(socket) === 2) setTimeout(() => held.map((each) => each.write(answer)), 150)
    })
    const { completed, p99Ms, p50Ms } = await runFixedRate(port, 400, 2, 0.75, 2)
    expect(completed).toBe(300)
    expect(p99Ms).toBeGreaterThan(100)
    expect(p99Ms).toBeGreaterThan(p50Ms)
  })

  it('fails where a connection ends', async () => {
    const port = await listen((socket) => socket.end())
    await expect(runFixedRate(port, 100, 1, 0.2, 2)).rejects.toThrow('closed a connection')
  })

  it('finds percentiles', () => {
    const values = Array.from({ length: 100 }, (_, index) => index + 1)
    expect([percentile(values, 0.5), percentile(values, 0.99), percentile([7], 0.99)]).toEqual([50, 99, 7])
  })
})

it('turns go there and back', () => {
  expect(turns(['a', 'b', 'c'], 2).join('')).toBe('abccbaabccba')
})
