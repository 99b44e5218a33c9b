// Takes turns: A B C, C B A, and again, so that what changes on the machine meanwhile meets all alike.

import type { Setup } from './configs/setup.ts'
import { cpuSeconds } from './cpu.ts'
import { drive, type Load } from './load.ts'
import { type Backend, type ProxyName, type RunningProxy, startProxy } from './processes.ts'

export interface BenchOptions {
  readonly seconds: number
  /** Each round measures every proxy twice. */
  readonly rounds: number
  readonly connections: number
  readonly proxies: readonly ProxyName[]
}

export interface Throughput {
  readonly perSecond: number
  /** CPU seconds of the whole process tree for one request. */
  readonly cpuPerRequest: number
}

/** The names in the order of their turns. */
export function turns<T>(names: readonly T[], rounds: number): T[] {
  const there = [...names]
  return Array.from({ length: rounds }, () => [...there, ...there.toReversed()]).flat()
}

/** Runs `measure` at each turn and keeps what it returned, by name. */
export async function inTurns<T>(
  names: readonly ProxyName[],
  rounds: number,
  measure: (name: ProxyName) => Promise<T>,
): Promise<Partial<Record<ProxyName, T[]>>> {
  const results: Partial<Record<ProxyName, T[]>> = {}
  for (const name of turns(names, rounds)) {
    const known = results[name] ?? []
    known.push(await measure(name))
    results[name] = known
  }
  return results
}

/** Starts every proxy that can do it, runs the body, and stops them and the backend whatever happens. */
export async function withProxies<T>(
  names: readonly ProxyName[],
  setup: Setup,
  backend: Backend,
  body: (proxies: ReadonlyMap<ProxyName, RunningProxy>) => Promise<T>,
): Promise<T> {
  const proxies = new Map<ProxyName, RunningProxy>()
  try {
    for (const name of names) {
      const proxy = await startProxy(name, setup, backend.port)
      if (proxy !== undefined) proxies.set(name, proxy)
    }
    return await body(proxies)
  } finally {
    for (const each of [...proxies.values(), backend]) await each.stop()
  }
}

export async function measureThroughput(proxy: RunningProxy, load: Omit<Load, 'port'>): Promise<Throughput> {
  const before = cpuSeconds(proxy.pid)
  const { perSecond, total } = await drive({ ...load, port: proxy.ports.listen })
  return { perSecond, cpuPerRequest: (cpuSeconds(proxy.pid) - before) / total }
}

/** One value of each sample, by name. */
export function pick<T>(
  samples: Partial<Record<ProxyName, readonly T[]>>,
  value: (sample: T) => number,
): Partial<Record<ProxyName, number[]>> {
  return Object.fromEntries(Object.entries(samples).map(([name, list]) => [name, list.map(value)]))
}
