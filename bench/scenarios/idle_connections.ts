// What an idle keep-alive connection costs in memory: the process tree before and after 5,000 were opened and used once.

import { connect, type Socket } from 'node:net'
import { plainHttp } from '../configs/setup.ts'
import { memoryBytes } from '../cpu.ts'
import type { Figure } from '../figure.ts'
import { drive } from '../load.ts'
import { type ProxyName, startBackend } from '../processes.ts'
import { type BenchOptions, inTurns, withProxies } from '../rounds.ts'
import type { Scenario } from './scenario.ts'
import { defaultLoad } from './throughput.ts'

const connectionCount = 5000
const atOnce = 50
/** For deferred work, such as freeing what the opening needed. */
const settleMs = 1500

export const idleConnections: Scenario = {
  name: 'idle_connections',
  title: 'idle keep-alive connections',
  run,
}

/** Memory that was freed once is used again: every sample needs a process of its own. */
async function run(options: BenchOptions): Promise<Figure[]> {
  const samples = await inTurns(options.proxies, options.rounds, (name) => kibPerConnection(name, options))
  return [{ name: 'memory a connection', unit: 'KiB', samples, goal: { of: 'ratio', atMost: 1 } }]
}

async function kibPerConnection(name: ProxyName, options: BenchOptions): Promise<number> {
  const backend = await startBackend()
  return await withProxies([name], plainHttp, backend, async (proxies) => {
    const { pid, ports } = proxies.get(name)!
    await drive({ ...defaultLoad(options), port: ports.listen })
    await settle()
    const before = memoryBytes(pid)
    const sockets = await openAll(ports.listen)
    await settle()
    const after = memoryBytes(pid)
    const alive = sockets.filter((socket) => !socket.destroyed && !socket.readableEnded).length
    for (const socket of sockets) socket.destroy()
    if (alive !== connectionCount) throw new Error(`${name} closed ${connectionCount - alive} of the connections`)
    return (after - before) / connectionCount / 1024
  })
}

async function openAll(port: number): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < connectionCount)
    sockets.push(...(await Promise.all(Array.from({ length: atOnce }, () => openOne(port)))))
  return sockets
}

/** Resolves when the answer has begun. */
function openOne(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', reject)
    socket.on('data', () => resolve(socket))
    socket.write('GET / HTTP/1.1\r\nhost: bench\r\n\r\n')
  })
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, settleMs))
}
