// Drives the front proxy: routing by host and path, load balancing, retries, an answer of the proxy's own.
import assert from 'node:assert/strict'
import { httpEcho } from '../backends.ts'
import { get, getEcho } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

const seenRequestIds = new Set<string>()

/** `/flaky` fails the first time it sees a request, whichever endpoint that reaches. */
const api = (name: string) =>
  httpEcho(name, (request) => {
    const id = String(request.headers['x-request-id'])
    if (request.url !== '/flaky' || seenRequestIds.has(id)) return 200
    seenRequestIds.add(id)
    return 503
  })

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('front_proxy')

  const viaPath = await getEcho(port, '/api/users?page=2')
  assert.match(viaPath.backend, /^api-/)
  assert.equal(viaPath.path, '/users?page=2')
  assert.equal(viaPath.headers['x-envoy-original-path'], '/api/users?page=2')
  assert.equal(viaPath.headers['x-forwarded-proto'], 'http')
  assert.match(String(viaPath.headers['x-forwarded-for']), /^[\d.]+$/)

  const viaHost = await getEcho(port, '/users', { host: 'api.example.com' })
  assert.match(viaHost.backend, /^api-/)
  assert.equal(viaHost.path, '/users')

  const page = await get(port, '/index.html')
  assert.equal(JSON.parse(page.body).backend, 'web')
  assert.equal(page.headers['x-frame-options'], 'DENY')
  assert.equal(page.headers['server'], 'envoy')

  const used = new Set<string>()
  for (let i = 0; i < 4; i++) used.add((await getEcho(port, '/api/')).backend)
  assert.deepEqual([...used].sort(), ['api-1', 'api-2'])

  assert.equal((await getEcho(port, '/api/flaky')).path, '/flaky')
  const stats = await proxy.stats('^cluster\\.api\\.upstream_rq_retry(_success)?$')
  assert.equal(stats.get('cluster.api.upstream_rq_retry'), 1)
  assert.equal(stats.get('cluster.api.upstream_rq_retry_success'), 1)

  assert.deepEqual(await get(port, '/healthz').then(({ status, body }) => [status, body]), [200, 'ok\n'])
}

export const example: Example = {
  backends: { 8081: api('api-1'), 8082: api('api-2'), 8083: httpEcho('web') },
  check,
}
