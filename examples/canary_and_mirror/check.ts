// Sends requests by weight and by header, changes the weights, and looks at the copies that the next version gets.
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { httpEcho } from '../backends.ts'
import { getEcho, until } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

/** What the next version was sent: `host path`. */
const copies: string[] = []

function next({ headers, url }: IncomingMessage): number {
  copies.push(`${headers.host} ${url}`)
  return 500
}

/** How many of some requests each backend has answered. */
async function answers(
  port: number,
  count: number,
  headers: Record<string, string> = {},
): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (let i = 0; i < count; i++) {
    const { backend } = await getEcho(port, '/', headers)
    counts.set(backend, (counts.get(backend) ?? 0) + 1)
  }
  return counts
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  copies.length = 0
  const modify = (query: string) => proxy.admin(`/runtime_modify?${query}`, 'POST')

  assert.deepEqual([...(await answers(port, 10, { 'x-canary': 'always' })).keys()], ['canary'])
  assert.deepEqual([...(await answers(port, 10, { 'x-canary': 'never' })).keys()].sort(), ['stable-1', 'stable-2'])
  const byWeight = await answers(port, 300)
  const canary = byWeight.get('canary') ?? 0
  assert.ok(canary > 0 && canary < 100, `canary has answered ${canary} of 300 requests`)
  assert.ok(copies.length > 0 && copies.length < 200, `${copies.length} of 320 requests were copied`)

  await modify('weight.stable=0&weight.canary=100')
  await until('all requests go to canary', async () => (await answers(port, 10)).get('canary') === 10)
  await modify('weight.stable=100&weight.canary=0')
  await until('none does', async () => !(await answers(port, 10)).has('canary'))

  await modify('mirror.next=100')
  let tries = 0
  await until('a request is copied', async () => {
    const path = `/copied/${++tries}`
    // Whatever the next version answers, the client hears nothing of it.
    const { host } = await getEcho(port, path, { host: 'shop.test' })
    assert.equal(host, 'shop.test')
    return copies.includes(`shop.test-shadow ${path}`)
  })
  const failed = 'cluster.next.internal.upstream_rq_500'
  await until('its failures are counted', async () => ((await proxy.stats(`^${failed}$`)).get(failed) ?? 0) > 0)
}

export const example: Example = {
  backends: {
    8081: httpEcho('stable-1'),
    8082: httpEcho('stable-2'),
    8083: httpEcho('canary'),
    8084: httpEcho('next', next),
  },
  check,
}
