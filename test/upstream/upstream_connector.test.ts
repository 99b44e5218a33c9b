import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, connect as netConnect, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { ConfigErrors } from '../../src/config/errors.ts'
import { ipAddress, nativeAddress, pipeAddress } from '../../src/network/address.ts'
import { closeFd, createListenSocket, getIntOption } from '../../src/os/socket.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import type { AddressInfo } from '../../src/stream_info/stream_info.ts'
import { createConnector } from '../../src/upstream/upstream_connector.ts'
import { clusterViews } from './support.ts'

const SOL_SOCKET = 1
const SO_KEEPALIVE = 9
const IPPROTO_TCP = 6
const TCP_KEEPIDLE = 4
const TCP_KEEPINTVL = 5
const TCP_KEEPCNT = 6
const TCP_USER_TIMEOUT = 18

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0)) cleanup()
})

/** A server that tells each peer the address it came from. */
async function backend(
  at: { host: string; port?: number } | { path: string },
): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.on('error', () => {}).end(socket.remoteAddress ?? 'pipe'))
  cleanups.push(() => server.close())
  server.listen('path' in at ? at : { port: 0, ...at })
  await once(server, 'listening')
  const address = server.address()
  return { server, port: typeof address === 'object' && address !== null ? address.port : 0 }
}

function connectorOf(more: string) {
  const errors = new ConfigErrors()
  const store = createLocalStore()
  const bindErrors = store.counter('cluster.c.bind_errors')
  const attempts = store.counter('cluster.c.upstream_cx_total')
  const view = clusterViews(`- name: c\n  type: STATIC\n${more}`)[0]
  const connector = createConnector(view, undefined, { bindErrors, upstreamCxTotal: attempts }, errors)
  return { connector, bindErrors, attempts, messages: errors.errors.map((issue) => issue.message) }
}

/** An address that answers no SYN: its queue of connections is full, and nobody accepts. */
async function fullBacklog(ip: string, port: number): Promise<AddressInfo> {
  const { fd } = createListenSocket(nativeAddress(ipAddress(ip, port)), { backlog: 0 })
  cleanups.push(() => closeFd(fd))
  for (let i = 0; i < 3; i++) {
    const filler = netConnect({ host: ip, port })
    filler.on('error', () => {})
    cleanups.push(() => filler.destroy())
    if (i === 0) await once(filler, 'connect')
  }
  return ipAddress(ip, port)
}

async function answer(socket: Socket): Promise<string> {
  cleanups.push(() => socket.destroy())
  let text = ''
  for await (const chunk of socket) text += String(chunk)
  return text
}

function descriptor(socket: Socket): number {
  return (socket as unknown as { _handle: { fd: number } })._handle.fd
}

const connect = (more: string, address: AddressInfo, additional: AddressInfo[] = []): Socket =>
  connectorOf(more).connector.connect(address, additional)

describe('upstream_bind_config', () => {
  it('connects from the source address', async () => {
    const { port } = await backend({ host: '127.0.0.1' })
    const more = '  upstream_bind_config: {source_address: {address: 127.0.0.3, port_value: 0}}'
    expect(await answer(connect(more, ipAddress('127.0.0.1', port)))).toBe('127.0.0.3')
  })

  it('is that of the cluster manager where the cluster has none', async () => {
    const { port } = await backend({ host: '127.0.0.1' })
    const [manager, own] = clusterViews(
      ['127.0.0.5', '127.0.0.6']
        .map((ip, i) => `- {name: c${i}, upstream_bind_config: {source_address: {address: ${ip}, port_value: 0}}}`)
        .join('\n'),
    )
    const store = createLocalStore()
    const stats = { bindErrors: store.counter('b'), upstreamCxTotal: store.counter('t') }
    const connectOf = (view: typeof own) =>
      createConnector(view, manager.upstreamBindConfig, stats, new ConfigErrors()).connect(
        ipAddress('127.0.0.1', port),
        [],
      )
    expect(await answer(connectOf({ ...own, upstreamBindConfig: undefined }))).toBe('127.0.0.5')
    expect(await answer(connectOf(own))).toBe('127.0.0.6')
  })

  it('takes the extra address for hosts of its IP version', async () => {
    const { port } = await backend({ host: '127.0.0.1' })
    const more = `  upstream_bind_config:
    source_address: {address: "::1", port_value: 0}
    extra_source_addresses: [{address: {address: 127.0.0.4, port_value: 0}}]`
    expect(await answer(connect(more, ipAddress('127.0.0.1', port)))).toBe('127.0.0.4')
  })

  it('sets socket options, those of the other IP version left out', async () => {
    const { port } = await backend({ host: '127.0.0.1' })
    const more = `  upstream_bind_config:
    socket_options:
    - {level: ${IPPROTO_TCP}, name: ${TCP_USER_TIMEOUT}, int_value: 4321, state: STATE_PREBIND}
    - {level: ${IPPROTO_TCP}, name: 9999, int_value: 1, state: STATE_PREBIND, ip_version: SOCKET_IP_VERSION_IPV6}`
    const socket = connect(more, ipAddress('127.0.0.1', port))
    await once(socket, 'connect')
    expect(getIntOption(descriptor(socket), IPPROTO_TCP, TCP_USER_TIMEOUT)).toBe(4321)
    expect(await answer(socket)).toBe('127.0.0.1')
  })

  it('counts an address that cannot be bound, and fails as a connection fails', async () => {
    const more = '  upstream_bind_config: {source_address: {address: 192.0.2.1, port_value: 0}}'
    const { connector, bindErrors } = connectorOf(more)
    const socket = connector.connect(ipAddress('127.0.0.1', 9), [])
    const [error] = await once(socket, 'error')
    expect(error).toMatchObject({ code: 'EADDRNOTAVAIL', syscall: 'bind' })
    expect(bindErrors.value()).toBe(1)
  })

  it('fails as a connection fails where the host refuses', async () => {
    const { server, port } = await backend({ host: '127.0.0.1' })
    server.close()
    await once(server, 'close')
    const more = '  upstream_bind_config: {source_address: {address: 127.0.0.3, port_value: 0}}'
    const { connector, bindErrors } = connectorOf(more)
    const [error] = await once(connector.connect(ipAddress('127.0.0.1', port), []), 'error')
    expect(error).toMatchObject({ code: 'ECONNREFUSED' })
    expect(bindErrors.value()).toBe(0)
  })

  it.each([
    ['extra_source_addresses: [{address: {address: "::1", port_value: 0}}]', 'no source_address'],
    [
      'source_address: {address: 127.0.0.2, port_value: 0}\n    extra_source_addresses: [{address: {address: 127.0.0.3, port_value: 0}}]',
      'two same IP version',
    ],
    [
      'source_address: {address: 127.0.0.2, port_value: 0}\n    additional_source_addresses: [{address: "::1", port_value: 0}, {address: "::2", port_value: 0}]',
      'more than one extra',
    ],
    ['source_address: {address: foo, port_value: 0}', 'malformed IP address: foo'],
  ])('refuses %s', (bind, message) => {
    const { messages } = connectorOf(`  upstream_bind_config:\n    ${bind}`)
    expect(messages).toHaveLength(1)
    expect(messages[0]).toContain(message)
  })
})

it('sets tcp_keepalive', async () => {
  const { port } = await backend({ host: '127.0.0.1' })
  const more =
    '  upstream_connection_options: {tcp_keepalive: {keepalive_probes: 3, keepalive_time: 20, keepalive_interval: 7}}'
  const socket = connect(more, ipAddress('127.0.0.1', port))
  await once(socket, 'connect')
  const fd = descriptor(socket)
  expect(getIntOption(fd, SOL_SOCKET, SO_KEEPALIVE)).toBe(1)
  const values = [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map((name) => getIntOption(fd, IPPROTO_TCP, name))
  expect(values).toEqual([20, 7, 3])
  expect(await answer(socket)).toBe('127.0.0.1')
})

describe('additional addresses', () => {
  it('goes on to the next where the first refuses', async () => {
    const { port } = await backend({ host: '127.0.0.2' })
    expect(await answer(connect('', ipAddress('127.0.0.1', port), [ipAddress('127.0.0.2', port)]))).toBe('127.0.0.1')
  })

  it('counts each attempt after the first', async () => {
    const { port } = await backend({ host: '127.0.0.2' })
    const { connector, attempts } = connectorOf('')
    await answer(connector.connect(ipAddress('127.0.0.1', port), [ipAddress('127.0.0.2', port)]))
    expect(attempts.value()).toBe(1)
  })

  it('begins with the first address, then goes on to the other IP version', async () => {
    const { port } = await backend({ host: '::', port: 0 })
    expect(await answer(connect('', ipAddress('::1', port), [ipAddress('127.0.0.1', port)]))).toBe('::1')
    expect(await answer(connect('', ipAddress('127.0.0.1', port), [ipAddress('::1', port)]))).toBe('::ffff:127.0.0.1')
  })

  it('begins with the IP version that happy_eyeballs_config names', async () => {
    const { port } = await backend({ host: '::', port: 0 })
    const more = '  upstream_connection_options: {happy_eyeballs_config: {first_address_family_version: V4}}'
    const addresses = [ipAddress('127.0.0.1', port)]
    expect(await answer(connect(more, ipAddress('::1', port), addresses))).toBe('::ffff:127.0.0.1')
  })

  it('goes on where the first keeps silent', async () => {
    const { port } = await backend({ host: '127.0.0.1' })
    const silent = await fullBacklog('::1', port)
    expect(await answer(connect('', silent, [ipAddress('127.0.0.1', port)]))).toBe('127.0.0.1')
  })

  it('sets tcp_keepalive on whichever is taken', async () => {
    const { port } = await backend({ host: '127.0.0.2' })
    const more = '  upstream_connection_options: {tcp_keepalive: {keepalive_time: 20}}'
    const socket = connect(more, ipAddress('127.0.0.1', port), [ipAddress('127.0.0.2', port)])
    await once(socket, 'connect')
    expect(getIntOption(descriptor(socket), IPPROTO_TCP, TCP_KEEPIDLE)).toBe(20)
    socket.destroy()
  })

  it('fails where all refuse', async () => {
    const { server, port } = await backend({ host: '127.0.0.2' })
    server.close()
    await once(server, 'close')
    const socket = connect('', ipAddress('127.0.0.1', port), [ipAddress('127.0.0.2', port)])
    expect((await once(socket, 'error'))[0]).toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('pipes', () => {
  it('connects to a path', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'connector-'))
    cleanups.push(() => rmSync(folder, { recursive: true }))
    const path = join(folder, 'backend')
    await backend({ path })
    expect(await answer(connect('', pipeAddress(path)))).toBe('pipe')
  })

  it('connects to an abstract name', async () => {
    const name = `connector-${process.pid}`
    await backend({ path: `\0${name}` })
    expect(await answer(connect('', pipeAddress(`@${name}`)))).toBe('pipe')
  })

  it('leaves source address and keepalive to IP hosts', async () => {
    const name = `connector-plain-${process.pid}`
    await backend({ path: `\0${name}` })
    const more = '  upstream_bind_config: {source_address: {address: 127.0.0.3, port_value: 0}}'
    expect(await answer(connect(more, pipeAddress(`@${name}`)))).toBe('pipe')
  })
})
