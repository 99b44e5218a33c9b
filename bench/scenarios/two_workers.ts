// What a second worker adds. Where there are not cores enough for two workers, the load and the backend, the rate cannot
// double; the CPU time of a request then tells whether it would: it should stay what it was.

import { availableParallelism } from 'node:os'
import { plainHttp } from '../configs/setup.ts'
import type { Figure } from '../figure.ts'
import { type ProxyName, startBackend } from '../processes.ts'
import { type BenchOptions, inTurns, measureThroughput, pick, type Throughput, withProxies } from '../rounds.ts'
import type { Scenario } from './scenario.ts'
import { defaultLoad } from './throughput.ts'

/** Two workers, the load generator and the backend. */
const coresWanted = 4

export const twoWorkers: Scenario = { name: 'two_workers', title: 'two workers over one', run }

async function run(options: BenchOptions): Promise<Figure[]> {
  const names = options.proxies.filter((name) => name === 'nuncio' || name === 'envoy')
  const measure = async (name: ProxyName): Promise<{ one: Throughput; two: Throughput }> => ({
    one: await measureWorkers(name, 1, options),
    two: await measureWorkers(name, 2, options),
  })
  const samples = await inTurns(names, options.rounds, measure)
  const cores = availableParallelism()
  return [
    {
      name: `requests a second of two workers, times those of one${cores < coresWanted ? ` (${cores} cores for all)` : ''}`,
      unit: '',
      samples: pick(samples, ({ one, two }) => two.perSecond / one.perSecond),
    },
    {
      name: 'CPU for a request with two workers, times that with one',
      unit: '',
      samples: pick(samples, ({ one, two }) => two.cpuPerRequest / one.cpuPerRequest),
    },
  ]
}

async function measureWorkers(name: ProxyName, workers: number, options: BenchOptions): Promise<Throughput> {
  const backend = await startBackend()
  return await withProxies([name], { ...plainHttp, workers }, backend, async (proxies) => {
    const proxy = proxies.get(name)!
    const load = defaultLoad(options)
    await measureThroughput(proxy, load)
    return await measureThroughput(proxy, load)
  })
}
