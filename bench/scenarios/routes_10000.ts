// The first and the last of 10,000 prefix routes.

import { plainHttp, routePrefix } from '../configs/setup.ts'
import type { Figure } from '../figure.ts'
import { startBackend } from '../processes.ts'
import { type BenchOptions, inTurns, measureThroughput, pick, withProxies } from '../rounds.ts'
import type { Scenario } from './scenario.ts'
import { defaultLoad } from './throughput.ts'

const routeCount = 10_000

export const routes10000: Scenario = {
  name: 'routes_10000',
  title: '10,000 prefix routes',
  run,
}

async function run(options: BenchOptions): Promise<Figure[]> {
  const first = { ...defaultLoad(options), path: `${routePrefix(0)}x` }
  const last = { ...first, path: `${routePrefix(routeCount - 1)}x` }
  const backend = await startBackend()
  const samples = await withProxies(options.proxies, { ...plainHttp, routeCount }, backend, async (proxies) => {
    for (const proxy of proxies.values()) await measureThroughput(proxy, last)
    return await inTurns([...proxies.keys()], options.rounds, async (name) => {
      const proxy = proxies.get(name)!
      return { first: await measureThroughput(proxy, first), last: await measureThroughput(proxy, last) }
    })
  })
  return [
    {
      name: 'last route, requests a second',
      unit: '/s',
      samples: pick(samples, (sample) => sample.last.perSecond),
      goal: { of: 'ratio', atLeast: 5 },
    },
    {
      name: 'last route, CPU for 1,000 requests',
      unit: 's',
      samples: pick(samples, (sample) => sample.last.cpuPerRequest * 1000),
    },
    { name: 'first route, requests a second', unit: '/s', samples: pick(samples, (sample) => sample.first.perSecond) },
    {
      name: "the last route's rate, times the first's",
      unit: '',
      samples: pick(samples, (sample) => sample.last.perSecond / sample.first.perSecond),
      goal: { of: 'value', atLeast: 0.9 },
    },
  ]
}
