/** Ten generations under load: nothing fails, counters go on, and streams stay until the time of their process is over. */
import { afterEach, expect, test } from 'vitest'
import { EchoBackend } from '../support/echo_backend.ts'
import { EchoClient, keepAliveClient, newConnectionsClient } from '../support/live_clients.ts'
import type { ProxyKind, ProxyProcess } from '../support/proxy_process.ts'
import { exitOf, Generations } from './generations.ts'

const epochs = 10
const opened: { stop(): Promise<void> }[] = []

afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each.stop()
})

function opening<T extends { stop(): Promise<void> }>(made: T): T {
  opened.push(made)
  return made
}

async function echoing(): Promise<EchoBackend> {
  const backend = opening(await EchoBackend.start())
  backend.script = {
    tunnel: ({ headers }) => headers.has('upgrade'),
    onRequest: ({ headers, connection }) =>
      connection.send(
        headers.has('upgrade')
          ? 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n'
          : 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok',
      ),
    onTunnelData: (connection, data) => connection.send(data),
  }
  return backend
}

/** What clients met while so many processes followed one another. */
async function restartUnderLoad(kind: ProxyKind): Promise<{ answered: number; failures: string[]; counts: number[] }> {
  const backend = await echoing()
  const generations = opening(
    await Generations.create({ kind, backendPort: backend.port, drainSeconds: 1, parentShutdownSeconds: 2 }),
  )
  let current = await generations.start(0)
  const clients = [
    ...Array.from({ length: 4 }, () => keepAliveClient(generations.httpPort)),
    ...Array.from({ length: 2 }, () => newConnectionsClient(generations.httpPort)),
  ]
  const counts: number[] = []
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const next: ProxyProcess = await generations.start(epoch)
    await exitOf(current)
    current = next
    const stats = await current.stats('^http\\.http\\.downstream_rq_total$')
    counts.push(stats.get('http.http.downstream_rq_total') ?? 0)
  }
  await Promise.all(clients.map((client) => client.stop()))
  const stats = await current.stats('^http\\.http\\.downstream_rq_total$')
  counts.push(stats.get('http.http.downstream_rq_total') ?? 0)
  return {
    answered: clients.reduce((sum, { answered }) => sum + answered, 0),
    failures: clients.flatMap(({ failures }) => failures),
    counts,
  }
}

test(`${epochs} generations under load: no request fails, and counters go on`, { timeout: 240_000 }, async () => {
  const envoy = await restartUnderLoad('envoy')
  const nuncio = await restartUnderLoad('nuncio')
  for (const [name, { answered, failures, counts }] of Object.entries({ envoy, nuncio }))
    console.log(`${name}: ${answered} answered, ${failures.length} failed; requests counted: ${counts.join(' ')}`)
  expect(nuncio.failures).toEqual([])
  expect(nuncio.counts.toSorted((a, b) => a - b)).toEqual(nuncio.counts)
  expect(nuncio.counts.at(-1)).toBe(nuncio.answered)
})

test('WebSockets and TCP streams go on until the time of their process is over', async () => {
  const backend = await echoing()
  const raw = opening(await EchoBackend.start())
  raw.script = { raw: true, onTunnelData: (connection, data) => connection.send(data) }
  const generations = opening(
    await Generations.create({
      kind: 'nuncio',
      backendPort: backend.port,
      tcpBackendPort: raw.port,
      drainSeconds: 1,
      parentShutdownSeconds: 4,
    }),
  )
  const first = await generations.start(0)
  const streams = [
    opening(await EchoClient.tcp(generations.tcpPort)),
    opening(await EchoClient.webSocket(generations.httpPort)),
  ]
  const second = await generations.start(1)
  const inBoth = '^listener\\.(tcp|http)\\.downstream_cx_active$'
  await expect.poll(async () => [...(await second.stats(inBoth)).values()], { timeout: 10_000 }).toEqual([1, 1])
  const before = streams.map(({ answered }) => answered)
  await expect.poll(() => streams.every(({ answered }, i) => answered > before[i] + 10), { timeout: 10_000 }).toBe(true)
  expect(first.exited).toBe(false)
  expect(streams.flatMap(({ failures }) => failures)).toEqual([])
  await exitOf(first)
  await expect.poll(() => streams.map(({ failures }) => failures.length), { timeout: 10_000 }).toEqual([1, 1])
  await expect.poll(async () => [...(await second.stats(inBoth)).values()], { timeout: 10_000 }).toEqual([0, 0])
  expect((await second.stats('^tcp\\.tcp\\.downstream_cx_total$')).get('tcp.tcp.downstream_cx_total')).toBe(1)
})
