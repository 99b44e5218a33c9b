import { afterEach, describe, expect, it } from 'vitest'
import type { ListenerFilterConfigFactory } from '../../src/network/factory.ts'
import type {
  ListenerFilter,
  ListenerFilterBuffer,
  ListenerFilterCallbacks,
} from '../../src/network/listener_filter.ts'
import { FilterStatus } from '../../src/network/network_filter.ts'
import { RawClient } from '../support/raw_client.ts'
import { type RunningListener, startListener, type TestContext, testContext, until } from './support.ts'

/**
 * Waits for a line: `PORT n\n` makes n the destination port, `NAME x\n` the server name, `SKIP\n` is left to the
 * connection, `BAD\n` refuses. What is understood is drained.
 */
class LineFilter implements ListenerFilter {
  static limitBytes = 16
  static closed = 0
  #callbacks: ListenerFilterCallbacks | undefined

  onAccept(callbacks: ListenerFilterCallbacks): FilterStatus {
    this.#callbacks = callbacks
    return FilterStatus.StopIteration
  }

  onData(buffer: ListenerFilterBuffer): FilterStatus {
    const end = buffer.data.indexOf('\n')
    if (end < 0) return FilterStatus.StopIteration
    const [verb, value] = buffer.data.toString('latin1', 0, end).split(' ')
    const { socket } = this.#callbacks!
    if (verb === 'BAD') {
      socket.socket.destroy()
      return FilterStatus.StopIteration
    }
    if (verb === 'SKIP') return FilterStatus.Continue
    if (verb === 'PORT') socket.restoreLocalAddress({ ...socket.localAddress, port: Number(value) })
    if (verb === 'NAME') socket.requestedServerName = value
    buffer.drain(end + 1)
    return FilterStatus.Continue
  }

  maxReadBytes(): number {
    return LineFilter.limitBytes
  }

  onClose(): void {
    LineFilter.closed++
  }
}

const lineFilter: ListenerFilterConfigFactory = {
  category: 'envoy.filters.listener',
  name: 'test.line',
  typeUrls: ['google.protobuf.Empty'],
  createFilterFactory: () => () => new LineFilter(),
}

/** Lets sockets go on only when the test says so. */
const held: ListenerFilterCallbacks[] = []
const holdFilter: ListenerFilterConfigFactory = {
  category: 'envoy.filters.listener',
  name: 'test.hold',
  typeUrls: ['google.protobuf.Struct'],
  createFilterFactory: () => () => ({
    onAccept(callbacks) {
      held.push(callbacks)
      return FilterStatus.StopIteration
    },
    onData: () => FilterStatus.Continue,
    maxReadBytes: () => 0,
  }),
}

const network = (name: string) => `'@type': type.googleapis.com/envoy.extensions.filters.network.${name}`
const echo = `{name: e, typed_config: {${network('echo.v3.Echo')}}}`
const say = (text: string) =>
  `{name: d, typed_config: {${network('direct_response.v3.Config')}, response: {inline_string: ${text}}}}`
const line = "{name: l, typed_config: {'@type': type.googleapis.com/google.protobuf.Empty}}"
const hold = "{name: h, typed_config: {'@type': type.googleapis.com/google.protobuf.Struct}}"

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
  held.length = 0
  LineFilter.closed = 0
})

async function start(filters: string, fields = '', chains = `[{filters: [${echo}]}]`) {
  const context = testContext({ extensions: [lineFilter, holdFilter] })
  const address = 'address: {socket_address: {address: 127.0.0.1, port_value: 0}}'
  const running = await startListener(
    `- {name: l, ${address}, stat_prefix: p, listener_filters: [${filters}], ${fields} filter_chains: ${chains}}`,
    context,
  )
  cleanups.push(() => running.stop())
  return { context, running, stat: (name: string) => read(context, name) }
}

function read(context: TestContext, name: string): number {
  return context.scope.counter(`listener.p.${name}`).value() + context.scope.gauge(`listener.p.${name}`).value()
}

async function connect(running: RunningListener): Promise<RawClient> {
  const client = await RawClient.connect(running.port)
  cleanups.push(() => client.close())
  return client
}

describe('listener filters', () => {
  it('wait for their bytes in whatever pieces, and give the rest to the connection', async () => {
    const { running, stat } = await start(line)
    const client = await connect(running)
    client.write('PORT ')
    await until(() => stat('downstream_pre_cx_active') === 1, 'waiting')
    expect(stat('downstream_cx_total')).toBe(0)
    client.write('7\nhello')
    expect(await client.readUntil((text) => text === 'hello')).toBe('hello')
    client.write(' again')
    await client.readUntil((text) => text === 'hello again')
    expect(stat('downstream_pre_cx_active')).toBe(0)
    expect(stat('downstream_cx_total')).toBe(1)
  })

  it('leave to the connection what they only looked at', async () => {
    const { running } = await start(line)
    const client = await connect(running)
    client.write('SKIP\nrest')
    await client.readUntil((text) => text === 'SKIP\nrest')
  })

  it('run one after the other on the same bytes, and decide the filter chain', async () => {
    const chains = `[{filter_chain_match: {destination_port: 7, server_names: [a.test]}, filters: [${say('both')}]}, {filters: [${say('none')}]}]`
    const { running } = await start(`${line}, ${line}`, '', chains)
    const client = await connect(running)
    client.write('PORT 7\nNAME a.test\n')
    await client.readUntil((text) => text === 'both')
    const other = await connect(running)
    other.write('PORT 8\nNAME a.test\n')
    await other.readUntil((text) => text === 'none')
  })

  it('may wait for something else than bytes, and refuse', async () => {
    const { running, stat } = await start(hold)
    const first = await connect(running)
    await until(() => held.length === 1, 'held')
    first.write('early')
    held[0].continueFilterChain(true)
    await first.readUntil((text) => text === 'early')
    const second = await connect(running)
    await until(() => held.length === 2, 'held')
    held[1].continueFilterChain(false)
    expect(await second.waitClosed()).toBe(true)
    expect(stat('downstream_cx_total')).toBe(1)
    expect(stat('downstream_pre_cx_active')).toBe(0)
  })

  it('are passed over where filter_disabled says so', async () => {
    const disabled = hold.replace('}}', '}, filter_disabled: {destination_port_range: {start: 1, end: 65536}}}')
    const { running } = await start(disabled)
    const client = await connect(running)
    client.write('ping')
    await client.readUntil((text) => text === 'ping')
    expect(held).toHaveLength(0)
  })

  it('close a socket that does not send what they wait for in time', async () => {
    const { running, stat } = await start(line, 'listener_filters_timeout: 0.05s,')
    expect(await (await connect(running)).waitClosed()).toBe(true)
    expect(stat('downstream_pre_cx_timeout')).toBe(1)
    expect(stat('downstream_cx_total')).toBe(0)
    expect(LineFilter.closed).toBe(1)
  })

  it('go on after the timeout where the configuration asks for it, with what has arrived', async () => {
    const { running, stat } = await start(
      line,
      'listener_filters_timeout: 0.05s, continue_on_listener_filters_timeout: true,',
    )
    const client = await connect(running)
    client.write('half')
    await client.readUntil((text) => text === 'half')
    expect(stat('downstream_pre_cx_timeout')).toBe(1)
    client.write(' more')
    await client.readUntil((text) => text === 'half more')
  })

  it('count a client that leaves early', async () => {
    const { running, stat } = await start(line)
    const client = await connect(running)
    client.write('PO')
    await until(() => stat('downstream_pre_cx_active') === 1, 'waiting')
    client.close()
    await until(() => stat('downstream_listener_filter_remote_close') === 1, 'counted')
    expect(stat('downstream_pre_cx_active')).toBe(0)
  })

  it('close a socket whose bytes say nothing up to the limit, or that they destroy', async () => {
    const { running, stat } = await start(line)
    const endless = await connect(running)
    endless.write('x'.repeat(LineFilter.limitBytes))
    expect(await endless.waitClosed()).toBe(true)
    expect(stat('downstream_listener_filter_error')).toBe(1)
    const bad = await connect(running)
    bad.write('BAD\n')
    expect(await bad.waitClosed()).toBe(true)
    expect(stat('downstream_pre_cx_active')).toBe(0)
  })

  it('are dropped with their sockets when the listener stops', async () => {
    const { running, stat } = await start(line)
    const client = await connect(running)
    await until(() => stat('downstream_pre_cx_active') === 1, 'waiting')
    running.listener.stopListening()
    expect(await client.waitClosed()).toBe(true)
    expect(stat('downstream_pre_cx_active')).toBe(0)
  })
})
