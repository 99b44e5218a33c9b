/** Ten thousand clients at a time: each answered, each at the price of a few KiB, none left behind. */
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { descriptorLimit } from '../../src/os/process.ts'
import { bootstrap, httpListener } from '../parity/yaml.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { childPids, openDescriptors, residentBytes, startFaultProxy, until } from './fault_proxy.ts'

const wanted = 10_000
/** Descriptors that are not clients' connections. */
const spare = 1000
const count = Math.min(wanted, Number(descriptorLimit().hard) - spare)
const workers = 2
/** Ports and accept queues are filled in portions. */
const batch = 250
const largestBytesPerConnection = 24 * 1024

const request = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'
const answering = `
- name: all
  domains: ["*"]
  routes: [ { match: { prefix: / }, direct_response: { status: 200, body: { inline_string: answered } } } ]
`

/** Resolves when the answer has come; rejects where the connection ends before. */
function exchange(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = ''
    const onData = (data: Buffer) => {
      text += data.toString('latin1')
      if (!text.endsWith('answered')) return
      socket.off('data', onData).off('close', onClose)
      if (text.startsWith('HTTP/1.1 200')) resolve()
      else reject(new Error(text))
    }
    const onClose = () => reject(new Error(`closed after ${JSON.stringify(text)}`))
    socket.on('data', onData).on('close', onClose)
    socket.write(request)
  })
}

async function inBatches(sockets: readonly Socket[]): Promise<void> {
  for (let i = 0; i < sockets.length; i += batch) await Promise.all(sockets.slice(i, i + batch).map(exchange))
}

function residentOfWorkers(proxy: ProxyProcess): number {
  return childPids(proxy.pid).reduce((sum, pid) => sum + residentBytes(pid), 0)
}

test(`${count} connections at a time (hard limit of descriptors: ${descriptorLimit().hard})`, async () => {
  const proxy = await startFaultProxy(bootstrap([httpListener({ name: 'main', virtualHosts: answering })], []), {
    flags: ['--concurrency', String(workers)],
    descriptorLimit: Number(descriptorLimit().hard),
  })
  const port = proxy.port('main')
  const sockets: Socket[] = []
  try {
    // The first clients bring what is compiled and grown once.
    for (let i = 0; i < batch; i++) sockets.push(connect(port, '127.0.0.1').on('error', () => {}))
    for (let i = 0; i < 10; i++) await inBatches(sockets)
    const before = residentOfWorkers(proxy)
    for (let first = batch; first < count; first += batch) {
      const more = Array.from({ length: Math.min(batch, count - first) }, () => connect(port, '127.0.0.1'))
      for (const socket of more) socket.on('error', () => {})
      sockets.push(...more)
      await Promise.all(more.map(exchange))
    }
    const active = (await proxy.stats('^http\\.main\\.downstream_cx_active$')).get('http.main.downstream_cx_active')
    expect(active).toBe(count)
    const bytesEach = (residentOfWorkers(proxy) - before) / (count - batch)
    console.log(`${count} connections: ${(bytesEach / 1024).toFixed(1)} KiB each`)
    expect(bytesEach).toBeLessThan(largestBytesPerConnection)

    // All of them are alive.
    await inBatches(sockets)
    const descriptors = childPids(proxy.pid).reduce((sum, pid) => sum + openDescriptors(pid), 0)
    for (const socket of sockets) socket.destroy()
    await until(
      'all are gone',
      async () => [...(await proxy.stats('^http\\.main\\.downstream_cx_active$')).values()][0] === 0,
    )
    const left = childPids(proxy.pid).reduce((sum, pid) => sum + openDescriptors(pid), 0)
    expect(descriptors - left).toBeGreaterThanOrEqual(count)
  } finally {
    for (const socket of sockets) socket.destroy()
    await proxy.stop()
  }
}, 120_000)
