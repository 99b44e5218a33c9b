import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { httpPools } from '../../../src/http/conn_pool/http_pools.ts'
import type { Cluster } from '../../../src/upstream/cluster.ts'
import { serverContext, startCluster, staticClusterYaml } from '../../upstream/support.ts'
import { exchange } from './pool_user.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** A server that answers each request, and keeps what each connection brought. */
class Backend {
  readonly server: Server
  readonly sockets: Socket[] = []
  readonly received: string[] = []
  answer: (socket: Socket) => void = (socket) => void socket.write(OK)

  constructor() {
    this.server = createServer((socket) => {
      const index = this.sockets.push(socket) - 1
      this.received.push('')
      cleanups.push(() => socket.destroy())
      socket.on('error', () => {})
      socket.on('data', (data: Buffer) => {
        this.received[index] += String(data)
        this.answer(socket)
      })
    })
    cleanups.push(() => this.server.close())
  }

  async start(): Promise<number> {
    this.server.listen(0, '127.0.0.1')
    await once(this.server, 'listening')
    const address = this.server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    return address.port
  }
}

async function clusterOn(backend: Backend, more = ''): Promise<Cluster> {
  return startCluster(staticClusterYaml([`127.0.0.1:${await backend.start()}`], more), serverContext())
}

/** A cluster whose one connection has carried `/first` and is idle. */
async function rested(backend: Backend): Promise<Cluster> {
  const cluster = await clusterOn(backend)
  expect(await exchange(cluster, '/first')).toMatchObject({ status: 200, body: 'ok' })
  // In the timers of a turn of the event loop: what a peer does now is seen in its poll phase, and writing comes after.
  await delay(1)
  return cluster
}

describe('an idle connection that the backend closes as a request takes it', () => {
  it('costs the request nothing: no byte has left, and another connection carries it', async () => {
    const backend = new Backend()
    const cluster = await rested(backend)
    backend.sockets[0].destroy()
    const outcome = await exchange(cluster, '/second')
    expect(outcome).toMatchObject({ status: 200, body: 'ok', lost: '' })
    expect(outcome.connections).toHaveLength(2)
    expect(backend.received[0]).not.toContain('/second')
    expect(backend.received[1].split('/second')).toHaveLength(2)
    const { stats, resourceManager } = cluster.info
    expect(stats.upstreamRqTotal.value()).toBe(2)
    expect(stats.upstreamCxTotal.value()).toBe(2)
    expect(stats.upstreamCxDestroyWithActiveRq.value()).toBe(0)
    expect(stats.upstreamCxTxBytesTotal.value()).toBe(backend.received.join('').length)
    expect(resourceManager('DEFAULT').connections.current).toBe(1)
    expect(resourceManager('DEFAULT').requests.current).toBe(0)
  })

  it('moves the body as well', async () => {
    const backend = new Backend()
    const cluster = await rested(backend)
    const body = 'x'.repeat(5000)
    let got = ''
    backend.answer = (socket) => {
      got = backend.received[backend.sockets.indexOf(socket)]
      if (got.endsWith(body)) socket.write(OK)
    }
    backend.sockets[0].destroy()
    expect(await exchange(cluster, '/second', { body })).toMatchObject({ status: 200, lost: '' })
    expect(got).toContain('content-length: 5000\r\n')
    expect(got.split(body)).toHaveLength(2)
  })

  it('has its last words not taken for an answer', async () => {
    const backend = new Backend()
    const cluster = await rested(backend)
    backend.sockets[0].end('HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n')
    expect(await exchange(cluster, '/second')).toMatchObject({ status: 200, body: 'ok' })
    expect(backend.received[0]).not.toContain('/second')
  })

  it('is replaced once only: a connection that cannot be had is told', async () => {
    const backend = new Backend()
    const cluster = await rested(backend)
    backend.server.close()
    backend.sockets[0].destroy()
    expect((await exchange(cluster, '/second')).lost).toBe('remoteConnectionFailure')
    const { resourceManager, stats } = cluster.info
    expect(resourceManager('DEFAULT').connections.current).toBe(0)
    expect(resourceManager('DEFAULT').requests.current).toBe(0)
    expect(stats.upstreamRqActive.value()).toBe(0)
  })
})

describe('a connection that is lost after the request has left', () => {
  it('loses the request: it may have been acted on', async () => {
    const backend = new Backend()
    const cluster = await rested(backend)
    backend.answer = (socket) => void socket.destroy()
    expect((await exchange(cluster, '/second')).lost).toBe('connectionTermination')
    expect(backend.received.join('').split('/second')).toHaveLength(2)
    expect(cluster.info.stats.upstreamCxDestroyRemoteWithActiveRq.value()).toBe(1)
  })

  it('loses it on a fresh connection as well', async () => {
    const backend = new Backend()
    backend.answer = (socket) => void socket.destroy()
    const cluster = await clusterOn(backend)
    expect((await exchange(cluster, '/first')).lost).toBe('connectionTermination')
    expect(backend.sockets).toHaveLength(1)
  })
})

it('an idle connection that has ended, or speaks unasked, is not used', async () => {
  const backend = new Backend()
  const cluster = await rested(backend)
  backend.sockets[0].write('HTTP/1.1 200 OK\r\n')
  await once(backend.sockets[0], 'close')
  expect(cluster.info.stats.upstreamCxActive.value()).toBe(0)
  expect(await exchange(cluster, '/second')).toMatchObject({ status: 200 })
  backend.sockets[1].end()
  await once(backend.sockets[1], 'close')
  expect(await exchange(cluster, '/third')).toMatchObject({ status: 200 })
  expect(backend.received.map((text) => text.split(' ')[1])).toEqual(['/first', '/second', '/third'])
})

describe('limits of a connection', () => {
  it('is closed when it has carried max_requests_per_connection', async () => {
    const backend = new Backend()
    const cluster = await clusterOn(backend, '  common_http_protocol_options: {max_requests_per_connection: 2}')
    for (const path of ['/1', '/2', '/3']) expect(await exchange(cluster, path)).toMatchObject({ status: 200 })
    expect(backend.sockets).toHaveLength(2)
    expect(cluster.info.stats.upstreamCxMaxRequests.value()).toBe(1)
  })

  it.each([
    ['idle_timeout', 'upstreamCxIdleTimeout'],
    ['max_connection_duration', 'upstreamCxMaxDurationReached'],
  ] as const)('is closed by %s', async (field, counter) => {
    const backend = new Backend()
    const cluster = await clusterOn(backend, `  common_http_protocol_options: {${field}: 0.02s}`)
    expect(await exchange(cluster, '/1')).toMatchObject({ status: 200 })
    await once(backend.sockets[0], 'close')
    expect(cluster.info.stats[counter].value()).toBe(1)
    expect(cluster.info.stats.upstreamCxDestroyLocal.value()).toBe(1)
  })
})

describe('connections made ahead', () => {
  it('keep the ratio of per_upstream_preconnect_ratio', async () => {
    const backend = new Backend()
    backend.answer = () => {}
    const cluster = await clusterOn(backend, '  preconnect_policy: {per_upstream_preconnect_ratio: 2}')
    const outcomes = ['/1', '/2'].map((path) => exchange(cluster, path))
    while (backend.sockets.length < 4) await once(backend.server, 'connection')
    backend.answer = (socket) => void socket.write(OK)
    for (const [i, text] of backend.received.entries()) if (text !== '') backend.answer(backend.sockets[i])
    for (const outcome of outcomes) void outcome
    expect(cluster.info.stats.upstreamCxTotal.value()).toBe(4)
  })
})

it('per_host_thresholds limit the connections of a host, and the rest waits', async () => {
  const backend = new Backend()
  const more = '  circuit_breakers: {per_host_thresholds: [{max_connections: 1}]}'
  const cluster = await clusterOn(backend, more)
  const outcomes = await Promise.all(['/1', '/2', '/3'].map((path) => exchange(cluster, path)))
  expect(outcomes.map((outcome) => outcome.status)).toEqual([200, 200, 200])
  expect(backend.sockets).toHaveLength(1)
  expect(cluster.info.stats.upstreamCxOverflow.value()).toBeGreaterThan(0)
})

it('max_connection_pools limits the hosts that have connections', async () => {
  const first = new Backend()
  const second = new Backend()
  const yaml = staticClusterYaml(
    [`127.0.0.1:${await first.start()}`, `127.0.0.1:${await second.start()}`],
    '  circuit_breakers: {thresholds: [{max_connection_pools: 1}]}',
  )
  const cluster = startCluster(yaml, serverContext())
  expect(await exchange(cluster, '/1')).toMatchObject({ status: 200 })
  expect(() => exchange(cluster, '/2')).toThrow('no pool')
  expect(cluster.info.stats.upstreamCxPoolOverflow.value()).toBe(1)
  // With its last connection a pool makes room for another.
  for (const host of cluster.prioritySet.hosts()) host.drain()
  const [other] = [...cluster.prioritySet.hosts()].filter((host) => host.pools.size === 0)
  expect(httpPools.get(other, 'DEFAULT', 'HTTP/1.1')).toBeDefined()
})
