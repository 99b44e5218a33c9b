// The workers as main sees them: started, handed their sockets, replaced when they die, stopped.

import { type ChildProcess, fork } from 'node:child_process'
import { flushCompileCache } from 'node:module'
import { getLogger } from '../common/log.ts'
import { createDescriptorChannel, DESCRIPTORS_PER_MESSAGE_LIMIT, sendDescriptors } from '../os/descriptor_passing.ts'
import { closeFd } from '../os/socket.ts'
import { zeroGauges } from '../stats/reader.ts'
import type { StatsSegment } from '../stats/segment.ts'
import { reclaimShares } from '../stats/shared_counter.ts'
import type { DnsDemand } from '../upstream/dns_cache/dns_caches.ts'
import type { OriginalDstChange } from '../upstream/original_dst/original_dst_load_balancer.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { AccessLogStreams } from './access_log_streams.ts'
import {
  type BoundSocketInfo,
  type FromWorker,
  programPath,
  type ToWorker,
  type WorkerQuery,
  type WorkerSettings,
  type WorkerUpdate,
  workerMarker,
} from './channel.ts'

const log = getLogger('main')

/** A worker that dies sooner than this after its start is replaced ever later. */
const stableAfterMs = 10_000
const firstBackoffMs = 100
const longestBackoffMs = 5000
const answerTimeoutMs = 5000

/** Young-generation size: large enough that a request's objects die before they are copied (bench/README.md). */
const workerNodeOptions = ['--max-semi-space-size=32', '--no-warnings']

/** A listening socket of one worker; main keeps it open for ever, so that what queues on it is never lost. */
export interface OwnedSocket extends BoundSocketInfo {
  readonly fd: number
}

export interface WorkerPoolParts {
  readonly segment: StatsSegment
  readonly cellsFd: number
  readonly concurrency: number
  /** What a worker starts with, as things stand at that moment. */
  settingsFor(workerIndex: number): WorkerSettings
  socketsOf(workerIndex: number): readonly OwnedSocket[]
  /** For one life of a worker. */
  createLogStreams(onTaken: (stream: number, bytes: number) => void): AccessLogStreams
  onRestart(workerIndex: number): void
  /** A request in a worker waits for a resource. */
  onWanted(key: string, name: string): void
  readonly dnsDemand: Pick<DnsDemand, 'onWanted' | 'onUsed'>
  onUnhealthyHost(clusterName: string, key: string): void
  readonly onOutlier: ServerContext['onOutlier']
  onOriginalDst(workerIndex: number, change: OriginalDstChange): void
  /** A worker could not even start: the server cannot go on. */
  onFatal(reason: string): void
}

export class WorkerPool {
  readonly #parts: WorkerPoolParts
  readonly #workers: Worker[] = []
  #stopping = false
  #version = 0
  #anyRestart = false

  constructor(parts: WorkerPoolParts) {
    this.#parts = parts
  }

  /** Starts all workers; resolves when each accepts. */
  async start(): Promise<void> {
    // Written now rather than at the end, so that already the workers of the first run read it.
    flushCompileCache()
    for (let index = 0; index < this.#parts.concurrency; index++)
      this.#workers.push(new Worker(this, this.#parts, index))
    await Promise.all(this.#workers.map((worker) => worker.listening))
  }

  /** Resolves when every worker has the change; one that dies meanwhile is started with it. */
  async apply(update: WorkerUpdate): Promise<void> {
    const version = ++this.#version
    await Promise.all(this.#workers.map((worker) => worker.apply(version, update)))
  }

  /** Hands further sockets to every worker; resolves when each accepts on them. */
  async handOver(socketsOf: (workerIndex: number) => readonly OwnedSocket[]): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.handOver(socketsOf(worker.index))))
  }

  /** Every worker's answer; a worker that does not answer in time is left out. */
  async query(what: WorkerQuery): Promise<unknown[]> {
    const answers = await Promise.all(this.#workers.map((worker) => worker.query(what)))
    return answers.filter((answer) => answer !== undefined)
  }

  /** One worker's answer; undefined where it does not answer in time. */
  async queryOne(index: number, what: WorkerQuery, timeoutMs: number): Promise<unknown> {
    return this.#workers[index]?.query(what, timeoutMs)
  }

  /** Ends all workers: access logs are written first, stragglers are killed. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping = true
    await Promise.all(this.#workers.map((worker) => worker.stop(graceMs)))
  }

  pids(): number[] {
    return this.#workers.flatMap((worker) => worker.pid ?? [])
  }

  onExit(worker: Worker, why: string, wasReady: boolean): void {
    if (this.#stopping) return
    log.error(`worker ${worker.index} (pid ${worker.pid}) ended unexpectedly (${why})`)
    if (!wasReady && !this.#anyRestart) {
      this.#parts.onFatal(`worker ${worker.index} did not start (${why})`)
      return
    }
    const { segment } = this.#parts
    const dead = segment.slab(worker.index + 1)
    const others = segment.slabs().filter((slab) => slab !== dead)
    reclaimShares(segment.shared, dead, others)
    zeroGauges(dead)
    this.#anyRestart = true
    this.#parts.onRestart(worker.index)
    setTimeout(() => this.#replace(worker), worker.nextBackoffMs())
  }

  #replace(worker: Worker): void {
    if (this.#stopping) return
    log.info(`starting worker ${worker.index} again`)
    worker.launch()
  }
}

class Worker {
  readonly index: number
  readonly #pool: WorkerPool
  readonly #parts: WorkerPoolParts
  #process!: ChildProcess
  #logStreams!: AccessLogStreams
  #logsClosed: Promise<void> = Promise.resolve()
  #socketChannel = -1
  #startedAtMs = 0
  #backoffMs = firstBackoffMs
  #built = false
  /** Listening sockets that the worker has not been handed yet, and who waits until it has them all. */
  #unsent: OwnedSocket[] = []
  #isHandingOver = false
  #onHandedOver: (() => void)[] = []
  readonly #answers = new Map<number, (value: unknown) => void>()
  readonly #unapplied = new Map<number, () => void>()
  #nextQuery = 1
  readonly listening: Promise<void>
  #onListening!: () => void

  constructor(pool: WorkerPool, parts: WorkerPoolParts, index: number) {
    this.#pool = pool
    this.#parts = parts
    this.index = index
    this.listening = new Promise((resolve) => {
      this.#onListening = resolve
    })
    this.launch()
  }

  get pid(): number | undefined {
    return this.#process.pid
  }

  launch(): void {
    const [ours, theirs] = createDescriptorChannel()
    const { segment, cellsFd } = this.#parts
    this.#socketChannel = ours
    this.#startedAtMs = performance.now()
    this.#built = false
    this.#process = fork(programPath, [], {
      serialization: 'advanced',
      execArgv: [
        ...process.execArgv.filter((argument) => !argument.startsWith('--cpu-prof')),
        ...workerNodeOptions,
        ...profileArguments(),
      ],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', segment.fd, cellsFd, theirs],
      env: { ...process.env, [workerMarker]: String(this.index) },
    })
    closeFd(theirs)
    this.#logStreams = this.#parts.createLogStreams((stream, bytes) => this.send({ type: 'logsTaken', stream, bytes }))
    this.#process.on('message', (message: FromWorker) => this.#onMessage(message))
    this.#process.on('exit', (code, signal) => this.#onExit(signal ?? `exit code ${code}`))
    this.#process.on('error', (error) => log.error(`worker ${this.index}: ${error.message}`))
    this.send({ type: 'start', settings: this.#parts.settingsFor(this.index) })
  }

  nextBackoffMs(): number {
    if (performance.now() - this.#startedAtMs > stableAfterMs) this.#backoffMs = firstBackoffMs
    // The first replacement comes at once; one that dies again waits.
    const delay = this.#backoffMs === firstBackoffMs ? 0 : this.#backoffMs
    this.#backoffMs = Math.min(this.#backoffMs * 2, longestBackoffMs)
    return delay
  }

  send(message: ToWorker): void {
    if (this.#process.connected) this.#process.send(message, () => {})
  }

  #onMessage(message: FromWorker): void {
    switch (message.type) {
      case 'built':
        this.#built = true
        this.#unsent = [...this.#parts.socketsOf(this.index)]
        this.#sendSockets()
        break
      case 'listening':
        if (this.#unsent.length > 0) this.#sendSockets()
        else this.#onAllHandedOver()
        break
      case 'applied':
        this.#unapplied.get(message.version)?.()
        this.#unapplied.delete(message.version)
        break
      case 'answer':
        this.#answers.get(message.id)?.(message.value)
        this.#answers.delete(message.id)
        break
      case 'wanted':
        this.#parts.onWanted(message.key, message.name)
        break
      case 'dnsHostWanted':
        this.#parts.dnsDemand.onWanted(message.cache, message.host)
        break
      case 'dnsHostsUsed':
        this.#parts.dnsDemand.onUsed(message.cache, message.hosts)
        break
      case 'unhealthyHost':
        this.#parts.onUnhealthyHost(message.clusterName, message.key)
        break
      case 'outlier':
        this.#parts.onOutlier(message.clusterName, message.slot, message.outlier)
        break
      case 'originalDst':
        this.#parts.onOriginalDst(this.index, message.change)
        break
      case 'logs':
        this.#logStreams.onMessage(message.message)
        break
      case 'stopped':
        break
    }
  }

  /** A worker between two lives gets them with all others, when it is built. */
  handOver(sockets: readonly OwnedSocket[]): Promise<void> {
    if (!this.#built || !this.#process.connected) return Promise.resolve()
    this.#unsent.push(...sockets)
    if (!this.#isHandingOver) this.#sendSockets()
    return new Promise((resolve) => this.#onHandedOver.push(resolve))
  }

  #onAllHandedOver(): void {
    this.#isHandingOver = false
    this.#onListening()
    for (const done of this.#onHandedOver.splice(0)) done()
  }

  /** As many as one message holds; the next goes when the worker accepts on these, so that no queue can fill up. */
  #sendSockets(): void {
    this.#isHandingOver = true
    const sockets = this.#unsent.splice(0, DESCRIPTORS_PER_MESSAGE_LIMIT)
    const fds = sockets.map((socket) => socket.fd)
    try {
      if (fds.length > 0) sendDescriptors(this.#socketChannel, Buffer.from('s'), fds)
    } catch (error) {
      // A worker that died meanwhile takes no sockets: its exit is told next, and another one comes.
      log.warn(`worker ${this.index}: ${(error as Error).message}`)
      return
    }
    this.send({ type: 'listen', sockets: sockets.map(({ fd: _fd, ...info }) => info) })
  }

  apply(version: number, update: WorkerUpdate): Promise<void> {
    // Between two lives: the next begins with all changes so far.
    if (!this.#process.connected) return Promise.resolve()
    return new Promise((resolve) => {
      this.#unapplied.set(version, resolve)
      this.send({ type: 'update', version, update })
    })
  }

  query(what: WorkerQuery, timeoutMs = answerTimeoutMs): Promise<unknown> {
    const id = this.#nextQuery++
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#settle(id, undefined), timeoutMs)
      this.#answers.set(id, (value) => {
        clearTimeout(timer)
        resolve(value)
      })
      this.send({ type: 'query', id, what })
    })
  }

  #settle(id: number, value: unknown): void {
    this.#answers.get(id)?.(value)
    this.#answers.delete(id)
  }

  stop(graceMs: number): Promise<void> {
    const child = this.#process
    if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      child.once('exit', () => {
        clearTimeout(timer)
        resolve(this.#logsClosed)
      })
      this.send({ type: 'stop' })
    })
  }

  #onExit(why: string): void {
    closeFd(this.#socketChannel)
    this.#logsClosed = this.#logStreams.close()
    for (const id of [...this.#answers.keys()]) this.#settle(id, undefined)
    for (const applied of this.#unapplied.values()) applied()
    this.#unapplied.clear()
    this.#isHandingOver = false
    for (const done of this.#onHandedOver.splice(0)) done()
    this.#pool.onExit(this, why, this.#built)
  }
}

/** NUNCIO_CPU_PROFILE names a folder for V8 profiles of the workers: how bench/README.md's are taken. */
function profileArguments(): string[] {
  const folder = process.env['NUNCIO_CPU_PROFILE']
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${folder}`]
}
