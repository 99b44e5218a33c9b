// What a choice of host costs, and a change of hosts, by policy and by the number of hosts.
// Run: node bench/micro/load_balancing.ts

import { xxHash64 } from '../../src/common/hash.ts'
import type { LoadBalancerContext } from '../../src/upstream/load_balancer.ts'
import { serverContext, startCluster, staticClusterYaml } from '../../test/upstream/support.ts'

const match = { version: '3' }
const keys = Array.from({ length: 1024 }, (_, i) => xxHash64(`key-${i}`))
let at = 0

const context: LoadBalancerContext = {
  hashKey: () => keys[at++ & 1023],
  metadataMatch: () => match,
  attempt: 0,
  priorityLoads: undefined,
  retryPriority: undefined,
  downstreamConnection: undefined,
  downstreamHeaders: undefined,
  streamInfo: undefined,
  addCookie: () => {},
}

let sink = 0

/** Nanoseconds of CPU of one call, the best of several rounds of about `budgetMs`. */
function measure(run: () => unknown, atOnce: number, budgetMs = 50): number {
  let best = Number.POSITIVE_INFINITY
  for (let round = 0; round < 5; round++) {
    let calls = 0
    const start = process.cpuUsage()
    let microseconds = 0
    while (microseconds < budgetMs * 1000) {
      for (let i = 0; i < atOnce; i++) if (run() !== undefined) sink++
      calls += atOnce
      microseconds = process.cpuUsage(start).user
    }
    best = Math.min(best, (microseconds * 1000) / calls)
  }
  return best
}

const policies: Readonly<Record<string, string>> = {
  ROUND_ROBIN: '  lb_policy: ROUND_ROBIN',
  LEAST_REQUEST: '  lb_policy: LEAST_REQUEST',
  RANDOM: '  lb_policy: RANDOM',
  RING_HASH: '  lb_policy: RING_HASH',
  'RING_HASH, bounded':
    '  lb_policy: RING_HASH\n  common_lb_config: {consistent_hashing_lb_config: {hash_balance_factor: 120}}',
  MAGLEV: '  lb_policy: MAGLEV',
  'subset, fallback': '  lb_subset_config: {fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [version]}]}',
}

for (const count of [10, 1000]) {
  for (const weighted of [false, true]) {
    const hosts = Array.from(
      { length: count },
      (_, i) => `127.0.${i >> 8}.${i & 255}:80${weighted ? ` ${1 + (i % 4)}` : ''}`,
    )
    console.log(`${count} hosts${weighted ? ' of unequal weights' : ''}`)
    for (const [name, yaml] of Object.entries(policies)) {
      const cluster = startCluster(staticClusterYaml(hosts, yaml), serverContext())
      const pick = measure(() => cluster.chooseHost(context), 500)
      const change = measure(() => cluster.loadBalancer.onHostsChanged(cluster.prioritySet), 1)
      console.log(
        `  ${name.padEnd(20)} ${pick.toFixed(0).padStart(6)} ns a choice, ${(change / 1e6).toFixed(3)} ms a change`,
      )
    }
  }
}
if (sink < 0) console.log(sink)
