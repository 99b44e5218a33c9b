// Hosts that workers make of an ORIGINAL_DST cluster, as main tells of them: those that any worker has.

import { afterEach, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import { httpRequest } from '../support/http_get.ts'
import { httpListener, inlineRoute } from '../support/xds/samples.ts'
import { portOf, startServer, statOf, until } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

const cluster = {
  name: 'c',
  type: 'ORIGINAL_DST',
  lb_policy: 'CLUSTER_PROVIDED',
  cleanup_interval: '300s',
  original_dst_lb_config: { use_http_header: true },
}
const yaml = `
static_resources:
  listeners: [ ${httpListener('main', inlineRoute('c')).resource} ]
  clusters: [ ${JSON.stringify(cluster)} ]
`

async function ask(server: Server, backend: EchoBackend): Promise<number> {
  const headers = { 'x-envoy-original-dst-host': `127.0.0.1:${backend.port}` }
  return (await httpRequest(`127.0.0.1:${portOf(server, 'main')}`, '/', 'GET', 20_000, headers)).status
}

const total = (server: Server): number => statOf(server, 'cluster.c.membership_total') ?? 0

test('a host that several workers have is one, and those of a worker that dies are gone', {
  timeout: 90_000,
}, async () => {
  const backend = await EchoBackend.start()
  stops.push(() => backend.stop())
  const server = await startServer(yaml, '--concurrency', '2')
  stops.push(() => server.stop())
  const served = (worker: number): number =>
    statOf(server, `listener.127.0.0.1_0.worker_${worker}.downstream_cx_total`) ?? 0
  await until('both workers have made a host', async () => {
    expect(await ask(server, backend)).toBe(200)
    return served(0) > 0 && served(1) > 0
  })
  await until('main knows of it', () => total(server) === 1)
  const pids = server.workerPids()
  for (const pid of pids) process.kill(pid, 'SIGKILL')
  await until('the host is gone', () => total(server) === 0)
  await until('others are there', () => {
    const now = server.workerPids()
    return now.length === 2 && now.every((pid) => !pids.includes(pid))
  })
  expect(await ask(server, backend)).toBe(200)
  await until('there is one again', () => total(server) === 1)
})
