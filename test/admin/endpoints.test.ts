// What is the proxy's own in the admin interface: pages, guards, V8's profilers, its log, its stats.

import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { until } from '../server/support.ts'
import type { SimpleResponse } from '../support/http_get.ts'
import { type ProxyProcess, startNuncio } from '../support/proxy_process.ts'
import { richYaml } from './support.ts'

let proxy: ProxyProcess

beforeAll(async () => {
  proxy = await startNuncio(richYaml, ['--file-flush-interval-msec', '20'])
})

afterAll(async () => {
  await proxy?.stop()
})

/** A POST with a body. */
function post(path: string, contentType: string, body: string): Promise<SimpleResponse> {
  const [host, port] = proxy.adminAddress.split(':')
  return new Promise((resolve, reject) => {
    const sent = request({ host, port, path, method: 'POST', headers: { 'content-type': contentType } }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }))
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

describe('pages', () => {
  test.each(['/', '/stats?format=html&filter=server', '/stats?format=active-html'])(
    '%s runs only what its policy names',
    async (path) => {
      const { headers, body } = await proxy.admin(path)
      const policy = String(headers['content-security-policy'])
      expect(policy).toContain("default-src 'none'")
      expect(policy).toContain("frame-ancestors 'none'")
      const inline = [...body.matchAll(/<(style|script)>([\s\S]*?)<\/\1>/g)].map(([, name, text]) => ({ name, text }))
      expect(inline.length).toBe(path.includes('active') ? 2 : 1)
      for (const { name, text } of inline) {
        const hash = createHash('sha256').update(text).digest('base64')
        const directive = policy.split('; ').find((each) => each.startsWith(`${name}-src`))
        expect(directive).toBe(`${name}-src 'sha256-${hash}'`)
      }
      expect(body).not.toMatch(/ on[a-z]+=| style=|https?:\/\//)
    },
  )

  test('what a request says is escaped', async () => {
    const filter = encodeURIComponent('"><script>alert(1)</script>')
    const { body } = await proxy.admin(`/stats?format=html&filter=${filter}`)
    expect(body).not.toContain('<script>')
    expect(body).toContain('&lt;script&gt;')
  })

  test('/help, the home page and unknown paths name every endpoint', async () => {
    const help = (await proxy.admin('/help')).body
    const home = (await proxy.admin('/')).body
    const unknown = await proxy.admin('/no%3Cwhere')
    const paths = [...help.matchAll(/^ {2}(\/\S*)/gm)].map(([, path]) => path.replace(/:$/, ''))
    expect(paths).toEqual([...paths].sort())
    expect(paths.length).toBeGreaterThan(30)
    for (const path of paths.slice(1)) expect(home).toContain(`>${path.slice(1)}</`)
    expect(unknown.status).toBe(404)
    expect(unknown.body).toBe(help.replace('admin commands are:', 'invalid path. admin commands are:'))
    for (const path of paths) {
      const { status } = await proxy.admin(path, 'HEAD')
      expect([path, status]).toEqual([path, help.includes(`  ${path} (POST)`) ? 405 : 200])
    }
  })
})

describe('guards', () => {
  test('a name that was rebound to loopback is refused', async () => {
    const reply = await proxy.admin('/config_dump', 'GET', { host: 'evil.example' })
    expect(reply.status).toBe(403)
    expect(reply.body).toContain('host evil.example not allowed')
    expect((await proxy.admin('/ready', 'GET', { host: 'localhost:1' })).status).toBe(200)
  })

  test('a change from another origin is refused, from our own page it is not', async () => {
    const own = { origin: `http://${proxy.adminAddress}` }
    expect((await proxy.admin('/healthcheck/fail', 'POST', { origin: 'http://evil.example' })).status).toBe(403)
    expect((await proxy.admin('/ready')).body).toBe('LIVE\n')
    expect((await proxy.admin('/healthcheck/ok', 'POST', own)).status).toBe(200)
  })
})

describe('forms', () => {
  test('a change without a query takes its parameters from the form', async () => {
    const form = 'application/x-www-form-urlencoded'
    expect(await post('/runtime_modify', form, 'form.a=x+y%21&form.b=2')).toMatchObject({ status: 200, body: 'OK\n' })
    const { entries } = JSON.parse((await proxy.admin('/runtime')).body) as {
      entries: Record<string, { final_value: string }>
    }
    expect(entries['form.a'].final_value).toBe('x y!')
    expect(entries['form.b'].final_value).toBe('2')
  })

  test('anything else in a body is no parameter, and a form has its limit', async () => {
    expect((await post('/runtime_modify', 'application/json', 'a=1')).status).toBe(400)
    const long = 'a'.repeat((1 << 20) + 1)
    expect((await post('/runtime_modify', 'application/x-www-form-urlencoded', long)).status).toBe(413)
    expect((await proxy.admin('/ready')).status).toBe(200)
  })
})

describe("V8's own", () => {
  test('the CPU profiler leaves a file for each worker', async () => {
    expect((await proxy.admin('/cpuprofiler?enable=y', 'POST')).body).toBe('OK\n')
    expect((await proxy.admin('/cpuprofiler?enable=y', 'POST')).status).toBe(500)
    expect((await proxy.admin('/cpuprofiler?enable=n', 'POST')).body).toBe('OK\n')
    const profile = JSON.parse(readFileSync(join(proxy.folder, 'profile.worker_0.cpuprofile'), 'utf8')) as object
    expect(profile).toHaveProperty('nodes')
    expect(profile).toHaveProperty('samples')
  })

  test.each([
    ['/heapprofiler', 'profile.worker_0.heapprofile'],
    ['/allocprofiler', 'profile.worker_0.alloc.heapprofile'],
  ])('%s leaves a file for each worker', async (path, file) => {
    const other = path === '/heapprofiler' ? '/allocprofiler' : '/heapprofiler'
    expect((await proxy.admin(`${path}?enable=y`, 'POST')).body).toBe('OK\n')
    expect((await proxy.admin(`${other}?enable=y`, 'POST')).status).toBe(500)
    expect((await proxy.admin(`${path}?enable=n`, 'POST')).body).toBe('OK\n')
    expect(JSON.parse(readFileSync(join(proxy.folder, file), 'utf8'))).toHaveProperty('head')
  })

  test('a heap dump is a snapshot of main or of one worker, and leaves no file', async () => {
    for (const path of ['/heap_dump', '/heap_dump?worker=0']) {
      const { status, body } = await proxy.admin(path)
      expect(status).toBe(200)
      expect(body.startsWith('{"snapshot"')).toBe(true)
      expect(body.endsWith('}') || body.endsWith('}\n')).toBe(true)
    }
    expect(readdirSync(tmpdir()).filter((name) => name.startsWith('nuncio-heap-'))).toEqual([])
    expect((await proxy.admin('/heap_dump?worker=9')).status).toBe(400)
    expect((await proxy.admin('/heap_dump?worker=x')).status).toBe(400)
  })

  test('/memory adds up all processes', async () => {
    const memory = JSON.parse((await proxy.admin('/memory')).body) as Record<string, string>
    expect(Number(memory['total_physical_bytes'])).toBeGreaterThan(Number(memory['allocated']))
    expect(Number(memory['heap_size'])).toBeGreaterThanOrEqual(Number(memory['allocated']))
    const { body } = await proxy.admin('/memory/tcmalloc')
    expect(body).toMatch(/^main +\d+/m)
    expect(body).toMatch(/^worker 0 +\d+/m)
  })

  test("Prometheus output ends with the runtime's own health, unless certain names were asked for", async () => {
    const all = (await proxy.admin('/stats/prometheus')).body
    expect(all).toContain('\nnuncio_nodejs_eventloop_lag_p99_seconds ')
    expect(all).toContain('\nnuncio_nodejs_heap_size_total_bytes ')
    expect((await proxy.admin('/stats?format=prometheus')).body).toContain('nuncio_nodejs_')
    expect((await proxy.admin('/stats/prometheus?filter=server')).body).not.toContain('nuncio_nodejs_')
  })
})

describe('stats', () => {
  const recent = async () => (await proxy.admin('/stats/recentlookups')).body

  test('names that come up while lookups are tracked are shown', async () => {
    expect(await recent()).toContain('Lookup tracking is not enabled')
    await proxy.admin('/stats/recentlookups/enable', 'POST')
    expect(await recent()).toMatch(/^ {3}Count Lookup\n/)
    // No host of the cluster answers: the first 503 makes its stat.
    await new Promise((resolve) => {
      request({ host: '127.0.0.1', port: proxy.port('main'), path: '/' }, resolve).end()
    })
    expect(await recent()).toContain('       1 cluster.main.upstream_rq_503\n')
    await proxy.admin('/stats/recentlookups/clear', 'POST')
    expect(await recent()).toBe('   Count Lookup\n\ntotal: 0\n')
    await proxy.admin('/stats/recentlookups/disable', 'POST')
    expect(await recent()).toContain('Lookup tracking is not enabled')
  })

  test('the admin interface counts its own requests', async () => {
    const counted = async () => {
      const stats = await proxy.stats('^(http|listener).admin')
      const names = ['downstream_rq_2xx', 'downstream_rq_4xx', 'downstream_rq_total', 'downstream_cx_total']
      return names.map((name) => stats.get(`http.admin.${name}`) ?? Number.NaN)
    }
    const before = await counted()
    await proxy.admin('/ready')
    await proxy.admin('/nothing')
    const after = await counted()
    expect(after.map((value, i) => value - before[i])).toEqual([2, 1, 3, 3])
  })

  test('a counter is reset, a gauge is not', async () => {
    await proxy.admin('/reset_counters', 'POST')
    const stats = await proxy.stats('^(server.concurrency|cluster.main.upstream_rq_503)$')
    expect([...stats]).toEqual([
      ['cluster.main.upstream_rq_503', 0],
      ['server.concurrency', 1],
    ])
  })

  test('a client that does not read holds up nobody', async () => {
    const [host, port] = proxy.adminAddress.split(':')
    const slow = connect(Number(port), host)
    slow.pause()
    for (let i = 0; i < 50; i++) slow.write('GET /config_dump HTTP/1.1\r\nhost: localhost\r\n\r\n')
    expect((await proxy.admin('/ready')).body).toBe('LIVE\n')
    slow.destroy()
    await until('its requests are given up', async () => {
      const stats = await proxy.stats('^http.admin.downstream_rq_active$')
      return stats.get('http.admin.downstream_rq_active') === 1
    })
  })
})

describe('access log', () => {
  const lines = () => readFileSync(join(proxy.folder, 'admin.log'), 'utf8').split('\n')

  test('each request is a line', async () => {
    await proxy.admin('/ready?logged', 'GET', { 'x-test': 'seen' })
    await until('the line is written', () => lines().includes('GET /ready?logged HTTP/1.1 200 5 seen'))
  })

  test('the file is opened anew on demand', async () => {
    const path = join(proxy.folder, 'admin.log')
    renameSync(path, `${path}.1`)
    expect((await proxy.admin('/reopen_logs', 'POST')).body).toBe('OK\n')
    expect(existsSync(path)).toBe(true)
    await proxy.admin('/ready?again')
    await until('the new file has the line', () => lines().some((line) => line.includes('/ready?again')))
  })
})

test('log levels are set in main and in the workers', async () => {
  await proxy.admin('/logging?paths=main:debug,router:trace', 'POST')
  const { body } = await proxy.admin('/logging', 'POST')
  expect(body).toContain('\n  main: debug\n')
  expect(body).toContain('\n  router: trace\n')
  await proxy.admin('/logging?level=info', 'POST')
})
