import { describe, expect, it } from 'vitest'
import type { RuntimeValue } from '../../src/config/runtime.ts'
import type { SharedMemory } from '../../src/network/factory.ts'
import { SharedCounter } from '../../src/stats/shared_counter.ts'
import type { ResourceManager } from '../../src/upstream/resource_manager.ts'
import { serverContext, startCluster, staticClusterYaml, type TestServerContext } from './support.ts'

/** What each worker of one process tree sees of the same memory: common totals, own shares. */
class WorkerMemory implements SharedMemory {
  readonly #totals: Int32Array
  readonly #names: Map<string, number>
  readonly #shares = new Int32Array(64)

  constructor(totals: Int32Array, names: Map<string, number>) {
    this.#totals = totals
    this.#names = names
  }

  counter(name: string): SharedCounter {
    const slot = this.#names.get(name) ?? this.#names.size
    this.#names.set(name, slot)
    return new SharedCounter(this.#totals, this.#shares, slot)
  }

  counters(name: string, count: number): SharedCounter[] {
    return Array.from({ length: count }, (_, i) => this.counter(`${name} ${i}`))
  }

  cell64(): BigInt64Array {
    return new BigInt64Array(1)
  }

  cells64(_name: string, count: number): BigInt64Array {
    return new BigInt64Array(count)
  }
}

function workers(count: number, more: string): ResourceManager[] {
  const totals = new Int32Array(64)
  const names = new Map<string, number>()
  return Array.from({ length: count }, () => managerOf(more, { shared: new WorkerMemory(totals, names) }).manager)
}

function managerOf(
  more: string,
  options: { shared?: SharedMemory; runtime?: Readonly<Record<string, RuntimeValue>> } = {},
): { manager: ResourceManager; context: TestServerContext } {
  const context = serverContext(options)
  const cluster = startCluster(staticClusterYaml(['127.0.0.1:80'], more), context)
  return { manager: cluster.info.resourceManager('DEFAULT'), context }
}

const limits = (text: string): string => `  circuit_breakers: {thresholds: [{${text}}]}`

describe('circuit breakers', () => {
  it("have Envoy's limits where none are configured", () => {
    const { manager } = managerOf('')
    const { connections, pendingRequests, requests, retries } = manager
    expect([connections, pendingRequests, requests, retries].map((each) => each.max)).toEqual([1024, 1024, 1024, 3])
  })

  it('count over all workers', () => {
    const [first, second, third] = workers(3, limits('max_connections: 3'))
    expect([first, second, third].map(({ connections }) => connections.tryAcquire())).toEqual([true, true, true])
    expect([first, second, third].map(({ connections }) => connections.tryAcquire())).toEqual([false, false, false])
    second.connections.release()
    expect(first.connections.canCreate()).toBe(true)
    expect(first.connections.tryAcquire()).toBe(true)
    expect(third.connections.tryAcquire()).toBe(false)
  })

  it('keep their limits for each priority', () => {
    const thresholds = '{max_requests: 1}, {priority: HIGH, max_requests: 2}'
    const context = serverContext()
    const yaml = staticClusterYaml(['127.0.0.1:80'], `  circuit_breakers: {thresholds: [${thresholds}]}`)
    const { info } = startCluster(yaml, context)
    expect(info.resourceManager('DEFAULT').requests.tryAcquire()).toBe(true)
    expect(info.resourceManager('DEFAULT').requests.tryAcquire()).toBe(false)
    expect(info.resourceManager('HIGH').requests.max).toBe(2)
    expect(info.resourceManager('HIGH').requests.tryAcquire()).toBe(true)
  })

  it('show whether they are open and, where asked, what is left', () => {
    const { manager, context } = managerOf(limits('max_connections: 1, track_remaining: true'))
    const gauge = (name: string): number => context.scope.gauge(`cluster.c.circuit_breakers.default.${name}`).value()
    manager.publish()
    expect([gauge('cx_open'), gauge('remaining_cx')]).toEqual([0, 1])
    manager.connections.tryAcquire()
    manager.publish()
    expect([gauge('cx_open'), gauge('remaining_cx')]).toEqual([1, 0])
    manager.connections.release()
    manager.publish()
    expect([gauge('cx_open'), gauge('remaining_cx')]).toEqual([0, 1])
    expect([gauge('remaining_pending'), gauge('remaining_rq'), gauge('remaining_retries')]).toEqual([1024, 1024, 3])
  })

  it('take limits from the runtime, at any time', () => {
    const key = 'circuit_breakers.c.default.max_connections'
    const { manager, context } = managerOf(limits('max_connections: 5'), { runtime: { [key]: 1 } })
    expect(manager.connections.max).toBe(1)
    context.runtime.update({ [key]: 2 })
    expect(manager.connections.tryAcquire()).toBe(true)
    expect(manager.connections.tryAcquire()).toBe(true)
    expect(manager.connections.tryAcquire()).toBe(false)
  })

  it('may be passed where a connection must be had', () => {
    const { manager } = managerOf(limits('max_connections: 1'))
    expect(manager.connections.tryAcquire()).toBe(true)
    expect(manager.connections.tryAcquire(true)).toBe(true)
    expect(manager.connections.current).toBe(2)
  })
})

describe('retry_budget', () => {
  it('is a share of the requests, active and pending, and never below its least', () => {
    const { manager } = managerOf(limits('retry_budget: {budget_percent: {value: 25}, min_retry_concurrency: 2}'))
    expect(manager.retries.max).toBe(2)
    for (let i = 0; i < 12; i++) manager.requests.tryAcquire()
    for (let i = 0; i < 4; i++) manager.pendingRequests.tryAcquire()
    expect(manager.retries.max).toBe(4)
  })

  it('replaces max_retries', () => {
    const { manager } = managerOf(limits('max_retries: 50, retry_budget: {}'))
    expect(manager.retries.max).toBe(3)
  })
})
