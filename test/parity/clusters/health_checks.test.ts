/** Clusters that check their hosts, beside Envoy: which hosts are used, and what is told of them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { type Answer, type CheckedHosts, check, type HostName, httpListener } from './checked_hosts.ts'
import { hostPair } from './host_pair.ts'

interface Step {
  /** What hosts answer from now on: `a`, or `a name` where there are several checks. */
  readonly turn?: Readonly<Record<string, Answer>>
  /** In responses for traffic this host asks for no more of it. */
  readonly noMoreOf?: HostName
  readonly flags: Readonly<Record<string, string>>
  readonly served: string
}

interface Scene {
  readonly name: string
  readonly cluster: (of: CheckedHosts) => object
  readonly steps: readonly Step[]
}

const failed = '/failed_active_hc'
const degraded = '/degraded_active_hc'
const noPanic = { common_lb_config: { healthy_panic_threshold: { value: 0 } } }

/** One of the two is enough for all traffic: a degraded one has none of it. */
const policy = { overprovisioning_factor: 200 }
const two = (of: CheckedHosts, more: object = {}) => ({
  load_assignment: { ...of.assignment('x', [of.endpoint('a'), of.endpoint('b')]), policy },
  ...more,
})

const scenes: readonly Scene[] = [
  {
    name: 'failing',
    cluster: (of) => two(of, { health_checks: [check('failing')] }),
    steps: [
      { flags: { a: 'healthy', b: 'healthy' }, served: 'a,b' },
      { turn: { b: 'fail' }, flags: { a: 'healthy', b: failed }, served: 'a' },
      { turn: { b: 'ok' }, flags: { a: 'healthy', b: 'healthy' }, served: 'a,b' },
    ],
  },
  {
    name: 'panic',
    cluster: (of) => two(of, { health_checks: [check('panic')] }),
    steps: [{ turn: { a: 'fail', b: 'fail' }, flags: { a: failed, b: failed }, served: 'a,b' }],
  },
  {
    name: 'no_panic',
    cluster: (of) => two(of, { ...noPanic, health_checks: [check('no_panic')] }),
    steps: [
      { turn: { a: 'fail', b: 'fail' }, flags: { a: failed, b: failed }, served: '503' },
      { turn: { a: 'ok' }, flags: { a: 'healthy', b: failed }, served: 'a' },
    ],
  },
  {
    name: 'failover',
    cluster: (of) => ({
      load_assignment: of.assignment('x', [of.endpoint('a')], [of.endpoint('b')]),
      health_checks: [check('failover')],
    }),
    steps: [
      { flags: { a: 'healthy', b: 'healthy' }, served: 'a' },
      { turn: { a: 'fail' }, flags: { a: failed, b: 'healthy' }, served: 'b' },
      { turn: { a: 'ok' }, flags: { a: 'healthy', b: 'healthy' }, served: 'a' },
    ],
  },
  {
    name: 'degrading',
    cluster: (of) => two(of, { health_checks: [check('degrading')] }),
    steps: [
      { turn: { a: 'degraded' }, flags: { a: degraded, b: 'healthy' }, served: 'b' },
      { turn: { b: 'fail' }, flags: { a: degraded, b: failed }, served: 'a' },
      { turn: { a: 'fail' }, flags: { a: failed + degraded, b: failed }, served: 'a,b' },
      { turn: { a: 'ok' }, flags: { a: 'healthy', b: failed }, served: 'a' },
    ],
  },
  {
    name: 'late',
    cluster: (of) => two(of, { ...noPanic, health_checks: [check('late', { timeout: '0.3s' })] }),
    steps: [{ turn: { b: 'hang' }, flags: { a: 'healthy', b: `${failed}/active_hc_timeout` }, served: 'a' }],
  },
  {
    name: 'several',
    cluster: (of) => two(of, { health_checks: ['first', 'second'].map((name) => check(name, { name })) }),
    steps: [
      { flags: { a: 'healthy', b: 'healthy' }, served: 'a,b' },
      { turn: { 'a first': 'fail' }, flags: { a: failed, b: 'healthy' }, served: 'b' },
      { turn: { 'a second': 'fail' }, flags: { a: failed, b: 'healthy' }, served: 'b' },
      { turn: { 'a first': 'ok' }, flags: { a: failed, b: 'healthy' }, served: 'b' },
      { turn: { 'a second': 'degraded' }, flags: { a: degraded, b: 'healthy' }, served: 'b' },
      { turn: { 'a second': 'ok' }, flags: { a: 'healthy', b: 'healthy' }, served: 'a,b' },
    ],
  },
  {
    name: 'disabled',
    cluster: (of) => ({
      load_assignment: of.assignment('x', [
        of.endpoint('a', { health_check_config: { disable_active_health_check: true } }),
        of.endpoint('b'),
      ]),
      health_checks: [check('disabled')],
    }),
    steps: [
      { turn: { a: 'fail', b: 'fail' }, flags: { a: 'healthy', b: failed }, served: 'a' },
      { turn: { b: 'ok' }, flags: { a: 'healthy', b: 'healthy' }, served: 'a,b' },
    ],
  },
  {
    name: 'elsewhere',
    cluster: (of) => ({
      load_assignment: of.assignment('x', [
        of.endpoint('a', { health_check_config: { port_value: of.port('c'), hostname: 'own.test' } }),
        of.endpoint('b'),
      ]),
      health_checks: [check('elsewhere')],
    }),
    steps: [
      { turn: { a: 'fail' }, flags: { a: 'healthy', b: 'healthy' }, served: 'a,b' },
      { turn: { c: 'fail' }, flags: { a: failed, b: 'healthy' }, served: 'b' },
    ],
  },
  {
    name: 'eds_status',
    cluster: (of) => ({
      load_assignment: of.assignment('x', [
        of.endpoint('a', {}, { health_status: 'DEGRADED' }),
        of.endpoint('b', {}, { health_status: 'UNHEALTHY' }),
        of.endpoint('c', {}, { health_status: 'DRAINING' }),
      ]),
      health_checks: [check('eds_status')],
    }),
    steps: [
      {
        flags: { a: '/degraded_eds_health', b: '/failed_eds_health', c: '/eds_status_draining' },
        served: 'a',
      },
      {
        turn: { a: 'fail', b: 'degraded', c: 'fail' },
        flags: {
          a: `${failed}/degraded_eds_health`,
          b: `/failed_eds_health${degraded}`,
          c: `${failed}/eds_status_draining`,
        },
        served: 'a,b,c',
      },
    ],
  },
  {
    name: 'immediate_of_several',
    cluster: (of) => ({
      load_assignment: of.assignment('x', [of.endpoint('a'), of.endpoint('b')]),
      health_checks: [
        check('first', { name: 'first' }),
        check('second', { name: 'second', interval: '3600s', no_traffic_interval: '3600s' }),
      ],
    }),
    // It is the last of them that has to pass again.
    steps: [
      { noMoreOf: 'a', flags: { a: `${failed}/excluded_via_immediate_hc_fail`, b: 'healthy' }, served: 'b' },
      {
        turn: { 'b first': 'fail' },
        flags: { a: `${failed}/excluded_via_immediate_hc_fail`, b: failed },
        served: 'a,b',
      },
    ],
  },
  {
    name: 'immediate',
    cluster: (of) => ({
      load_assignment: of.assignment('x', [of.endpoint('a'), of.endpoint('b')]),
      // The next check would undo it.
      health_checks: [check('immediate', { interval: '3600s', no_traffic_interval: '3600s' })],
    }),
    steps: [
      {
        noMoreOf: 'a',
        flags: { a: `${failed}/excluded_via_immediate_hc_fail`, b: 'healthy' },
        served: 'b',
      },
      {
        noMoreOf: 'b',
        flags: { a: `${failed}/excluded_via_immediate_hc_fail`, b: `${failed}/excluded_via_immediate_hc_fail` },
        served: 'a,b',
      },
    ],
  },
]

function bootstrap(of: CheckedHosts): object {
  const eventLog = { event_log_path: join(of.folder, 'events') }
  const clusters = scenes.map(({ name, cluster }) => ({ name, connect_timeout: '5s', ...cluster(of) }))
  const logged = {
    name: 'logged',
    load_assignment: of.assignment('x', [of.endpoint('a')]),
    health_checks: [check('logged', eventLog)],
  }
  const names = [...scenes.map(({ name }) => name), 'logged']
  return { static_resources: { listeners: [httpListener('main', names)], clusters: [...clusters, logged] } }
}

describe('clusters with health checks', () => {
  const pair = hostPair(bootstrap)

  it.each(scenes)(
    '$name: hosts are used by what is found',
    async ({ name, steps }) => {
      for (const of of pair) {
        for (const { turn, noMoreOf, flags, served } of steps) {
          for (const [host, answer] of Object.entries(turn ?? {})) {
            const [hostName, checkName = name] = host.split(' ')
            of.turn(hostName as HostName, checkName, answer)
          }
          if (noMoreOf !== undefined) await of.askNoMore(name, noMoreOf)
          expect(await of.settled(() => of.flags(name), flags), of.kind).toEqual(flags)
          expect(await of.settled(() => of.served(name), served), of.kind).toBe(served)
        }
      }
      const [envoy, nuncio] = await Promise.all(pair.map((of) => healthStats(of, name)))
      expect(nuncio).toEqual(envoy)
      const [wanted, told] = await Promise.all(pair.map((of) => healthStatuses(of, name)))
      expect(told).toEqual(wanted)
    },
    60_000,
  )

  it('what becomes of hosts is logged', async () => {
    for (const of of pair) {
      for (const [answer, flags] of [
        ['fail', failed],
        ['degraded', degraded],
        ['ok', 'healthy'],
      ] as const) {
        of.turn('a', 'logged', answer)
        expect(await of.settled(() => of.flags('logged'), { a: flags }), of.kind).toEqual({ a: flags })
      }
      await of.askNoMore('logged', 'a')
      const isLogged = async () => /"PASSIVE".*\n.*add_healthy/.test(readFileSync(join(of.folder, 'events'), 'utf8'))
      expect(await of.settled(isLogged, true), of.kind).toBe(true)
    }
    const [envoy, nuncio] = pair.map((of) =>
      readFileSync(join(of.folder, 'events'), 'utf8').replace(/"timestamp":"[^"]*"|"port_value":\d+/g, ''),
    )
    expect(envoy.split('\n').length).toBeGreaterThan(5)
    expect(nuncio).toBe(envoy)
  })
})

/** Gauges and rare counters with their values, of all others the names. Envoy never counts a degraded host back. */
async function healthStats(of: CheckedHosts, cluster: string): Promise<Record<string, number | undefined>> {
  const stats = await of.proxy.stats(`^cluster\\.${cluster}\\.(health_check|membership)`)
  const exact = /(health_check\.(name\.\w+\.)?(healthy|passive_failure)|membership_\w+)$/
  return Object.fromEntries([...stats].map(([name, value]) => [name, exact.test(name) ? value : undefined]).sort())
}

async function healthStatuses(of: CheckedHosts, cluster: string): Promise<string[]> {
  const { body } = await of.proxy.admin(`/clusters?format=json&filter=^${cluster}$`)
  const parsed = JSON.parse(body) as { cluster_statuses: { host_statuses: { health_status: object }[] }[] }
  return parsed.cluster_statuses[0].host_statuses.map((each) => JSON.stringify(each.health_status))
}
