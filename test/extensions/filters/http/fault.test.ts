/** What faults hold over all workers, and what a slowed down response does to the connection that it comes from. */
import { afterEach, describe, expect, it } from 'vitest'
import { bootstrap, cluster, httpFilter, httpListener } from '../../../parity/yaml.ts'
import { until } from '../../../server/support.ts'
import { EchoBackend } from '../../../support/echo_backend.ts'
import { type ProxyProcess, startNuncio } from '../../../support/proxy_process.ts'
import { RawClient } from '../../../support/raw_client.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function start(fault: string, concurrency: number, backend: EchoBackend, listener = ''): Promise<ProxyProcess> {
  cleanups.push(() => backend.stop())
  const yaml = bootstrap(
    [httpListener({ name: 'main', filters: httpFilter('fault', 'HTTPFault', fault), listener })],
    [cluster('main', '', String(backend.port))],
  )
  const proxy = await startNuncio(yaml, ['--concurrency', String(concurrency)])
  cleanups.push(() => proxy.stop())
  return proxy
}

async function client(proxy: ProxyProcess): Promise<RawClient> {
  const made = await RawClient.connect(proxy.port('main'))
  cleanups.push(async () => made.close())
  return made
}

const get = (...fields: string[]) => `GET / HTTP/1.1\r\nhost: a.test\r\n${fields.map((f) => `${f}\r\n`).join('')}\r\n`
const isAnswered = (text: string) => text.endsWith('ok')

describe('faults', () => {
  it('are as many at a time as allowed, over two workers', async () => {
    const fault = 'delay: { header_delay: {}, percentage: { numerator: 100 } }, max_active_faults: 5'
    const proxy = await start(fault, 2, await EchoBackend.start())
    const stat = async (name: string) => (await proxy.stats('fault')).get(`http.main.fault.${name}`)
    const clients = await Promise.all(Array.from({ length: 24 }, () => client(proxy)))
    for (const each of clients) each.write(get('x-envoy-fault-delay-request: 600000'))
    await until('all but five are answered', () => clients.filter(({ text }) => isAnswered(text)).length === 19)
    expect(await stat('active_faults')).toBe(5)
    expect(await stat('delays_injected')).toBe(5)
    expect(await stat('faults_overflow')).toBe(19)
    const delayed = clients.filter(({ text }) => text === '')
    for (const each of delayed) each.reset()
    await until('no fault is left', async () => (await stat('active_faults')) === 0)
    const next = await client(proxy)
    next.write(get('x-envoy-fault-delay-request: 1'))
    await next.readUntil(isAnswered)
    expect(await stat('delays_injected')).toBe(6)
  })
})

describe('a slowed down response', () => {
  const slow = 'response_rate_limit: { fixed_limit: { limit_kbps: 1 }, percentage: { numerator: 100 } }'

  it('is not read from the upstream faster than it goes on, but for the buffers', async () => {
    const bytes = 64 << 20
    const backend = await EchoBackend.start({
      onRequest: ({ connection }) => {
        connection.send(`HTTP/1.1 200 OK\r\ncontent-length: ${bytes}\r\n\r\n`)
        connection.send(Buffer.alloc(bytes, 'x'))
      },
    })
    const proxy = await start(slow, 1, backend, 'per_connection_buffer_limit_bytes: 16384')
    const stat = async (name: string) => (await proxy.stats('cluster.main')).get(`cluster.main.${name}`) ?? 0
    const reader = await client(proxy)
    reader.write(get())
    await until('reading stops', async () => (await stat('upstream_flow_control_paused_reading_total')) > 0)
    await until('some of it has come', () => reader.receivedBytes > 500)
    expect(await stat('upstream_cx_rx_bytes_total')).toBeLessThan(2 << 20)
    reader.reset()
    await until('the upstream is left', async () => (await stat('upstream_rq_active')) === 0)
  })

  it('that has come whole stops nobody else who uses its upstream connection', async () => {
    const body = 'x'.repeat(60_000)
    const backend = await EchoBackend.start({
      onRequest: ({ connection, headers }) => {
        const answer = headers.has('x-small') ? 'ok' : body
        connection.send(`HTTP/1.1 200 OK\r\ncontent-length: ${answer.length}\r\n\r\n${answer}`)
      },
    })
    const hardlySlow = slow.replace('limit_kbps: 1', 'limit_kbps: 100000')
    const proxy = await start(hardlySlow, 1, backend, 'per_connection_buffer_limit_bytes: 100000')
    const first = await client(proxy)
    first.pause()
    first.write(get().repeat(400))
    const paused = 'cluster.main.upstream_flow_control_paused_reading_total'
    await until('the first client is full', async () => ((await proxy.stats(paused)).get(paused) ?? 0) > 0)
    const second = await client(proxy)
    second.write(get('x-small: 1'))
    await second.readUntil(isAnswered)
    expect(backend.connections.length).toBe(1)
  })
})
