// The fields of the bootstrap's `admin`, and the server's states as the interface shows them.

import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TestFolder, until } from '../server/support.ts'
import { DnsServer } from '../support/dns_server.ts'
import { httpRequest } from '../support/http_get.ts'
import { commandPrefix, spawnProxy, startNuncio, startProxy } from '../support/proxy_process.ts'

const address = 'address: { socket_address: { address: 127.0.0.1, port_value: 0 } }'

test.each(['envoy', 'nuncio'] as const)('%s: allow_paths, access_log_path, and the end', async (kind) => {
  const yaml = `admin: { ${address}, access_log_path: "{{dir}}/admin.log", allow_paths: [{ exact: /ready }, { prefix: /listeners }, { safe_regex: { regex: "/quit.*" } }, { exact: "/stats?filter=x" }] }`
  const proxy = await startProxy(kind, yaml, ['--file-flush-interval-msec', '20'])
  try {
    const status = async (path: string) => (await proxy.admin(path)).status
    expect(await status('/ready')).toBe(200)
    expect(await status('//ready')).toBe(200)
    expect(await status('/listeners?format=json')).toBe(200)
    expect(await status('/stats?filter=x')).toBe(200)
    expect(await status('/stats')).toBe(403)
    expect(await status('/')).toBe(403)
    expect((await proxy.admin('/ready?verbose')).body).toBe('request to path /ready?verbose not allowed')
    const log = () => readFileSync(join(proxy.folder, 'admin.log'), 'utf8')
    await until('the log has the refused request', () => log().includes('"GET /ready?verbose HTTP/1.1" 403 '))
    const exit = once(proxy.child, 'exit')
    expect((await proxy.admin('/quitquitquit', 'POST')).body).toBe('OK\n')
    expect(await exit).toEqual([0, null])
  } finally {
    await proxy.stop()
  }
})

test('on a pipe there is no host to check; the mode and socket options are set', async () => {
  using folder = new TestFolder()
  const path = join(folder.path, 'admin.sock')
  const yaml = `admin: { address: { pipe: { path: ${path}, mode: 384 } } }`
  const proxy = spawnProxy('nuncio', yaml)
  try {
    const ready = (): Promise<number> =>
      new Promise((resolve) => {
        const sent = request({ socketPath: path, path: '/ready', headers: { host: 'any.example' } }, (response) => {
          response.resume()
          resolve(response.statusCode ?? 0)
        })
        sent.on('error', () => resolve(0))
        sent.end()
      })
    await until('the pipe answers', async () => (await ready()) === 200)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readFileSync(join(proxy.folder, 'admin_address'), 'utf8')).toBe(path)
  } finally {
    await proxy.stop()
  }
})

test('connections to the admin interface count for the global limit unless it is told not to', async () => {
  const limited = (ignore: boolean) =>
    startNuncio(`
admin: { ${address}, ignore_global_conn_limit: ${ignore}, socket_options: [{ level: 1, name: 9, int_value: 1, state: STATE_PREBIND }] }
layered_runtime: { layers: [{ name: admin, admin_layer: {} }] }
`)
  const [counted, exempt] = await Promise.all([limited(false), limited(true)])
  try {
    const key = 'overload.global_downstream_max_connections'
    for (const proxy of [counted, exempt]) await proxy.admin(`/runtime_modify?${key}=0`, 'POST')
    expect((await exempt.admin('/ready')).status).toBe(200)
    await expect(counted.admin('/ready')).rejects.toThrow()
  } finally {
    await Promise.all([counted.stop(), exempt.stop()])
  }
})

test('while a cluster waits for DNS the server says so', async () => {
  const dns = await DnsServer.start()
  dns.set('slow.example', { silent: true })
  const proxy = spawnProxy(
    'nuncio',
    `
admin: { ${address} }
static_resources:
  clusters:
  - name: slow
    type: STRICT_DNS
    typed_dns_resolver_config:
      name: envoy.network.dns_resolver.cares
      typed_config:
        "@type": type.googleapis.com/envoy.extensions.network.dns_resolver.cares.v3.CaresDnsResolverConfig
        resolvers: [{ socket_address: { address: 127.0.0.1, port_value: ${dns.port} } }]
    load_assignment:
      cluster_name: slow
      endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: slow.example, port_value: 1 } } } }] }]
`,
  )
  try {
    const file = join(proxy.folder, 'admin_address')
    await until('the admin interface is up', () => existsSync(file) && readFileSync(file, 'utf8').includes(':'))
    const ask = (path: string) => httpRequest(readFileSync(file, 'utf8'), path)
    expect(await ask('/ready')).toMatchObject({ status: 503, body: 'PRE_INITIALIZING\n' })
    expect((await ask('/ready?verbose')).body).toMatch(/^PRE_INITIALIZING\nwaiting for: cluster slow, for \d+ s\n$/)
    expect(JSON.parse((await ask('/init_dump')).body)).toEqual({})
    expect((JSON.parse((await ask('/server_info')).body) as { state: string }).state).toBe('PRE_INITIALIZING')
    expect((await ask('/stats?filter=server.live')).body).toBe('server.live: 0\n')
  } finally {
    await proxy.stop()
    await dns.stop()
  }
})

test('what is wrong with the admin interface is found by --mode validate, with its place', () => {
  const yaml = `admin:
  address: { socket_address: { address: nowhere.example, port_value: 1 } }
  allow_paths: [{ safe_regex: { regex: "(" } }]
  access_log:
  - name: x
    typed_config: { "@type": type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog, path: /dev/null, log_format: { text_format_source: { inline_string: "%NOTHING%" } } }
`
  using folder = new TestFolder()
  const [command, ...args] = commandPrefix('nuncio')
  const { status, stderr } = spawnSync(command, [...args, '--mode', 'validate', '-c', folder.file('a.yaml', yaml)], {
    encoding: 'utf8',
    timeout: 20_000,
  })
  expect(status).toBe(1)
  expect(stderr).toMatch(/a\.yaml:2:.*malformed IP address: nowhere\.example/)
  expect(stderr).toMatch(/a\.yaml:3:.*missing/)
  expect(stderr).toMatch(/a\.yaml:6:.*NOTHING/)
})
