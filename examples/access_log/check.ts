// Makes requests that succeed and that fail, and reads the three logs.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { httpEcho } from '../backends.ts'
import { get } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

// Without the flag --file-flush-interval-msec a log file is written every ten seconds.
const waitMs = 15_000

/** The lines of a log once there are that many. */
async function lines(read: () => string, count: number): Promise<string[]> {
  const deadline = performance.now() + waitMs
  for (;;) {
    const found = read().split('\n').slice(0, -1)
    if (found.length >= count) return found
    if (performance.now() > deadline) throw new Error(`${count} lines expected in ${waitMs} ms, found: ${found}`)
    await delay(10)
  }
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const file = (name: string) => () => {
    const path = join(proxy.folder, name)
    return existsSync(path) ? readFileSync(path, 'utf8') : ''
  }
  assert.equal((await get(port, '/hello', { 'user-agent': 'check' })).status, 200)
  assert.equal((await get(port, '/down')).status, 503)

  const [first, second] = await lines(() => proxy.stdout, 2)
  assert.match(
    first,
    /^\[\d{4}-\d\d-\d\dT.+Z\] "GET \/hello HTTP\/1\.1" 200 - 0 \d+ \d+ \d+ "-" "check" "[0-9a-f-]{36}" /,
  )
  assert.match(second, /"GET \/down HTTP\/1\.1" 503 UH 0 19 \d+ - /)

  const [hello] = (await lines(file('access.json'), 2)).map((line) => JSON.parse(line))
  assert.equal(hello.path, '/hello')
  assert.equal(hello.status, 200)
  assert.equal(hello.user_agent, 'check')
  assert.equal(hello.upstream.cluster, 'app')
  assert.equal(typeof hello.duration_ms, 'number')

  assert.deepEqual(await lines(file('errors.log'), 1), ['503 UH GET /down no_healthy_upstream'])
}

export const example: Example = { backends: { 8081: httpEcho('app') }, check }
