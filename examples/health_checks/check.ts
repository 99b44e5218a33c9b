// Breaks the hosts, one after the other, and mends them: who is asked, and what the proxy says of itself.
import assert from 'node:assert/strict'
import { breakable, type Echo } from '../backends.ts'
import { get, until } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

const broken = new Set<string>()

/** Who answers some requests. */
async function answering(port: number): Promise<string> {
  const names = new Set<string>()
  for (let i = 0; i < 8; i++) names.add((JSON.parse((await get(port, '/')).body) as Echo).backend)
  return [...names].sort().join()
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const healthz = async () => (await get(port, '/healthz')).status

  await until('both answer', async () => (await answering(port)) === 'one,other')
  assert.equal(await healthz(), 200)

  const ill = (JSON.parse((await get(port, '/break')).body) as Echo).backend
  const well = ill === 'one' ? 'other' : 'one'
  await until(`only ${well} answers`, async () => (await answering(port)) === well)
  assert.equal(await healthz(), 200)
  assert.match((await proxy.admin('/clusters')).body, /health_flags::\/failed_active_hc\n/)

  await get(port, '/break')
  await until('the proxy says that it is not well', async () => (await healthz()) === 503)

  await get(port, '/mend')
  await until('the proxy says that it is well', async () => (await healthz()) === 200)
  await until('both answer again', async () => (await answering(port)) === 'one,other')

  await proxy.admin('/healthcheck/fail', 'POST')
  await until('the proxy fails its checks', async () => (await healthz()) === 503)
  await proxy.admin('/healthcheck/ok', 'POST')
  await until('the proxy passes its checks', async () => (await healthz()) === 200)
}

export const example: Example = {
  backends: { 8081: breakable('one', broken), 8082: breakable('other', broken) },
  check,
}
