// The longest time that a worker of Nuncio did nothing for its sockets, under load: what its own event loop monitor saw.

import { plainHttp } from '../configs/setup.ts'
import type { Figure } from '../figure.ts'
import { drive } from '../load.ts'
import { startBackend } from '../processes.ts'
import { type BenchOptions, withProxies } from '../rounds.ts'
import type { Scenario } from './scenario.ts'
import { defaultLoad } from './throughput.ts'

const gauge = 'nuncio.worker_0.event_loop_delay_max_us'
/** The gauge holds the longest delay of the last five seconds, and is written once in as many. */
const windowSeconds = 5
const pollMs = 500

export const stall: Scenario = { name: 'stall', title: "a worker's event loop under load", run }

async function run(options: BenchOptions): Promise<Figure[]> {
  const backend = await startBackend()
  const longest = await withProxies(['nuncio'], plainHttp, backend, async (proxies) => {
    const { listen, admin } = proxies.get('nuncio')!.ports
    // One window to warm up, and one that the first reading may still stem from.
    const startedAt = performance.now()
    const load = drive({ ...defaultLoad(options), port: listen, seconds: (2 * options.rounds + 2) * windowSeconds })
    let longest = 0
    for (;;) {
      const ended = await Promise.race([load.then(() => true), wait(pollMs)])
      if (ended === true) return longest
      if (performance.now() - startedAt > 2 * windowSeconds * 1000) longest = Math.max(longest, await delayMs(admin))
    }
  })
  return [
    {
      name: 'longest stall',
      unit: 'ms',
      samples: { nuncio: [longest] },
      goal: { of: 'value', atMost: 20 },
    },
  ]
}

async function delayMs(adminPort: number): Promise<number> {
  const text = await (await fetch(`http://127.0.0.1:${adminPort}/stats?filter=${gauge}`)).text()
  const found = /: (\d+)/.exec(text)
  if (found === null) throw new Error(`no ${gauge} in: ${text}`)
  return Number(found[1]) / 1000
}

function wait(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined))
}
