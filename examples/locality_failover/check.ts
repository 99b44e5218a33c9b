// Breaks the hosts nearby, one after the other, and mends them: who answers then?
import assert from 'node:assert/strict'
import { breakable } from '../backends.ts'
import { getEcho, until } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

const broken = new Set<string>()

async function answering(port: number): Promise<string> {
  const names = new Set<string>()
  // Of two that have half each, one is missing once in half a million times.
  for (let i = 0; i < 20; i++) names.add((await getEcho(port, '/')).backend)
  return [...names].sort().join()
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  const untilAnswering = (names: string) => until(`${names} answer`, async () => (await answering(port)) === names)
  await untilAnswering('near-1,near-2')

  const first = (await getEcho(port, '/break')).backend
  const second = first === 'near-1' ? 'near-2' : 'near-1'
  await untilAnswering(`far,${second}`)

  broken.add(second)
  await untilAnswering('far')
  const stats = await proxy.stats('^cluster\\.service\\.(membership_healthy|lb_healthy_panic)$')
  assert.equal(stats.get('cluster.service.membership_healthy'), 1)
  assert.equal(stats.get('cluster.service.lb_healthy_panic'), 0)

  await getEcho(port, '/mend')
  await untilAnswering('near-1,near-2')
}

export const example: Example = {
  backends: { 8081: breakable('near-1', broken), 8082: breakable('near-2', broken), 8083: breakable('far', broken) },
  check,
}
