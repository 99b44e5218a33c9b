/** Hosts that come back in a cluster with slow start, beside Envoy: who begins with a part of its share, and who has all of it. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import { CheckedHosts, check, type HostName, httpListener } from './checked_hosts.ts'
import { failAsAsked, LIMIT, outlierCluster, send } from './outlier_hosts.ts'

const ASSIGNMENT = 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment'
const WINDOW_MS = 6000
/** So long a host stays at a tenth of its weight: its share grows with the fifth power of time. */
const SLOW_MS = WINDOW_MS / 2
const slow_start_config = {
  slow_start_window: `${WINDOW_MS / 1000}s`,
  aggression: { default_value: 0.2, runtime_key: 'aggression' },
  min_weight_percent: { value: 10 },
}
const REQUESTS = 40
/** One of three has 0.33, and with a tenth of its weight 0.05. */
const BETWEEN = 0.2
/** So many in time tell that it stays so. */
const LOOKS = 2
const all: readonly HostName[] = ['a', 'b', 'c']
const roundRobin = { round_robin_lb_config: { slow_start_config } }
const leastRequest = { lb_policy: 'LEAST_REQUEST', least_request_lb_config: { slow_start_config } }
const failedCheck = '/failed_active_hc'
const ejected = '/failed_outlier_check'

interface Returning {
  readonly name: string
  readonly isSlow: boolean
  readonly policy: object
  leave(of: CheckedHosts, name: string): Promise<void>
}

const failsChecks = async (of: CheckedHosts, name: string): Promise<void> => {
  of.turn('b', name, 'fail')
  expect(await of.settled(async () => (await of.flags(name))['b'], failedCheck), of.kind).toBe(failedCheck)
  expect(await of.settled(() => of.served(name), 'a,c'), of.kind).toBe('a,c')
  of.turn('b', name, 'ok')
}
const isDegraded = async (of: CheckedHosts, name: string): Promise<void> => {
  of.turn('b', name, 'degraded')
  expect(await of.settled(() => of.served(name), 'a,c'), of.kind).toBe('a,c')
  of.turn('b', name, 'ok')
}
const isOutlier = async (of: CheckedHosts, name: string): Promise<void> => {
  const isOut = async () => {
    await send(of, 3 * LIMIT, `/${name}/b/500`)
    return (await of.flags(name))['b'] === ejected
  }
  expect(await of.settled(isOut, true), of.kind).toBe(true)
}
const isListedAsUnhealthy = async (of: CheckedHosts, name: string): Promise<void> => {
  list(of, name, 'UNHEALTHY')
  expect(await of.settled(() => of.served(name), 'a,c'), of.kind).toBe('a,c')
  list(of, name, 'HEALTHY')
}
const isNotListed = async (of: CheckedHosts, name: string): Promise<void> => {
  list(of, name)
  expect(await of.settled(() => of.served(name), 'a,c'), of.kind).toBe('a,c')
  list(of, name, 'UNKNOWN')
}

const checked: readonly Returning[] = [
  { name: 'round_robin', isSlow: true, policy: roundRobin, leave: failsChecks },
  { name: 'least_request', isSlow: true, policy: leastRequest, leave: failsChecks },
  { name: 'degraded', isSlow: false, policy: roundRobin, leave: isDegraded },
]
const ejecting: readonly Returning[] = [
  { name: 'round_robin_outlier', isSlow: false, policy: roundRobin, leave: isOutlier },
  { name: 'least_request_outlier', isSlow: false, policy: leastRequest, leave: isOutlier },
]
const listed: readonly Returning[] = [
  { name: 'listed_as_unhealthy', isSlow: false, policy: roundRobin, leave: isListedAsUnhealthy },
  { name: 'not_listed', isSlow: true, policy: roundRobin, leave: isNotListed },
]
const cases = [...checked, ...ejecting, ...listed]

const fileOf = (of: CheckedHosts, name: string) => join(of.folder, `${name}.json`)

/** Tells the cluster of a, c, and of b, if it has a status. */
function list(of: CheckedHosts, name: string, health_status?: string): void {
  const b = health_status === undefined ? [] : [of.endpoint('b', {}, { health_status })]
  const hosts = [of.endpoint('a'), ...b, of.endpoint('c')]
  of.writeResources(`${name}.json`, { '@type': ASSIGNMENT, ...of.assignment(name, hosts) })
}

function bootstrap(of: CheckedHosts): object {
  of.answerTraffic = failAsAsked
  for (const { name } of listed) list(of, name, 'UNKNOWN')
  const soon = { interval: '0.1s', base_ejection_time: '0.2s', max_ejection_time: '0.2s' }
  const without = ({ load_assignment: _, ...rest }: { load_assignment?: unknown }) => rest
  const clusters = [
    ...checked.map(({ name, policy }) => ({
      ...outlierCluster(of, name, {}, all),
      ...policy,
      health_checks: [check(name)],
    })),
    ...ejecting.map(({ name, policy }) => ({
      ...outlierCluster(of, name, { consecutive_5xx: LIMIT, ...soon }, all),
      ...policy,
    })),
    ...listed.map(({ name, policy }) => ({
      ...without(outlierCluster(of, name, {}, [])),
      ...policy,
      type: 'EDS',
      eds_cluster_config: {
        eds_config: { path_config_source: { path: fileOf(of, name) }, resource_api_version: 'V3' },
      },
    })),
  ]
  const names = cases.map(({ name }) => name)
  return { static_resources: { listeners: [httpListener('main', names)], clusters } }
}

describe('slow start', () => {
  let pair: CheckedHosts[] = []
  /** Hosts that nobody has sent away are as old as the proxy. */
  let startedMs = 0

  beforeAll(async () => {
    pair = await Promise.all(discoveryProxies.map((kind) => CheckedHosts.start(kind, bootstrap)))
    startedMs = performance.now()
  }, 30_000)

  afterAll(async () => {
    await Promise.all(pair.map((each) => each.stop()))
  })

  const isOfB = async (of: CheckedHosts, name: string) => (await of.get(`/${name}/`)).body === 'b'

  async function shareOfB(of: CheckedHosts, name: string): Promise<number> {
    let ofB = 0
    for (let i = 0; i < REQUESTS; i++) if (await isOfB(of, name)) ofB += 1
    return ofB / REQUESTS
  }

  /**
   * The largest of its shares while b is young. Envoy's workers learn of its return within a second. A machine that is too
   * slow to see enough of that has b go and come once more.
   */
  async function shareOnReturn(of: CheckedHosts, { name, leave }: Returning): Promise<number> {
    let youngestMs = startedMs
    for (;;) {
      // Time itself is waited for: until then all hosts are young, and have equal shares.
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, youngestMs + WINDOW_MS - performance.now())))
      await leave(of, name)
      youngestMs = performance.now()
      expect(await of.settled(() => isOfB(of, name), true), of.kind).toBe(true)
      const shares: number[] = []
      for (;;) {
        const share = await shareOfB(of, name)
        if (performance.now() - youngestMs > SLOW_MS) break
        shares.push(share)
        if (share > BETWEEN) return share
      }
      if (shares.length >= LOOKS) return Math.max(...shares)
    }
  }

  it.each(cases)(
    'of a host after: $name',
    async (each) => {
      const shares = await Promise.all(pair.map((of) => shareOnReturn(of, each)))
      for (const share of shares) {
        if (each.isSlow) expect(share).toBeLessThan(BETWEEN)
        else expect(share).toBeGreaterThan(BETWEEN)
      }
    },
    120_000,
  )
})
