// Asks until the buckets are empty: what is let through, what is refused, and what is told of it.
import assert from 'node:assert/strict'
import { httpEcho, tcpEcho } from '../backends.ts'
import { type Answer, echoOf, get, times } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const all = await times(4, () => get(port, '/'))
  assert.deepEqual(
    all.map(({ status }) => status),
    [200, 200, 200, 429],
  )
  assert.equal(all[3].headers['x-limited-by'], 'the proxy')
  assert.equal(all[3].body, 'local_rate_limited')

  const client = (name: string) => get(port, '/clients', { 'x-client': name })
  const left = ({ status, headers }: Answer) => `${status}, ${headers['x-ratelimit-remaining']} left`
  const me = await times(3, () => client('me'))
  assert.deepEqual(me.map(left), ['200, 1 left', '200, 0 left', '429, 0 left'])
  assert.equal(left(await client('you')), '200, 1 left')
  assert.equal(left(await client('gold')), '200, 4 left')
  assert.deepEqual((await times(2, () => get(port, '/clients'))).map(left), ['200, 0 left', '429, 0 left'])

  const tcp = proxy.port('tcp')
  assert.deepEqual(
    [await echoOf(tcp, 'hello'), await echoOf(tcp, 'hello'), await echoOf(tcp, 'hello')],
    ['hello', 'hello', ''],
  )
  const stats = await proxy.stats('local_rate_limit')
  assert.equal(stats.get('all.http_local_rate_limit.rate_limited'), 1)
  assert.equal(stats.get('clients.http_local_rate_limit.rate_limited'), 2)
  assert.equal(stats.get('local_rate_limit.connections.rate_limited'), 1)
}

export const example: Example = { backends: { 8081: httpEcho('service'), 8082: tcpEcho }, check }
