/** Network namespaces of a test's own: one kept by a process that holds it, or one for a script. Only root can make them. */
import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readlinkSync } from 'node:fs'
import { ensureDebianCommand } from './ensure_debian_command.ts'

/** Should the test die, the namespace goes by itself. */
const longestLifeSeconds = '600'
const startTimeoutMs = 10_000

/** What tests in namespaces run; installs what is not there, see `DEBIAN_INSTALL_TIMEOUT_MS`. */
export function ensureNamespaceTools(): void {
  ensureDebianCommand({ what: 'iptables', debianPackage: 'iptables', commands: ['iptables'] })
  ensureDebianCommand({ what: 'ip', debianPackage: 'iproute2', commands: ['ip'] })
  ensureDebianCommand({ what: 'nsenter', debianPackage: 'util-linux', commands: ['nsenter'] })
}

export interface NamespaceUser {
  readonly uid: number
  readonly gid: number
}

export class NetworkNamespace {
  readonly #holder: ChildProcess

  private constructor(holder: ChildProcess) {
    this.#holder = holder
  }

  /** Its loopback interface is up. */
  static async create(): Promise<NetworkNamespace> {
    const holder = spawn('unshare', ['--net', 'sleep', longestLifeSeconds], { stdio: 'ignore' })
    const deadline = performance.now() + startTimeoutMs
    while (namespaceOf(holder.pid) === namespaceOf(process.pid)) {
      if (holder.exitCode !== null || performance.now() > deadline)
        throw new Error('no network namespace can be made here: it needs root')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const made = new NetworkNamespace(holder)
    made.run('ip', 'link', 'set', 'lo', 'up')
    return made
  }

  /** A cable between two: each gets an interface `eth0` with an address of either family, `10.77.0.1/24`. */
  connect(other: NetworkNamespace, own: readonly string[], others: readonly string[]): void {
    this.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(other.#holder.pid))
    for (const [side, addresses] of [
      [this, own],
      [other, others],
    ] as const) {
      for (const address of addresses)
        side.run('ip', 'address', 'add', address, 'dev', 'eth0', ...(address.includes(':') ? ['nodad'] : []))
      side.run('ip', 'link', 'set', 'eth0', 'up')
    }
  }

  /** What the program prints; throws where it fails. */
  run(program: string, ...args: string[]): string {
    return this.runAs(undefined, program, ...args)
  }

  runAs(user: NamespaceUser | undefined, program: string, ...args: string[]): string {
    const [command, ...rest] = this.#entering(user, program, args)
    const { status, stdout, stderr } = spawnSync(command, rest, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: exit code ${status}: ${stderr}`)
    return stdout
  }

  spawn(program: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
    const [command, ...rest] = this.#entering(undefined, program, args)
    return spawn(command, rest, options)
  }

  stop(): void {
    this.#holder.kill('SIGKILL')
  }

  #entering(user: NamespaceUser | undefined, program: string, args: readonly string[]): string[] {
    const as = user === undefined ? [] : ['-S', String(user.uid), '-G', String(user.gid)]
    return ['nsenter', '--target', String(this.#holder.pid), '--net', ...as, program, ...args]
  }
}

function namespaceOf(pid: number | undefined): string {
  return readlinkSync(`/proc/${pid}/ns/net`)
}

/** The processes are in a namespace too: when the first of them ends, or is killed, all of them do. */
const unshare = ['--net', '--pid', '--fork', '--kill-child', '--mount', '--mount-proc']
const commonSetup = ['ip link set lo up']

/** What the script of `args` prints, as JSON, once it has ended by itself; rejects with all that it has said if that goes wrong. */
export async function runInNamespace(
  setup: readonly string[],
  args: readonly string[],
  timeoutMs: number,
): Promise<unknown> {
  const command = [...unshare, 'sh', '-c', script(setup, 'exec "$0" "$@"'), process.execPath, ...args]
  const child = spawn('unshare', command, { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  let complaints = ''
  child.stdout.on('data', (chunk: Buffer) => {
    printed += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString()
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code ?? 'SIGKILL'}:\n${printed}${complaints}`)
  return JSON.parse(printed)
}

function script(setup: readonly string[], then: string): string {
  return [...commonSetup, ...setup, then].join(' && ')
}
