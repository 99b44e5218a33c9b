/** Peers that read slowly or not at all: the other side is held back, and memory stays bounded. */
import type { Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { bootstrap, cluster, httpListener, routes } from '../parity/yaml.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'
import { childPids, residentBytes, startFaultProxy, until } from './fault_proxy.ts'

const limitBytes = 64 * 1024
const bodyBytes = 256 * 2 ** 20
/** What kernels and event loops hold on the way, beside the proxy's own buffers: far less than the body. */
const onTheWayBytes = 24 * 2 ** 20
/** What a worker may grow by while it holds a few slow exchanges. */
const growthBytes = 48 * 2 ** 20
/** The same while bytes stream through: what the garbage collector has not fetched yet counts too. */
const streamingGrowthBytes = 128 * 2 ** 20

let proxy: ProxyProcess
let backend: EchoBackend

afterEach(async () => {
  await proxy.stop()
  await backend.stop()
})

const tcpProxy = `
- name: tcp
  address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
  per_connection_buffer_limit_bytes: ${limitBytes}
  filter_chains:
  - filters:
    - name: tcp
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy
        stat_prefix: tcp
        cluster: main
`

async function start(): Promise<void> {
  backend = await EchoBackend.start()
  const limit = `per_connection_buffer_limit_bytes: ${limitBytes}`
  const main = httpListener({ name: 'main', listener: limit })
  const direct = httpListener({
    name: 'direct',
    listener: limit,
    virtualHosts: routes(
      `- { match: { prefix: / }, direct_response: { status: 200, body: { inline_string: ${'x'.repeat(3000)} } } }`,
    ),
  })
  proxy = await startFaultProxy(bootstrap([main, direct, tcpProxy], [cluster('main', limit, String(backend.port))]))
}

/** Writes until the kernel and the peer take no more, then on as they do; `sentBytes` says how far it has come. */
class Pump {
  sentBytes = 0

  constructor(socket: Socket, totalBytes: number, chunk = Buffer.alloc(64 * 1024, 'x')) {
    const write = () => {
      while (this.sentBytes < totalBytes) {
        this.sentBytes += chunk.length
        if (!socket.write(chunk)) {
          socket.once('drain', write)
          return
        }
      }
    }
    write()
  }
}

/** Resolves when nothing has moved for a while. */
async function stalled(...pumps: Pump[]): Promise<void> {
  let last = -1
  let still = 0
  await until('the senders are held back', async () => {
    const sent = pumps.reduce((sum, pump) => sum + pump.sentBytes, 0)
    still = last === sent ? still + 1 : 0
    last = sent
    await new Promise((resolve) => setTimeout(resolve, 20))
    return still >= 15
  })
}

function worker(): number {
  return childPids(proxy.pid)[0]
}

describe.each(['main', 'tcp'])('through listener %s', (listener) => {
  test('a client that does not read holds the backend back, then gets all', async () => {
    await start()
    const pumps: Pump[] = []
    backend.script = {
      onRequest: ({ connection }) => {
        connection.send(`HTTP/1.1 200 OK\r\ncontent-length: ${bodyBytes}\r\n\r\n`)
        pumps.push(new Pump(connection.socket, bodyBytes))
      },
    }
    const before = residentBytes(worker())
    const client = await RawClient.connect(proxy.port(listener))
    client.pause()
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await until('the backend has begun', () => pumps.length === 1)
    await stalled(...pumps)
    expect(pumps[0].sentBytes).toBeLessThan(onTheWayBytes)
    expect(residentBytes(worker()) - before).toBeLessThan(growthBytes)
    let received = 0
    client.socket.removeAllListeners('data')
    client.socket.on('data', (data: Buffer) => (received += data.length))
    client.resume()
    await until('all has come', () => received > bodyBytes)
    expect(residentBytes(worker()) - before).toBeLessThan(streamingGrowthBytes)
    client.close()
  })

  test('a backend that does not read holds the client back, then gets all', async () => {
    await start()
    backend.script = { raw: true, onConnection: ({ socket }) => socket.pause() }
    const before = residentBytes(worker())
    const client = await RawClient.connect(proxy.port(listener))
    client.write(`POST / HTTP/1.1\r\nHost: a\r\ncontent-length: ${bodyBytes}\r\n\r\n`)
    const pump = new Pump(client.socket, bodyBytes)
    await stalled(pump)
    expect(pump.sentBytes).toBeLessThan(onTheWayBytes)
    expect(residentBytes(worker()) - before).toBeLessThan(growthBytes)
    let received = 0
    const [{ socket }] = backend.connections
    socket.removeAllListeners('data')
    socket.on('data', (data: Buffer) => (received += data.length))
    socket.resume()
    await until('all has come', () => received > bodyBytes)
    expect(residentBytes(worker()) - before).toBeLessThan(streamingGrowthBytes)
    client.close()
  })
})

test('a hundred clients that do not read cost no more than their buffers', async () => {
  await start()
  const pumps: Pump[] = []
  backend.script = {
    onRequest: ({ connection }) => {
      connection.send(`HTTP/1.1 200 OK\r\ncontent-length: ${bodyBytes}\r\n\r\n`)
      pumps.push(new Pump(connection.socket, 16 * 2 ** 20))
    },
  }
  const before = residentBytes(worker())
  const clients: RawClient[] = []
  for (let i = 0; i < 100; i++) {
    const client = await RawClient.connect(proxy.port('main'))
    client.pause()
    client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    clients.push(client)
  }
  await until('the backend has begun all', () => pumps.length === clients.length)
  await stalled(...pumps)
  // A few reads of the limit's size each wait in the proxy; the kernel has taken much more from the backend by then.
  expect(residentBytes(worker()) - before).toBeLessThan(100 * 4 * limitBytes + streamingGrowthBytes)
  for (const client of clients) client.close()
  const active = async () => (await proxy.stats('^http\\.main\\.downstream_(cx|rq)_active$')).values()
  await until('nothing is left of them', async () => [...(await active())].every((value) => value === 0))
})

test.each([
  ['proxied', 'main'],
  ['answered by the proxy itself', 'direct'],
])('requests pipelined without reading: %s', async (_, listener) => {
  await start()
  const before = residentBytes(worker())
  const client = await RawClient.connect(proxy.port(listener))
  client.pause()
  const pipelined = Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(2000))
  const pump = new Pump(client.socket, bodyBytes, pipelined)
  await stalled(pump)
  expect(pump.sentBytes).toBeLessThan(onTheWayBytes)
  expect(residentBytes(worker()) - before).toBeLessThan(streamingGrowthBytes)
  // Whoever reads is answered on.
  const name = `http.${listener}.downstream_rq_2xx`
  const counted = async () => (await proxy.stats(`^${name}$`)).get(name) ?? 0
  const answered = await counted()
  client.resume()
  await until('more is answered', async () => (await counted()) > answered + 2000)
  client.close()
})

test('a body of one-byte chunks costs no more than its bytes', async () => {
  await start()
  const before = residentBytes(worker())
  const client = await RawClient.connect(proxy.port('main'))
  client.write('POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n')
  const chunks = Buffer.from('1\r\nx\r\n'.repeat(10_000))
  for (let i = 0; i < 50; i++) {
    if (!client.socket.write(chunks)) await new Promise((resolve) => client.socket.once('drain', resolve))
  }
  client.write('0\r\n\r\n')
  await client.readUntil((text) => text.endsWith('ok'), 20_000)
  expect(residentBytes(worker()) - before).toBeLessThan(2 * growthBytes)
  expect(backend.requests[0].body).toHaveLength(500_000)
  client.close()
})
