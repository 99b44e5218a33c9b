/** A worker that runs out of file descriptors: says so, stays calm, and serves again when there are some. */
import { afterEach, describe, expect, test } from 'vitest'
import { bootstrap, cluster, httpListener } from '../parity/yaml.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'
import { childPids, openDescriptors, processorMs, startFaultProxy, until } from './fault_proxy.ts'

const limit = 128
const clientCount = 200
const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const answering = `
- name: all
  domains: ["*"]
  routes: [ { match: { prefix: / }, direct_response: { status: 200, body: { inline_string: answered } } } ]
`

let proxy: ProxyProcess
let clients: RawClient[] = []

afterEach(async () => {
  for (const client of clients) client.close()
  clients = []
  await proxy.stop()
})

async function connectAll(port: number, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const client = await RawClient.connect(port)
    client.write(request)
    clients.push(client)
  }
  for (const client of clients) await client.waitFor(() => client.ended || client.text.includes('\r\n\r\n'))
}

function answered(): RawClient[] {
  return clients.filter((client) => client.text.startsWith('HTTP/1.1 200'))
}

describe('more clients than descriptors', () => {
  test('the first are served, the others closed and counted, and later ones are served again', async () => {
    proxy = await startFaultProxy(bootstrap([httpListener({ name: 'main', virtualHosts: answering })], []), {
      descriptorLimit: limit,
    })
    const [worker] = childPids(proxy.pid)
    await connectAll(proxy.port('main'), clientCount)
    const served = answered()
    expect(served.length).toBeGreaterThan(limit / 2)
    expect(served.length).toBeLessThan(limit)
    const stats = await proxy.stats('^listener\\.main\\.downstream_cx_(total|overload_reject)$')
    expect(stats.get('listener.main.downstream_cx_overload_reject')).toBe(clientCount - served.length)
    expect(stats.get('listener.main.downstream_cx_total')).toBe(served.length)
    expect(proxy.stderr).toMatch(/listener main: new connections are closed, since \d+ of the 128 file descriptors/)
    expect(proxy.stderr.split('new connections are closed').length, 'one line, not one a client').toBe(2)

    // Those that have one keep it.
    served[0].write(request)
    await served[0].readUntil((text) => text.split('answered').length === 3)

    const before = openDescriptors(worker)
    for (const client of served) client.close()
    await until('the descriptors are free', () => openDescriptors(worker) <= before - served.length)
    clients = []
    await connectAll(proxy.port('main'), 20)
    expect(answered()).toHaveLength(20)
  })

  test('a worker without descriptors does not spin', async () => {
    proxy = await startFaultProxy(bootstrap([httpListener({ name: 'main', virtualHosts: answering })], []), {
      descriptorLimit: limit,
    })
    const [worker] = childPids(proxy.pid)
    await connectAll(proxy.port('main'), clientCount)
    const usedBeforeMs = processorMs(worker)
    const windowMs = 1000
    await new Promise((resolve) => setTimeout(resolve, windowMs))
    expect(processorMs(worker) - usedBeforeMs).toBeLessThan(windowMs / 4)
  })

  test('requests whose backend cannot be reached for want of a descriptor get 503', async () => {
    const backend = await EchoBackend.start()
    proxy = await startFaultProxy(
      bootstrap([httpListener({ name: 'main' })], [cluster('main', '', String(backend.port))]),
      {
        descriptorLimit: limit,
      },
    )
    // Nobody is answered before all have asked: each needs a connection of its own.
    const waiting: (() => void)[] = []
    backend.script = {
      onRequest: ({ connection }) => {
        waiting.push(() => connection.send('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
      },
    }
    const port = proxy.port('main')
    for (let i = 0; i < 80; i++) clients.push(await RawClient.connect(port))
    await until(
      'all are accepted',
      async () => (await proxy.stats('http.main.downstream_cx_active')).values().next().value === 80,
    )
    for (const client of clients) client.write(request)
    const refused = () => clients.filter((client) => client.text.startsWith('HTTP/1.1 503'))
    await until('every request has met its fate', () => refused().length + waiting.length === clients.length)
    expect(refused().length).toBeGreaterThan(0)
    expect(refused()[0].text).toContain('reset reason: remote connection failure')
    for (const answer of waiting) answer()
    await until('the others are answered', () => answered().length === waiting.length)
    // Now there is a connection to the backend for each.
    const [late] = refused()
    backend.script = {}
    late.write(request)
    expect(await late.readUntil((text) => text.endsWith('ok'))).toContain('HTTP/1.1 200 OK')
    await backend.stop()
  })
})
