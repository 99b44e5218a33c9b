// Outlier detection in a server with several workers: all count together, main decides, and all workers know.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { ControlPlane } from '../support/xds/control_plane.ts'
import { httpListener, inlineRoute } from '../support/xds/samples.ts'
import { adsBootstrap, assignment, edsCluster, endpoints } from './discovery_support.ts'
import { portOf, startServer, statOf, until } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

let a: EchoBackend
let b: EchoBackend

/** Answers with its name; `/fail/<name>` fails there. */
async function startBackend(name: string): Promise<EchoBackend> {
  const backend = await EchoBackend.start({
    onRequest: ({ target, connection }) => {
      const status = target === `/fail/${name}` ? 500 : 200
      connection.send(`HTTP/1.1 ${status} X\r\ncontent-length: 1\r\n\r\n${name}`)
    },
  })
  stops.push(() => backend.stop())
  return backend
}

beforeEach(async () => {
  a = await startBackend('a')
  b = await startBackend('b')
})

const outliers = (more: object = {}) => ({
  common_lb_config: { healthy_panic_threshold: { value: 0 } },
  outlier_detection: { interval: '3600s', max_ejection_percent: 100, ...more },
})

const withCluster = (cluster: object) => `
static_resources:
  listeners: [ ${httpListener('main', inlineRoute('c')).resource} ]
  clusters: [ ${JSON.stringify({ name: 'c', ...cluster })} ]
`

async function start(yaml: string): Promise<Server> {
  const server = await startServer(yaml, '--concurrency', '2')
  stops.push(() => server.stop())
  return server
}

/** Long enough for a worker that starts: what is asked meanwhile waits for it. */
const patienceMs = 20_000

/** Each request is a connection of its own: so many reach every worker. */
async function answersOf(server: Server, path = '/', count = 24): Promise<string> {
  const address = `127.0.0.1:${portOf(server, 'main')}`
  const answers = Array.from({ length: count }, async () => {
    const { status, body } = await httpRequest(address, path, 'GET', patienceMs)
    return status === 200 || path !== '/' ? body : String(status)
  })
  return [...new Set(await Promise.all(answers))].sort().join()
}

async function answered(server: Server, expected: string): Promise<void> {
  await until(`requests are answered by ${expected}`, async () => (await answersOf(server)) === expected)
}

const outlierStat = (server: Server, name: string) => statOf(server, `cluster.c.outlier_detection.${name}`) ?? 0

async function ejections(server: Server, count: number): Promise<void> {
  await until(`${count} are ejected`, () => outlierStat(server, 'ejections_active') === count)
}

/** So many together are too many: no worker has them all, by far most of the time. */
const limit = 20
const single = () => ({ ...outliers({ consecutive_5xx: limit }), load_assignment: assignment('c', a.port) })
const failuresOf = (backend: EchoBackend) => backend.requests.filter(({ target }) => target.startsWith('/fail/')).length

async function fail(server: Server, count: number, name = 'a'): Promise<void> {
  await answersOf(server, `/fail/${name}`, count)
}

async function killWorkers(server: Server): Promise<void> {
  const pids = server.workerPids()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await until('both workers are replaced', () => {
    const now = server.workerPids()
    return now.length === 2 && now.every((pid) => !pids.includes(pid))
  })
}

describe('failures of all workers', () => {
  test('add up, and eject a host once', async () => {
    const server = await start(withCluster(single()))
    await fail(server, limit - 1)
    expect(await answersOf(server, '/', 1)).toBe('a')
    await fail(server, limit - 1)
    expect(await answersOf(server, '/', 1)).toBe('a')
    expect(outlierStat(server, 'ejections_detected_consecutive_5xx')).toBe(0)
    await fail(server, limit)
    await ejections(server, 1)
    await answered(server, '503')
    expect(failuresOf(a)).toBe(3 * limit - 2)
    expect(outlierStat(server, 'ejections_detected_consecutive_5xx')).toBe(1)
    expect(outlierStat(server, 'ejections_enforced_total')).toBe(1)
    expect(statOf(server, 'cluster.c.membership_healthy')).toBe(0)
  })

  test('are not lost with them, nor is what follows', async () => {
    const server = await start(withCluster(single()))
    await fail(server, limit - 1)
    await killWorkers(server)
    await fail(server, 1)
    expect(failuresOf(a)).toBe(limit)
    await ejections(server, 1)
    await answered(server, '503')
    await killWorkers(server)
    expect(await answersOf(server)).toBe('503')
    expect(outlierStat(server, 'ejections_detected_consecutive_5xx')).toBe(1)
  }, 60_000)

  test('are compared with those of other hosts', async () => {
    const c = await startBackend('c')
    const rates = { interval: '0.3s', success_rate_minimum_hosts: 3, success_rate_request_volume: 5 }
    const server = await start(
      withCluster({
        ...outliers({
          ...rates,
          consecutive_5xx: 0,
          success_rate_stdev_factor: 1000,
          base_ejection_time: '3600s',
          max_ejection_time: '3600s',
        }),
        load_assignment: assignment('c', a.port, b.port, c.port),
      }),
    )
    await until('a is ejected', async () => {
      await fail(server, 30)
      return outlierStat(server, 'ejections_active') === 1
    })
    await answered(server, 'b,c')
    expect(outlierStat(server, 'ejections_enforced_success_rate')).toBe(1)
  })
})

test('an ejection ends in all workers', async () => {
  const times = { interval: '0.1s', base_ejection_time: '0.3s', max_ejection_time: '0.3s' }
  const server = await start(withCluster({ ...single(), ...outliers({ ...times, consecutive_5xx: limit }) }))
  await fail(server, limit)
  await until('it is over', () => outlierStat(server, 'ejections_enforced_total') === 1)
  await answered(server, 'a')
  expect(outlierStat(server, 'ejections_active')).toBe(0)
  await fail(server, limit)
  await until('there is another', () => outlierStat(server, 'ejections_enforced_total') === 2)
})

test('a degraded host is a last resort for all workers', async () => {
  // One of the two is enough for all traffic.
  const policy = { overprovisioning_factor: 200 }
  const server = await start(
    withCluster({
      ...outliers({ detect_degraded_hosts: true }),
      load_assignment: { ...assignment('c', a.port, b.port), policy },
    }),
  )
  a.script = {
    onRequest: ({ connection }) =>
      connection.send('HTTP/1.1 200 X\r\nx-envoy-degraded: 1\r\ncontent-length: 1\r\n\r\na'),
  }
  await answered(server, 'b')
  expect(outlierStat(server, 'ejections_detected_degradation')).toBe(1)
  expect(statOf(server, 'cluster.c.membership_degraded')).toBe(1)
})

describe('a discovered cluster', () => {
  async function running(...ports: readonly number[]): Promise<{ plane: ControlPlane; server: Server }> {
    const plane = await ControlPlane.start()
    stops.push(() => plane.stop())
    plane.setAll('1', {
      CDS: [edsCluster('c', outliers({ consecutive_5xx: limit }))],
      EDS: [endpoints('c', ...ports)],
      LDS: [httpListener('main', inlineRoute('c'))],
    })
    return { plane, server: await start(adsBootstrap(plane.port)) }
  }

  test('keeps what it knows of hosts that stay in its list', async () => {
    const { plane, server } = await running(a.port)
    await fail(server, limit)
    await ejections(server, 1)
    plane.set('EDS', [endpoints('c', a.port, b.port)], '2')
    await answered(server, 'b')
    expect(outlierStat(server, 'ejections_active')).toBe(1)
    plane.set('EDS', [endpoints('c', b.port)], '3')
    await ejections(server, 0)
    plane.set('EDS', [endpoints('c', a.port, b.port)], '4')
    await answered(server, 'a,b')
    expect(outlierStat(server, 'ejections_enforced_total')).toBe(1)
  })

  test('knows nothing of a host that comes in the place of another', async () => {
    const { plane, server } = await running(a.port)
    await fail(server, limit - 1)
    plane.set('EDS', [endpoints('c', b.port)], '2')
    await answered(server, 'b')
    // It gets the place in memory that the first one had. Answers that are good would clear what is left there.
    plane.set('EDS', [endpoints('c', a.port)], '3')
    await plane.waitForAck('EDS', '3')
    await fail(server, limit - 1)
    expect(await answersOf(server, '/fail/none', 1)).toBe('a')
    await fail(server, limit - 1)
    await fail(server, 1)
    await ejections(server, 1)
    expect(failuresOf(a)).toBe(3 * limit - 1)
  })

  test('begins anew in a new version', async () => {
    const { plane, server } = await running(a.port)
    await fail(server, limit)
    await ejections(server, 1)
    plane.set('CDS', [edsCluster('c', outliers({ consecutive_5xx: limit + 1 }))], '2')
    await answered(server, 'a')
    expect(outlierStat(server, 'ejections_active')).toBe(0)
    await fail(server, limit)
    expect(await answersOf(server)).toBe('a')
  })
})
