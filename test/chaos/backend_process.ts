/** A backend in a process of its own, so that it can be killed and frozen as a real one is. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'

const program = join(import.meta.dirname, 'backend_program.ts')

export class BackendProcess {
  readonly host: string
  readonly port: number
  #child: ChildProcess | undefined = undefined

  private constructor(host: string, port: number) {
    this.host = host
    this.port = port
  }

  static async start(port: number, host = '127.0.0.1'): Promise<BackendProcess> {
    const backend = new BackendProcess(host, port)
    await backend.start()
    return backend
  }

  /** Resolves when it listens (again). */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [program, this.host, String(this.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const ended = once(child, 'exit').then(() => Promise.reject(new Error(`no backend on ${this.host}:${this.port}`)))
    await Promise.race([once(child.stdout, 'data'), ended])
    ended.catch(() => {})
  }

  /** Its connections are reset, its port is closed. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGKILL')
    await exit
  }

  /** Connections stand, and are even accepted by the kernel; nothing is read. */
  freeze(): void {
    this.#child?.kill('SIGSTOP')
  }

  thaw(): void {
    this.#child?.kill('SIGCONT')
  }
}
