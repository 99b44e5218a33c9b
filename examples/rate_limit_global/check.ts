// Asks until the limits are reached that the service keeps in Redis.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { ensureRedisRateLimits, RedisRateLimits } from '../../test/support/redis_rate_limits.ts'
import { httpEcho, tcpEcho } from '../backends.ts'
import { type Answer, echoOf, get, once, times } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

/** Passes connections on to the service, which starts with it and ends with it. */
function rateLimits(): Server {
  const service = RedisRateLimits.start(readFileSync(join(import.meta.dirname, 'limits.yaml'), 'utf8'))
  const server = createServer(async (socket) => {
    socket.on('error', () => {})
    const { port } = await service
    const passedOn = connect({ port, host: '127.0.0.1' })
    passedOn.on('error', () => socket.destroy())
    passedOn.on('close', () => socket.destroy())
    socket.on('close', () => passedOn.destroy())
    socket.pipe(passedOn).pipe(socket)
  })
  server.on('close', async () => (await service).stop())
  return server
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const ask = (path: string, client: string) => get(port, path, { 'x-client': client })
  const left = ({ status, headers }: Answer) => `${status}, ${headers['x-ratelimit-remaining']} left`
  let probes = 0
  await once('the service answers', async () => {
    probes += 1
    return (await ask('/', `probe-${probes}`)).headers['x-ratelimit-remaining']
  })

  const me = await times(4, () => ask('/', 'me'))
  assert.deepEqual(me.map(left), ['200, 2 left', '200, 1 left', '200, 0 left', '429, 0 left'])
  assert.equal(me[3].headers['x-ratelimit-limit'], '3, 3;w=86400;name="each-client"')
  assert.ok(Number(me[3].headers['retry-after']) > 0)
  assert.equal(left(await ask('/', 'you')), '200, 2 left')
  assert.deepEqual((await times(2, () => ask('/search', 'you'))).map(left), ['200, 0 left', '429, 0 left'])
  assert.equal(left(await ask('/search', 'gold')), '200, 4 left')
  assert.equal(left(await get(port, '/')), '200, undefined left')

  const tcp = proxy.port('tcp')
  assert.deepEqual(
    [await echoOf(tcp, 'hello'), await echoOf(tcp, 'hello'), await echoOf(tcp, 'hello')],
    ['hello', 'hello', ''],
  )
  const stats = await proxy.stats('ratelimit\\.')
  assert.equal(stats.get('cluster.service.ratelimit.over_limit'), 2)
  assert.equal(stats.get('ratelimit.connections.cx_closed'), 1)
}

export const example: Example = {
  install: ensureRedisRateLimits,
  backends: { 8081: httpEcho('service'), 8082: tcpEcho, 8083: rateLimits },
  check,
}
