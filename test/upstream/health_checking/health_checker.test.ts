// The course of health checks over real connections: thresholds, transitions, hosts that come and go.

import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EchoBackend } from '../../support/echo_backend.ts'
import { freePorts } from '../../support/free_ports.ts'
import { Http2Backend, type Http2BackendRequest, playHttp2Reply } from '../../support/http2_backend.ts'
import { TcpBackend } from '../../support/tcp_backend.ts'
import { Checks } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

let backend: EchoBackend
/** Heads of the answers to come, the last one again and again. */
let answers: string[]

beforeEach(async () => {
  answers = []
  backend = await EchoBackend.start({
    onRequest: ({ connection }) => {
      const next = answers.length > 1 ? answers.shift() : answers[0]
      if (next === 'never') return
      if (next === 'close') connection.finish()
      else connection.send(`HTTP/1.1 ${next ?? '200 OK\r\n'}content-length: 0\r\n\r\n`)
    },
  })
  stops.push(() => backend.stop())
})

function http(view: object = {}, more: object = {}, runtime: Readonly<Record<string, number>> = {}): Checks {
  const checks = new Checks({ httpHealthCheck: { path: '/', ...view }, ...more }, [backend.port], '', runtime)
  stops.push(() => checks.stop())
  return checks
}

const ok = '200 OK\r\n'
const fail = '500 X\r\n'

describe('thresholds', () => {
  const thresholds = { healthyThreshold: 3, unhealthyThreshold: 2 }

  test('do not count for the first check', async () => {
    expect(await http({}, thresholds).first()).toEqual(['changed healthy'])
  })

  test('of successes count in a row, and begin anew with each failure', async () => {
    answers = [fail, ok, ok, fail, ok, ok, ok]
    expect(await http({}, thresholds).first(8)).toEqual([
      'unchanged failed',
      'changePending failed',
      'changePending failed',
      'unchanged failed',
      'changePending failed',
      'changePending failed',
      'changed healthy',
      'unchanged healthy',
    ])
  })

  test('of failures are for lost connections: an answer of its own fails a host at once', async () => {
    answers = [ok, 'close', ok, 'close', 'close', ok, ok, ok, fail]
    const checks = http({}, thresholds)
    expect(await checks.first(9)).toEqual([
      'changed healthy',
      'changePending healthy',
      'unchanged healthy',
      'changePending healthy',
      'changed failed',
      'changePending failed',
      'changePending failed',
      'changed healthy',
      'changed failed',
    ])
    expect([checks.stat('success'), checks.stat('failure'), checks.stat('network_failure')]).toEqual([5, 4, 3])
  })

  test('of failures are for retriable statuses, too', async () => {
    answers = [ok, '503 X\r\n', ok, '503 X\r\n', '503 X\r\n']
    const checks = http({ retriableStatuses: [{ start: 503, end: 504 }] }, thresholds)
    expect((await checks.first(5)).slice(1)).toEqual([
      'changePending healthy',
      'unchanged healthy',
      'changePending healthy',
      'changed failed',
    ])
  })
})

test('a check that takes too long is a failure, until another kind of failure follows', async () => {
  answers = ['never', fail, ok]
  const checks = http({}, { timeout: 400 })
  expect(await checks.first(3)).toEqual(['unchanged timeout', 'unchanged failed', 'changed healthy'])
  expect(backend.connections.length).toBe(2)
})

test('a host that wants no traffic is excluded until it recovers', async () => {
  answers = ['503 X\r\nx-envoy-immediate-health-check-fail: 1\r\n', fail, ok, ok]
  expect(await http().first(3)).toEqual(['unchanged excluded', 'unchanged excluded', 'changed healthy'])
})

test('a degraded host is so from one answer to the next', async () => {
  answers = ['200 OK\r\nx-envoy-degraded: 1\r\n', '200 OK\r\nx-envoy-degraded: 1\r\n', ok]
  const checks = http()
  checks.onChecked = () => checks.told.push(String(checks.stat('degraded')))
  const told = await checks.first(6)
  expect(told).toEqual(['changed degraded', '1', 'unchanged degraded', '1', 'changed healthy', '0'])
})

test('a host of which nothing was known yet has changed by its first check, whatever that says', async () => {
  answers = [fail]
  const checks = http()
  checks.hosts[0].isPending = true
  expect(await checks.first(2)).toEqual(['changed failed', 'unchanged failed'])
})

test('whose name is to be looked at is not looked at where the runtime says so', async () => {
  const named = { serviceNameMatcher: { exact: 'right' } }
  expect(await http(named).first()).toEqual(['unchanged failed'])
  const other = http(named, {}, { 'health_check.verify_cluster': 0 })
  expect(await other.first()).toEqual(['changed healthy'])
  expect(other.stat('verify_cluster')).toBe(0)
})

describe('connections', () => {
  test('carry one check after the other', async () => {
    await http().first(4)
    expect(backend.connections.length).toBe(1)
  })

  test('carry one check each where they are not to be used again', async () => {
    await http({}, { reuseConnection: false }).first(3)
    expect(backend.connections.length).toBeGreaterThanOrEqual(3)
  })

  test('that the host closes in between are no failure', async () => {
    const checks = http({}, { noTrafficInterval: 100 })
    await checks.first()
    backend.connections[0].finish()
    await checks.until(() => checks.told.length >= 2)
    expect(checks.told).toEqual(['changed healthy', 'unchanged healthy'])
    expect(backend.connections.length).toBe(2)
  })

  test('on which the host says what nobody asked for are closed, which is no failure', async () => {
    const checks = http({}, { noTrafficInterval: 100 })
    await checks.first()
    backend.connections[0].send('HTTP/1.1 200 OK\r\n\r\n')
    await checks.until(() => checks.told.length >= 2)
    expect(checks.told).toEqual(['changed healthy', 'unchanged healthy'])
    expect(backend.connections.length).toBe(2)
  })

  test('for TCP are for the next check as well, and a host that closes them has failed', async () => {
    const tcp = await TcpBackend.start(({ socket }) => socket.on('data', () => socket.write('pong')))
    stops.push(() => tcp.stop())
    const payload = (text: string) => ({ text: Buffer.from(text).toString('hex') })
    const view = { tcpHealthCheck: { send: payload('ping'), receive: [payload('pong')] }, noTrafficInterval: 50 }
    const checks = new Checks(view, [tcp.port])
    stops.push(() => checks.stop())
    expect(await checks.first(2)).toEqual(['changed healthy', 'unchanged healthy'])
    expect(tcp.connections.length).toBe(1)
    tcp.connections[0].close()
    await checks.until(() => checks.told.length >= 4)
    expect(checks.told.slice(2)).toEqual(['changed failed', 'changed healthy'])
  })

  test('of HTTP/2 end with a GOAWAY, after the answer that is under way', async () => {
    const onRequest = (request: Http2BackendRequest) =>
      void playHttp2Reply(request, [{ goAway: 0 }, { headers: { ':status': 200 }, end: true }])
    const http2 = await Http2Backend.start({ onRequest })
    stops.push(() => http2.stop())
    const checks = new Checks({ httpHealthCheck: { path: '/', codecClientType: 'HTTP2' } }, [http2.port])
    stops.push(() => checks.stop())
    expect(await checks.first(3)).toEqual(['changed healthy', 'unchanged healthy', 'unchanged healthy'])
    expect(http2.connections.length).toBeGreaterThanOrEqual(3)
  })

  test.each([
    { reuseConnection: true, connections: 1 },
    { reuseConnection: false, connections: 3 },
  ])('of gRPC outlive a check that takes too long where they are to be used again: $reuseConnection', async (each) => {
    const http2 = await Http2Backend.start({ onRequest: () => {} })
    stops.push(() => http2.stop())
    const { reuseConnection } = each
    const view = { grpcHealthCheck: { serviceName: 'x' }, timeout: 30, reuseConnection }
    const checks = new Checks(view, [http2.port], '  http2_protocol_options: {}')
    stops.push(() => checks.stop())
    checks.onChecked = () => {
      if (checks.told.length === 3) checks.stop()
    }
    expect(await checks.first(3)).toEqual(['unchanged timeout', 'unchanged timeout', 'unchanged timeout'])
    await http2.until(() => http2.requests.length === 3)
    expect(http2.connections.length).toBe(each.connections)
    expect(http2.requests[0].headers).toMatchObject({ ':path': '/grpc.health.v1.Health/Check', 'grpc-timeout': '30m' })
  })

  test('for TCP are not read on where the host says more than may be held: its end is not seen either', async () => {
    const tcp = await TcpBackend.start(({ socket }) => socket.end(Buffer.alloc(1 << 20, 'x')))
    stops.push(() => tcp.stop())
    const view = { tcpHealthCheck: { receive: [{ text: '00' }] }, timeout: 200 }
    const checks = new Checks(view, [tcp.port], '  per_connection_buffer_limit_bytes: 1024')
    stops.push(() => checks.stop())
    expect(await checks.first()).toEqual(['unchanged timeout'])
  })

  test('that are refused are failures', async () => {
    const [port] = await freePorts(1)
    const checks = new Checks({ tcpHealthCheck: {} }, [port])
    stops.push(() => checks.stop())
    expect(await checks.first(2)).toEqual(['unchanged failed', 'unchanged failed'])
    expect(checks.stat('network_failure')).toBe(2)
  })
})

describe('hosts', () => {
  test('come and go', async () => {
    const checks = http()
    await checks.first()
    expect(checks.stat('healthy')).toBe(1)
    checks.checker.setHosts([])
    expect(checks.stat('healthy')).toBe(0)
    const attempts = checks.stat('attempt')
    await expect.poll(() => backend.connections[0].ended).toBe(true)
    expect(checks.stat('attempt')).toBe(attempts)
  })

  test('may go while they are told of', async () => {
    const checks = http()
    checks.onChecked = () => checks.checker.setHosts([])
    await checks.first()
    await expect.poll(() => backend.connections[0].ended).toBe(true)
    expect([checks.told.length, checks.stat('attempt'), checks.stat('healthy')]).toEqual([1, 1, 0])
  })

  test('may go while an answer is under way', async () => {
    answers = ['never']
    const checks = http()
    checks.checker.setHosts(checks.hosts)
    await backend.until(() => backend.requests.length === 1)
    checks.stop()
    await expect.poll(() => backend.connections[0].ended).toBe(true)
    expect(checks.told).toEqual([])
  })

  test('are checked each by itself', async () => {
    const [refused] = await freePorts(1)
    const checks = new Checks({ httpHealthCheck: { path: '/' } }, [backend.port, refused])
    stops.push(() => checks.stop())
    checks.checker.setHosts(checks.hosts)
    await checks.until(() => checks.told.includes('changed healthy') && checks.told.includes('unchanged failed'))
    expect(checks.hosts.map(({ isHealthy }) => isHealthy)).toEqual([true, false])
    expect(checks.stat('healthy')).toBe(1)
  })
})
