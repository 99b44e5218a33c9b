/** A proxy process of its own for tests that hurt it: resource limits, its workers' ids, their memory and descriptors. */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ProxyProcess } from '../support/proxy_process.ts'

const program = join(import.meta.dirname, '../../src/main.ts')
const timeoutMs = 15_000
const pollMs = 5

export interface FaultProxyOptions {
  readonly flags?: readonly string[]
  /** Files and sockets that each of its processes may have open. */
  readonly descriptorLimit?: number
}

/** Starts the program itself, without its launcher, so that `pid` is main's. `{{dir}}` in the YAML is its own folder. */
export async function startFaultProxy(yaml: string, options: FaultProxyOptions = {}): Promise<ProxyProcess> {
  const folder = mkdtempSync(join(tmpdir(), 'faults-'))
  const configPath = join(folder, 'bootstrap.yaml')
  writeFileSync(configPath, yaml.replaceAll('{{dir}}', folder))
  const limit = options.descriptorLimit === undefined ? '' : `ulimit -n ${options.descriptorLimit}; `
  const args = ['-c', configPath, '--admin-address-path', join(folder, 'admin_address'), '--disable-hot-restart']
  const shell = ['-c', `${limit}exec "$@"`, 'sh', process.execPath, program, ...args]
  const child = spawn('sh', [...shell, ...(options.flags ?? ['--concurrency', '1'])], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const proxy = new ProxyProcess('nuncio', child, folder)
  try {
    await proxy.waitReady()
  } catch (error) {
    await proxy.stop()
    throw error
  }
  return proxy
}

/** The children of a process: main's are its workers. */
export function childPids(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number)
}

export function isAlive(pid: number): boolean {
  // A zombie has no memory any more.
  return existsSync(`/proc/${pid}`) && statusField(pid, 'VmRSS') !== undefined
}

/** Memory that a process has in use. */
export function residentBytes(pid: number): number {
  return Number.parseInt(statusField(pid, 'VmRSS') ?? '0', 10) * 1024
}

export function openDescriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length
}

/** Processor time that a process has used so far. */
export function processorMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ')
  return (Number(fields[11]) + Number(fields[12])) * 10
}

function statusField(pid: number, name: string): string | undefined {
  try {
    return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  } catch {
    return undefined
  }
}

/** Asks again until the condition holds; bounded, and says what it waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
}
