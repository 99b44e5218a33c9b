// Drains: who is asked to leave when, and when nobody can come any more.

import { afterEach, describe, expect, test } from 'vitest'
import { wallMs } from '../../src/common/clock.ts'
import { DrainManager } from '../../src/server/drain_decision.ts'
import type { Server } from '../../src/server/server.ts'
import { RawClient } from '../support/raw_client.ts'
import { answeringListener, bootstrapYaml, portOf, startServer, statOf, until } from './support.ts'

describe('the decision', () => {
  const inbound = { inbound: true, modifyOnly: false }
  const outbound = { inbound: false, modifyOnly: false }

  function chance(manager: DrainManager, draws = 2000): number {
    const decision = manager.forListener(outbound)
    return Array.from({ length: draws }, () => decision.drainClose()).filter(Boolean).length / draws
  }

  test('gradual: the share of connections grows over the first half of the drain time', () => {
    const manager = new DrainManager(() => false)
    const drain = { drainTimeMs: 100_000, strategy: 'gradual', direction: 'all' } as const
    expect(chance(manager)).toBe(0)
    manager.state = { ...drain, startedAtWallMs: wallMs() }
    expect(chance(manager)).toBe(0)
    manager.state = { ...drain, startedAtWallMs: wallMs() - 25_000 }
    expect(chance(manager)).toBeGreaterThan(0.4)
    expect(chance(manager)).toBeLessThan(0.6)
    manager.state = { ...drain, startedAtWallMs: wallMs() - 50_000 }
    expect(chance(manager)).toBe(1)
    manager.state = { ...drain, drainTimeMs: 0, startedAtWallMs: wallMs() }
    expect(chance(manager)).toBe(1)
  })

  test('immediate: every connection from the start', () => {
    const manager = new DrainManager(() => false)
    manager.state = { startedAtWallMs: wallMs(), drainTimeMs: 600_000, strategy: 'immediate', direction: 'all' }
    expect(chance(manager)).toBe(1)
  })

  test('inboundonly spares the other listeners', () => {
    const manager = new DrainManager(() => false)
    manager.state = { startedAtWallMs: 0, drainTimeMs: 0, strategy: 'immediate', direction: 'inboundOnly' }
    expect(manager.forListener(inbound).drainClose()).toBe(true)
    expect(manager.forListener(outbound).drainClose()).toBe(false)
  })

  test('a failed health check drains, but not listeners of drain_type MODIFY_ONLY', () => {
    const manager = new DrainManager(() => true)
    expect(manager.forListener(outbound).drainClose()).toBe(true)
    expect(manager.forListener({ inbound: false, modifyOnly: true }).drainClose()).toBe(false)
  })
})

describe('drainListeners', () => {
  let server: Server

  afterEach(() => server.stop())

  /** Whether the answer to a request on a new connection asks it to leave. */
  async function asksToLeave(name: string): Promise<boolean> {
    const client = await RawClient.connect(portOf(server, name))
    client.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    const answer = await client.readUntil((text) => text.endsWith('answered'))
    client.close()
    return answer.includes('connection: close\r\n')
  }

  function refused(name: string): Promise<unknown> {
    return RawClient.connect(portOf(server, name)).then(
      (client) => client.close(),
      (error: NodeJS.ErrnoException) => error.code,
    )
  }

  test('at once: new connections are refused, open ones go on', async () => {
    server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '2')
    const open = await RawClient.connect(portOf(server, 'l'))
    open.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    await open.readUntil((text) => text.endsWith('answered'))
    await server.drainListeners({ graceful: false, inboundOnly: false, skipExit: false })
    expect(await refused('l')).toBe('ECONNREFUSED')
    open.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')
    await open.readUntil((text) => text.split('answered').length === 3)
    open.close()
    expect(statOf(server, 'listener_manager.listener_stopped')).toBe(1)
    expect(statOf(server, 'listener_manager.total_listeners_active')).toBe(1)
    expect(server.state()).toBe('LIVE')
  })

  test('inboundonly stops the inbound listeners alone', async () => {
    const inbound = answeringListener('in', 'traffic_direction: INBOUND')
    server = await startServer(bootstrapYaml(inbound, answeringListener('out')), '--concurrency', '1')
    await server.drainListeners({ graceful: false, inboundOnly: true, skipExit: false })
    expect(await refused('in')).toBe('ECONNREFUSED')
    expect(await asksToLeave('out')).toBe(false)
    expect(statOf(server, 'listener_manager.listener_stopped')).toBe(1)
  })

  test('graceful: answers close their connections, and the listeners stop after the drain time', async () => {
    const flags = ['--concurrency', '1', '--drain-time-s', '1', '--drain-strategy', 'immediate']
    server = await startServer(bootstrapYaml(answeringListener('l')), ...flags)
    await server.drainListeners({ graceful: true, inboundOnly: false, skipExit: false })
    expect(await asksToLeave('l')).toBe(true)
    await until('the listener stops', async () => (await refused('l')) === 'ECONNREFUSED')
  })

  test('a worker that is replaced after the stop does not listen again', async () => {
    server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '1')
    await server.drainListeners({ graceful: false, inboundOnly: false, skipExit: false })
    const [pid] = server.workerPids()
    process.kill(pid, 'SIGKILL')
    await until('the worker is replaced', () => server.workerPids()[0] !== pid)
    expect(await server.reports.memoryUsage()).toHaveLength(2)
    expect(await refused('l')).toBe('ECONNREFUSED')
  })

  test.each([true, false])('skip_exit goes on accepting (graceful: %s)', async (graceful) => {
    const flags = ['--concurrency', '1', '--drain-strategy', 'immediate']
    server = await startServer(bootstrapYaml(answeringListener('l')), ...flags)
    await server.drainListeners({ graceful, inboundOnly: false, skipExit: true })
    expect(await asksToLeave('l')).toBe(true)
    expect(await asksToLeave('l')).toBe(true)
  })

  test('a failed health check closes connections and is taken back', async () => {
    server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '1')
    await server.failHealthCheck(true)
    expect(server.state()).toBe('DRAINING')
    expect(await asksToLeave('l')).toBe(true)
    await server.failHealthCheck(false)
    expect(server.state()).toBe('LIVE')
    expect(await asksToLeave('l')).toBe(false)
  })
})
