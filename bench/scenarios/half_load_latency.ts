// Latency where nothing is saturated: every proxy gets half of the requests a second that Envoy can do at most.

import { join } from 'node:path'
import type { FixedRateResult } from '../clients/fixed_rate.ts'
import { plainHttp } from '../configs/setup.ts'
import type { Figure } from '../figure.ts'
import { output } from '../load.ts'
import { startBackend } from '../processes.ts'
import { type BenchOptions, inTurns, measureThroughput, pick, withProxies } from '../rounds.ts'
import type { Scenario } from './scenario.ts'
import { defaultLoad } from './throughput.ts'

const client = join(import.meta.dirname, '../clients/fixed_rate.ts')
const bodyBytes = 128

export const halfLoadLatency: Scenario = {
  name: 'half_load_latency',
  title: "latency at half of Envoy's highest rate",
  run,
}

async function run(options: BenchOptions): Promise<Figure[]> {
  const backend = await startBackend('keepalive', bodyBytes)
  return await withProxies(options.proxies, plainHttp, backend, async (proxies) => {
    const most = new Map<string, number>()
    for (const proxy of proxies.values())
      most.set(proxy.name, (await measureThroughput(proxy, defaultLoad(options))).perSecond)
    const perSecond = Math.floor((most.get('envoy') ?? most.get('nuncio') ?? 0) / 2)
    const samples = await inTurns([...proxies.keys()], options.rounds, async (name) => {
      const args = [client, proxies.get(name)!.ports.listen, perSecond, options.connections, options.seconds, bodyBytes]
      return JSON.parse(await output(process.execPath, args.map(String))) as FixedRateResult
    })
    return [
      {
        name: 'median',
        unit: 'ms',
        samples: pick(samples, ({ p50Ms }) => p50Ms),
        goal: { of: 'ratio', atMost: 1.2 },
      },
      { name: '99th percentile', unit: 'ms', samples: pick(samples, ({ p99Ms }) => p99Ms) },
    ]
  })
}
