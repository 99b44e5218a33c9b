import { once } from 'node:events'
import { mkdtempSync, statSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import {
  type BoundSocket,
  closeFd,
  createConnectSocket,
  createListenSocket,
  describeAddress,
  getIntOption,
  getOriginalDst,
  type ListenSocketOptions,
  listenOn,
  SOCKET_OPTION,
} from '../../src/os/socket.ts'
import type { SocketAddress } from '../../src/os/socket_address.ts'

const SO_RCVBUF = 8
const SO_REUSEPORT = 15
const IPV6_V6ONLY = 26
const loopback: SocketAddress = { family: 'ipv4', address: '127.0.0.1', port: 0 }

const cleanups: (() => void)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

function listenSocket(address: SocketAddress, options?: ListenSocketOptions): BoundSocket {
  const socket = createListenSocket(address, options)
  cleanups.push(() => closeFd(socket.fd))
  return socket
}

/** Serves the descriptor, which then belongs to the server; every connection gets the server's name. */
async function serve(socket: BoundSocket, name: string): Promise<void> {
  const server = net.createServer((connection) => connection.end(name))
  server.listen({ fd: socket.fd, exclusive: true })
  await once(server, 'listening')
  cleanups.push(() => server.close())
}

async function readAll(socket: net.Socket): Promise<string> {
  let text = ''
  for await (const chunk of socket) text += chunk
  return text
}

function portOf(address: SocketAddress): number {
  if (address.family === 'pipe') throw new Error('a pipe has no port')
  return address.port
}

describe('createListenSocket', () => {
  test('binds IPv4, tells the port chosen, and the descriptor serves', async () => {
    const socket = createListenSocket(loopback)
    expect(portOf(socket.localAddress)).toBeGreaterThan(0)
    await serve(socket, 'v4')
    expect(await readAll(net.connect(portOf(socket.localAddress), '127.0.0.1'))).toBe('v4')
  })

  test('refuses an address in use with the code and the address', () => {
    const { localAddress } = listenSocket(loopback)
    expect(() => createListenSocket(localAddress)).toThrow(
      expect.objectContaining({
        code: 'EADDRINUSE',
        message: `bind EADDRINUSE ${describeAddress(localAddress)}`,
      }),
    )
  })

  test('shares an address between sockets with reusePort', () => {
    const first = listenSocket(loopback, { reusePort: true })
    const second = listenSocket(first.localAddress, { reusePort: true })
    expect(second.localAddress).toEqual(first.localAddress)
    expect(getIntOption(second.fd, SOCKET_OPTION.SOL_SOCKET, SO_REUSEPORT)).toBe(1)
  })

  test('takes only IPv6 on an IPv6 wildcard unless told to be compatible', async () => {
    const wildcard: SocketAddress = { family: 'ipv6', address: '::', port: 0 }
    const only = listenSocket(wildcard)
    expect(getIntOption(only.fd, SOCKET_OPTION.IPPROTO_IPV6, IPV6_V6ONLY)).toBe(1)
    const dual = createListenSocket(wildcard, { ipv4Compat: true })
    expect(dual.localAddress).toMatchObject({ family: 'ipv6', address: '::' })
    await serve(dual, 'dual')
    expect(await readAll(net.connect(portOf(dual.localAddress), '127.0.0.1'))).toBe('dual')
    expect(await readAll(net.connect(portOf(dual.localAddress), '::1'))).toBe('dual')
  })

  test('makes a pipe with its mode in place of one left over', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'socket-')), 'pipe')
    closeFd(createListenSocket({ family: 'pipe', path }).fd)
    const socket = createListenSocket({ family: 'pipe', path }, { pipeMode: 0o640 })
    expect(statSync(path).mode & 0o777).toBe(0o640)
    expect(socket.localAddress).toEqual({ family: 'pipe', path })
    await serve(socket, 'pipe')
    expect(await readAll(net.connect(path))).toBe('pipe')
  })

  test('makes an abstract socket from a leading @', async () => {
    const path = `@socket-test-${process.pid}`
    const socket = createListenSocket({ family: 'pipe', path })
    expect(socket.localAddress).toEqual({ family: 'pipe', path })
    await serve(socket, 'abstract')
    expect(await readAll(net.connect(`\0${path.slice(1)}`))).toBe('abstract')
  })

  test('applies options at their state and no other', () => {
    const { SOL_SOCKET, IPPROTO_TCP, TCP_DEFER_ACCEPT } = SOCKET_OPTION
    const bytes = new Uint8Array(Int32Array.of(20_000).buffer)
    const { fd } = listenSocket(loopback, {
      options: [
        { level: SOL_SOCKET, name: SO_RCVBUF, value: bytes, state: 'STATE_PREBIND' },
        { level: IPPROTO_TCP, name: TCP_DEFER_ACCEPT, value: 5, state: 'STATE_LISTENING' },
      ],
      listen: false,
    })
    // Linux doubles what is asked for, to have room for its own bookkeeping.
    expect(getIntOption(fd, SOL_SOCKET, SO_RCVBUF)).toBe(40_000)
    expect(getIntOption(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT)).toBe(0)
    listenOn(fd, 5, [{ level: IPPROTO_TCP, name: TCP_DEFER_ACCEPT, value: 5, state: 'STATE_LISTENING' }])
    expect(getIntOption(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT)).toBeGreaterThan(0)
  })

  test('refuses an option the kernel does not know, naming it', () => {
    const option = { level: SOCKET_OPTION.IPPROTO_TCP, name: 9999, value: 1, state: 'STATE_PREBIND' } as const
    expect(() => createListenSocket(loopback, { options: [option] })).toThrow(
      'setsockopt ENOPROTOOPT level 6 name 9999',
    )
  })

  test('binds a foreign address only with freebind', () => {
    const foreign: SocketAddress = { family: 'ipv4', address: '192.0.2.1', port: 0 }
    expect(() => createListenSocket(foreign)).toThrow('bind EADDRNOTAVAIL 192.0.2.1:0')
    expect(listenSocket(foreign, { freebind: true }).localAddress).toMatchObject({ address: '192.0.2.1' })
  })

  test.each([
    [{ family: 'ipv4', address: '1.2.3', port: 1 }, 'EINVAL'],
    [{ family: 'ipv6', address: '127.0.0.1', port: 1 }, 'EINVAL'],
    [{ family: 'ipv4', address: '127.0.0.1', port: 65536 }, 'EINVAL'],
    [{ family: 'pipe', path: `/tmp/${'x'.repeat(108)}` }, 'ENAMETOOLONG'],
    [{ family: 'pipe', path: '' }, 'EINVAL'],
    [{ family: 'pipe', path: '/nonexistent/folder/pipe' }, 'ENOENT'],
  ] as const)('refuses %j with %s', (address, code) => {
    expect(() => createListenSocket(address)).toThrow(expect.objectContaining({ code }))
  })
})

test('a connect socket connects from the address it is bound to', async () => {
  const { localAddress } = await new Promise<{ localAddress: SocketAddress }>((resolve) => {
    const socket = createListenSocket(loopback)
    const server = net.createServer((connection) => connection.end(String(connection.remoteAddress)))
    server.listen({ fd: socket.fd, exclusive: true }, () => resolve(socket))
    cleanups.push(() => server.close())
  })
  const fd = createConnectSocket(localAddress, { localAddress: { family: 'ipv4', address: '127.0.0.3', port: 0 } })
  const socket = new net.Socket({ fd, readable: true, writable: true })
  expect(await readAll(socket.connect(portOf(localAddress), '127.0.0.1'))).toBe('127.0.0.3')
})

test('a connection that nobody redirected has no original destination', async () => {
  const socket = createListenSocket(loopback)
  const server = net.createServer()
  server.listen({ fd: socket.fd, exclusive: true })
  cleanups.push(() => server.close())
  const client = createConnectSocket(socket.localAddress, {})
  cleanups.push(() => closeFd(client))
  expect(getOriginalDst(client, 'ipv4')).toBeUndefined()
})

test('IPv6 addresses are told in their shortest form', () => {
  const text = (address: string) =>
    listenSocket({ family: 'ipv6', address, port: 0 }, { freebind: true }).localAddress as { address: string }
  expect(text('2001:DB8:0:0:1:0:0:1').address).toBe('2001:db8::1:0:0:1')
  expect(text('0:0:0:0:0:0:0:1').address).toBe('::1')
  expect(text('2001:db8:0:1:1:1:1:1').address).toBe('2001:db8:0:1:1:1:1:1')
})
