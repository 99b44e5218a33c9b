import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { copyFileSync, mkdirSync } from 'node:fs'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { createServer as createTlsServer, TLSSocket, type TlsOptions } from 'node:tls'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { startTlsUpstreamFactory } from '../../../src/extensions/transport_sockets/starttls/config.ts'
import { tlsUpstreamFactory } from '../../../src/extensions/transport_sockets/tls/config.ts'
import { proxyProtocolUpstreamFactory } from '../../../src/extensions/transport_sockets/upstream_proxy_protocol/config.ts'
import { ipAddress } from '../../../src/network/address.ts'
import type { Connection } from '../../../src/network/connection.ts'
import type { ConnectionEvent } from '../../../src/network/connection_types.ts'
import type { Host } from '../../../src/upstream/host.ts'
import type { TransportSocketOptions } from '../../../src/upstream/transport_socket.ts'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { serverContext, startCluster, type TestServerContext } from '../../upstream/support.ts'

const ca = new CertificateAuthority()
const otherCa = new CertificateAuthority('other', ca.folder)
const good = ca.issue({ name: 'good', altNames: ['DNS:a.test'] })
ca.issue({ name: 'next', altNames: ['DNS:a.test', 'DNS:next.test'] })
const untrusted = otherCa.issue({ name: 'untrusted', altNames: ['DNS:a.test'] })
afterAll(() => ca.remove())

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets'
const tls = (fields: string): string =>
  `{name: t, typed_config: {"@type": ${TYPE}.tls.v3.UpstreamTlsContext${fields && `, ${fields}`}}}`
const verified = `common_tls_context: {validation_context: {trusted_ca: {filename: ${ca.certPath}}}}`
const TLS13 = 'tls_params: {tls_maximum_protocol_version: TLSv1_3}'

/** A TLS server that sends back what it gets; its port. */
async function echoServer(options: TlsOptions, onSocket?: (socket: TLSSocket) => void): Promise<number> {
  const server = createTlsServer({ allowHalfOpen: true, ...options }, (socket) => {
    cleanups.push(() => socket.destroy())
    socket.on('error', () => {})
    if (onSocket === undefined) socket.pipe(socket)
    else onSocket(socket)
  })
  server.on('tlsClientError', () => {})
  return listen(server)
}

async function listen(server: ReturnType<typeof createServer>): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanups.push(() => server.close())
  return (server.address() as AddressInfo).port
}

function hostOf(
  port: number,
  transportSocket: string,
  more = '',
): { readonly host: Host; readonly context: TestServerContext } {
  const extensions = [tlsUpstreamFactory, startTlsUpstreamFactory, proxyProtocolUpstreamFactory]
  const context = serverContext({ extensions })
  const endpoint = `{address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}${more}}`
  const cluster = startCluster(
    `- name: c
  type: STATIC
  transport_socket: ${transportSocket}
  load_assignment: {cluster_name: c, endpoints: [{lb_endpoints: [{endpoint: ${endpoint}}]}]}`,
    context,
  )
  return { host: [...cluster.prioritySet.hosts()][0], context }
}

interface Outcome {
  readonly connection: Connection
  readonly first: ConnectionEvent
  readonly ended: Promise<ConnectionEvent>
}

/** Connects, and waits until the connection stands or has failed. */
async function connect(host: Host, options?: TransportSocketOptions): Promise<Outcome> {
  const connection = host.connect(options)
  cleanups.push(() => connection.close('noFlush', ''))
  const ended = Promise.withResolvers<ConnectionEvent>()
  const first = await new Promise<ConnectionEvent>((resolve) => {
    connection.addConnectionCallbacks({
      onEvent(event) {
        resolve(event)
        if (event !== 'connected') ended.resolve(event)
      },
      onAboveWriteBufferHighWatermark() {},
      onBelowWriteBufferLowWatermark() {},
    })
  })
  return { connection, first, ended: ended.promise }
}

/** Gathers what is read until it is `length` bytes. */
function read(connection: Connection, length: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  return new Promise((resolve) => {
    let bytes = 0
    connection.reader = {
      onData(data) {
        chunks.push(Buffer.from(data))
        bytes += data.length
        if (bytes >= length) resolve(Buffer.concat(chunks))
      },
    }
  })
}

async function echoed(connection: Connection, text: string): Promise<string> {
  const answer = read(connection, text.length)
  connection.write(text)
  return (await answer).toString('latin1')
}

const keyOf = (certificate: { readonly cert: Buffer; readonly key: Buffer }): TlsOptions => ({
  cert: certificate.cert,
  key: certificate.key,
})

describe('a server that is refused', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('is refused again: %s resumes nothing of it', async (maxVersion) => {
    const port = await echoServer({ ...keyOf(untrusted), maxVersion })
    const context = `common_tls_context: {${TLS13}, validation_context: {trusted_ca: {filename: ${ca.certPath}}}}`
    const { host } = hostOf(port, tls(context))
    for (let i = 0; i < 3; i++) {
      const { connection, first } = await connect(host)
      expect(first).toBe('remoteClose')
      expect(connection.connectFailureReason(host.address)).toContain('CERTIFICATE_VERIFY_FAILED')
    }
  })

  it('gets no byte', async () => {
    const received: string[] = []
    const port = await echoServer(keyOf(untrusted), (socket) => socket.on('data', (data) => received.push(`${data}`)))
    const { host } = hostOf(port, tls(verified))
    const connection = host.connect(undefined)
    connection.write('secret')
    await new Promise<void>((resolve) => {
      connection.addConnectionCallbacks({
        onEvent: () => resolve(),
        onAboveWriteBufferHighWatermark() {},
        onBelowWriteBufferLowWatermark() {},
      })
    })
    const sure = await connect(hostOf(port, tls('')).host)
    sure.connection.write('plain')
    while (received.length === 0) await new Promise((resolve) => setImmediate(resolve))
    expect(received.join('')).toBe('plain')
  })
})

describe('a session', () => {
  it.each(['TLSv1.2', 'TLSv1.3'] as const)('of %s is resumed for the same names alone', async (maxVersion) => {
    const resumed: boolean[] = []
    const port = await echoServer({ ...keyOf(good), maxVersion }, (socket) => {
      resumed.push(socket.isSessionReused())
      socket.pipe(socket)
    })
    const { host } = hostOf(port, tls(`sni: a.test, common_tls_context: {${TLS13}}`))
    for (const name of ['a.test', 'a.test', 'b.test']) {
      const { connection } = await connect(host, { serverNameOverride: name })
      // The ticket of TLS 1.3 comes with the first bytes.
      await echoed(connection, 'x')
      expect(connection.tls?.peerChain[0]?.dnsSans).toEqual(['a.test'])
      connection.close('noFlush', '')
    }
    expect(resumed).toEqual([false, true, false])
  })
})

describe('what is written', () => {
  it('comes through whole in both directions', async () => {
    const port = await echoServer(keyOf(good))
    const { connection } = await connect(hostOf(port, tls(verified)).host)
    connection.reuseReadBuffer(() => false)
    const data = Buffer.alloc(4 * 1024 * 1024, 'abcdefghijk')
    const answer = read(connection, data.length)
    connection.write(data)
    const hash = (bytes: Buffer): string => createHash('sha1').update(bytes).digest('hex')
    expect(hash(await answer)).toBe(hash(data))
  })

  it('ends the connection to the server in good order', async () => {
    const ending = Promise.withResolvers<string>()
    const port = await echoServer(keyOf(good), (socket) => {
      socket.on('error', (error) => ending.resolve(error.message))
      socket.on('end', () => ending.resolve('end'))
      socket.resume()
    })
    const { connection } = await connect(hostOf(port, tls('')).host)
    connection.close('noFlush', '')
    expect(await ending.promise).toBe('end')
  })

  it('is cut off where the connection is to be reset', async () => {
    const ending = Promise.withResolvers<string | undefined>()
    const port = await echoServer(keyOf(good), (socket) => {
      socket.on('error', (error: NodeJS.ErrnoException) => ending.resolve(error.code))
      socket.resume()
    })
    const { connection } = await connect(hostOf(port, tls('')).host)
    connection.close('abortReset', '')
    expect(await ending.promise).toBe('ECONNRESET')
  })
})

it('tries further addresses of an endpoint, with TLS on the one that answers', async () => {
  const port = await echoServer(keyOf(good))
  const address = `{address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}`
  const { host } = hostOf(port, tls(verified), `, additional_addresses: [${address}]`)
  const gone = { ...ipAddress('127.0.0.9', port) }
  const elsewhere = Object.assign(Object.create(host) as Host, { address: gone })
  const { connection, first } = await connect(elsewhere)
  expect(first).toBe('connected')
  expect(await echoed(connection, 'hello')).toBe('hello')
})

it('begins in plain text with starttls, and goes on in TLS', async () => {
  const plain: string[] = []
  const server = createServer((socket: Socket) => {
    socket.once('data', (data) => {
      plain.push(`${data}`)
      socket.pause()
      socket.write('ready')
      const secure = new TLSSocket(socket, { isServer: true, ...keyOf(good) })
      secure.on('error', () => {})
      secure.pipe(secure)
    })
  })
  const port = await listen(server)
  const type = `${TYPE}.starttls.v3.UpstreamStartTlsConfig`
  const socket = `{name: s, typed_config: {"@type": ${type}, tls_socket_config: {${verified}}}}`
  const { connection } = await connect(hostOf(port, socket).host)
  const ready = read(connection, 5)
  connection.write('start')
  expect(`${await ready}`).toBe('ready')
  expect(connection.startSecureTransport()).toBe(true)
  expect(await echoed(connection, 'secret')).toBe('secret')
  expect(plain).toEqual(['start'])
  expect(connection.tls?.version).toBe('TLSv1.2')
  expect(connection.startSecureTransport()).toBe(false)
})

it('writes a PROXY header before TLS', async () => {
  const headers: string[] = []
  const server = createServer((socket: Socket) => {
    socket.once('readable', () => {
      const data = socket.read() as Buffer
      const end = data.indexOf('\r\n') + 2
      headers.push(data.toString('latin1', 0, end))
      socket.unshift(data.subarray(end))
      const secure = new TLSSocket(socket, { isServer: true, ...keyOf(good) })
      secure.on('error', () => {})
      secure.pipe(secure)
    })
  })
  const port = await listen(server)
  const type = `${TYPE}.proxy_protocol.v3.ProxyProtocolUpstreamTransport`
  const socket = `{name: p, typed_config: {"@type": ${type}, config: {version: V1}, transport_socket: ${tls(verified)}}}`
  const { host } = hostOf(port, socket)
  const proxyProtocol = { source: ipAddress('1.2.3.4', 5), destination: ipAddress('6.7.8.9', 10), tlvs: [] }
  const { connection } = await connect(host, { proxyProtocol })
  expect(await echoed(connection, 'hello')).toBe('hello')
  expect(headers).toEqual(['PROXY TCP4 1.2.3.4 6.7.8.9 5 10\r\n'])
})

it('takes new certificates over when their folder changes, and keeps the old ones where the new are no good', async () => {
  const shown: string[] = []
  const port = await echoServer({ ...keyOf(good), ca: ca.cert, requestCert: true }, (socket) => {
    shown.push(String(socket.getPeerCertificate().subject.CN))
    socket.pipe(socket)
  })
  const folder = join(ca.folder, 'watched')
  mkdirSync(folder)
  const put = (name: string): void => {
    copyFileSync(join(ca.folder, `${name}.pem`), join(folder, 'cert.pem'))
    copyFileSync(join(ca.folder, `${name}.key`), join(folder, 'key.pem'))
  }
  put('good')
  const certificate = `{certificate_chain: {filename: ${folder}/cert.pem}, private_key: {filename: ${folder}/key.pem}, watched_directory: {path: ${folder}}}`
  const { host, context } = hostOf(
    port,
    tls(`max_session_keys: 0, common_tls_context: {tls_certificates: [${certificate}]}`),
  )
  const again = async (): Promise<void> => {
    const { connection } = await connect(host)
    await echoed(connection, 'x')
  }
  await again()
  put('next')
  context.folders.changed(folder)
  await again()
  copyFileSync(untrusted.certPath, join(folder, 'cert.pem'))
  context.folders.changed(folder)
  await again()
  expect(shown).toEqual(['good', 'next', 'next'])
})
