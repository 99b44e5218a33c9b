// Health checks of clusters in a server with several workers: main checks, and all workers know.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { loadBootstrap } from '../../src/config/load.ts'
import type { Server } from '../../src/server/server.ts'
import { validateBootstrap } from '../../src/server/validate.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { httpListener, inlineRoute } from '../support/xds/samples.ts'
import { adsBootstrap, edsCluster } from './discovery_support.ts'
import { optionsOf, portOf, registryOfAll, startServer, statOf, until } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** Checked by HTTP; answers traffic with its name. */
class CheckedBackend {
  readonly name: string
  readonly backend: EchoBackend
  status = 200
  /** Of checks, as they came. */
  readonly hosts: string[] = []

  private constructor(name: string, backend: EchoBackend) {
    this.name = name
    this.backend = backend
    backend.script = {
      onRequest: ({ target, headers, connection }) => {
        const isCheck = target === '/check'
        if (isCheck) this.hosts.push(headers.get('host') ?? '')
        const more = target === '/no_more' ? 'x-envoy-immediate-health-check-fail: true\r\n' : ''
        const status = isCheck ? this.status : 200
        connection.send(`HTTP/1.1 ${status} X\r\n${more}content-length: ${name.length}\r\n\r\n${name}`)
      },
    }
  }

  static async start(name: string): Promise<CheckedBackend> {
    const backend = await EchoBackend.start()
    stops.push(() => backend.stop())
    return new CheckedBackend(name, backend)
  }

  endpoint(more: object = {}): object {
    const address = { socket_address: { address: '127.0.0.1', port_value: this.backend.port } }
    return { endpoint: { address, ...more } }
  }
}

const check = {
  ...{ timeout: '5s', interval: '0.02s', no_traffic_interval: '0.02s' },
  ...{ unhealthy_threshold: 1, healthy_threshold: 1, http_health_check: { path: '/check' } },
}
const checks = { health_checks: [check], common_lb_config: { healthy_panic_threshold: { value: 0 } } }

function assignmentOf(name: string, ...endpoints: readonly object[]): object {
  return { cluster_name: name, endpoints: [{ lb_endpoints: endpoints }] }
}

let a: CheckedBackend
let b: CheckedBackend

beforeEach(async () => {
  a = await CheckedBackend.start('a')
  b = await CheckedBackend.start('b')
})

async function start(yaml: string): Promise<Server> {
  const server = await startServer(yaml, '--concurrency', '2')
  stops.push(() => server.stop())
  return server
}

const withCluster = (cluster: object) => `
static_resources:
  listeners: [ ${httpListener('main', inlineRoute('c')).resource} ]
  clusters: [ ${JSON.stringify({ name: 'c', ...checks, ...cluster })} ]
`

/** Each request is a connection of its own: so many reach every worker. */
async function answersOf(server: Server): Promise<string> {
  const address = `127.0.0.1:${portOf(server, 'main')}`
  const answers = Array.from({ length: 24 }, async () => {
    const { status, body } = await httpRequest(address, '/')
    return status === 200 ? body : String(status)
  })
  return [...new Set(await Promise.all(answers))].sort().join()
}

async function answered(server: Server, expected: string): Promise<void> {
  await until(`requests are answered by ${expected}`, async () => (await answersOf(server)) === expected)
}

describe('what checks find', () => {
  test('is known to all workers, and to those that start later', async () => {
    const server = await start(withCluster({ load_assignment: assignmentOf('c', a.endpoint(), b.endpoint()) }))
    await answered(server, 'a,b')
    b.status = 500
    await answered(server, 'a')
    const pids = server.workerPids()
    for (const pid of pids) process.kill(pid, 'SIGKILL')
    await until('both workers are replaced', () => {
      const now = server.workerPids()
      return now.length === 2 && now.every((pid) => !pids.includes(pid))
    })
    await answered(server, 'a')
    expect(await answersOf(server)).toBe('a')
    b.status = 200
    await answered(server, 'a,b')
    expect(statOf(server, 'cluster.c.membership_healthy')).toBe(2)
  })

  test('holds for each of several endpoints at one address', async () => {
    const server = await start(withCluster({ load_assignment: assignmentOf('c', a.endpoint(), a.endpoint()) }))
    await answered(server, 'a')
    expect(statOf(server, 'cluster.c.health_check.healthy')).toBe(2)
    a.status = 500
    await answered(server, '503')
    expect(statOf(server, 'cluster.c.membership_healthy')).toBe(0)
  })

  test('may be that a host of one worker wants no more traffic', async () => {
    const seldom = { ...check, interval: '3600s', no_traffic_interval: '3600s' }
    const server = await start(
      withCluster({ health_checks: [seldom], load_assignment: assignmentOf('c', a.endpoint(), b.endpoint()) }),
    )
    const address = `127.0.0.1:${portOf(server, 'main')}`
    await until('b is asked', async () => (await httpRequest(address, '/no_more')).body === 'b')
    await until('somebody is excluded', () => (statOf(server, 'cluster.c.membership_excluded') ?? 0) > 0)
    const excluded = statOf(server, 'cluster.c.membership_excluded')
    await answered(server, excluded === 1 ? 'a' : '503')
    expect(statOf(server, 'cluster.c.health_check.passive_failure')).toBeGreaterThanOrEqual(1)
  })
})

describe('a discovered cluster', () => {
  async function running(...endpoints: readonly object[]): Promise<{ plane: ControlPlane; server: Server }> {
    const plane = await ControlPlane.start()
    stops.push(() => plane.stop())
    plane.setAll('1', {
      CDS: [edsCluster('c', checks)],
      EDS: [{ name: 'c', resource: assignmentOf('c', ...endpoints) }],
      LDS: [httpListener('main', inlineRoute('c'))],
    })
    return { plane, server: await start(adsBootstrap(plane.port)) }
  }

  const list = (plane: ControlPlane, version: string, ...endpoints: readonly object[]) =>
    plane.set('EDS', [{ name: 'c', resource: assignmentOf('c', ...endpoints) }], version)

  test('keeps hosts that are in its list no more until their checks fail', async () => {
    const { plane, server } = await running(a.endpoint(), b.endpoint())
    await answered(server, 'a,b')
    list(plane, '2', a.endpoint())
    await plane.waitForAck('EDS', '2')
    await answered(server, 'a,b')
    const pids = server.workerPids()
    process.kill(pids[0], 'SIGKILL')
    await until('the worker is replaced', () => server.workerPids().every((pid) => pid !== pids[0]))
    await answered(server, 'a,b')
    b.status = 500
    await answered(server, 'a')
    await until('the host is gone', () => statOf(server, 'cluster.c.membership_total') === 1)
  })

  test('checks a host under another name, and keeps what it knew', async () => {
    const { plane, server } = await running(a.endpoint())
    await answered(server, 'a')
    list(plane, '2', a.endpoint({ health_check_config: { hostname: 'other.test' } }))
    await until('the name is another', () => a.hosts.at(-1) === 'other.test')
    expect(statOf(server, 'cluster.c.membership_change')).toBe(1)
    expect(statOf(server, 'cluster.c.health_check.healthy')).toBe(1)
    expect(await answersOf(server)).toBe('a')
  })

  test('has a host that is checked elsewhere begin anew', async () => {
    const { plane, server } = await running(a.endpoint())
    await answered(server, 'a')
    b.status = 500
    list(plane, '2', a.endpoint({ health_check_config: { port_value: b.backend.port } }))
    await answered(server, '503')
    b.status = 200
    await answered(server, 'a')
    expect(statOf(server, 'cluster.c.membership_total')).toBe(1)
  })

  test('ends its checks when it goes', async () => {
    const { plane, server } = await running(a.endpoint())
    await answered(server, 'a')
    plane.set('CDS', [], '2')
    await until('its stats are gone', () => server.stats.counter('cluster.c.health_check.attempt') === undefined)
    await a.backend.until(() => a.backend.connections.every(({ ended }) => ended))
  })
})

/** What is wrong with it, as `--mode validate` says. */
function issuesOf(yaml: string): string[] {
  const options = optionsOf('--config-yaml', yaml)
  const { bootstrap, issues } = loadBootstrap(options)
  if (bootstrap !== undefined && !issues.hasErrors) validateBootstrap(bootstrap, options, registryOfAll(), issues)
  return issues.issues.map(({ path, message }) => `${path}: ${message}`)
}

describe('a configuration is refused', () => {
  const names = 'all health checks must have a name when multiple health checks are configured'

  test.each([
    {
      what: 'without the names of several checks',
      health_checks: [{ ...check, name: 'x' }, check],
      issue: `health_checks[1]: health check at index 1 is missing a name; ${names}`,
    },
    {
      what: 'with a name twice',
      health_checks: ['x', 'y', 'x'].map((name) => ({ ...check, name })),
      issue:
        "health_checks[2].name: duplicate health check name 'x' at index 2; all health check names must be unique within a cluster",
    },
    {
      what: 'with a kind of check that is unknown',
      health_checks: [{ ...check, http_health_check: undefined, custom_health_check: { name: 'own' } }],
      issue: "health_checks[0].custom_health_check.name: Didn't find a registered implementation for 'own'",
    },
  ])('$what', ({ health_checks, issue }) => {
    const yaml = withCluster({ health_checks, load_assignment: assignmentOf('c', a.endpoint()) })
    expect(issuesOf(yaml)).toEqual([`static_resources.clusters[0].${issue}`])
  })

  test('with a port for checks where there are no ports', () => {
    const endpoint = { address: { pipe: { path: '/none' } }, health_check_config: { port_value: 1 } }
    const yaml = withCluster({ load_assignment: assignmentOf('c', { endpoint }) })
    const at = 'load_assignment.endpoints[0].lb_endpoints[0].endpoint.health_check_config.port_value'
    const issue = 'Invalid host configuration: non-zero port for non-IP address'
    expect(issuesOf(yaml)).toEqual([`static_resources.clusters[0].${at}: ${issue}`])
  })

  test('in a new version, and the one before goes on', async () => {
    const plane = await ControlPlane.start()
    stops.push(() => plane.stop())
    const version = (health_checks: readonly object[]) => [edsCluster('c', { ...checks, health_checks })]
    plane.setAll('1', {
      CDS: version([check]),
      EDS: [{ name: 'c', resource: assignmentOf('c', a.endpoint()) }],
      LDS: [httpListener('main', inlineRoute('c'))],
    })
    const server = await start(adsBootstrap(plane.port))
    plane.set('CDS', version([check, check]), '2')
    await until('the update is refused', () => statOf(server, 'cluster_manager.cds.update_rejected') === 1)
    const checked = a.hosts.length
    await until('checks go on', () => a.hosts.length > checked)
    expect(await answersOf(server)).toBe('a')
  })
})
