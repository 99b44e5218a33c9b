/** The gradient controller's arithmetic at times that the test sets, and its limit over two workers. */
import { afterEach, describe, expect, it } from 'vitest'
import {
  GradientController,
  gradientStats,
  stateWords,
} from '../../../../src/extensions/filters/http/adaptive_concurrency/gradient_controller.ts'
import type { GradientSettings } from '../../../../src/extensions/filters/http/adaptive_concurrency/gradient_settings.ts'
import {
  SharedSamples,
  sampleWords,
} from '../../../../src/extensions/filters/http/adaptive_concurrency/shared_samples.ts'
import type { Server } from '../../../../src/server/server.ts'
import { SharedCounter } from '../../../../src/stats/shared_counter.ts'
import { createLocalStore } from '../../../../src/stats/store.ts'
import { bootstrap, cluster, httpFilter, httpListener } from '../../../parity/yaml.ts'
import { portOf, startServer, statOf, until } from '../../../server/support.ts'
import { EchoBackend } from '../../../support/echo_backend.ts'
import { RawClient } from '../../../support/raw_client.ts'

const second = 1_000_000_000n
const byDefault = {
  updateIntervalMs: 100,
  minRttIntervalMs: 60_000,
  minRttRequestCount: 3,
  minConcurrency: 2,
  minConcurrencyLimit: 3,
  maxConcurrencyLimit: 100,
  jitter: 0,
  buffer: 0,
  percentile: 0.5,
}

/** Controllers of several workers over one memory. */
class Workers {
  nowNs = 1000n * second
  readonly #settings: GradientSettings
  readonly #state = new BigInt64Array(stateWords)
  readonly #samples = new BigInt64Array(sampleWords)
  readonly #totals = new Int32Array(1)
  readonly #random: number
  readonly stats = gradientStats(createLocalStore(), 'g.')

  constructor(settings: Partial<typeof byDefault> & { fixedMinRttMs?: number } = {}, random = 0) {
    const { fixedMinRttMs, ...numbers } = { fixedMinRttMs: undefined, ...byDefault, ...settings }
    const functions = Object.entries(numbers).map(([name, value]) => [name, () => value])
    this.#settings = { ...Object.fromEntries(functions), fixedMinRttMs }
    this.#random = random
  }

  controller(publishes = true): GradientController {
    return new GradientController(this.#settings, {
      inFlight: new SharedCounter(this.#totals, new Int32Array(1), 0),
      state: this.#state,
      samples: new SharedSamples(this.#samples),
      stats: publishes ? this.stats : gradientStats(createLocalStore(), 'g.'),
      publishes,
      clock: () => this.nowNs,
      random: () => this.#random,
    })
  }

  /** One request from beginning to end. */
  request(controller: GradientController, latencyMs: number): void {
    expect(controller.tryForward()).toBe(true)
    const startNs = controller.nowNs()
    this.nowNs += BigInt(latencyMs) * 1_000_000n
    controller.onCompleted(startNs)
  }

  advance(seconds: number): void {
    this.nowNs += BigInt(seconds * 1000) * 1_000_000n
  }

  get limit(): number {
    return this.stats.concurrencyLimit.value()
  }

  get isMeasuring(): boolean {
    return this.stats.minRttCalculationActive.value() === 1
  }
}

function forwarded(controller: GradientController): number {
  let count = 0
  while (count < 1000 && controller.tryForward()) count++
  for (let i = 0; i < count; i++) controller.onCancelled()
  return count
}

describe('the gradient controller', () => {
  it('begins with a measurement, of which all workers take part', () => {
    const workers = new Workers()
    const [first, other] = [workers.controller(), workers.controller(false)]
    expect(workers.isMeasuring).toBe(true)
    expect(forwarded(first)).toBe(2)
    expect(forwarded(other)).toBe(2)
    workers.request(first, 100)
    workers.request(other, 100)
    first.update()
    expect(workers.isMeasuring).toBe(true)
    workers.request(other, 100)
    first.update()
    expect(workers.isMeasuring).toBe(false)
    // The middle of the three that share the bin of 100 to 110 ms.
    expect(workers.stats.minRttMsecs.value()).toBe(105)
  })

  it('counts requests of all workers, and those that are turned away', () => {
    const workers = new Workers({ fixedMinRttMs: 10, minConcurrencyLimit: 3 })
    const [first, other] = [workers.controller(), workers.controller(false)]
    expect([first, other, first, other].map((each) => each.tryForward())).toEqual([true, true, true, false])
    expect(first.tryForward()).toBe(false)
    expect(workers.stats.rqBlocked.value()).toBe(1)
    first.onCancelled()
    expect(other.tryForward()).toBe(true)
  })

  it('doubles at most, with room for a burst, up to the most', () => {
    const workers = new Workers({ fixedMinRttMs: 1000, minConcurrencyLimit: 4, maxConcurrencyLimit: 20 })
    const controller = workers.controller()
    workers.request(controller, 100)
    controller.update()
    // 4 * 2 + sqrt(8)
    expect(workers.limit).toBe(10)
    expect(workers.stats.gradient.value()).toBe(2000)
    expect(workers.stats.burstQueueSize.value()).toBe(2)
    controller.update()
    expect(workers.limit).toBe(10)
    workers.request(controller, 100)
    controller.update()
    expect(workers.limit).toBe(20)
    expect(forwarded(controller)).toBe(20)
  })

  it('halves at most, down to the least', () => {
    const workers = new Workers({ fixedMinRttMs: 100, minConcurrencyLimit: 4, buffer: 0.25 })
    const controller = workers.controller()
    for (let i = 0; i < 3; i++) {
      workers.request(controller, 50)
      controller.update()
    }
    // 4, 10, 24, 54: each twice the one before and its root.
    expect(workers.limit).toBe(54)
    workers.request(controller, 1000)
    controller.update()
    expect(workers.limit).toBe(32)
    expect(workers.stats.gradient.value()).toBe(500)
    for (let i = 0; i < 10; i++) {
      workers.request(controller, 1000)
      controller.update()
    }
    expect(workers.limit).toBe(4)
  })

  it('takes the percentile of the samples', () => {
    const workers = new Workers({ fixedMinRttMs: 100, percentile: 0.9 })
    const controller = workers.controller()
    for (let i = 1; i <= 10; i++) workers.request(controller, i * 10)
    controller.update()
    expect(workers.stats.sampleRttMsecs.value()).toBe(90)
  })

  it('measures again when the interval and its jitter are over, and then has its limit back', () => {
    const workers = new Workers({ jitter: 0.5 }, 0.5)
    const controller = workers.controller()
    for (let i = 0; i < 3; i++) workers.request(controller, 10)
    for (let i = 0; i < 2; i++) {
      workers.request(controller, 10)
      controller.update()
    }
    const before = workers.limit
    expect(before).toBeGreaterThan(2)
    workers.advance(74)
    controller.update()
    expect(workers.isMeasuring).toBe(false)
    workers.advance(1)
    const straggler = controller.nowNs()
    expect(controller.tryForward()).toBe(true)
    controller.update()
    expect(workers.isMeasuring).toBe(true)
    expect(workers.limit).toBe(2)
    workers.advance(1)
    // It began at the moment of the measurement: what began before does not count.
    controller.onCompleted(straggler - 1n)
    for (let i = 0; i < 2; i++) workers.request(controller, 20)
    controller.update()
    expect(workers.isMeasuring).toBe(true)
    workers.request(controller, 20)
    controller.update()
    expect(workers.isMeasuring).toBe(false)
    expect(workers.limit).toBe(before)
    expect(workers.stats.minRttMsecs.value()).toBe(20)
  })

  it('measures again when five updates in a row have left it at its least', () => {
    const workers = new Workers({ minConcurrencyLimit: 2 })
    const controller = workers.controller()
    for (let i = 0; i < 3; i++) workers.request(controller, 10)
    for (let i = 0; i < 4; i++) {
      workers.request(controller, 1000)
      controller.update()
    }
    expect(workers.isMeasuring).toBe(false)
    workers.request(controller, 1000)
    controller.update()
    expect(workers.isMeasuring).toBe(true)
  })

  it('goes on in the worker that replaces one', () => {
    const workers = new Workers({ fixedMinRttMs: 1000, minConcurrencyLimit: 4 })
    const dead = workers.controller()
    workers.request(dead, 10)
    dead.update()
    expect(forwarded(workers.controller())).toBe(10)
  })
})

let server: Server | undefined
const clients: RawClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await server?.stop()
  server = undefined
})

describe('adaptive concurrency over two workers', () => {
  it('lets as many requests be under way as the limit says', async () => {
    const backend = await EchoBackend.start({ onRequest: () => {} })
    const config = `gradient_controller_config: {
      concurrency_limit_params: { concurrency_update_interval: 1000s, min_concurrency_limit: 5 },
      min_rtt_calc_params: { fixed_value: 1s } }`.replaceAll('\n', ' ')
    const listener = httpListener({
      name: 'main',
      filters: httpFilter('adaptive_concurrency', 'AdaptiveConcurrency', config),
    })
    const yaml = bootstrap([listener], [cluster('main', '', String(backend.port))])
    const started = await startServer(yaml.replaceAll('{{dir}}/access.log', '/dev/null'), '--concurrency', '2')
    server = started
    const ask = async (): Promise<RawClient> => {
      const client = await RawClient.connect(portOf(started, 'main'))
      clients.push(client)
      client.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n')
      return client
    }
    const asked = await Promise.all(Array.from({ length: 20 }, ask))
    const refused = () => asked.filter(({ text }) => text.startsWith('HTTP/1.1 503')).length
    await until('all but five are refused', () => refused() === 15)
    const blocked = 'http.main.adaptive_concurrency.gradient_controller.rq_blocked'
    expect(statOf(started, blocked)).toBe(15)
    for (const client of asked) client.reset()
    await until('no request is under way', () => statOf(started, 'cluster.main.upstream_rq_active') === 0)
    await Promise.all(Array.from({ length: 5 }, ask))
    await until('five more are', () => statOf(started, 'cluster.main.upstream_rq_active') === 5)
    expect(statOf(started, blocked)).toBe(15)
    await backend.stop()
  })
})
