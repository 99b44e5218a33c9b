// What the soaks of live reload and of discovery share: a proxy that tells what lives in its processes, what it forwards to,
// and who uses it meanwhile.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { processTree } from '../../bench/cpu.ts'
import { EchoClient, keepAliveClient, type LiveClient } from '../support/live_clients.ts'
import { probeFolderVariable } from '../support/memory_probe.ts'
import { ProxyProcess } from '../support/proxy_process.ts'
import { until } from './support.ts'

const repository = join(import.meta.dirname, '../..')
const keepAliveClients = 3

/** Answers every request, echoes on WebSockets and, on a port of its own, on plain connections. */
export class Backends {
  readonly #http = createHttpServer((_request, response) => response.end('served'))
  readonly #tcp = createServer((socket) => socket.on('error', () => socket.destroy()).pipe(socket))

  static async start(): Promise<Backends> {
    const backends = new Backends()
    backends.#http.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')
      socket.on('error', () => socket.destroy())
      socket.pipe(socket)
    })
    for (const server of backends.#servers()) {
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
    }
    return backends
  }

  get httpPort(): number {
    return portOf(this.#http)
  }

  get tcpPort(): number {
    return portOf(this.#tcp)
  }

  stop(): void {
    this.#http.closeAllConnections()
    for (const server of this.#servers()) server.close()
  }

  #servers(): Server[] {
    return [this.#http, this.#tcp]
  }
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}

/** A proxy of two workers that drains for a second. */
export class SoakedProxy {
  readonly process: ProxyProcess
  readonly #probeFolder: string

  private constructor(process: ProxyProcess, probeFolder: string) {
    this.process = process
    this.#probeFolder = probeFolder
  }

  static async start(bootstrap: string): Promise<SoakedProxy> {
    const folder = mkdtempSync(join(tmpdir(), 'soak-'))
    const probeFolder = join(folder, 'memory')
    mkdirSync(probeFolder)
    writeFileSync(join(folder, 'bootstrap.yaml'), bootstrap)
    const args = ['--import', join(repository, 'test/support/memory_probe.ts'), join(repository, 'src/main.ts')]
    args.push('-c', join(folder, 'bootstrap.yaml'), '--admin-address-path', join(folder, 'admin_address'))
    args.push('--disable-hot-restart', '--concurrency', '2', '-l', 'error')
    args.push('--drain-time-s', '1', '--drain-strategy', 'immediate')
    const env = { ...process.env, [probeFolderVariable]: probeFolder }
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'], env })
    const proxy = new ProxyProcess('nuncio', child, folder)
    await proxy.waitReady()
    return new SoakedProxy(proxy, probeFolder)
  }

  /** Writes the file and reloads it; the answer says that it is in force. */
  async reload(bootstrap: string): Promise<void> {
    writeFileSync(join(this.process.folder, 'bootstrap.yaml'), bootstrap)
    const { status, body } = await this.process.admin('/reload', 'POST')
    if (status !== 200) throw new Error(body)
  }

  /** Bytes that live in main and each worker, once their garbage is collected. */
  async liveBytes(): Promise<Map<number, number>> {
    const before = new Map(this.#pids().map((pid) => [pid, this.#sample(pid)]))
    const live = new Map<number, number>()
    for (const [pid, known] of before) {
      process.kill(pid, 'SIGUSR2')
      await until(`process ${pid} has collected its garbage`, () => this.#sample(pid).count > (known.count ?? 0))
      live.set(pid, this.#sample(pid).bytes)
    }
    return live
  }

  #pids(): number[] {
    return processTree(this.process.pid)
  }

  #sample(pid: number): { count: number; bytes: number } {
    let text = ''
    try {
      text = readFileSync(join(this.#probeFolder, String(pid)), 'utf8')
    } catch {
      // It has not been asked yet.
    }
    const [count = 0, bytes = 0] = text.split(' ').map(Number)
    return { count, bytes }
  }
}

/** The names of the listeners that a soak's configuration has all the time. */
export const soakListeners = { http: 'http', webSocket: 'websocket', tcp: 'tcp' } as const

/** Requests to the listener that changes, streams of those that do not. */
export class SoakClients {
  readonly #clients: readonly LiveClient[]

  private constructor(clients: readonly LiveClient[]) {
    this.#clients = clients
  }

  static async start(proxy: ProxyProcess): Promise<SoakClients> {
    const port = proxy.port(soakListeners.http)
    return new SoakClients([
      ...Array.from({ length: keepAliveClients }, () => keepAliveClient(port)),
      await EchoClient.webSocket(proxy.port(soakListeners.webSocket)),
      await EchoClient.tcp(proxy.port(soakListeners.tcp)),
    ])
  }

  get failures(): string[] {
    return this.#clients.flatMap(({ failures }) => failures)
  }

  /** Resolves when each has had as many answers more. */
  async progress(answers: number): Promise<void> {
    const goals = this.#clients.map((client) => ({ client, goal: client.answered + answers }))
    const isThere = (): boolean => goals.every(({ client, goal }) => client.answered >= goal)
    await until('all clients are answered', () => isThere() || this.failures.length > 0)
  }

  async stop(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.stop()))
  }
}

/** Of what lives early and late, what is more in some process by a tenth and by as much as chance may bring; in words. */
export function growth(early: ReadonlyMap<number, number>, late: ReadonlyMap<number, number>): string[] {
  const megabyte = 1 << 20
  return [...late].flatMap(([pid, bytes]) => {
    const before = early.get(pid) ?? 0
    const allowed = before * 1.1 + 2 * megabyte
    const inMegabytes = (value: number): string => (value / megabyte).toFixed(1)
    return bytes <= allowed ? [] : [`process ${pid}: ${inMegabytes(before)} MB, then ${inMegabytes(bytes)} MB`]
  })
}
