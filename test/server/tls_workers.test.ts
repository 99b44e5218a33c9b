/** TLS with several workers: sessions go from one to the other, certificates change in all of them under load. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { CertificateAuthority, type IssuedCertificate } from '../support/certificate_authority.ts'
import { type ProxyProcess, startProxy } from '../support/proxy_process.ts'

const ca = new CertificateAuthority()
const first = ca.issue({ name: 'first', altNames: ['DNS:a.test'] })
const second = ca.issue({ name: 'second', altNames: ['DNS:a.test'] })
afterAll(() => ca.remove())

let proxy: ProxyProcess | undefined
afterEach(async () => {
  await proxy?.stop()
  proxy = undefined
})

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'

/** Two workers; the common context's fields are JSON. */
function start(common: object): Promise<ProxyProcess> {
  const socket = { name: 't', typed_config: { '@type': `${TLS}.DownstreamTlsContext`, common_tls_context: common } }
  const route = { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'ok' } } }
  const manager = {
    '@type': HCM,
    stat_prefix: 'main',
    codec_type: 'HTTP1',
    http_filters: [{ name: 'router', typed_config: { '@type': ROUTER } }],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
  }
  const address = (port = 0): object => ({ socket_address: { address: '127.0.0.1', port_value: port } })
  const listener = {
    name: 'main',
    stat_prefix: 'main',
    address: address(),
    filter_chains: [{ transport_socket: socket, filters: [{ name: 'hcm', typed_config: manager }] }],
  }
  const node = { id: 'n', cluster: 'c' }
  const bootstrap = { node, admin: { address: address() }, static_resources: { listeners: [listener] } }
  return startProxy('nuncio', JSON.stringify(bootstrap), ['--concurrency', '2', '-l', 'warning'])
}

const pair = ({ certPath, keyPath }: { certPath: string; keyPath: string }): object => ({
  certificate_chain: { filename: certPath },
  private_key: { filename: keyPath },
})

interface Answered {
  readonly subject: string
  readonly session: Buffer | undefined
  readonly wasReused: boolean
}

/** One request over a connection of its own. Rejects where anything fails. */
async function request(port: number, more: object = {}): Promise<Answered> {
  const socket = connect({ port, host: '127.0.0.1', servername: 'a.test', ca: ca.cert, ...more })
  await once(socket, 'secureConnect')
  const subject = socket.getPeerX509Certificate()?.subject ?? ''
  const answered = { subject, session: socket.getSession(), wasReused: socket.isSessionReused() }
  socket.write('GET / HTTP/1.1\r\nHost: a.test\r\n\r\n')
  let text = ''
  for await (const chunk of socket) {
    text += String(chunk)
    if (text.endsWith('\r\n\r\nok')) break
  }
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(`answer ${JSON.stringify(text)}`)
  return answered
}

/** Requests one after another until `done` holds of the subject; each must succeed. */
async function requestUntil(port: number, done: (subject: string) => boolean): Promise<number> {
  const deadline = performance.now() + 10_000
  let inARow = 0
  let count = 0
  // Both workers have to show it: so many in a row are no chance.
  while (inARow < 12) {
    if (performance.now() > deadline) throw new Error('the certificate did not change')
    const { subject } = await request(port)
    inARow = done(subject) ? inARow + 1 : 0
    count++
  }
  return count
}

describe('two workers', () => {
  it('resume the sessions of each other', async () => {
    proxy = await start({ tls_certificates: [pair(first)] })
    const port = proxy.port('main')
    const { session } = await request(port, { maxVersion: 'TLSv1.2' })
    for (let i = 0; i < 12; i++) {
      const again = await request(port, { maxVersion: 'TLSv1.2', session })
      expect(again.wasReused).toBe(true)
    }
    const stats = await proxy.stats('session_reused|worker_.\\.downstream_cx_total')
    expect(stats.get('listener.main.ssl.session_reused')).toBe(12)
    expect(stats.get('listener.main.worker_0.downstream_cx_total')).toBeGreaterThan(0)
    expect(stats.get('listener.main.worker_1.downstream_cx_total')).toBeGreaterThan(0)
  })

  it('show the new certificate when the symlink of a watched directory is swapped, and fail no request', async () => {
    const folder = join(ca.folder, 'mounted')
    const show = ({ cert, key }: IssuedCertificate, name: string): void => {
      const data = join(folder, name)
      mkdirSync(data, { recursive: true })
      writeFileSync(join(data, 'cert.pem'), cert)
      writeFileSync(join(data, 'key.pem'), key)
      symlinkSync(data, join(folder, 'new'))
      renameSync(join(folder, 'new'), join(folder, 'data'))
    }
    show(first, 'one')
    const paths = { certPath: join(folder, 'data/cert.pem'), keyPath: join(folder, 'data/key.pem') }
    proxy = await start({ tls_certificates: [{ ...pair(paths), watched_directory: { path: folder } }] })
    const port = proxy.port('main')
    expect((await request(port)).subject).toBe('CN=first')
    const rotated = requestUntil(port, (subject) => subject === 'CN=second')
    show(second, 'two')
    await expect(rotated).resolves.toBeGreaterThan(0)
    const { body } = await proxy.admin('/certs')
    expect(JSON.parse(body)).toMatchObject({ certificates: [{ cert_chain: [{ path: paths.certPath }] }] })
  })

  it('take secrets from a file, keep the old ones when the new are no good, and say so', async () => {
    const path = join(ca.folder, 'secret.json')
    const give = (certificate: object): void => {
      const secret = { '@type': `${TLS}.Secret`, name: 'server', tls_certificate: certificate }
      writeFileSync(`${path}.new`, JSON.stringify({ resources: [secret] }))
      renameSync(`${path}.new`, path)
    }
    give(pair(first))
    proxy = await start({
      tls_certificate_sds_secret_configs: [{ name: 'server', sds_config: { path_config_source: { path } } }],
    })
    const port = proxy.port('main')
    expect((await request(port)).subject).toBe('CN=first')
    give({ certificate_chain: { inline_string: 'nonsense' }, private_key: { inline_string: 'nonsense' } })
    await statReaches(proxy, 'sds.server.update_rejected', 1)
    expect((await request(port)).subject).toBe('CN=first')
    expect(proxy.stderr).toMatch(/secret 'server' rejected:\n.*secret\.json.*Failed to load certificate chain/)
    give(pair(second))
    await requestUntil(port, (subject) => subject === 'CN=second')
    expect(
      (await proxy.stats('ssl_context_update')).get(
        'listener.main.server_ssl_socket_factory.ssl_context_update_by_sds',
      ),
    ).toBe(1)
  })

  it('serve curl', async () => {
    proxy = await start({ tls_certificates: [pair(first)], alpn_protocols: ['http/1.1'] })
    const url = `https://a.test:${proxy.port('main')}/`
    const resolve = `a.test:${proxy.port('main')}:127.0.0.1`
    const { stdout } = await promisify(execFile)('curl', ['-sS', '--cacert', ca.certPath, '--resolve', resolve, url])
    expect(stdout).toBe('ok')
  })
})

async function statReaches(process: ProxyProcess, name: string, value: number): Promise<void> {
  const deadline = performance.now() + 5000
  while ((await process.stats(`^${name}$`)).get(name) !== value) {
    if (performance.now() > deadline) throw new Error(`${name} is not ${value}`)
  }
}
