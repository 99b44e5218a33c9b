// The life of workers: what a dead one takes with it, and what not.

import { afterEach, describe, expect, test } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { httpRequest } from '../support/http_get.ts'
import { RawClient } from '../support/raw_client.ts'
import { answeringListener, bootstrapYaml, portOf, startServer, statOf, until } from './support.ts'

const request = 'GET / HTTP/1.1\r\nhost: test\r\n\r\n'
let server: Server

afterEach(() => server.stop())

async function get(port: number): Promise<number> {
  return (await httpRequest(`127.0.0.1:${port}`, '/')).status
}

async function killWorker(index: number): Promise<void> {
  const pid = server.workerPids()[index]
  process.kill(pid, 'SIGKILL')
  await until('the worker is replaced', () => server.workerPids()[index] !== pid)
}

describe('a worker', () => {
  test('accepts on more listeners than one message of descriptors holds', async () => {
    const names = Array.from({ length: 600 }, (_, i) => `l${i}`)
    server = await startServer(bootstrapYaml(...names.map((name) => answeringListener(name))), '--concurrency', '2')
    for (const name of ['l0', 'l252', 'l253', 'l599']) expect(await get(portOf(server, name))).toBe(200)
  })
})

describe('a worker that dies', () => {
  test('loses no connection that queues on its socket', async () => {
    server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '1')
    const port = portOf(server, 'l')
    expect(await get(port)).toBe(200)
    process.kill(server.workerPids()[0], 'SIGSTOP')
    const queued = await Promise.all(Array.from({ length: 8 }, () => RawClient.connect(port)))
    for (const client of queued) client.write(request)
    await killWorker(0)
    for (const client of queued) {
      expect(await client.readUntil((text) => text.endsWith('answered'))).toContain('HTTP/1.1 200 OK')
      client.close()
    }
  })

  test('loses no count; its gauges go back', async () => {
    server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '1')
    const port = portOf(server, 'l')
    const open = await RawClient.connect(port)
    for (let i = 1; i <= 5; i++) {
      open.write(request)
      await open.readUntil((text) => text.split('answered').length === i + 1)
    }
    await until('the requests are counted', () => statOf(server, 'http.l.downstream_rq_2xx') === 5)
    expect(statOf(server, 'http.l.downstream_cx_active')).toBe(1)
    await killWorker(0)
    expect(await open.waitClosed()).toBe(true)
    expect(await get(port)).toBe(200)
    await until('the new request is counted', () => statOf(server, 'http.l.downstream_rq_2xx') === 6)
    await until('no connection is left', () => statOf(server, 'http.l.downstream_cx_active') === 0)
    expect(statOf(server, 'http.l.downstream_cx_total')).toBe(2)
  })

  test('does not touch the connections of the others', async () => {
    server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '2')
    const clients = await Promise.all(Array.from({ length: 24 }, () => RawClient.connect(portOf(server, 'l'))))
    for (const client of clients) client.write(request)
    await Promise.all(clients.map((client) => client.readUntil((text) => text.endsWith('answered'))))
    await killWorker(0)
    await until("the dead worker's connections are gone", () => {
      const active = statOf(server, 'http.l.downstream_cx_active')
      return active === clients.filter((client) => !client.ended).length
    })
    const alive = clients.filter((client) => !client.ended)
    expect(alive.length).toBeGreaterThan(0)
    expect(alive.length).toBeLessThan(24)
    for (const client of alive) client.write(request)
    await Promise.all(alive.map((client) => client.readUntil((text) => text.split('answered').length === 3)))
    for (const client of clients) client.close()
  })

  test('is replaced again and again', async () => {
    server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '1')
    for (let i = 0; i < 3; i++) {
      await killWorker(0)
      expect(await get(portOf(server, 'l'))).toBe(200)
    }
    expect(statOf(server, 'nuncio.worker_restarts')).toBe(3)
  })

  test('comes back with the state that was set meanwhile', async () => {
    server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '1')
    await server.failHealthCheck(true)
    await killWorker(0)
    const client = await RawClient.connect(portOf(server, 'l'))
    client.write(request)
    expect(await client.readUntil((text) => text.endsWith('answered'))).toContain('connection: close\r\n')
    client.close()
  })
})

test('two workers share a port that the kernel chose', async () => {
  server = await startServer(bootstrapYaml(answeringListener('l')), '--concurrency', '2')
  expect(server.workerPids()).toHaveLength(2)
  for (let i = 0; i < 40; i++) expect(await get(portOf(server, 'l'))).toBe(200)
  await until('both have counted', () => statOf(server, 'http.l.downstream_rq_2xx') === 40)
  const perWorker = [0, 1].map((index) => statOf(server, `listener.127.0.0.1_0.worker_${index}.downstream_cx_total`))
  expect((perWorker[0] ?? 0) + (perWorker[1] ?? 0)).toBe(40)
})

test('workers share one socket where reuse_port is off', async () => {
  const listener = answeringListener('l', 'enable_reuse_port: false')
  server = await startServer(bootstrapYaml(listener), '--concurrency', '2')
  for (let i = 0; i < 10; i++) expect(await get(portOf(server, 'l'))).toBe(200)
})
