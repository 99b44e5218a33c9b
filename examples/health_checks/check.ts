// Breaks the hosts, one after the other, and mends them: who is asked, and what the proxy says of itself.
import assert from 'node:assert/strict'
import { type Echo, httpEcho } from '../backends.ts'
import { get, once } from '../client.ts'
import type { Backend, Example, ExampleProxy } from '../example.ts'

const broken = new Set<string>()

/** Well until it is asked to break; whoever is asked to mend mends all. */
function patient(name: string): Backend {
  return httpEcho(name, ({ url }) => {
    if (url === '/break') broken.add(name)
    if (url === '/mend') broken.clear()
    return url === '/health' && broken.has(name) ? 500 : 200
  })
}

/** Who answers some requests. */
async function answering(port: number): Promise<string> {
  const names = new Set<string>()
  for (let i = 0; i < 8; i++) names.add((JSON.parse((await get(port, '/')).body) as Echo).backend)
  return [...names].sort().join()
}

function until(what: string, holds: () => Promise<boolean>): Promise<true> {
  return once(what, async () => (await holds()) || undefined)
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

export const example: Example = { backends: { 8081: patient('one'), 8082: patient('other') }, check }
