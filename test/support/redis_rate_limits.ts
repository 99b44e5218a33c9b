/** The rate limit service that Envoy's project has (github.com/envoyproxy/ratelimit), with a Redis of its own behind it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ensureDebianCommand } from './ensure_debian_command.ts'
import { ensureGoTool } from './ensure_go_tool.ts'
import { freePorts } from './free_ports.ts'
import { httpRequest } from './http_get.ts'

const service = {
  package: 'github.com/envoyproxy/ratelimit/src/service_cmd',
  version: 'v1.4.1-0.20260122083618-3fb702589d36',
}
const redis = { what: 'Redis', debianPackage: 'redis-server', commands: ['redis-server'] }
const readyTimeoutMs = 30_000
const pollMs = 20

/** The paths of both programs; installed where they are missing, which throws where it cannot be done. */
export function ensureRedisRateLimits(): { service: string; redis: string } {
  return { redis: ensureDebianCommand(redis), service: ensureGoTool(service) }
}

export class RedisRateLimits {
  /** Where the service takes gRPC calls. */
  readonly port: number
  readonly #folder: string
  readonly #children: readonly ChildProcess[]
  readonly #endWithUs = () => this.#kill()

  private constructor(port: number, folder: string, children: readonly ChildProcess[]) {
    this.port = port
    this.#folder = folder
    this.#children = children
    process.on('exit', this.#endWithUs)
  }

  /** `limits` is the service's configuration of one domain, as YAML. */
  static async start(limits: string): Promise<RedisRateLimits> {
    const programs = ensureRedisRateLimits()
    const folder = mkdtempSync(join(tmpdir(), 'nuncio-rate-limits-'))
    mkdirSync(join(folder, 'runtime/config'), { recursive: true })
    writeFileSync(join(folder, 'runtime/config/limits.yaml'), limits)
    const socket = join(folder, 'redis.sock')
    const [http, grpc, debug] = await freePorts(3)
    const database = start(programs.redis, ['--port', '0', '--unixsocket', socket, '--save', '', '--appendonly', 'no'])
    const env = {
      ...{ HOST: '127.0.0.1', PORT: String(http), GRPC_HOST: '127.0.0.1', GRPC_PORT: String(grpc) },
      ...{ DEBUG_HOST: '127.0.0.1', DEBUG_PORT: String(debug), USE_STATSD: 'false', LOG_LEVEL: 'error' },
      ...{ RUNTIME_ROOT: join(folder, 'runtime'), RUNTIME_SUBDIRECTORY: '.', RUNTIME_WATCH_ROOT: 'false' },
      ...{ BACKEND_TYPE: 'redis', REDIS_TYPE: 'SINGLE', REDIS_SOCKET_TYPE: 'unix', REDIS_URL: socket },
    }
    // The service gives up where it finds no Redis.
    await until('Redis', database, () => Promise.resolve(existsSync(socket)))
    const server = start(programs.service, [], env)
    const started = new RedisRateLimits(grpc, folder, [server.child, database.child])
    const isHealthy = () => httpRequest(`127.0.0.1:${http}`, '/healthcheck').then(({ status }) => status === 200, no)
    await until('the rate limit service', server, isHealthy).catch(async (error: unknown) => {
      await started.stop()
      throw error
    })
    return started
  }

  async stop(): Promise<void> {
    process.off('exit', this.#endWithUs)
    const running = this.#children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
    const exits = running.map((child) => once(child, 'exit'))
    this.#kill()
    await Promise.all(exits)
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #kill(): void {
    for (const child of this.#children) child.kill('SIGKILL')
  }
}

const no = (): boolean => false

interface Program {
  readonly child: ChildProcess
  readonly output: () => string
}

async function until(what: string, program: Program, isReady: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + readyTimeoutMs
  while (!(await isReady())) {
    if (performance.now() > deadline || program.child.exitCode !== null)
      throw new Error(`${what} is not ready: ${program.output()}`)
    await delay(pollMs)
  }
}

function start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Program {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  let output = ''
  const keep = (chunk: Buffer) => {
    output += chunk.toString()
  }
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  child.on('error', (error) => keep(Buffer.from(String(error))))
  return { child, output: () => output }
}
