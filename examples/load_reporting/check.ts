// Sends requests, and adds up what the reports say of them.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:net'
import { ServerCredentials } from '@grpc/grpc-js'
import { httpEcho } from '../backends.ts'
import { get, once } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'
import { type ClusterLoad, loadReportServer } from './load_reports.ts'

interface Sums {
  issued: number
  succeeded: number
  failed: number
}

/** By node and zone. */
let sums = new Map<string, Sums>()

function add(node: string, clusters: readonly ClusterLoad[]): void {
  for (const { cluster_name, upstream_locality_stats } of clusters) {
    for (const stats of upstream_locality_stats) {
      const { zone } = stats.locality
      const sum = sums.get(`${node} ${zone}`) ?? { issued: 0, succeeded: 0, failed: 0 }
      sum.issued += Number(stats.total_issued_requests)
      sum.succeeded += Number(stats.total_successful_requests)
      sum.failed += Number(stats.total_error_requests)
      sums.set(`${node} ${zone}`, sum)
      console.log(`${node}: ${cluster_name} in zone ${zone}: ${stats.total_issued_requests} requests`)
    }
  }
}

/** The gRPC server on a socket that the example's runner opens. */
function loadReports(): Server {
  sums = new Map()
  const injector = loadReportServer(add).createConnectionInjector(ServerCredentials.createInsecure())
  return createServer((socket) => injector.injectConnection(socket))
}

const backend = (name: string) => httpEcho(name, ({ url }) => (url === '/missing' ? 500 : 200))

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  await once('the proxy has heard what to report', async () => {
    const stats = await proxy.stats('^load_reporter\\.requests$')
    return (stats.get('load_reporter.requests') ?? 0) > 0 ? true : undefined
  })
  for (let i = 0; i < 4; i++) assert.equal((await get(port, '/')).status, 200)
  for (let i = 0; i < 2; i++) assert.equal((await get(port, '/missing')).status, 500)
  const expected = { issued: 3, succeeded: 2, failed: 1 }
  for (const zone of ['proxy-1 a', 'proxy-1 b'])
    await once(`${zone} has all its requests`, async () => (sums.get(zone)?.issued === 3 ? true : undefined))
  assert.deepEqual(Object.fromEntries(sums), { 'proxy-1 a': expected, 'proxy-1 b': expected })
}

export const example: Example = {
  backends: { 8081: backend('a'), 8082: backend('b'), 18000: loadReports },
  check,
}
