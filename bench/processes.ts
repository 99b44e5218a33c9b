// Starts and stops what a benchmark consists of: the backend and the proxies, each on ports of its own.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:http'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureEnvoy } from '../test/support/ensure_envoy.ts'
import { discoveryConfig } from './configs/discovery.ts'
import { envoyConfig } from './configs/envoy.ts'
import { haproxyConfig } from './configs/haproxy.ts'
import { nginxConfig } from './configs/nginx.ts'
import type { Ports, Setup } from './configs/setup.ts'

export const proxyNames = ['nuncio', 'envoy', 'nginx', 'haproxy'] as const
export type ProxyName = (typeof proxyNames)[number]

export interface Backend {
  readonly port: number
  stop(): Promise<void>
}

export interface RunningProxy {
  readonly name: ProxyName
  readonly pid: number
  readonly ports: Ports
  /** From the start of the process to the first answer that it is ready. */
  readonly readyAfterMs: number
  stop(): Promise<void>
}

const readyTimeoutMs = 30_000
const pollMs = 2
const stopTimeoutMs = 5000
const firstPort = 24_000
const lastPort = 24_999
let nextPort = firstPort + (process.pid % (lastPort - firstPort))

/** Real Envoy is always there: it is installed where it is missing. */
export function installedProxies(): ProxyName[] {
  return proxyNames.filter((name) => name === 'nuncio' || name === 'envoy' || hasCommand(name))
}

export function hasCommand(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`]).status === 0
}

/** HTTP/1.1: `keepalive`, `close`, `upload`. HTTP/2: `get`, `grpc`, `limits`. */
export type BackendMode = 'keepalive' | 'close' | 'upload' | 'get' | 'grpc' | 'limits'

export async function startBackend(mode: BackendMode = 'keepalive', bodyBytes = 128): Promise<Backend> {
  const program = mode === 'get' || mode === 'grpc' || mode === 'limits' ? 'backend_http2.ts' : 'backend.ts'
  const child = spawn(process.execPath, [join(import.meta.dirname, program), mode, String(bodyBytes)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  return { port: Number(line.toString()), stop: () => stop(child) }
}

/** undefined where this proxy cannot do what the setup asks for. `nodeOptions` are for Nuncio's processes. */
export async function startProxy(
  name: ProxyName,
  setup: Setup,
  backendPort: number,
  nodeOptions: readonly string[] = [],
): Promise<RunningProxy | undefined> {
  const folder = mkdtempSync(join(tmpdir(), `bench-${name}-`))
  const ports = { listen: await freePort(), admin: await freePort(), backend: backendPort }
  const command = prepare(name, setup, ports, folder, nodeOptions)
  if (command === undefined) {
    rmSync(folder, { recursive: true })
    return undefined
  }
  const errors = join(folder, 'stderr')
  const startedAt = performance.now()
  const child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'ignore', openSync(errors, 'w')] })
  const stopAndClear = async (): Promise<void> => {
    await stop(child)
    rmSync(folder, { recursive: true, force: true })
  }
  while (!(await isReady(name, ports))) {
    if (child.exitCode === null && performance.now() - startedAt < readyTimeoutMs) {
      await new Promise((resolve) => setTimeout(resolve, pollMs))
      continue
    }
    const output = readFileSync(errors, 'utf8')
    await stopAndClear()
    throw new Error(`${name} did not get ready:\n${output}`)
  }
  return { name, pid: child.pid ?? 0, ports, readyAfterMs: performance.now() - startedAt, stop: stopAndClear }
}

/** Writes the configuration and returns the command line. */
function prepare(
  name: ProxyName,
  setup: Setup,
  ports: Ports,
  folder: string,
  nodeOptions: readonly string[],
): string[] | undefined {
  const file = join(folder, name === 'nuncio' || name === 'envoy' ? 'bootstrap.yaml' : 'config')
  const text = configText(name, setup, ports, folder)
  if (text === undefined) return undefined
  writeFileSync(file, text)
  const flags = ['-c', file, '--concurrency', String(setup.workers), '--disable-hot-restart', '-l', 'error']
  switch (name) {
    case 'nuncio':
      return [process.execPath, ...nodeOptions, join(import.meta.dirname, '../src/main.ts'), ...flags]
    case 'envoy':
      return [ensureEnvoy(), ...flags]
    case 'nginx':
      return ['nginx', '-p', folder, '-c', file]
    case 'haproxy':
      return ['haproxy', '-db', '-f', file]
  }
}

export function configText(name: ProxyName, setup: Setup, ports: Ports, folder: string): string | undefined {
  if (setup.controlPlanePort > 0)
    return name === 'nuncio' || name === 'envoy' ? discoveryConfig(setup.controlPlanePort, ports) : undefined
  if (setup.rateLimitPort > 0 && (name === 'nginx' || name === 'haproxy')) return undefined
  if (name === 'nginx') return nginxConfig(setup, ports, folder)
  if (name === 'haproxy') return haproxyConfig(setup, ports, folder)
  return envoyConfig(setup, ports)
}

/** Where there is an admin interface it says so; else the proxy is ready when it accepts. */
function isReady(name: ProxyName, ports: Ports): Promise<boolean> {
  return new Promise((resolve) => {
    if (name === 'nuncio' || name === 'envoy') {
      const request = get({ host: '127.0.0.1', port: ports.admin, path: '/ready', agent: false }, (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      })
      request.on('error', () => resolve(false))
      return
    }
    const socket = connect(ports.listen, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}

/**
 * Below the ports that the kernel gives to clients: no connection takes one between here and the proxy's own bind, and a
 * probe cannot be connected to itself.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const server = createServer()
    const free = new Promise<boolean>((resolve) => {
      server.on('error', () => resolve(false))
      server.on('listening', () => resolve(true))
    })
    const port = nextPort
    nextPort = nextPort === lastPort ? firstPort : nextPort + 1
    server.listen(port, '127.0.0.1')
    if (!(await free)) continue
    server.close()
    await once(server, 'close')
    return port
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exit
  clearTimeout(timer)
}
