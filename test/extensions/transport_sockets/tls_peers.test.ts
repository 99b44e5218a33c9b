/** TLS with programs that others wrote: curl and openssl's client before the proxy, nginx and openssl's server behind it. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it } from 'vitest'
import { until } from '../../server/support.ts'
import { CertificateAuthority } from '../../support/certificate_authority.ts'
import { type ProxyProcess, startProxy } from '../../support/proxy_process.ts'
import { RawClient } from '../../support/raw_client.ts'

const ca = new CertificateAuthority()
const server = ca.issue({ name: 'server', altNames: ['DNS:a.test'], keyType: 'rsa' })
const client = ca.issue({ name: 'client', altNames: ['DNS:client.test'] })
const folder = mkdtempSync(join(tmpdir(), 'peers-'))
const cleanups: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
afterAll(() => {
  ca.remove()
  rmSync(folder, { recursive: true, force: true })
})

const TLS = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3'
const HCM = 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'
const ROUTER = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router'
const pair = ({ certPath, keyPath }: { certPath: string; keyPath: string }): object => ({
  certificate_chain: { filename: certPath },
  private_key: { filename: keyPath },
})

/** A listener, with TLS where there is a context for it, and a cluster likewise. */
async function start(
  downstream: object | undefined,
  upstream?: { port: number; context: object },
): Promise<ProxyProcess> {
  const route =
    upstream === undefined
      ? { direct_response: { status: 200, body: { inline_string: 'answer' } } }
      : { route: { cluster: 'c' } }
  const manager = {
    '@type': HCM,
    stat_prefix: 'main',
    http_filters: [{ name: 'router', typed_config: { '@type': ROUTER } }],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, ...route }] }] },
  }
  const address = (port: number): object => ({ socket_address: { address: '127.0.0.1', port_value: port } })
  const socket = (kind: string, context: object): object => ({
    transport_socket: { name: 't', typed_config: { '@type': `${TLS}.${kind}TlsContext`, ...context } },
  })
  const chain = {
    filters: [{ name: 'hcm', typed_config: manager }],
    ...(downstream === undefined ? {} : socket('Downstream', downstream)),
  }
  const clusters =
    upstream === undefined
      ? []
      : [
          {
            name: 'c',
            load_assignment: {
              cluster_name: 'c',
              endpoints: [{ lb_endpoints: [{ endpoint: { address: address(upstream.port) } }] }],
            },
            ...socket('Upstream', upstream.context),
          },
        ]
  const listeners = [{ name: 'main', stat_prefix: 'main', address: address(0), filter_chains: [chain] }]
  const bootstrap = { admin: { address: address(0) }, static_resources: { listeners, clusters } }
  const proxy = await startProxy('nuncio', JSON.stringify(bootstrap), ['--concurrency', '1', '-l', 'warning'])
  cleanups.push(() => proxy.stop())
  return proxy
}

/** Output of a program that ends by itself, whatever its status. */
function run(command: string, args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { timeout: 10_000 }, (_error, stdout, stderr) => resolve(stdout + stderr))
    child.stdin?.on('error', () => {})
    child.stdin?.end(input)
  })
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  listener.close()
  await once(listener, 'close')
  return port
}

/** Runs until the test is over; ready when it accepts. */
async function serve(port: number, command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: 'ignore' })
  cleanups.push(async () => {
    child.kill()
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
  await until(`${command} accepts`, async () => {
    const probe = await RawClient.connect(port).catch(() => undefined)
    probe?.close()
    return probe !== undefined
  })
}

const params = (fields: object): object => ({ tls_certificates: [pair(server)], tls_params: fields })
const allVersions = { tls_minimum_protocol_version: 'TLSv1_0', tls_maximum_protocol_version: 'TLSv1_3' }

describe('clients', () => {
  it.each([
    ['-tls1_2', 'TLSv1.2'],
    ['-tls1_3', 'TLSv1.3'],
  ])('openssl %s resumes its session by a ticket', async (flag, version) => {
    const proxy = await start({ common_tls_context: params(allVersions) })
    const session = join(folder, `${version}.session`)
    const connect = ['s_client', '-connect', `127.0.0.1:${proxy.port('main')}`, flag, '-ign_eof']
    const request = 'GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n'
    const first = await run('openssl', [...connect, '-sess_out', session], request)
    expect(first).toContain(`New, ${version}`)
    const second = await run('openssl', [...connect, '-sess_in', session], request)
    expect(second).toContain(`Reused, ${version}`)
    expect(second).toContain('answer')
  })

  it('curl speaks all versions of TLS where they are allowed, and HTTP/2', async () => {
    const proxy = await start({
      common_tls_context: {
        ...params({ ...allVersions, cipher_suites: ['ECDHE-RSA-AES128-GCM-SHA256', 'ECDHE-RSA-AES128-SHA'] }),
        alpn_protocols: ['h2', 'http/1.1'],
      },
    })
    const port = proxy.port('main')
    for (const version of ['1.0', '1.1', '1.2', '1.3']) {
      const output = await run('curl', [
        ...['-sS', '--cacert', ca.certPath, '--resolve', `a.test:${port}:127.0.0.1`, '--ciphers', 'DEFAULT@SECLEVEL=0'],
        ...[`--tlsv${version}`, '--tls-max', version, '-w', ' %{http_version}', `https://a.test:${port}/`],
      ])
      expect(output, version).toBe('answer 2')
    }
  })

  it('curl is told of the certificate that it lacks, and is let in with one', async () => {
    const proxy = await start({
      require_client_certificate: true,
      common_tls_context: {
        tls_certificates: [pair(server)],
        validation_context: { trusted_ca: { filename: ca.certPath } },
      },
    })
    const port = proxy.port('main')
    const args = ['-sS', '--cacert', ca.certPath, '--resolve', `a.test:${port}:127.0.0.1`, `https://a.test:${port}/`]
    expect(await run('curl', args)).toMatch(/alert.*certificate required/)
    expect(await run('curl', [...args, '--cert', client.certPath, '--key', client.keyPath])).toBe('answer')
  })
})

describe('servers', () => {
  const trust = { validation_context: { trusted_ca: { filename: ca.certPath } } }
  const get = async (proxy: ProxyProcess): Promise<string> => {
    const caller = await RawClient.connect(proxy.port('main'))
    cleanups.push(() => caller.close())
    caller.write('GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n')
    await caller.waitFor(() => caller.ended)
    return caller.text
  }

  it.each([
    ['-tls1_2', 'TLSv1_2', 'ECDHE-RSA-AES256-GCM-SHA384'],
    ['-tls1_3', 'TLSv1_3', 'TLS_AES_256_GCM_SHA384'],
  ])('openssl %s asks for a certificate and tells what it got', async (flag, version, cipher) => {
    const port = await freePort()
    const suites = flag === '-tls1_3' ? ['-ciphersuites', cipher] : ['-cipher', cipher]
    await serve(port, 'openssl', [
      ...[
        's_server',
        '-accept',
        `127.0.0.1:${port}`,
        '-cert',
        server.certPath,
        '-key',
        server.keyPath,
        flag,
        ...suites,
      ],
      ...['-www', '-Verify', '1', '-CAfile', ca.certPath, '-verify_return_error', '-quiet'],
    ])
    const common = {
      ...trust,
      tls_certificates: [pair(client)],
      tls_params: { tls_maximum_protocol_version: version },
    }
    const proxy = await start(undefined, { port, context: { sni: 'a.test', common_tls_context: common } })
    const page = await get(proxy)
    expect(page).toMatch(/^HTTP\/1\.[01] 200/)
    expect(page).toMatch(new RegExp(`Cipher is ${cipher}|Cipher +: ${cipher}`))
    const without = await start(undefined, { port, context: { sni: 'a.test', common_tls_context: trust } })
    expect(await get(without)).toContain('503 Service Unavailable')
  })

  it('nginx answers over one resumed session after the other', async () => {
    const port = await freePort()
    const config = join(folder, 'nginx.conf')
    writeFileSync(
      config,
      `daemon off; master_process off; pid ${folder}/nginx.pid; error_log ${folder}/error.log;
events {}
http {
  access_log off; client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
  uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
  server {
    listen 127.0.0.1:${port} ssl; keepalive_requests 1;
    ssl_certificate ${server.certPath}; ssl_certificate_key ${server.keyPath};
    ssl_client_certificate ${ca.certPath}; ssl_verify_client on;
    location / { return 200 "$ssl_protocol $ssl_session_reused $ssl_server_name $ssl_client_s_dn"; }
  }
}
`,
    )
    await serve(port, 'nginx', ['-c', config, '-e', join(folder, 'error.log')])
    const proxy = await start(undefined, {
      port,
      context: { sni: 'a.test', common_tls_context: { ...trust, tls_certificates: [pair(client)] } },
    })
    expect(await get(proxy)).toContain('TLSv1.2 . a.test CN=client')
    for (let i = 0; i < 3; i++) expect(await get(proxy)).toContain('TLSv1.2 r a.test CN=client')
    const stats = await proxy.stats('^cluster\\.c\\.ssl\\.(session_reused|handshake)$')
    expect(stats.get('cluster.c.ssl.session_reused')).toBe(3)
    expect(stats.get('cluster.c.ssl.handshake')).toBe(4)
  })
})
