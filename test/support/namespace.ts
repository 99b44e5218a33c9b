/** Runs part of a test in a network namespace of its own, with the packet filter that it asks for. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'

/** The processes are in a namespace too: when the first of them ends, or is killed, all of them do. */
const unshare = ['--net', '--pid', '--fork', '--kill-child', '--mount', '--mount-proc']
const commonSetup = ['ip link set lo up']

/** False where this machine or user cannot have a namespace with these settings. */
export function canHaveNamespace(setup: readonly string[]): boolean {
  return spawnSync('unshare', [...unshare, 'sh', '-c', script(setup, 'true')]).status === 0
}

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
