// From the start of the process to its first answer that it is ready.

import { plainHttp } from '../configs/setup.ts'
import type { Figure } from '../figure.ts'
import { type ProxyName, startBackend, startProxy } from '../processes.ts'
import { type BenchOptions, inTurns } from '../rounds.ts'
import type { Scenario } from './scenario.ts'

export const startup: Scenario = { name: 'startup', title: 'start-up', run }

async function run(options: BenchOptions): Promise<Figure[]> {
  const backend = await startBackend()
  const once = async (name: ProxyName): Promise<number> => {
    const proxy = await startProxy(name, plainHttp, backend.port)
    await proxy?.stop()
    return proxy?.readyAfterMs ?? 0
  }
  try {
    // The first start fills caches: of files, and Nuncio's of compiled modules.
    for (const name of options.proxies) await once(name)
    const samples = await inTurns(options.proxies, options.rounds, once)
    return [{ name: 'time to ready', unit: 'ms', samples, goal: { of: 'value', atMost: 1000 } }]
  } finally {
    await backend.stop()
  }
}
