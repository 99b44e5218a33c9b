// Asks for each kind of fault, then has the operator turn all answers into errors.
import assert from 'node:assert/strict'
import { httpEcho } from '../backends.ts'
import { get, getEcho } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  assert.equal((await get(port, '/')).status, 200)

  const aborted = await get(port, '/test/', { 'x-envoy-fault-abort-request': '429' })
  assert.deepEqual([aborted.status, aborted.body], [429, 'fault filter abort'])

  const delayMs = 200
  const startMs = performance.now()
  assert.equal((await getEcho(port, '/test/x', { 'x-envoy-fault-delay-request': String(delayMs) })).path, '/x')
  assert.ok(performance.now() - startMs >= delayMs)

  assert.equal((await get(port, '/test/', { 'x-envoy-fault-throughput-response': '10' })).status, 200)
  // Elsewhere nobody may ask for faults.
  assert.equal((await get(port, '/', { 'x-envoy-fault-abort-request': '429' })).status, 200)

  await proxy.admin('/runtime_modify?outage.percent=100', 'POST')
  assert.equal((await get(port, '/')).status, 503)
  await proxy.admin('/runtime_modify?outage.percent=', 'POST')
  assert.equal((await get(port, '/')).status, 200)

  const stats = await proxy.stats('^http\\.http\\.fault\\.')
  assert.equal(stats.get('http.http.fault.aborts_injected'), 2)
  assert.equal(stats.get('http.http.fault.delays_injected'), 1)
  assert.equal(stats.get('http.http.fault.response_rl_injected'), 1)
}

export const example: Example = { backends: { 8081: httpEcho('service') }, check }
