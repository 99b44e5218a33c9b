/** How often hosts of clusters are checked that have had no traffic, and then have, beside Envoy. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { discoveryProxies } from '../../support/xds/proxies.ts'
import { CheckedHosts, check, httpListener } from './checked_hosts.ts'

const OFTEN = '0.1s'
const SELDOM = '3600s'
/** Each has one host, the same. Nobody asks for `clock`: its checks tell how much time has passed. */
const clusters = {
  clock: { no_traffic_interval: OFTEN, interval: SELDOM },
  slowed: { no_traffic_interval: OFTEN, interval: SELDOM },
  quickened: { no_traffic_interval: '0.5s', interval: '0.02s' },
  healthy: { no_traffic_interval: OFTEN, no_traffic_healthy_interval: SELDOM, interval: OFTEN },
  failed: { no_traffic_interval: OFTEN, no_traffic_healthy_interval: SELDOM, interval: OFTEN },
}
type Name = keyof typeof clusters
const names = Object.keys(clusters) as Name[]

function bootstrap(of: CheckedHosts): object {
  of.turn('a', 'failed', 'fail')
  return {
    static_resources: {
      listeners: [httpListener('main', names)],
      clusters: names.map((name) => ({
        name,
        load_assignment: of.assignment(name, [of.endpoint('a')]),
        health_checks: [check(name, clusters[name])],
      })),
    },
  }
}

describe.each(discoveryProxies)('checks without traffic, %s', (kind) => {
  let of: CheckedHosts

  beforeAll(async () => {
    of = await CheckedHosts.start(kind, bootstrap)
  }, 30_000)

  afterAll(() => of.stop())

  const checks = (name: Name): number =>
    of.hosts.get('a')?.requests.filter(({ target }) => target === `/check/${name}`).length ?? 0

  async function untilChecks(name: Name, count: number): Promise<void> {
    expect(await of.settled(async () => checks(name) >= count, true), name).toBe(true)
  }

  it('are as seldom as the cluster says for that, until its first connection', async () => {
    await untilChecks('slowed', 3)
    await untilChecks('quickened', 2)
    expect((await of.get('/slowed/')).status).toBe(200)
    expect((await of.get('/quickened/')).status).toBe(200)
    const before = { slowed: checks('slowed'), quickened: checks('quickened'), clock: checks('clock') }
    await untilChecks('clock', before.clock + 15)
    // The check that was due already is made, and the one that was under way.
    expect(checks('slowed') - before.slowed).toBeLessThanOrEqual(2)
    // Fifteen checks of the clock are three without traffic.
    expect(checks('quickened') - before.quickened).toBeGreaterThan(8)
  }, 30_000)

  it('of a host that is well may be rarer', async () => {
    const before = checks('clock')
    await untilChecks('clock', before + 10)
    expect(checks('healthy')).toBe(1)
    expect(checks('failed')).toBeGreaterThan(3)
    of.turn('a', 'failed', 'ok')
    const after = checks('failed')
    await untilChecks('clock', checks('clock') + 10)
    expect(checks('failed') - after).toBeLessThanOrEqual(2)
  }, 30_000)
})
