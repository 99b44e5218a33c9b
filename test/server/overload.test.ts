/** Overload over two workers: both do as main says, and so does one that comes later. */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { Server } from '../../src/server/server.ts'
import { bootstrap, httpListener } from '../parity/yaml.ts'
import { RawClient } from '../support/raw_client.ts'
import { portOf, startServer, statOf, TestFolder, until } from './support.ts'

let server: Server
const clients: RawClient[] = []
afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await server.stop()
})

const MONITORS = 'type.googleapis.com/envoy.extensions.resource_monitors'
const actions = 'envoy.overload_actions'
const injected = 'overload.injected'

/** One action at its threshold of 0.5, by a monitor that is named `injected` or given. */
async function start(action: string, monitor: string, settings = ''): Promise<void> {
  const answer = 'direct_response: { status: 200, body: { inline_string: ok } }'
  const listener = httpListener({
    name: 'main',
    virtualHosts: `- { name: all, domains: ["*"], routes: [ { match: { prefix: "/" }, ${answer} } ] }`,
  })
  const manager = `overload_manager:
  refresh_interval: 0.02s
  resource_monitors: [ ${monitor} ]
  actions: [ { name: ${actions}.${action}, triggers: [ { name: injected, threshold: { value: 0.5 } } ]${settings} } ]`
  const yaml = bootstrap([listener], [], manager).replaceAll('{{dir}}/access.log', '/dev/null')
  server = await startServer(yaml, '--concurrency', '2')
}

const byFile = (path: string) =>
  `{ name: injected, typed_config: { "@type": ${MONITORS}.injected_resource.v3.InjectedResourceConfig, filename: ${path} } }`

const byDelay = (most: string) =>
  `{ name: injected, typed_config: { "@type": type.googleapis.com/nuncio.extensions.resource_monitors.event_loop_delay.v1.EventLoopDelayConfig, max_delay: ${most} } }`

function setPressure(folder: TestFolder, pressure: string): void {
  folder.file('next', pressure)
  renameSync(join(folder.path, 'next'), join(folder.path, 'pressure'))
}

async function get(): Promise<RawClient> {
  const client = await RawClient.connect(portOf(server, 'main'))
  clients.push(client)
  client.write('GET / HTTP/1.1\r\nhost: a.test\r\n\r\n')
  return client
}

/** Of as many connections, which the kernel spreads over the workers. */
async function statuses(count = 16): Promise<Set<string>> {
  const asked = await Promise.all(Array.from({ length: count }, get))
  await until('all are answered', () => asked.every(({ text, ended }) => text.includes('\r\n\r\n') || ended))
  return new Set(asked.map(({ text }) => text.split(' ')[1] ?? 'closed'))
}

const isAll = (found: ReadonlySet<string>, status: string) => found.size === 1 && found.has(status)

describe('overload', () => {
  it('is known to both workers, to one that replaces another, and over when it is over', async () => {
    using folder = new TestFolder()
    setPressure(folder, '0')
    await start('stop_accepting_requests', byFile(join(folder.path, 'pressure')))
    const active = `overload.${actions}.stop_accepting_requests.active`
    await until('there is a pressure', () => statOf(server, `${injected}.pressure`) === 0)
    expect(await statuses()).toEqual(new Set(['200']))
    setPressure(folder, '0.7')
    await until('it is overloaded', () => statOf(server, active) === 1)
    expect(statOf(server, `${injected}.pressure`)).toBe(70)
    await until('workers know', async () => isAll(await statuses(), '503'))
    const [worker] = server.workerPids()
    process.kill(worker, 'SIGKILL')
    await until('the worker is replaced', () => server.workerPids()[0] !== worker)
    expect(await statuses()).toEqual(new Set(['503']))
    setPressure(folder, '0.4')
    await until('it is over', () => statOf(server, active) === 0)
    await until('workers know', async () => isAll(await statuses(), '200'))
  })

  it('lets connections wait in the kernel of all workers until it is over', async () => {
    using folder = new TestFolder()
    setPressure(folder, '1')
    await start('stop_accepting_connections', byFile(join(folder.path, 'pressure')))
    await until('it is overloaded', () => statOf(server, `overload.${actions}.stop_accepting_connections.active`) === 1)
    // Those of before the workers knew have an answer; of two that come later none has.
    await until('nobody is answered', async () => {
      const asked = await Promise.all([get(), get()])
      await Promise.all(asked.map((client) => client.waitQuiet(50)))
      return asked.every(({ text }) => text === '')
    })
    const waiting = await Promise.all(Array.from({ length: 8 }, get))
    setPressure(folder, '0')
    await until('all are answered', () => waiting.every(({ text }) => text.endsWith('ok')))
    expect(await statuses()).toEqual(new Set(['200']))
  })

  it('keeps the last pressure while there is none to be read', async () => {
    using folder = new TestFolder()
    setPressure(folder, '0.6')
    await start('stop_accepting_requests', byFile(join(folder.path, 'pressure')))
    await until('it is overloaded', () => statOf(server, `${injected}.pressure`) === 60)
    setPressure(folder, 'none')
    await until('updates fail', () => (statOf(server, `${injected}.failed_updates`) ?? 0) > 2)
    expect(statOf(server, `overload.${actions}.stop_accepting_requests.active`)).toBe(1)
  })

  it('collects garbage as long as it lasts', async () => {
    using folder = new TestFolder()
    setPressure(folder, '1')
    const config = '{ "@type": type.googleapis.com/envoy.config.overload.v3.ShrinkHeapConfig, timer_interval: 1s }'
    await start('shrink_heap', byFile(join(folder.path, 'pressure')), `, typed_config: ${config}`)
    const count = () => statOf(server, `overload.${actions}.shrink_heap.shrink_count`) ?? 0
    await until('it has been done twice', () => count() >= 2)
    setPressure(folder, '0')
    await until('it is over', () => statOf(server, `overload.${actions}.shrink_heap.active`) === 0)
    expect(await statuses()).toEqual(new Set(['200']))
  })

  it('counts the memory of main and of workers', async () => {
    const heap = (bytes: number) =>
      `{ name: injected, typed_config: { "@type": ${MONITORS}.fixed_heap.v3.FixedHeapConfig, max_heap_size_bytes: ${bytes} } }`
    await start('stop_accepting_requests', heap(100 << 20))
    await until('it is known', () => (statOf(server, `${injected}.pressure`) ?? 0) > 0)
    // No Node process does with less than ten megabytes of its own, and there are three.
    expect(statOf(server, `${injected}.pressure`)).toBeGreaterThan(30)
  })

  it('has the delay of the busiest event loop as a pressure', async () => {
    await start('stop_accepting_connections', byDelay('0.1s'))
    const active = () => statOf(server, `overload.${actions}.stop_accepting_connections.active`)
    await until('it is known', () => statOf(server, `${injected}.pressure`) !== undefined && active() === 0)
    // What comes in one piece is answered in one turn of the loop: thousands of requests, on a few connections of one worker.
    const flood = 'GET / HTTP/1.1\r\nhost: a.test\r\n\r\n'.repeat(4000)
    const busy = await Promise.all(Array.from({ length: 8 }, get))
    await until('it is overloaded', () => {
      for (const client of busy) if (client.socket.writableLength === 0) client.write(flood)
      return active() === 1
    })
    for (const client of busy) client.close()
    await until('it is over', () => active() === 0)
    expect(await statuses()).toEqual(new Set(['200']))
  })

  it('sees a worker that stands still while it does, and not one that has died', async () => {
    await start('disable_http_keepalive', byDelay('0.5s'))
    const active = () => statOf(server, `overload.${actions}.disable_http_keepalive.active`)
    await until('it is known', () => statOf(server, `${injected}.pressure`) !== undefined && active() === 0)
    const [worker] = server.workerPids()
    process.kill(worker, 'SIGSTOP')
    await until('it has stood still for longer than it may', () => (statOf(server, `${injected}.pressure`) ?? 0) > 100)
    expect(active()).toBe(1)
    process.kill(worker, 'SIGKILL')
    await until('the worker is replaced', () => server.workerPids()[0] !== worker)
    await until('it is over', () => active() === 0)
  })

  it('has the connections of all workers as a pressure', async () => {
    await start(
      'stop_accepting_requests',
      `{ name: injected, typed_config: { "@type": ${MONITORS}.downstream_connections.v3.DownstreamConnectionsConfig, max_active_downstream_connections: 20 } }`,
    )
    const held = await Promise.all(Array.from({ length: 9 }, get))
    await until('nine are counted', () => statOf(server, `${injected}.pressure`) === 45)
    await until('all have an answer', () => held.every(({ text }) => text.includes(' 200 ')))
    await get()
    await until('ten are too many', () => statOf(server, `${injected}.pressure`) === 50)
    await until('workers know', async () => (await statuses(1)).has('503'))
  })
})
