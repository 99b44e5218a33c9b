// Drives the redirects and rewrites, and looks at what reaches the backend.
import assert from 'node:assert/strict'
import { httpEcho } from '../backends.ts'
import { get, getEcho } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

/** Status and location of each redirect. */
const redirects: readonly [path: string, host: string, status: number, location: string][] = [
  ['/a?b=c', 'old.example.com', 308, 'https://www.example.com/a?b=c'],
  ['/docs', 'www.example.com', 302, 'http://www.example.com/docs/'],
  ['/blog/2024?draft=1', 'www.example.com', 301, 'http://www.example.com/articles/2024'],
]

/** What reaches the backend, by what was asked. */
const rewrites: readonly [path: string, received: string][] = [
  ['/v1/items?limit=2', '/api/v1/items?limit=2'],
  ['/users/42/orders', '/orders?user=42'],
  ['/a/../b//c', '/b/c'],
]

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  for (const [path, host, status, location] of redirects) {
    const answer = await get(port, path, { host })
    assert.deepEqual([answer.status, answer.headers['location']], [status, location], path)
  }
  for (const [path, received] of rewrites) assert.equal((await getEcho(port, path)).path, received)

  const image = await getEcho(port, '/images/logo.png', { 'x-client': 'forged', 'x-internal-token': 'secret' })
  assert.equal(image.host, 'images.internal')
  assert.equal(image.headers['x-client'], '127.0.0.1')
  assert.equal(image.headers['x-internal-token'], undefined)

  const robots = await get(port, '/robots.txt')
  assert.deepEqual([robots.status, robots.body], [200, 'User-agent: *\nDisallow: /v1/\n'])
}

export const example: Example = { backends: { 8081: httpEcho('app') }, check }
