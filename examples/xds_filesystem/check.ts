// Swaps the link to the files while the proxy runs, and looks for what the second version brings: a listener, a route, a
// cluster and an endpoint.
import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { httpEcho } from '../backends.ts'
import { getEcho, once, portOnce } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

const versions = ['v1', 'v2'] as const

function configure(tmp: string, adapt: (text: string) => string): void {
  const folder = join(tmp, 'xds_filesystem')
  for (const version of versions) {
    mkdirSync(join(folder, version), { recursive: true })
    for (const name of readdirSync(join(import.meta.dirname, version))) {
      const text = readFileSync(join(import.meta.dirname, version, name), 'utf8')
      writeFileSync(join(folder, version, name), adapt(text))
    }
  }
  link(folder, 'v1')
}

/** All files change at one moment, none is ever half written. */
function link(folder: string, version: (typeof versions)[number]): void {
  symlinkSync(version, join(folder, 'next'))
  renameSync(join(folder, 'next'), join(folder, 'current'))
}

async function check(proxy: ExampleProxy): Promise<void> {
  const port = proxy.port('http')
  assert.equal((await getEcho(port, '/hello')).backend, 'blue-1')
  assert.equal((await getEcho(port, '/green/hello')).backend, 'blue-1')

  link(join(proxy.folder, 'xds_filesystem'), 'v2')
  const fromGreen = await once('the route is there', async () => {
    const echo = await getEcho(port, '/green/hello')
    return echo.backend === 'green' ? echo : undefined
  })
  assert.equal(fromGreen.path, '/hello')
  await once('the second endpoint is used', async () =>
    (await getEcho(port, '/')).backend === 'blue-2' ? true : undefined,
  )
  const second = await portOnce(proxy, 'second_http')
  await once('the second listener serves', () => getEcho(second, '/'))

  const stats = await proxy.stats('update_(success|rejected)$')
  for (const name of ['cluster_manager.cds', 'listener_manager.lds', 'cluster.blue', 'http.http.rds.local']) {
    assert.equal(stats.get(`${name}.update_success`), 2, name)
    assert.equal(stats.get(`${name}.update_rejected`), 0, name)
  }
}

export const example: Example = {
  configure,
  backends: { 7001: httpEcho('blue-1'), 7002: httpEcho('blue-2'), 7003: httpEcho('green') },
  check,
}
