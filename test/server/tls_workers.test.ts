/** TLS with several workers: sessions go from one to the other, certificates change in all of them under load. */
import { execFile } from 'node:child_process'
import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { childPids } from '../faults/fault_proxy.ts'
import { CertificateAuthority, type IssuedCertificate } from '../support/certificate_authority.ts'
import type { ProxyProcess } from '../support/proxy_process.ts'
import { until } from './support.ts'
import { admittedUntil, ca, pair, request, requestUntil, SecretSource, start, statReaches } from './tls_support.ts'

const first = ca.issue({ name: 'first', altNames: ['DNS:a.test'] })
const second = ca.issue({ name: 'second', altNames: ['DNS:a.test'] })
afterAll(() => ca.remove())

let proxy: ProxyProcess | undefined
afterEach(async () => {
  await proxy?.stop()
  proxy = undefined
})

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
    const rotated = requestUntil(port, ({ subject }) => subject === 'CN=second')
    show(second, 'two')
    await expect(rotated).resolves.toBeGreaterThan(0)
    const { body } = await proxy.admin('/certs')
    expect(JSON.parse(body)).toMatchObject({ certificates: [{ cert_chain: [{ path: paths.certPath }] }] })
  })

  it('take secrets from a file, keep the old ones when the new are no good, and say so', async () => {
    const source = new SecretSource('server', { tls_certificate: pair(first) })
    const give = (certificate: object): void => source.give({ tls_certificate: certificate })
    proxy = await start({ tls_certificate_sds_secret_configs: [source.config] })
    const port = proxy.port('main')
    expect((await request(port)).subject).toBe('CN=first')
    give({ certificate_chain: { inline_string: 'nonsense' }, private_key: { inline_string: 'nonsense' } })
    await statReaches(proxy, 'sds.server.update_rejected', 1)
    expect((await request(port)).subject).toBe('CN=first')
    expect(proxy.stderr).toMatch(/update rejected: .*server\.json: Failed to load certificate chain/)
    give(pair(second))
    await requestUntil(port, ({ subject }) => subject === 'CN=second')
    expect(
      (await proxy.stats('ssl_context_update')).get(
        'listener.main.server_ssl_socket_factory.ssl_context_update_by_sds',
      ),
    ).toBe(2)
  })

  it('trust a new authority, and then no longer the old one, and fail no request meanwhile', async () => {
    const other = new CertificateAuthority('other', ca.folder)
    const shown = ({ cert, key }: IssuedCertificate) => ({ cert, key })
    const [ours, theirs] = [ca, other].map((each, i) => shown(each.issue({ name: `client_${i}` })))
    const trust = (...authorities: CertificateAuthority[]): object => ({
      validation_context: { trusted_ca: { inline_string: authorities.map(({ cert }) => String(cert)).join('') } },
    })
    const source = new SecretSource('trust', trust(ca))
    proxy = await start(
      { tls_certificates: [pair(first)], validation_context_sds_secret_config: source.config },
      { require_client_certificate: true },
    )
    const port = proxy.port('main')
    await admittedUntil(port, false, theirs)
    source.give(trust(ca, other))
    await Promise.all([admittedUntil(port, true, theirs), requestUntil(port, () => true, ours)])
    source.give(trust(other))
    await Promise.all([admittedUntil(port, false, ours), requestUntil(port, () => true, theirs)])
  })

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'resume by an old ticket key as long as it is there, %s',
    async (version) => {
      const key = (byte: number): object => ({ inline_bytes: Buffer.alloc(80, byte).toString('base64') })
      const keys = (...bytes: number[]): object => ({ session_ticket_keys: { keys: bytes.map(key) } })
      const source = new SecretSource(`tickets_${version}`, keys(1))
      proxy = await start({ tls_certificates: [pair(first)] }, { session_ticket_keys_sds_secret_config: source.config })
      const port = proxy.port('main')
      const { session } = await request(port, { maxVersion: version })
      const resuming = { maxVersion: version, session }
      await requestUntil(port, ({ wasReused }) => wasReused, resuming)
      source.give(keys(2, 1))
      await statReaches(proxy, `sds.tickets_${version}.update_success`, 2)
      await requestUntil(port, ({ wasReused }) => wasReused, resuming)
      source.give(keys(2))
      await requestUntil(port, ({ wasReused }) => !wasReused, resuming)
    },
  )

  it('resume sessions from before they were replaced', async () => {
    proxy = await start({ tls_certificates: [pair(first)] })
    const { pid } = proxy
    const port = proxy.port('main')
    const { session } = await request(port)
    const old = childPids(pid)
    expect(old).toHaveLength(2)
    for (const worker of old) process.kill(worker, 'SIGKILL')
    const isReplaced = (): boolean => childPids(pid).filter((worker) => !old.includes(worker)).length === 2
    await until('both workers are replaced', isReplaced)
    await requestUntil(port, ({ wasReused }) => wasReused, { session })
  })

  it('serve curl', async () => {
    proxy = await start({ tls_certificates: [pair(first)], alpn_protocols: ['http/1.1'] })
    const url = `https://a.test:${proxy.port('main')}/`
    const resolve = `a.test:${proxy.port('main')}:127.0.0.1`
    const { stdout } = await promisify(execFile)('curl', ['-sS', '--cacert', ca.certPath, '--resolve', resolve, url])
    expect(stdout).toBe('ok')
  })
})
