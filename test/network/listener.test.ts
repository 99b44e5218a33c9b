import { mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { NetworkFilterFactory } from '../../src/network/factory.ts'
import { FilterStatus, type ReadFilter, type ReadFilterCallbacks } from '../../src/network/network_filter.ts'
import { RawClient } from '../support/raw_client.ts'
import {
  LocalSharedMemory,
  type RunningListener,
  startListener,
  type TestContext,
  type TestContextOptions,
  testContext,
  until,
} from './support.ts'

const type = (name: string) => `'@type': type.googleapis.com/envoy.extensions.filters.network.${name}`
const echo = `{name: e, typed_config: {${type('echo.v3.Echo')}}}`
const local = 'address: {socket_address: {address: 127.0.0.1, port_value: 0}}'
const oneChain = (...filters: string[]) => `filter_chains: [{name: c, filters: [${filters.join(', ')}]}]`

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

async function start(fields: string, options: TestContextOptions = {}) {
  const context = testContext(options)
  const running = await startListener(`- {name: l, ${fields}}`, context)
  cleanups.push(() => running.stop())
  return { context, running, stat: statReader(context) }
}

function statReader(context: TestContext) {
  return (name: string) => context.scope.counter(name).value() + context.scope.gauge(name).value()
}

async function connect(running: RunningListener): Promise<RawClient> {
  const client = await RawClient.connect(running.port)
  cleanups.push(() => client.close())
  return client
}

async function roundTrip(client: RawClient, text = 'ping'): Promise<string> {
  client.write(text)
  return client.readUntil((received) => received.includes(text))
}

describe('a listener', () => {
  it('carries connections to its filters and counts them under the names of its address', async () => {
    const { running, stat } = await start(`${local}, ${oneChain(echo)}`)
    const client = await connect(running)
    expect(await roundTrip(client)).toBe('ping')
    const prefix = 'listener.127.0.0.1_0.'
    expect(stat(`${prefix}downstream_cx_total`)).toBe(1)
    expect(stat(`${prefix}downstream_cx_active`)).toBe(1)
    expect(stat(`${prefix}worker_0.downstream_cx_active`)).toBe(1)
    client.close()
    await until(() => stat(`${prefix}downstream_cx_destroy`) === 1, 'destroyed')
    expect(stat(`${prefix}downstream_cx_active`)).toBe(0)
    expect(stat(`${prefix}worker_0.downstream_cx_total`)).toBe(1)
    expect(running.listener.connections.size).toBe(0)
  })

  it('names its stats by stat_prefix', async () => {
    const { running, stat } = await start(`${local}, stat_prefix: web, ${oneChain(echo)}`)
    await roundTrip(await connect(running))
    expect(stat('listener.web.downstream_cx_total')).toBe(1)
  })

  it('listens on additional addresses, IPv6 among them', async () => {
    const additional = "additional_addresses: [{address: {socket_address: {address: '::1', port_value: 0}}}]"
    const { running } = await start(`${local}, ${additional}, ${oneChain(echo)}`)
    const settings = running.listener.built.sockets.sockets
    expect(settings.map((each) => each.address.text)).toEqual(['127.0.0.1:0', '[::1]:0'])
    await roundTrip(await connect(running))
  })

  it('listens on pipes, with the mode asked for, and on abstract names', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'nuncio-')), 'l.sock')
    await start(`address: {pipe: {path: ${path}, mode: 384}}, ${oneChain(echo)}`)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await roundTrip(await RawClient.connect(path))).toBe('ping')
    const name = `nuncio-test-${process.pid}`
    await start(`address: {pipe: {path: '@${name}'}}, ${oneChain(echo)}`)
    expect(await roundTrip(await RawClient.connect(`\0${name}`))).toBe('ping')
  })

  it('closes what no filter chain matches, and logs it with NR', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'nuncio-')), 'access.log')
    const format =
      '%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %BYTES_RECEIVED%\\n'
    const logType = "'@type': type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
    const log = `access_log: [{name: f, typed_config: {${logType}, path: ${file}, log_format: {text_format_source: {inline_string: "${format}"}}}}]`
    const chains = `filter_chains: [{filter_chain_match: {destination_port: 1}, filters: [${echo}]}]`
    const { running, context, stat } = await start(`${local}, stat_prefix: p, ${log}, ${chains}`)
    const client = await connect(running)
    expect(await client.waitClosed()).toBe(true)
    expect(stat('listener.p.no_filter_chain_match')).toBe(1)
    expect(stat('listener.p.downstream_cx_total')).toBe(0)
    await context.accessLogManager.flushAll()
    expect(readFileSync(file, 'utf8')).toBe('NR filter_chain_not_found 127.0.0.1 0\n')
  })

  it('serves what no chain matches by the default filter chain', async () => {
    const chains = `filter_chains: [{filter_chain_match: {destination_port: 1}, filters: []}], default_filter_chain: {filters: [${echo}]}`
    const { running } = await start(`${local}, ${chains}`)
    await roundTrip(await connect(running))
  })

  it('closes connections of a chain without filters', async () => {
    const { running, stat } = await start(`${local}, stat_prefix: p, ${oneChain()}`)
    expect(await (await connect(running)).waitClosed()).toBe(true)
    expect(stat('listener.p.downstream_cx_destroy')).toBe(1)
  })

  it('leaves running connections alone when it stops listening', async () => {
    const { running } = await start(`${local}, ${oneChain(echo)}`)
    const client = await connect(running)
    await roundTrip(client)
    running.listener.stopListening()
    await expect(RawClient.connect(running.port)).rejects.toThrow('ECONNREFUSED')
    client.write('more')
    await client.readUntil((text) => text === 'pingmore')
  })
})

describe('connection limits', () => {
  it('hold for one listener by runtime key, and free places come back', async () => {
    const runtime = { 'envoy.resource_limits.listener.l.connection_limit': 1 }
    const { running, stat } = await start(`${local}, stat_prefix: p, ${oneChain(echo)}`, { runtime })
    const first = await connect(running)
    await roundTrip(first)
    expect(await (await connect(running)).waitClosed()).toBe(true)
    expect(stat('listener.p.downstream_cx_overflow')).toBe(1)
    expect(stat('listener.p.downstream_cx_total')).toBe(1)
    first.close()
    await until(() => stat('listener.p.downstream_cx_active') === 0, 'place free')
    await roundTrip(await connect(running))
  })

  it('follow runtime at once', async () => {
    const key = 'envoy.resource_limits.listener.l.connection_limit'
    const { running, context } = await start(`${local}, ${oneChain(echo)}`, { runtime: { [key]: 0 } })
    expect(await (await connect(running)).waitClosed()).toBe(true)
    context.runtime.update({ [key]: 5 })
    await roundTrip(await connect(running))
  })

  it.each([
    ['the overload manager', { maxConnections: 2 }],
    ['runtime', { runtime: { 'overload.global_downstream_max_connections': 2 } }],
  ])('hold over all workers by %s', async (_name, options: TestContextOptions) => {
    const shared = new LocalSharedMemory()
    const fields = `${local}, stat_prefix: p, ${oneChain(echo)}`
    const one = await start(fields, { ...options, shared })
    const two = await start(fields, { ...options, shared, workerIndex: 1 })
    const held = [await connect(one.running), await connect(two.running)]
    for (const client of held) await roundTrip(client)
    expect(await (await connect(one.running)).waitClosed()).toBe(true)
    expect(await (await connect(two.running)).waitClosed()).toBe(true)
    expect(one.stat('listener.p.downstream_global_cx_overflow')).toBe(1)
    held[0].close()
    await until(() => one.stat('listener.p.downstream_cx_active') === 0, 'place free')
    await roundTrip(await connect(two.running))
  })

  it('do not hold for a listener that ignores the global one, whose connections count', async () => {
    const shared = new LocalSharedMemory()
    const free = await start(`${local}, ignore_global_conn_limit: true, ${oneChain(echo)}`, {
      shared,
      maxConnections: 1,
    })
    const bound = await start(`${local}, ${oneChain(echo)}`, { shared, maxConnections: 1 })
    for (let i = 0; i < 3; i++) await roundTrip(await connect(free.running))
    expect(await (await connect(bound.running)).waitClosed()).toBe(true)
  })
})

describe('network filters', () => {
  /** Holds connections back until the test lets them go on, and passes data in capitals. */
  class Gate implements ReadFilter {
    static waiting: Gate[] = []
    #callbacks: ReadFilterCallbacks | undefined
    #held: Buffer[] = []

    initializeReadFilterCallbacks(callbacks: ReadFilterCallbacks): void {
      this.#callbacks = callbacks
    }

    onNewConnection(): FilterStatus {
      Gate.waiting.push(this)
      return FilterStatus.StopIteration
    }

    onData(data: Buffer): FilterStatus {
      this.#held.push(data)
      return FilterStatus.StopIteration
    }

    open(): void {
      this.#callbacks?.continueReading()
      for (const data of this.#held.splice(0)) {
        this.#callbacks?.injectReadDataToFilterChain(Buffer.from(data.toString('latin1').toUpperCase()), false)
      }
    }

    get heldBytes(): number {
      return this.#held.reduce((sum, data) => sum + data.length, 0)
    }
  }

  const gate: NetworkFilterFactory = {
    category: 'envoy.filters.network',
    name: 'test.gate',
    typeUrls: ['google.protobuf.Empty'],
    isTerminal: false,
    createFilterFactory: () => () => new Gate(),
  }

  it('see a connection in turn: a filter that stops it decides when the next one starts', async () => {
    Gate.waiting = []
    const gateFilter = "{name: g, typed_config: {'@type': type.googleapis.com/google.protobuf.Empty}}"
    const answer = `{name: d, typed_config: {${type('direct_response.v3.Config')}, response: {inline_string: hello}}}`
    const { running } = await start(`${local}, ${oneChain(gateFilter, answer)}`, { extensions: [gate] })
    const client = await connect(running)
    await until(() => Gate.waiting.length === 1, 'held back')
    expect(client.text).toBe('')
    Gate.waiting[0].open()
    expect(await client.readUntil((text) => text === 'hello')).toBe('hello')
    expect(await client.waitClosed()).toBe(true)
  })

  it('pass on what they held back, changed', async () => {
    Gate.waiting = []
    const gateFilter = "{name: g, typed_config: {'@type': type.googleapis.com/google.protobuf.Empty}}"
    const { running } = await start(`${local}, ${oneChain(gateFilter, echo)}`, { extensions: [gate] })
    const client = await connect(running)
    client.write('quiet')
    await until(() => Gate.waiting[0]?.heldBytes === 5, 'data held')
    Gate.waiting[0].open()
    await client.readUntil((text) => text === 'QUIET')
  })

  it('answer and close by direct_response, from text or file, or with nothing', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'nuncio-')), 'body')
    writeFileSync(path, 'x'.repeat(300_000))
    const filter = (response: string) => `{name: d, typed_config: {${type('direct_response.v3.Config')}${response}}}`
    for (const [response, expected] of [
      [', response: {inline_string: hi}', 'hi'],
      [`, response: {filename: ${path}}`, 'x'.repeat(300_000)],
      ['', ''],
    ]) {
      const { running } = await start(`${local}, ${oneChain(filter(response))}`)
      const client = await connect(running)
      expect(await client.waitClosed()).toBe(true)
      expect(client.text === expected).toBe(true)
    }
  })

  it('echo stops reading from a client that does not read', async () => {
    const { running } = await start(`${local}, per_connection_buffer_limit_bytes: 10000, ${oneChain(echo)}`)
    const client = await connect(running)
    client.pause()
    const chunk = Buffer.alloc(65_536, 'a')
    const total = 32 * 1024 * 1024
    for (let sent = 0; sent < total; sent += chunk.length) client.write(chunk)
    const connection = [...running.listener.connections][0].connection
    await until(() => !connection.readEnabled, 'reading stopped')
    expect(connection.bufferedBytes).toBeLessThan(1024 * 1024)
    client.resume()
    await client.waitFor(() => client.receivedBytes === total, 20_000)
    expect(client.receivedBytes).toBe(total)
  })

  it('connection_limit closes what is over its limit, after the delay', async () => {
    const shared = new LocalSharedMemory()
    const limit = `{name: c, typed_config: {${type('connection_limit.v3.ConnectionLimit')}, stat_prefix: s, max_connections: 1, delay: 0.05s}}`
    const fields = `${local}, ${oneChain(limit, echo)}`
    const one = await start(fields, { shared })
    const two = await start(fields, { shared, workerIndex: 1 })
    const first = await connect(one.running)
    await roundTrip(first)
    const second = await connect(two.running)
    second.write('dropped')
    expect(await second.waitClosed()).toBe(true)
    expect(second.text).toBe('')
    expect(two.stat('connection_limit.s.limited_connections')).toBe(1)
    expect(two.stat('connection_limit.s.active_connections')).toBe(0)
    first.close()
    await until(() => one.stat('connection_limit.s.active_connections') === 0, 'place free')
    await roundTrip(await connect(two.running))
  })

  it('connection_limit does nothing while runtime disables it', async () => {
    const flag = 'runtime_enabled: {runtime_key: limit.on, default_value: true}'
    const limit = `{name: c, typed_config: {${type('connection_limit.v3.ConnectionLimit')}, stat_prefix: s, max_connections: 1, ${flag}}}`
    const { running, stat } = await start(`${local}, ${oneChain(limit, echo)}`, { runtime: { 'limit.on': false } })
    for (let i = 0; i < 3; i++) await roundTrip(await connect(running))
    expect(stat('connection_limit.s.active_connections')).toBe(0)
  })

  it('local_ratelimit takes a token for each connection, over all workers', async () => {
    const shared = new LocalSharedMemory()
    const bucket = 'token_bucket: {max_tokens: 3, fill_interval: 3600s}'
    const limit = `{name: r, typed_config: {${type('local_ratelimit.v3.LocalRateLimit')}, stat_prefix: s, ${bucket}}}`
    const fields = `${local}, ${oneChain(limit, echo)}`
    const one = await start(fields, { shared })
    const two = await start(fields, { shared, workerIndex: 1 })
    for (const { running } of [one, two, one]) await roundTrip(await connect(running))
    for (const { running, stat } of [one, two]) {
      expect(await (await connect(running)).waitClosed()).toBe(true)
      expect(stat('local_rate_limit.s.rate_limited')).toBe(1)
    }
  })

  it('local_ratelimit with a share_key shares its bucket with other listeners of equal numbers', async () => {
    const shared = new LocalSharedMemory()
    const limit = (max: number) =>
      `{name: r, typed_config: {${type('local_ratelimit.v3.LocalRateLimit')}, stat_prefix: s, share_key: k, token_bucket: {max_tokens: ${max}, fill_interval: 3600s}}}`
    const one = await start(`${local}, ${oneChain(limit(1), echo)}`, { shared })
    const same = await start(`${local}, ${oneChain(limit(1), echo)}`, { shared })
    const other = await start(`${local}, ${oneChain(limit(2), echo)}`, { shared })
    await roundTrip(await connect(one.running))
    expect(await (await connect(same.running)).waitClosed()).toBe(true)
    await roundTrip(await connect(other.running))
  })
})
