// Bulk throughput of a relay of two connections: reading into memory that is used again, against the 'data' event.

import { fork } from 'node:child_process'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { PerformanceObserver, performance } from 'node:perf_hooks'
import { fileURLToPath } from 'node:url'
import { Connection } from '../../src/network/connection.ts'

const totalBytes = 1024 * 1024 * 1024
const rounds = 3

/** Sends to whoever connects, until they have all of it. */
function source(): void {
  const chunk = Buffer.alloc(256 * 1024, 'x')
  const server = createServer((socket) => {
    let left = totalBytes
    const more = () => {
      while (left > 0) {
        left -= chunk.length
        if (!socket.write(chunk)) return
      }
      socket.end()
    }
    socket.on('drain', more)
    socket.on('error', () => socket.destroy())
    more()
  })
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
}

/** Connects through the relay and counts. */
function sink(port: number): void {
  const socket = connect({
    port,
    host: '127.0.0.1',
    onread: { buffer: Buffer.alloc(256 * 1024), callback: () => true },
  })
  socket.resume()
  socket.on('close', () => process.exit(0))
}

function relay(downstreamSocket: Socket, sourcePort: number, reuse: boolean): void {
  const socket = connect({ port: sourcePort, host: '127.0.0.1', allowHalfOpen: true })
  const downstream = new Connection(downstreamSocket, undefined, 1024 * 1024, true)
  const upstream = new Connection(socket, undefined, 1024 * 1024, false)
  upstream.halfCloseEnabled = true
  upstream.reader = { onData: (data, endStream) => downstream.write(data, endStream) }
  downstream.addConnectionCallbacks({
    onEvent: () => upstream.close('noFlush', ''),
    onAboveWriteBufferHighWatermark: () => upstream.readDisable(true),
    onBelowWriteBufferLowWatermark: () => upstream.readDisable(false),
  })
  if (reuse) socket.once('connect', () => upstream.reuseReadBuffer(() => downstream.bufferedBytes > 0))
}

async function measure(sourcePort: number, reuse: boolean): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => relay(socket, sourcePort, reuse))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  let collections = 0
  const observer = new PerformanceObserver((list) => {
    collections += list.getEntries().length
  })
  observer.observe({ entryTypes: ['gc'] })
  const started = performance.now()
  const cpu = process.cpuUsage()
  const child = fork(fileURLToPath(import.meta.url), ['sink', String((server.address() as AddressInfo).port)])
  await new Promise((resolve) => child.once('exit', resolve))
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  observer.disconnect()
  server.close()
  const rate = (totalBytes / seconds / 1e6).toFixed(0)
  const cpuMs = ((used.user + used.system) / 1000).toFixed(0)
  console.log(`${reuse ? 'used again' : 'data event'}: ${rate} MB/s, ${cpuMs} ms CPU, ${collections} collections`)
}

async function main(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ['source'])
  const sourcePort = await new Promise<number>((resolve) => child.once('message', (port) => resolve(Number(port))))
  for (let round = 0; round < rounds; round++) {
    await measure(sourcePort, false)
    await measure(sourcePort, true)
  }
  child.kill()
}

if (process.argv[2] === 'source') source()
else if (process.argv[2] === 'sink') sink(Number(process.argv[3]))
else await main()
