import { execFile, execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { renderIssue } from '../../../src/config/errors.ts'
import { tlsDownstreamFactory } from '../../../src/extensions/transport_sockets/tls/config.ts'
import { buildListener } from '../../../src/network/listener_builder.ts'
import { listenerViews, startListener, type TestContext, testContext, until } from '../../network/support.ts'
import { CertificateAuthority } from '../../support/certificate_authority.ts'

const ca = new CertificateAuthority()
const { folder } = ca
const server = ca.issue({ name: 'server', altNames: ['DNS:a.test'] })
const client = ca.issue({ name: 'client', altNames: ['DNS:client.test', 'otherName:1.2.3.4;UTF8:somebody'] })
const revoked = ca.issue({ name: 'revoked' })
const CA_KEY = join(folder, 'ca.key')
afterAll(() => ca.remove())

const cleanups: (() => unknown)[] = []
afterEach(() => {
  for (const cleanup of cleanups.splice(0).reverse()) cleanup()
})

const TYPE = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext'
const ECHO = '{name: e, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.echo.v3.Echo}}'
const DIRECT_RESPONSE =
  '{name: d, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.network.direct_response.v3.Config, response: {inline_string: bye}}}'
const PAIR = `certificate_chain: {filename: ${server.certPath}}, private_key: {filename: ${server.keyPath}}`

/** A listener that echoes behind TLS. */
function listenerYaml(common: string, context = '', chain = '', filter = ECHO): string {
  return `- name: l
  address: {socket_address: {address: 127.0.0.1, port_value: 0}}
  stat_prefix: l
  filter_chains:
  - filters: [${filter}]
    ${chain}
    transport_socket: {name: t, typed_config: {"@type": ${TYPE}, common_tls_context: {${common}} ${context && `, ${context}`}}}`
}

const certificates = (...list: string[]): string => `tls_certificates: [${list.map((one) => `{${one}}`).join(', ')}]`

async function start(
  common: string,
  context = '',
  chain = '',
  filter = ECHO,
): Promise<{ port: number; server: TestContext }> {
  const server = testContext({ extensions: [tlsDownstreamFactory] })
  const running = await startListener(listenerYaml(common, context, chain, filter), server)
  cleanups.push(() => running.stop())
  return { port: running.port, server }
}

interface Outcome {
  /** What came back of `hello`; '' where the connection ended. */
  readonly echoed: string
  readonly socket: TLSSocket
  readonly error: string
  /** The tickets that came. */
  readonly tickets: readonly Buffer[]
}

/** Connects, sends a word and waits for it to come back or for the end. */
async function talk(port: number, options: ConnectionOptions = {}): Promise<Outcome> {
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  cleanups.push(() => socket.destroy())
  const tickets: Buffer[] = []
  socket.on('session', (session: Buffer) => tickets.push(session))
  let echoed = ''
  let error = ''
  socket.on('error', (problem: NodeJS.ErrnoException) => {
    error = problem.code ?? problem.message
  })
  socket.on('secureConnect', () => socket.write('hello'))
  const end = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  const answer = new Promise<void>((resolve) => {
    socket.on('data', (data: Buffer) => {
      echoed += data.toString()
      if (echoed === 'hello') resolve()
    })
  })
  await Promise.race([end, answer])
  return { echoed, socket, error, tickets }
}

const counter = ({ scope }: TestContext, name: string): number => scope.counter(`listener.l.${name}`).value()

describe('the certificate of a listener', () => {
  it('comes from files, inline text and the environment', async () => {
    process.env['NUNCIO_TEST_KEY'] = server.key.toString()
    cleanups.push(() => delete process.env['NUNCIO_TEST_KEY'])
    const inline = JSON.stringify(server.cert.toString())
    for (const pair of [
      PAIR,
      `certificate_chain: {inline_string: ${inline}}, private_key: {environment_variable: NUNCIO_TEST_KEY}`,
    ]) {
      const { port } = await start(certificates(pair))
      const { echoed, socket } = await talk(port)
      expect(echoed).toBe('hello')
      expect(socket.getPeerX509Certificate()?.subject).toBe('CN=server')
    }
  })

  it('comes from PKCS#12 and from an encrypted key', async () => {
    const p12 = join(folder, 'server.p12')
    const encrypted = join(folder, 'encrypted.key')
    openssl([
      'pkcs12',
      '-export',
      '-in',
      server.certPath,
      '-inkey',
      server.keyPath,
      '-passout',
      'pass:word',
      '-out',
      p12,
    ])
    openssl(['ec', '-aes256', '-in', server.keyPath, '-passout', 'pass:word', '-out', encrypted])
    const password = 'password: {inline_string: word}'
    for (const pair of [
      `pkcs12: {filename: ${p12}}, ${password}`,
      `certificate_chain: {filename: ${server.certPath}}, private_key: {filename: ${encrypted}}, ${password}`,
    ]) {
      const { port } = await start(certificates(pair))
      expect((await talk(port)).socket.getPeerX509Certificate()?.subject).toBe('CN=server')
    }
  })

  it.each([
    [
      'a key of another certificate',
      `certificate_chain: {filename: ${server.certPath}}, private_key: {filename: ${client.keyPath}}`,
      /private key .*KEY_VALUES_MISMATCH/,
    ],
    ['no key', `certificate_chain: {filename: ${server.certPath}}`, /private key not set/],
    [
      'a file that is none',
      `certificate_chain: {filename: ${CA_KEY}}, private_key: {filename: ${server.keyPath}}`,
      /Failed to load certificate chain from/,
    ],
  ])('is refused with %s', (_, pair, message) => {
    const context = testContext({ extensions: [tlsDownstreamFactory] })
    buildListener(listenerViews(listenerYaml(certificates(pair)))[0], context)
    expect(context.errors.errors.map(renderIssue).join('\n')).toMatch(message)
  })
})

describe('a handshake', () => {
  it('may come byte by byte', async () => {
    const { port } = await start(certificates(PAIR))
    const { hello, finish } = await interceptHello(port)
    for (let i = 0; i < hello.length; i += 40) await finish(hello.subarray(i, i + 40))
    expect(await finish(undefined)).toContain('hello')
  })

  it('that does not end in time is cut', async () => {
    const { port, server: context } = await start(certificates(PAIR), '', 'transport_socket_connect_timeout: 0.05s')
    const socket = connect({ port, host: '127.0.0.1' })
    cleanups.push(() => socket.destroy())
    await once(socket, 'close')
    expect(counter(context, 'downstream_cx_transport_socket_connect_timeout')).toBe(1)
  })

  it('of many kinds leaves nothing behind when clients go away', async () => {
    const { port, server: context } = await start(certificates(PAIR))
    for (const bytes of [
      '',
      '\x16',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc',
      'GET / HTTP/1.1\r\n\r\n',
      '\x16\x03\x01\xff\xff',
    ]) {
      const socket = connect({ port, host: '127.0.0.1' }, () => socket.end(Buffer.from(bytes, 'latin1')))
      socket.on('error', () => {})
      socket.resume()
      await once(socket, 'close')
    }
    await until(() => context.scope.gauge('listener.l.downstream_cx_active').value() === 0, 'all connections closed')
    expect(counter(context, 'downstream_cx_total')).toBe(5)
  })

  it('says good-bye: what the peer reads does not look cut off', async () => {
    const { port } = await start(certificates(PAIR), '', '', DIRECT_RESPONSE)
    for (const version of ['-tls1_2', '-tls1_3']) {
      const run = promisify(execFile)('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, version, '-quiet'], {
        timeout: 10_000,
      })
      run.child.stdin?.end('hello')
      const { stdout, stderr } = await run
      expect(stdout).toContain('bye')
      expect(stderr).not.toMatch(/unexpected eof/)
    }
  })

  it('writes its secrets where a key log is wanted', async () => {
    const path = join(folder, 'keys.log')
    const { port } = await start(`${certificates(PAIR)}, key_log: {path: ${path}}`)
    await talk(port)
    expect(readFileSync(path, 'utf8')).toMatch(/^SERVER_TRAFFIC_SECRET_0 [0-9a-f]{64} [0-9a-f]+$/m)
    const other = join(folder, 'no_keys.log')
    const unlogged = await start(
      `${certificates(PAIR)}, key_log: {path: ${other}, remote_address_range: [{address_prefix: 10.0.0.0, prefix_len: 8}]}`,
    )
    await talk(unlogged.port)
    expect(existsSync(other)).toBe(false)
  })
})

describe('the certificate of a client', () => {
  const required = 'require_client_certificate: true'
  const trusted = `trusted_ca: {filename: ${ca.certPath}}`
  const shown = { cert: client.cert, key: client.key }
  const validation = (fields: string): string => `${certificates(PAIR)}, validation_context: {${fields}}`

  it('is checked by its hash, its key, and an otherName', async () => {
    const certificate = new X509Certificate(client.cert)
    const hash = certificate.fingerprint256
    const spki = spkiHash(client.certPath)
    const checks = [
      [`verify_certificate_hash: ["${hash}"]`, true],
      [`verify_certificate_hash: ["${'ab'.repeat(32)}"]`, false],
      [`verify_certificate_spki: ["${spki}"]`, true],
      [`verify_certificate_spki: ["${Buffer.alloc(32).toString('base64')}"]`, false],
      [
        `${trusted}, match_typed_subject_alt_names: [{san_type: OTHER_NAME, oid: 1.2.3.4, matcher: {exact: somebody}}]`,
        true,
      ],
      [
        `${trusted}, match_typed_subject_alt_names: [{san_type: OTHER_NAME, oid: 1.2.3.5, matcher: {exact: somebody}}]`,
        false,
      ],
    ] as const
    for (const [fields, good] of checks) {
      const { port } = await start(validation(fields), required)
      expect((await talk(port, shown)).echoed, fields).toBe(good ? 'hello' : '')
    }
  })

  it('is refused when it is revoked, with the list beside the CA or only for the leaf', async () => {
    const crl = revocationList()
    for (const more of ['', ', only_verify_leaf_cert_crl: true']) {
      const { port, server: context } = await start(validation(`${trusted}, crl: {filename: ${crl}}${more}`), required)
      expect((await talk(port, shown)).echoed).toBe('hello')
      expect((await talk(port, { cert: revoked.cert, key: revoked.key })).echoed).toBe('')
      expect(counter(context, 'ssl.fail_verify_error')).toBe(1)
    }
  })

  it('is checked again when a session is resumed', async () => {
    const { port, server: context } = await start(validation(trusted), required)
    const first = await talk(port, { ...shown, maxVersion: 'TLSv1.2' })
    const session = first.socket.getSession()
    const second = await talk(port, { ...shown, maxVersion: 'TLSv1.2', session })
    expect(second.echoed).toBe('hello')
    expect(second.socket.isSessionReused()).toBe(true)
    expect(counter(context, 'ssl.session_reused')).toBe(1)
    // The tickets of one policy are of no use under another.
    const stricter = await start(
      validation(`${trusted}, match_typed_subject_alt_names: [{san_type: DNS, matcher: {exact: b.test}}]`),
      required,
    )
    expect((await talk(stricter.port, { ...shown, maxVersion: 'TLSv1.2', session })).echoed).toBe('')
  })
})

describe('session tickets', () => {
  it('of a configured key are taken by every listener that has it, also as an older one', async () => {
    const keys = ['first', 'second'].map((name, i) => {
      const path = join(folder, `${name}.ticket`)
      writeFileSync(path, Buffer.alloc(80, i + 1))
      return `{filename: ${path}}`
    })
    const ticketKeys = (...list: string[]): string => `session_ticket_keys: {keys: [${list.join(', ')}]}`
    const old = await start(certificates(PAIR), ticketKeys(keys[0]))
    const rotated = await start(certificates(PAIR), ticketKeys(keys[1], keys[0]))
    const other = await start(certificates(PAIR), ticketKeys(keys[1]))
    const session = (await talk(old.port, { maxVersion: 'TLSv1.2' })).socket.getSession()
    expect((await talk(rotated.port, { maxVersion: 'TLSv1.2', session })).socket.isSessionReused()).toBe(true)
    expect((await talk(other.port, { maxVersion: 'TLSv1.2', session })).socket.isSessionReused()).toBe(false)
  })

  it('of TLS 1.3 are replaced where one is used: clients use each but once', async () => {
    const path = join(folder, 'third.ticket')
    writeFileSync(path, Buffer.alloc(80, 3))
    for (const context of ['', 'prefer_client_ciphers: true', `session_ticket_keys: {keys: [{filename: ${path}}]}`]) {
      const { port } = await start(certificates(PAIR), context)
      let [session] = (await talk(port)).tickets
      for (let i = 0; i < 3; i++) {
        const { socket, tickets } = await talk(port, { session })
        expect([socket.isSessionReused(), tickets.length]).toEqual([true, 1])
        session = tickets[0]
      }
    }
  })

  it('of TLS 1.2 are good for longer', async () => {
    const { port } = await start(certificates(PAIR))
    const { tickets } = await talk(port, { maxVersion: 'TLSv1.2' })
    for (let i = 0; i < 3; i++) {
      const again = await talk(port, { maxVersion: 'TLSv1.2', session: tickets[0] })
      expect([again.socket.isSessionReused(), again.tickets.length]).toEqual([true, 0])
    }
  })

  it('are not made where resumption is switched off', async () => {
    const { port } = await start(certificates(PAIR), 'disable_stateless_session_resumption: true')
    const session = (await talk(port, { maxVersion: 'TLSv1.2' })).socket.getSession()
    expect((await talk(port, { maxVersion: 'TLSv1.2', session })).socket.isSessionReused()).toBe(false)
  })
})

describe('a stapled OCSP response', () => {
  it('is sent to who asks for it, and counted', async () => {
    const path = ocspResponse()
    const { port, server: context } = await start(certificates(`${PAIR}, ocsp_staple: {filename: ${path}}`))
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, requestOCSP: true })
    cleanups.push(() => socket.destroy())
    const [response] = (await once(socket, 'OCSPResponse')) as [Buffer]
    expect(response.equals(readFileSync(path))).toBe(true)
    expect(counter(context, 'ssl.ocsp_staple_responses')).toBe(1)
    await talk(port)
    expect(counter(context, 'ssl.ocsp_staple_requests')).toBe(1)
  })

  it('that must be there and is not refuses the configuration', () => {
    const context = testContext({ extensions: [tlsDownstreamFactory] })
    buildListener(listenerViews(listenerYaml(certificates(PAIR), 'ocsp_staple_policy: MUST_STAPLE'))[0], context)
    expect(context.errors.errors.map(({ message }) => message)).toContain(
      'Required OCSP response is missing from TLS context',
    )
  })
})

function openssl(args: readonly string[]): Buffer {
  return execFileSync('openssl', args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
}

function spkiHash(path: string): string {
  const command = `openssl x509 -in ${path} -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 -binary`
  return execFileSync('sh', ['-c', command]).toString('base64')
}

/** A list of the CA that has `revoked` in it. */
function revocationList(): string {
  const config = join(folder, 'ca.cnf')
  const database = join(folder, 'index.txt')
  const path = join(folder, 'crl.pem')
  writeFileSync(database, '')
  writeFileSync(
    config,
    `[ca]\ndefault_ca = d\n[d]\ndatabase = ${database}\ndefault_md = sha256\ndefault_crl_days = 30\n`,
  )
  const common = ['ca', '-config', config, '-keyfile', CA_KEY, '-cert', ca.certPath]
  openssl([...common, '-revoke', revoked.certPath])
  openssl([...common, '-gencrl', '-out', path])
  return path
}

function ocspResponse(): string {
  const database = join(folder, 'ocsp_index.txt')
  const request = join(folder, 'request.der')
  const path = join(folder, 'response.der')
  const serial = openssl(['x509', '-in', server.certPath, '-noout', '-serial']).toString().trim().replace('serial=', '')
  writeFileSync(database, `V\t361231235959Z\t\t${serial}\tunknown\t/CN=server\n`)
  openssl(['ocsp', '-issuer', ca.certPath, '-cert', server.certPath, '-no_nonce', '-reqout', request])
  openssl([
    ...['ocsp', '-index', database, '-CA', ca.certPath, '-rsigner', ca.certPath, '-rkey', CA_KEY],
    ...['-reqin', request, '-respout', path, '-ndays', '7'],
  ])
  return path
}

/** A client whose first bytes the test holds back: `finish` sends some of them, or waits for the echo. */
async function interceptHello(
  port: number,
): Promise<{ hello: Buffer; finish(part: Buffer | undefined): Promise<string> }> {
  const { Duplex } = await import('node:stream')
  const tcp = connect({ port, host: '127.0.0.1', noDelay: true })
  cleanups.push(() => tcp.destroy())
  await once(tcp, 'connect')
  let captured: (hello: Buffer) => void
  const first = new Promise<Buffer>((resolve) => {
    captured = resolve
  })
  let seen = false
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _, done) {
      if (seen) tcp.write(chunk)
      else captured(chunk)
      seen = true
      done()
    },
  })
  tcp.on('data', (data) => stream.push(data))
  const socket = connectTls({ socket: stream, rejectUnauthorized: false })
  let echoed = ''
  socket.on('data', (data: Buffer) => {
    echoed += data.toString()
  })
  return {
    hello: await first,
    async finish(part) {
      if (part !== undefined) {
        await new Promise((resolve) => tcp.write(part, resolve))
        return ''
      }
      await once(socket, 'secureConnect')
      socket.write('hello')
      await once(socket, 'data')
      return echoed
    },
  }
}
