// Load reports as one server makes them of its workers' numbers.

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { HostLoad } from '../../src/server/load_numbers.ts'
import type { Server } from '../../src/server/server.ts'
import { TrackedLoad } from '../../src/server/tracked_load.ts'
import { httpRequest } from '../support/http_get.ts'
import { LoadReportServer } from '../support/xds/load_report_server.ts'
import { httpListener, inlineRoute } from '../support/xds/samples.ts'
import { assignment } from './discovery_support.ts'
import { portOf, startServer, statOf, until } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

async function backend(): Promise<number> {
  const server = createServer((_request, response) => response.end()).listen(0, '127.0.0.1')
  await once(server, 'listening')
  stops.push(() => server.close())
  return (server.address() as AddressInfo).port
}

async function running(): Promise<{ server: Server; reports: LoadReportServer }> {
  const reports = await LoadReportServer.start()
  stops.push(() => reports.stop())
  const service = { grpc_services: [{ envoy_grpc: { cluster_name: 'lrs' } }] }
  const yaml = `
node: { id: node, cluster: cluster }
cluster_manager: { load_stats_config: ${JSON.stringify({ api_type: 'GRPC', transport_api_version: 'V3', ...service })} }
static_resources:
  listeners: [ ${httpListener('main', inlineRoute('c')).resource} ]
  clusters:
  - { name: lrs, http2_protocol_options: {}, load_assignment: ${JSON.stringify(assignment('lrs', reports.port))} }
  - { name: c, load_assignment: ${JSON.stringify(assignment('c', await backend()))} }
`
  const server = await startServer(yaml, '--concurrency', '2')
  stops.push(() => server.stop())
  await reports.until(() => reports.requests.length > 0, 'the first request')
  return { server, reports }
}

async function ask(server: Server, times: number): Promise<void> {
  // What queues at a worker that is replaced waits for the new one.
  for (let i = 0; i < times; i++) await httpRequest(`127.0.0.1:${portOf(server, 'main')}`, '/', 'GET', 30_000)
}

function issued({ requests }: LoadReportServer): number {
  const places = requests.flatMap(({ clusterStats }) => clusterStats).flatMap((each) => each.upstreamLocalityStats)
  return places.reduce((sum, { totalIssuedRequests }) => sum + totalIssuedRequests, 0)
}

test('a worker that dies loses nothing that was told, and nothing is told twice', async () => {
  const { server, reports } = await running()
  reports.streams[0].respond({ clusters: ['c'], loadReportingInterval: 50 })
  await reports.until(() => reports.requests.length > 1, 'a report')
  await ask(server, 10)
  await reports.until(() => issued(reports) === 10, 'ten requests')
  const pids = server.workerPids()
  process.kill(pids[0], 'SIGKILL')
  await until('another worker is there', () => {
    const now = server.workerPids()
    return now.length === 2 && !now.includes(pids[0])
  })
  await ask(server, 10)
  const from = reports.requests.length
  await reports.until(() => issued(reports) >= 20 && reports.requests.length >= from + 3, 'twenty requests', 30_000)
  expect(issued(reports)).toBe(20)
})

test('an answer that is none ends the stream, and is an error', async () => {
  const { server, reports } = await running()
  reports.streams[0].call.respondBytes(Buffer.from([0x0a, 0xff]))
  await until('the error is counted', () => statOf(server, 'load_reporter.errors') === 1)
  expect(statOf(server, 'load_reporter.requests')).toBe(0)
})

describe('the load of a cluster', () => {
  const host = (id: number, issuedRequests: number, requests = 0): HostLoad => ({
    id,
    key: 'c 127.0.0.1:1',
    success: 0,
    error: 0,
    issued: issuedRequests,
    active: 1,
    metrics: requests === 0 ? [] : [{ name: 'm', requests, total: requests * 2 }],
  })
  const at = (pid: number, dropped: number, ...hosts: HostLoad[]) => ({
    pid,
    cluster: { id: 1, name: 'c', dropped, dropOverload: 0, hosts },
  })
  const living = new Set([1, 2])
  const told = (load: TrackedLoad, now: ReturnType<typeof at>[], pids = living) => {
    const { dropped, hosts } = load.report(now, pids)
    const sum = hosts.get('c 127.0.0.1:1')
    return [dropped, sum?.issued ?? 0, sum?.metrics.get('m')?.requests ?? 0]
  }

  test('begins with what there is, but for metrics', () => {
    const load = new TrackedLoad([at(1, 5, host(1, 10, 3))])
    expect(told(load, [at(1, 6, host(1, 12, 3))])).toEqual([1, 2, 3])
    expect(told(load, [at(1, 6, host(1, 12, 3))])).toEqual([0, 0, 0])
  })

  test('is that of all processes, and of those that answer late it comes later', () => {
    const load = new TrackedLoad([])
    expect(told(load, [at(1, 0, host(1, 2)), at(2, 1, host(1, 3))])).toEqual([1, 5, 0])
    expect(told(load, [at(1, 0, host(1, 4))])).toEqual([0, 2, 0])
    expect(told(load, [at(1, 0, host(1, 4)), at(2, 1, host(1, 7))])).toEqual([0, 4, 0])
  })

  test('counts a host that came back from its new beginning', () => {
    const load = new TrackedLoad([])
    expect(told(load, [at(1, 0, host(1, 5))])).toEqual([0, 5, 0])
    expect(told(load, [at(1, 0, host(2, 6))])).toEqual([0, 6, 0])
  })

  test('forgets processes that are no more', () => {
    const load = new TrackedLoad([])
    told(load, [at(1, 0, host(1, 5)), at(2, 0, host(1, 5))])
    told(load, [at(1, 0, host(1, 5))], new Set([1]))
    expect(told(load, [at(2, 0, host(1, 5))])).toEqual([0, 5, 0])
  })
})
