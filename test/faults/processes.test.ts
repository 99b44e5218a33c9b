/** Processes that are killed or stopped while requests are under way. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { bootstrap, cluster, httpListener } from '../parity/yaml.ts'
import { EchoBackend } from '../support/echo_backend.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { RawClient } from '../support/raw_client.ts'
import { childPids, isAlive, startFaultProxy, until } from './fault_proxy.ts'
import { Load } from './load.ts'

const clientCount = 16
let backend: EchoBackend
let proxy: ProxyProcess

afterEach(async () => {
  await proxy.stop()
  await backend.stop()
})

async function start(concurrency: number): Promise<void> {
  backend = await EchoBackend.start()
  const listener = httpListener({ name: 'main', logFormat: '%PATH% %RESPONSE_CODE%' })
  proxy = await startFaultProxy(bootstrap([listener], [cluster('main', '', String(backend.port))]), {
    flags: ['--concurrency', String(concurrency)],
  })
}

async function stat(name: string): Promise<number> {
  return (await proxy.stats(`^${name.replaceAll('.', '\\.')}$`)).get(name) ?? 0
}

async function counters(): Promise<Map<string, number>> {
  const all = await proxy.stats(
    '^(http\\.main|cluster\\.main|listener\\.main)\\..*(total|_\\dxx|_200|completed|destroy)$',
  )
  return all
}

function expectNoneLess(before: Map<string, number>, after: Map<string, number>): void {
  for (const [name, value] of before) expect(after.get(name) ?? 0, name).toBeGreaterThanOrEqual(value)
}

test('a worker killed under load takes its own streams with it, and nothing else', async () => {
  await start(2)
  const load = new Load(proxy.port('main'), clientCount)
  await load.progress(500)
  const [victim, other] = childPids(proxy.pid)
  let before = await counters()
  // Which of the two is worker 0 is not known from outside: neither may lose more than it has.
  const connections = await proxy.stats('^listener\\.main\\.worker_\\d\\.downstream_cx_active$')
  process.kill(victim, 'SIGKILL')
  for (let i = 0; i < 10; i++) {
    const after = await counters()
    expectNoneLess(before, after)
    before = after
    await load.progress(50)
  }
  await until('there are two workers again', () => childPids(proxy.pid).length === 2)
  expect(childPids(proxy.pid)).toContain(other)
  await load.progress(500)
  await load.stop()
  expect(load.odd).toEqual([])
  expect(load.broken).toBeLessThanOrEqual(Math.max(...connections.values()))
  expect(proxy.stderr).toContain(`(pid ${victim}) ended unexpectedly (SIGKILL)`)
  expect(await stat('nuncio.worker_restarts')).toBe(1)

  // Each answer was counted; beyond that only what the dead worker was about to answer.
  const counted = await stat('http.main.downstream_rq_2xx')
  expect(counted).toBeGreaterThanOrEqual(load.answered.length)
  expect(counted).toBeLessThanOrEqual(load.answered.length + load.broken)
  for (const gauge of [
    'http.main.downstream_rq_active',
    'http.main.downstream_cx_active',
    'cluster.main.upstream_rq_active',
  ])
    await until(`${gauge} is 0`, async () => (await stat(gauge)) === 0)
})

test('workers killed again and again: every client gets on', async () => {
  await start(1)
  const load = new Load(proxy.port('main'), 4)
  for (let i = 0; i < 3; i++) {
    await load.progress(100)
    const [victim] = childPids(proxy.pid)
    process.kill(victim, 'SIGKILL')
    await until('the worker is replaced', () => childPids(proxy.pid).some((pid) => pid !== victim))
  }
  await load.progress(100)
  await load.stop()
  expect(load.odd).toEqual([])
  expect(load.broken).toBeLessThanOrEqual(3 * 4)
  expect(await stat('http.main.downstream_rq_2xx')).toBeGreaterThanOrEqual(load.answered.length)
})

test('SIGTERM under load: exit code 0, and every answered request has its line in the access log', async () => {
  await start(2)
  const load = new Load(proxy.port('main'), clientCount)
  await load.progress(1000)
  const workers = childPids(proxy.pid)
  proxy.child.kill('SIGTERM')
  await until('it has ended', () => proxy.exited)
  await load.stop()
  expect(proxy.child.exitCode).toBe(0)
  expect(load.odd).toEqual([])
  const lines = readFileSync(join(proxy.folder, 'access.log'), 'utf8')
  const logged = new Set(lines.split('\n').map((line) => line.slice(line.indexOf('|') + 1)))
  for (const path of load.answered) expect(logged).toContain(`${path} 200`)
  for (const pid of workers) expect(isAlive(pid)).toBe(false)
})

test('SIGTERM with a request that is never answered ends at once', async () => {
  await start(1)
  backend.script = { onRequest: () => {} }
  const client = await RawClient.connect(proxy.port('main'))
  client.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await backend.until(() => backend.requests.length === 1)
  proxy.child.kill('SIGTERM')
  await until('it has ended', () => proxy.exited)
  expect(proxy.child.exitCode).toBe(0)
  expect(await client.waitClosed()).toBe(true)
})

test('a main process killed under load takes its workers with it', async () => {
  await start(2)
  const load = new Load(proxy.port('main'), clientCount)
  await load.progress(100)
  const workers = childPids(proxy.pid)
  expect(workers).toHaveLength(2)
  const port = proxy.port('main')
  proxy.child.kill('SIGKILL')
  // It has the listening sockets as well, until it has really ended.
  await until('main is gone', () => proxy.exited)
  for (const pid of workers) await until(`worker ${pid} is gone`, () => !isAlive(pid))
  await load.stop()
  expect(load.odd).toEqual([])
  await expect(RawClient.connect(port)).rejects.toThrow('ECONNREFUSED')
})

test('a worker that hangs does not keep SIGTERM from ending the server', async () => {
  await start(2)
  const [hung] = childPids(proxy.pid)
  process.kill(hung, 'SIGSTOP')
  proxy.child.kill('SIGTERM')
  await until('it has ended', () => proxy.exited)
  expect(proxy.child.exitCode).toBe(0)
  expect(isAlive(hung)).toBe(false)
})
