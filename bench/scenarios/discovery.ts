// Many clusters and routes from a control plane over delta ADS: how long until they are served, what that costs, what they
// take of memory, and what other requests feel of it.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { Agent } from 'node:http'
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { ask, quantile, SteadyClient } from '../clients/steady.ts'
import { plainHttp } from '../configs/setup.ts'
import { clusterName, type FromControlPlane, type Push, routePath } from '../control_plane.ts'
import { cpuSeconds, memoryBytes } from '../cpu.ts'
import type { Figure } from '../figure.ts'
import { type ProxyName, type RunningProxy, startBackend } from '../processes.ts'
import { type BenchOptions, inTurns, pick, withProxies } from '../rounds.ts'
import type { Scenario } from './scenario.ts'

/** The backends are told apart by the sizes of their answers. */
const bodyBytes = { first: 128, second: 64 }
const routeCount = 10_000
const changedShare = 0.01
const pollMs = 2
/** After each push: long enough that the gauge of a worker's delays, written once in five seconds, holds those of it. */
const settleMs = 5500
const delayWindowMs = 5000
const delayResolutionMs = 10
const servedTimeoutMs = 240_000

export const discoveryScenarios: readonly Scenario[] = [1000, 10_000].map((count) => ({
  name: `discovery_${count}`,
  title: `${count.toLocaleString('en-US')} clusters with endpoints by ADS`,
  run: (options) => run(options, count),
}))

/** Times in milliseconds, CPU in seconds. */
interface Sample {
  readonly first: Cost
  readonly change: Cost
  readonly routes: Cost
  readonly clusterBytes: number
  readonly routeBytes: number
  readonly latencyMs: number
  readonly loopDelayMs: number
  readonly ownDelayMs: number
}

interface Cost {
  readonly servedMs: number
  readonly cpuSeconds: number
}

async function run(options: BenchOptions, count: number): Promise<Figure[]> {
  const proxies = options.proxies.filter((name) => name === 'nuncio' || name === 'envoy')
  const samples = await inTurns(proxies, options.rounds, (name) => measure(name, count))
  const figure = (name: string, unit: string, value: (sample: Sample) => number): Figure => ({
    ...{ name, unit },
    samples: pick(samples, value),
  })
  return [
    figure('first push, until served', 'ms', ({ first }) => first.servedMs),
    figure('first push, CPU', 's', ({ first }) => first.cpuSeconds),
    figure('change of 1 %, until served', 'ms', ({ change }) => change.servedMs),
    figure('change of 1 %, CPU', 's', ({ change }) => change.cpuSeconds),
    figure('memory a cluster', 'KiB', ({ clusterBytes }) => clusterBytes / 1024),
    figure('10,000 routes, until served', 'ms', ({ routes }) => routes.servedMs),
    figure('memory a route', 'KiB', ({ routeBytes }) => routeBytes / 1024),
    figure('other requests meanwhile, 99th percentile', 'ms', ({ latencyMs }) => latencyMs),
    {
      name: "a worker's event loop delay meanwhile, 99th percentile",
      unit: 'ms',
      samples: { nuncio: pick(samples, ({ loopDelayMs }) => loopDelayMs).nuncio ?? [] },
      goal: { of: 'value', atMost: 20 },
    },
    figure('the same of the client, which is idle: what the machine takes', 'ms', ({ ownDelayMs }) => ownDelayMs),
  ]
}

/** Memory that was freed once is used again: every sample needs a process of its own. */
async function measure(name: ProxyName, count: number): Promise<Sample> {
  const [first, second] = [
    await startBackend('keepalive', bodyBytes.first),
    await startBackend('keepalive', bodyBytes.second),
  ]
  const plane = await Plane.start(first.port, second.port)
  try {
    const setup = { ...plainHttp, controlPlanePort: plane.port }
    return await withProxies(
      [name],
      setup,
      first,
      async (proxies) => await measurePushes(proxies.get(name)!, plane, count),
    )
  } finally {
    plane.stop()
    await second.stop()
  }
}

async function measurePushes(proxy: RunningProxy, plane: Plane, count: number): Promise<Sample> {
  const agent = new Agent({ keepAlive: true })
  const served = async (index: number, bytes: number): Promise<boolean> => {
    const answer = await ask(proxy.ports.listen, '/', clusterName(index), agent)
    return answer.status === 200 && answer.bodyBytes === bytes
  }
  const all = { clusters: count, changed: 0, routes: 0 }
  const changed = { ...all, changed: Math.round(count * changedShare) }
  await wait(settleMs)
  const empty = memoryBytes(proxy.pid)
  const delay = new LoopDelay(proxy)
  const own = new OwnDelay()
  const steady = new SteadyClient(proxy.ports.listen, 'backend')
  const costOfFirst = await cost(proxy, plane, { ...all, version: '1', types: ['CDS', 'EDS'] }, [
    () => served(0, bodyBytes.first),
    () => served(count >> 1, bodyBytes.first),
    () => served(count - 1, bodyBytes.first),
  ])
  await delay.settle()
  const withClusters = memoryBytes(proxy.pid)
  const costOfChange = await cost(proxy, plane, { ...changed, version: '2', types: ['CDS', 'EDS'] }, [
    () => served(0, bodyBytes.second),
    () => served(changed.changed - 1, bodyBytes.second),
  ])
  await delay.settle()
  const before = memoryBytes(proxy.pid)
  const lastRoute = async (): Promise<boolean> =>
    (await ask(proxy.ports.listen, routePath(routeCount - 1), '', agent)).status === 200
  const costOfRoutes = await cost(proxy, plane, { ...changed, routes: routeCount, version: '3', types: ['RDS'] }, [
    lastRoute,
  ])
  await delay.settle()
  const withRoutes = memoryBytes(proxy.pid)
  const latencies = await steady.stop()
  agent.destroy()
  return {
    ...{ first: costOfFirst, change: costOfChange, routes: costOfRoutes },
    clusterBytes: (withClusters - empty) / count,
    routeBytes: (withRoutes - before) / routeCount,
    latencyMs: quantile(latencies, 0.99),
    loopDelayMs: delay.largestMs,
    ownDelayMs: own.stop(),
  }
}

/** Pushes and waits until every check holds and the push is accepted. */
async function cost(
  proxy: RunningProxy,
  plane: Plane,
  push: Push,
  checks: readonly (() => Promise<boolean>)[],
): Promise<Cost> {
  const before = cpuSeconds(proxy.pid)
  const startedAt = performance.now()
  const accepted = plane.push(push)
  for (const check of checks) {
    while (!(await check())) {
      if (performance.now() - startedAt > servedTimeoutMs)
        throw new Error(`${proxy.name} does not serve what was pushed`)
      await wait(pollMs)
    }
  }
  const servedMs = performance.now() - startedAt
  await accepted
  return { servedMs, cpuSeconds: cpuSeconds(proxy.pid) - before }
}

/** The control plane's process. */
class Plane {
  readonly port: number
  readonly #child: ChildProcess

  private constructor(child: ChildProcess, port: number) {
    this.#child = child
    this.port = port
  }

  static async start(firstPort: number, secondPort: number): Promise<Plane> {
    const child = fork(join(import.meta.dirname, '../control_plane.ts'), [String(firstPort), String(secondPort)])
    const [message] = (await once(child, 'message')) as [FromControlPlane]
    if (message.type !== 'listening') throw new Error('the control plane did not start')
    return new Plane(child, message.port)
  }

  /** Resolves when the proxy has accepted it. */
  async push(push: Push): Promise<void> {
    this.#child.send(push)
    const [message] = (await once(this.#child, 'message')) as [FromControlPlane]
    if (message.type === 'refused') throw new Error(message.message)
  }

  stop(): void {
    this.#child.disconnect()
  }
}

/** The largest 99th percentile that a worker of Nuncio has told of. */
class LoopDelay {
  readonly #url: string | undefined
  largestMs = 0

  constructor({ name, ports }: RunningProxy) {
    const query = 'filter=nuncio.worker_0.event_loop_delay_p99_us'
    this.#url = name === 'nuncio' ? `http://127.0.0.1:${ports.admin}/stats?${query}` : undefined
  }

  /** A push is over. To ask costs main a look at all stats, and is not done while there is one. */
  async settle(): Promise<void> {
    await this.#ask()
    await wait(settleMs)
    await this.#ask()
  }

  async #ask(): Promise<void> {
    if (this.#url === undefined) return
    const text = await (await fetch(this.#url)).text()
    this.largestMs = Math.max(this.largestMs, Number(/: (\d+)/.exec(text)?.[1] ?? 0) / 1000)
  }
}

/** The largest 99th percentile of this process's own delays in five seconds: it has next to nothing to do. */
class OwnDelay {
  readonly #delay = monitorEventLoopDelay({ resolution: delayResolutionMs })
  readonly #timer = setInterval(() => this.#look(), delayWindowMs)
  #largestMs = 0

  constructor() {
    this.#delay.enable()
  }

  stop(): number {
    clearInterval(this.#timer)
    this.#look()
    this.#delay.disable()
    return this.#largestMs
  }

  #look(): void {
    this.#largestMs = Math.max(this.#largestMs, this.#delay.percentile(99) / 1e6 - delayResolutionMs)
    this.#delay.reset()
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
