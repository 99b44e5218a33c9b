// What a choice of host costs, and a change of hosts, by policy and by the number of hosts.
// Run: node bench/micro/load_balancing.ts [--write] [policy ...]; `--write` keeps the table in bench/README.md.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { xxHash64 } from '../../src/common/hash.ts'
import { HeaderMap } from '../../src/common/header_map.ts'
import { bareStream } from '../../src/router/async_client.ts'
import type { Cluster } from '../../src/upstream/cluster.ts'
import type { HostSnapshot } from '../../src/upstream/host.ts'
import type { LoadBalancerContext } from '../../src/upstream/load_balancer.ts'
import { serverContext, startCluster } from '../../test/upstream/support.ts'
import { type Spread, spreadOf } from '../figure.ts'
import { withTable } from '../results.ts'

interface Case {
  readonly name: string
  /** Fields of the cluster, in YAML's short form. */
  readonly yaml: string
  readonly isWeighted?: boolean
  /** Every second host has twenty requests: more than bounds allow it. */
  readonly isBusy?: boolean
  /** Asks for the host with this address, before the policy (`session`) or by a header. */
  readonly asksFor?: 'session' | 'header'
}

const type = (name: string, message: string, more = '') =>
  `{name: p, typed_config: {"@type": type.googleapis.com/envoy.extensions.load_balancing_policies.${name}.v3.${message}${more}}}`
const policy = (typed: string) => `load_balancing_policy: {policies: [{typed_extension_config: ${typed}}]}`
const bound = 'common_lb_config: {consistent_hashing_lb_config: {hash_balance_factor: 120}}'
const fallback = `{policies: [{typed_extension_config: ${type('round_robin', 'RoundRobin')}}]}`

const cases: readonly Case[] = [
  { name: 'round robin', yaml: 'lb_policy: ROUND_ROBIN' },
  { name: 'round robin, weighted', yaml: 'lb_policy: ROUND_ROBIN', isWeighted: true },
  {
    name: 'round robin, slow start',
    yaml: 'lb_policy: ROUND_ROBIN, round_robin_lb_config: {slow_start_config: {slow_start_window: 3600s}}',
  },
  { name: 'least request, 2 choices', yaml: 'lb_policy: LEAST_REQUEST' },
  {
    name: 'least request, full scan',
    yaml: policy(type('least_request', 'LeastRequest', ', selection_method: FULL_SCAN')),
  },
  { name: 'least request, weighted', yaml: 'lb_policy: LEAST_REQUEST', isWeighted: true },
  { name: 'random', yaml: 'lb_policy: RANDOM' },
  { name: 'ring hash', yaml: 'lb_policy: RING_HASH' },
  { name: 'ring hash, bounded load', yaml: `lb_policy: RING_HASH, ${bound}` },
  { name: 'ring hash, bounded load, half too busy', yaml: `lb_policy: RING_HASH, ${bound}`, isBusy: true },
  { name: 'maglev', yaml: 'lb_policy: MAGLEV' },
  { name: 'maglev, bounded load', yaml: `lb_policy: MAGLEV, ${bound}` },
  { name: 'maglev, bounded load, half too busy', yaml: `lb_policy: MAGLEV, ${bound}`, isBusy: true },
  {
    name: 'subset of four',
    yaml: 'lb_subset_config: {fallback_policy: ANY_ENDPOINT, subset_selectors: [{keys: [version]}]}',
  },
  { name: 'zone aware, two zones', yaml: 'common_lb_config: {zone_aware_lb_config: {}}' },
  {
    name: 'override host',
    yaml: policy(
      type(
        'override_host',
        'OverrideHost',
        `, override_host_sources: [{header: x-host}], fallback_policy: ${fallback}`,
      ),
    ),
    asksFor: 'header',
  },
  { name: 'stateful session', yaml: 'lb_policy: ROUND_ROBIN', asksFor: 'session' },
]

const rounds = 7
const budgetMs = 25
const locality = (zone: string) => ({ region: '', zone, subZone: '' })

function hosts(count: number, weighted: boolean): HostSnapshot[] {
  return Array.from({ length: count }, (_, i) => {
    const ip = `127.0.${i >> 8}.${i & 255}`
    return {
      address: { text: `${ip}:80`, ip, port: 80, family: 'ipv4' },
      additionalAddresses: [],
      hostname: '',
      weight: weighted ? 1 + (i % 4) : 1,
      priority: 0,
      locality: locality(i % 4 === 0 ? 'a' : 'b'),
      localityWeight: 0,
      metadata: { 'envoy.lb': { version: String(i % 4) } },
      healthStatus: 'UNKNOWN',
    }
  })
}

/** Of a proxy in zone `a`, half of whose own cluster is there. */
function clusterOf({ yaml, isWeighted = false, isBusy = false }: Case, count: number, outliers: boolean): Cluster {
  const context = {
    ...serverContext({ localClusterName: 'own' }),
    localInfo: { ...serverContext().localInfo, zone: 'a' },
  }
  const start = (name: string, more: string) => {
    const started = startCluster(`- {name: ${name}, type: STATIC${more}}`, context)
    context.clusterManager.put(started)
    return started
  }
  const cluster = start('c', `, ${yaml}${outliers ? ', outlier_detection: {}' : ''}`)
  if (yaml.includes('zone_aware')) {
    start('own', '')
    const own = hosts(2, false).map((host, i) => ({ ...host, locality: locality(i === 0 ? 'a' : 'b') }))
    context.clusterManager.onHosts({ clusterName: 'own', priorities: [own] })
  }
  context.clusterManager.onHosts({ clusterName: 'c', priorities: [hosts(count, isWeighted)] })
  for (const [i, host] of [...cluster.prioritySet.hosts()].entries()) {
    if (outliers) host.monitorOutliers(i)
    if (isBusy && i % 2 === 0) for (let k = 0; k < 20; k++) host.stats.rqActive.inc()
  }
  if (isBusy) cluster.info.stats.upstreamRqActive.add(count * 10)
  return cluster
}

const keys = Array.from({ length: 1024 }, (_, i) => xxHash64(`key-${i}`))

function contextOf({ asksFor }: Case): LoadBalancerContext {
  const address = '127.0.0.7:80'
  const headers = new HeaderMap()
  headers.add('x-host', address)
  const match = { version: '3' }
  let at = 0
  return {
    hashKey: () => keys[at++ & 1023],
    metadataMatch: () => match,
    attempt: 0,
    priorityLoads: undefined,
    retryPriority: undefined,
    overrideHost: asksFor === 'session' ? { address, strict: false, notFoundStatus: 503 } : undefined,
    downstreamConnection: undefined,
    downstreamHeaders: headers,
    streamInfo: asksFor === 'header' ? bareStream() : undefined,
    addCookie: () => {},
  }
}

let sink = 0

/** Nanoseconds of this thread's CPU of one call: the compiler and the garbage collector have others. */
function measure(run: () => unknown, atOnce: number): Spread {
  const samples: number[] = []
  // The first round warms it up.
  for (let round = 0; round <= rounds; round++) {
    let calls = 0
    const start = process.threadCpuUsage()
    let microseconds = 0
    while (microseconds < budgetMs * 1000) {
      for (let i = 0; i < atOnce; i++) if (run() !== undefined) sink++
      calls += atOnce
      microseconds = process.threadCpuUsage(start).user
    }
    if (round > 0) samples.push((microseconds * 1000) / calls)
  }
  return spreadOf(samples)
}

/** A choice; with outliers, also what is told of its answer. */
function choice(one: Case, count: number, outliers: boolean): Spread {
  const cluster = clusterOf(one, count, outliers)
  const context = contextOf(one)
  const state = context.streamInfo?.filterState
  return measure(() => {
    // Each choice is that of another request.
    state?.clear()
    const host = cluster.chooseHost(context)
    if (outliers) host?.outlierMonitor?.putStatus(200)
    return host
  }, 500)
}

function change(one: Case, count: number): Spread {
  const cluster = clusterOf(one, count, false)
  return measure(() => cluster.loadBalancer.onHostsChanged(cluster.prioritySet), 1)
}

const nanoseconds = ({ median, least, most }: Spread) =>
  `${median.toFixed(0)} (${least.toFixed(0)} to ${most.toFixed(0)})`
const milliseconds = ({ median }: Spread) => (median / 1e6).toFixed(median < 1e5 ? 3 : 2)

const args = process.argv.slice(2)
const names = args.filter((arg) => !arg.startsWith('--'))
const lines = [
  '| policy | 10 hosts | 1,000 hosts | 10 hosts, outlier detection | 1,000 hosts, outlier detection | a change of 1,000 hosts |',
  '|---|---|---|---|---|---|',
]
console.log(lines.join('\n'))
for (const one of cases) {
  if (names.length > 0 && !names.includes(one.name)) continue
  const choices = [false, true].flatMap((outliers) => [10, 1000].map((count) => choice(one, count, outliers)))
  const cells = [one.name, ...choices.map(nanoseconds), `${milliseconds(change(one, 1000))} ms`]
  lines.push(`| ${cells.join(' | ')} |`)
  console.log(lines.at(-1))
}
if (args.includes('--write')) {
  const path = join(import.meta.dirname, '../README.md')
  writeFileSync(path, withTable(readFileSync(path, 'utf8'), lines.join('\n'), 'load_balancing'))
}
if (sink < 0) console.log(sink)
