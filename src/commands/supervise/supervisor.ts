// The generations that run: one, or two while the newer takes over from the older.

import { type ChildProcess, spawn } from 'node:child_process'
import { getLogger } from '../../common/log.ts'
import { adoptOrphans, reapOrphans } from '../../os/process.ts'

const log = getLogger('main')

const firstRetryMs = 1000
const longestRetryMs = 60_000
const reapEveryMs = 1000
/** One that has run so long has taken over. */
const settledAfterMs = 10_000

export interface SupervisorOptions {
  /** Starts the first generation again where the last process has ended by itself. */
  readonly restarts?: boolean
}

interface Generation {
  readonly epoch: number
  readonly child: ChildProcess
  readonly startedAtMs: number
}

export class Supervisor {
  /** The exit code, once the last process has ended. */
  readonly ended: Promise<number>
  readonly #program: string
  readonly #flags: readonly string[]
  readonly #restarts: boolean
  /** The oldest first. */
  #running: readonly Generation[] = []
  #isStopping = false
  #retryMs = firstRetryMs
  #retry: NodeJS.Timeout | undefined = undefined
  #exitCode = 0
  #onEnded!: (code: number) => void

  /** `program` is what Node runs. From now on this process reaps the orphans of the container, too. */
  constructor(program: string, flags: readonly string[], { restarts = false }: SupervisorOptions = {}) {
    this.#program = program
    this.#flags = flags
    this.#restarts = restarts
    adoptOrphans()
    setInterval(() => reapOrphans(this.#pids()), reapEveryMs).unref()
    this.ended = new Promise((resolve) => {
      this.#onEnded = resolve
    })
  }

  #pids(): Set<number> {
    return new Set(this.#running.flatMap(({ child }) => child.pid ?? []))
  }

  /** A process of the next epoch, which takes over from the newest. */
  startNext(why: string): void {
    clearTimeout(this.#retry)
    if (this.#isStopping) return
    const epoch = (this.#newest?.epoch ?? -1) + 1
    log.info(`starting epoch ${epoch}: ${why}`)
    const args = [this.#program, ...this.#flags, '--restart-epoch', String(epoch)]
    const child = spawn(process.execPath, args, { stdio: 'inherit' })
    const generation = { epoch, child, startedAtMs: performance.now() }
    this.#running = [...this.#running, generation]
    child.on('error', (error) => log.error(`epoch ${epoch}: ${error.message}`))
    child.on('exit', (code, signal) => this.#onExit(generation, code ?? 1, signal))
  }

  signalNewest(signal: NodeJS.Signals): void {
    this.#newest?.child.kill(signal)
  }

  /** Ends all of them, the newest first: it ends the one before by itself. */
  stop(signal: NodeJS.Signals): void {
    log.warn(`caught ${signal}`)
    this.#isStopping = true
    clearTimeout(this.#retry)
    if (this.#newest === undefined) this.#onEnded(this.#exitCode)
    else this.signalNewest(signal)
  }

  get #newest(): Generation | undefined {
    return this.#running.at(-1)
  }

  #onExit(generation: Generation, code: number, signal: NodeJS.Signals | null): void {
    const wasNewest = generation === this.#newest
    this.#running = this.#running.filter((each) => each !== generation)
    const { epoch, startedAtMs } = generation
    if (!wasNewest) {
      log.info(`epoch ${epoch} has ended`)
      this.#retryMs = firstRetryMs
    } else {
      log.warn(`epoch ${epoch} has ended with ${signal ?? `exit code ${code}`}`)
      this.#exitCode = code
      // Somebody has asked it to end, which means all of them.
      if (code === 0) this.#isStopping = true
    }
    const isLast = this.#running.length === 0
    if (isLast && (this.#isStopping || !this.#restarts)) this.#onEnded(this.#exitCode)
    else if (this.#isStopping) this.signalNewest('SIGTERM')
    else if (wasNewest) this.#tryAgain(performance.now() - startedAtMs > settledAfterMs)
  }

  /** The one before serves again meanwhile, if there is one. */
  #tryAgain(wasSettled: boolean): void {
    if (wasSettled) this.#retryMs = firstRetryMs
    const meanwhile = this.#newest === undefined ? '' : `epoch ${this.#newest.epoch} goes on; `
    log.warn(`${meanwhile}the next is tried again in ${this.#retryMs / 1000} s`)
    this.#retry = setTimeout(() => this.startNext('tried again'), this.#retryMs)
    this.#retryMs = Math.min(this.#retryMs * 2, longestRetryMs)
  }
}
