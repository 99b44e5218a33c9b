// Fills the connection and the place to wait, and looks who is turned away; then tries that are made again, and side by side.
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { echoRequest } from '../backends.ts'
import { type Answer, get, once } from '../client.ts'
import type { Backend, Example, ExampleProxy } from '../example.ts'

const answer = echoRequest('one')

/** Is slow until it is told to let go; every other request for `/flaky` fails, and the first for `/hedged` has no answer. */
const moody: Backend = () => {
  const held: (() => void)[] = []
  let isSlow = true
  let flaky = 0
  let hedged = 0
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    const { url = '' } = request
    if (url === '/important/let-go') {
      isSlow = false
      for (const letGo of held) letGo()
    }
    if (url === '/hedged' && hedged++ === 0) return
    if (url === '/slow' && isSlow) held.push(() => answer(request, response))
    else if (url === '/flaky' && flaky++ % 2 === 0) response.writeHead(503).end('not now\n')
    else answer(request, response)
  }
  return createServer(serve)
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const stat = async (name: string): Promise<number | undefined> => (await proxy.stats(`^${name}$`)).get(name)
  const reaches = (name: string, value: number): Promise<true> =>
    once(`${name} is ${value}`, async () => (await stat(name)) === value || undefined)

  const slow: Promise<Answer>[] = [get(port, '/slow')]
  await reaches('cluster.service.upstream_rq_active', 1)
  slow.push(get(port, '/slow'))
  await reaches('cluster.service.upstream_rq_pending_active', 1)
  await reaches('cluster.service.circuit_breakers.default.rq_pending_open', 1)
  await reaches('cluster.service.circuit_breakers.default.remaining_pending', 0)

  const turnedAway = await get(port, '/')
  assert.equal(turnedAway.status, 503)
  assert.equal(turnedAway.headers['x-envoy-overloaded'], 'true')
  assert.equal(await stat('cluster.service.upstream_rq_pending_overflow'), 1)
  assert.equal((await get(port, '/important')).status, 200)
  assert.match((await proxy.admin('/clusters')).body, /^service::default_priority::max_connections::1$/m)

  await get(port, '/important/let-go')
  assert.deepEqual(
    (await Promise.all(slow)).map(({ status }) => status),
    [200, 200],
  )
  assert.equal((await get(port, '/')).status, 200)

  const flaky = await get(port, '/flaky')
  assert.equal(flaky.status, 200)
  assert.equal(flaky.headers['x-envoy-attempt-count'], '2')
  assert.equal(await stat('cluster.service.upstream_rq_retry_success'), 1)

  const hedged = await get(port, '/hedged')
  assert.equal(hedged.status, 200)
  assert.equal(hedged.headers['x-envoy-attempt-count'], '2')
  assert.equal(await stat('cluster.roomy.upstream_rq_retry_success'), 1)
}

export const example: Example = { backends: { 8081: moody }, check }
