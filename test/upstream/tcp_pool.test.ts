import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { Connection } from '../../src/network/connection.ts'
import type { Cluster } from '../../src/upstream/cluster.ts'
import { type TcpPoolFailureReason, tcpPool } from '../../src/upstream/tcp_pool.ts'
import { serverContext, startCluster, staticClusterYaml } from './support.ts'

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function backend(onConnection: (socket: Socket) => void = () => {}): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => {
    cleanups.push(() => socket.destroy())
    socket.on('error', () => {})
    onConnection(socket)
  })
  cleanups.push(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return { server, port: address.port }
}

async function closedPort(): Promise<number> {
  const { server, port } = await backend()
  server.close()
  await once(server, 'close')
  return port
}

const cluster = (port: number, more = ''): Cluster =>
  startCluster(staticClusterYaml([`127.0.0.1:${port}`], more), serverContext())

type Outcome = { connection: Connection } | { reason: TcpPoolFailureReason; details: string }

function open(on: Cluster): Promise<Outcome> {
  const host = on.chooseHost()
  if (host === undefined) throw new Error('no host')
  return new Promise((resolve) => {
    tcpPool(host).newConnection({
      onPoolReady: (connection) => resolve({ connection }),
      onPoolFailure: (reason, details) => resolve({ reason, details }),
    })
  })
}

async function connected(on: Cluster): Promise<Connection> {
  const outcome = await open(on)
  if (!('connection' in outcome)) throw new Error(`not connected: ${outcome.reason}`)
  return outcome.connection
}

function closed(connection: Connection): Promise<string> {
  return new Promise((resolve) => {
    const quiet = { onAboveWriteBufferHighWatermark() {}, onBelowWriteBufferLowWatermark() {} }
    connection.addConnectionCallbacks({ onEvent: resolve, ...quiet })
  })
}

/** Counters and gauges of the connection's life, those that are not 0, by Envoy's short names. */
function moved({ info: { stats } }: Cluster): Record<string, number> {
  const all = {
    cx_total: stats.upstreamCxTotal,
    cx_active: stats.upstreamCxActive,
    cx_connect_fail: stats.upstreamCxConnectFail,
    cx_connect_timeout: stats.upstreamCxConnectTimeout,
    cx_destroy: stats.upstreamCxDestroy,
    cx_destroy_local: stats.upstreamCxDestroyLocal,
    cx_destroy_local_with_active_rq: stats.upstreamCxDestroyLocalWithActiveRq,
    cx_destroy_remote: stats.upstreamCxDestroyRemote,
    cx_destroy_remote_with_active_rq: stats.upstreamCxDestroyRemoteWithActiveRq,
    cx_destroy_with_active_rq: stats.upstreamCxDestroyWithActiveRq,
    cx_max_duration_reached: stats.upstreamCxMaxDurationReached,
    cx_overflow: stats.upstreamCxOverflow,
    rq_total: stats.upstreamRqTotal,
    rq_active: stats.upstreamRqActive,
    rq_cancelled: stats.upstreamRqCancelled,
    rq_pending_total: stats.upstreamRqPendingTotal,
    rq_pending_active: stats.upstreamRqPendingActive,
    rq_pending_failure_eject: stats.upstreamRqPendingFailureEject,
    bind_errors: stats.bindErrors,
  }
  return Object.fromEntries(
    Object.entries(all).flatMap(([name, stat]) => (stat.value() === 0 ? [] : [[name, stat.value()]])),
  )
}

/** Nothing is held of the circuit breakers. */
function expectNothingHeld({ info }: Cluster): void {
  const { connections, pendingRequests, requests } = info.resourceManager('DEFAULT')
  expect([connections.current, pendingRequests.current, requests.current]).toEqual([0, 0, 0])
}

// The numbers are those that Envoy 1.40 showed for the same events through tcp_proxy.
describe('stats', () => {
  it('of a connection that stands', async () => {
    const { port } = await backend()
    const on = cluster(port)
    const connection = await connected(on)
    expect(moved(on)).toEqual({ cx_total: 1, cx_active: 1, rq_total: 1, rq_active: 1, rq_pending_total: 1 })
    expect(on.info.resourceManager('DEFAULT').requests.current).toBe(1)
    connection.close('noFlush', '')
    expect(moved(on)).toEqual({
      cx_total: 1,
      rq_total: 1,
      rq_pending_total: 1,
      cx_destroy: 1,
      cx_destroy_with_active_rq: 1,
      cx_destroy_local: 1,
      cx_destroy_local_with_active_rq: 1,
    })
    expectNothingHeld(on)
  })

  it('of a connection that the host closes', async () => {
    const { port } = await backend((socket) => socket.end())
    const on = cluster(port)
    expect(await closed(await connected(on))).toBe('remoteClose')
    expect(moved(on)).toEqual({
      cx_total: 1,
      rq_total: 1,
      rq_pending_total: 1,
      cx_destroy: 1,
      cx_destroy_with_active_rq: 1,
      cx_destroy_remote: 1,
      cx_destroy_remote_with_active_rq: 1,
    })
    expectNothingHeld(on)
  })

  it('of a refused connection', async () => {
    const on = cluster(await closedPort())
    const details = 'delayed connect error: Connection refused'
    expect(await open(on)).toEqual({ reason: 'remoteConnectionFailure', details })
    expect(moved(on)).toEqual({
      cx_total: 1,
      cx_connect_fail: 1,
      cx_destroy: 1,
      cx_destroy_remote: 1,
      rq_pending_total: 1,
      rq_pending_failure_eject: 1,
    })
    expectNothingHeld(on)
  })

  it('of one that is given up before it stands', async () => {
    const { port } = await backend()
    const on = cluster(port)
    const host = on.chooseHost()
    if (host === undefined) throw new Error('no host')
    const never = (): void => expect.unreachable('a cancelled connection was reported')
    tcpPool(host).newConnection({ onPoolReady: never, onPoolFailure: never })?.cancel()
    expect(moved(on)).toMatchObject({ cx_total: 1, rq_cancelled: 1, cx_destroy: 1 })
    expect(moved(on).cx_active).toBeUndefined()
    expectNothingHeld(on)
  })
})

it('refuses what is over max_connections, and takes it again later', async () => {
  const { port } = await backend()
  const on = cluster(port, '  circuit_breakers: {thresholds: [{max_connections: 1}]}')
  const first = await connected(on)
  expect(await open(on)).toEqual({ reason: 'overflow', details: '' })
  expect(moved(on)).toMatchObject({ cx_total: 1, cx_overflow: 1 })
  first.close('noFlush', '')
  await connected(on)
  expect(on.info.resourceManager('DEFAULT').connections.current).toBe(1)
})

it('ends a connection at max_connection_duration', async () => {
  const { port } = await backend()
  const on = cluster(port, '  common_http_protocol_options: {max_connection_duration: 0.05s}')
  expect(await closed(await connected(on))).toBe('localClose')
  expect(moved(on)).toMatchObject({ cx_max_duration_reached: 1, cx_destroy_local: 1 })
  expectNothingHeld(on)
})

it('tells whoever waits for the pool to be idle', async () => {
  const { port } = await backend()
  const on = cluster(port)
  const connection = await connected(on)
  const host = on.chooseHost()
  if (host === undefined) throw new Error('no host')
  let idle = 0
  tcpPool(host).addIdleCallback(() => idle++)
  expect(idle).toBe(0)
  connection.close('noFlush', '')
  expect(idle).toBe(1)
})
