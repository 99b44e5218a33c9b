/** Starts a real proxy process, ours or Envoy, from one YAML text and gives the test its addresses. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ensureEnvoy } from './ensure_envoy.ts'
import { httpRequest, type SimpleResponse } from './http_get.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
const READY_TIMEOUT_MS = 20_000
const STOP_TIMEOUT_MS = 10_000
const POLL_MS = 10
const CONFIG_NAME = 'bootstrap.yaml'

export type ProxyKind = 'envoy' | 'nuncio'

interface ListenerStatus {
  name: string
  local_address: { socket_address?: { address: string; port_value?: number }; pipe?: { path: string } }
}

export class ProxyProcess {
  readonly kind: ProxyKind
  readonly child: ChildProcess
  /** A folder of this process alone; the YAML may name it as `{{dir}}`. */
  readonly folder: string
  /** `ip:port` of the admin interface. */
  adminAddress = ''
  stdout = ''
  stderr = ''
  ports = new Map<string, number>()
  #exited = false

  constructor(kind: ProxyKind, child: ChildProcess, folder: string) {
    this.kind = kind
    this.child = child
    this.folder = folder
    child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += chunk.toString()
    })
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += chunk.toString()
    })
    child.on('exit', () => {
      this.#exited = true
    })
  }

  get pid(): number {
    return this.child.pid ?? 0
  }

  /** The YAML that it runs. */
  get configPath(): string {
    return join(this.folder, CONFIG_NAME)
  }

  get exited(): boolean {
    return this.#exited
  }

  admin(path: string, method = 'GET', headers: Record<string, string> = {}): Promise<SimpleResponse> {
    return httpRequest(this.adminAddress, path, method, 5000, headers)
  }

  /** The port that the named listener is bound to. */
  port(listenerName: string): number {
    const port = this.ports.get(listenerName)
    if (port === undefined) throw new Error(`${this.kind} has no listener ${listenerName}`)
    return port
  }

  /** Values of `/stats`, counters and gauges only. */
  async stats(filter?: string): Promise<Map<string, number>> {
    const query = filter === undefined ? '' : `?filter=${encodeURIComponent(filter)}`
    const { body } = await this.admin(`/stats${query}`)
    const values = new Map<string, number>()
    for (const line of body.split('\n')) {
      const match = /^(.+): (-?\d+)$/.exec(line)
      if (match !== null) values.set(match[1], Number(match[2]))
    }
    return values
  }

  /** Waits until the admin interface answers, which may be long before the proxy is ready. */
  async waitAdmin(): Promise<void> {
    const addressFile = join(this.folder, 'admin_address')
    await this.#poll(() => existsSync(addressFile) && readFileSync(addressFile, 'utf8').includes(':'))
    this.adminAddress = readFileSync(addressFile, 'utf8').trim()
    await this.#poll(async () => (await this.admin('/ready').catch(() => undefined)) !== undefined)
  }

  /** Waits until the proxy says that it is ready; bounded, with the last of its output in the error. */
  async waitReady(): Promise<void> {
    await this.waitAdmin()
    await this.#poll(async () => (await this.admin('/ready').catch(() => undefined))?.status === 200)
    await this.refreshPorts()
  }

  async refreshPorts(): Promise<void> {
    const { body } = await this.admin('/listeners?format=json')
    const parsed = JSON.parse(body) as { listener_statuses?: ListenerStatus[] }
    for (const status of parsed.listener_statuses ?? []) {
      this.ports.set(status.name, status.local_address.socket_address?.port_value ?? 0)
    }
  }

  /** SIGTERM, then SIGKILL when that takes too long; removes the folder. */
  async stop(): Promise<void> {
    if (!this.#exited) {
      const exit = once(this.child, 'exit')
      this.child.kill('SIGTERM')
      const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_TIMEOUT_MS)
      await exit
      clearTimeout(timer)
    }
    rmSync(this.folder, { recursive: true, force: true })
  }

  async #poll(condition: () => boolean | Promise<boolean>): Promise<void> {
    const deadline = performance.now() + READY_TIMEOUT_MS
    while (!(await condition())) {
      if (this.#exited) throw new Error(`${this.kind} exited with ${this.child.exitCode}:\n${this.tail()}`)
      if (performance.now() > deadline) {
        throw new Error(`${this.kind} was not ready in ${READY_TIMEOUT_MS} ms:\n${this.tail()}`)
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
  }

  /** The last lines of the output, long ones cut. */
  tail(): string {
    const lines = `${this.stdout}${this.stderr}`.trimEnd().split('\n').slice(-20)
    return lines.map((line) => (line.length > 500 ? `${line.slice(0, 500)}...` : line)).join('\n')
  }
}

/** Starts a proxy and waits until it is ready. `{{dir}}` in the YAML becomes the process's own folder. */
export async function startProxy(kind: ProxyKind, yaml: string, flags: readonly string[] = []): Promise<ProxyProcess> {
  const proxy = spawnProxy(kind, yaml, flags)
  try {
    await proxy.waitReady()
  } catch (error) {
    await proxy.stop()
    throw error
  }
  return proxy
}

export function startEnvoy(yaml: string, flags: readonly string[] = []): Promise<ProxyProcess> {
  return startProxy('envoy', yaml, flags)
}

export function startNuncio(yaml: string, flags: readonly string[] = []): Promise<ProxyProcess> {
  return startProxy('nuncio', yaml, flags)
}

/** Starts a proxy without waiting for anything. */
export function spawnProxy(kind: ProxyKind, yaml: string, flags: readonly string[] = []): ProxyProcess {
  const folder = mkdtempSync(join(tmpdir(), `${kind}-`))
  const configPath = join(folder, CONFIG_NAME)
  writeFileSync(configPath, yaml.replaceAll('{{dir}}', folder))
  const args = [
    ...commandPrefix(kind),
    '-c',
    configPath,
    '--admin-address-path',
    join(folder, 'admin_address'),
    ...(flags.includes('--base-id') ? [] : ['--disable-hot-restart']),
    ...(flags.includes('--concurrency') ? [] : ['--concurrency', '1']),
    ...flags,
  ]
  const child = spawn(args[0], args.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  return new ProxyProcess(kind, child, folder)
}

/** The command and the arguments that come before Envoy's own flags. */
export function commandPrefix(kind: ProxyKind): string[] {
  return kind === 'envoy' ? [ensureEnvoy()] : [process.execPath, join(REPOSITORY, 'bin/nuncio.mjs')]
}
