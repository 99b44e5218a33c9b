// Changes the proxy's own YAML while it runs: well, with a mistake, where it cannot follow, and by the swap of a link.
import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { httpEcho } from '../backends.ts'
import { getEcho, once } from '../client.ts'
import type { Example, ExampleProxy } from '../example.ts'

/** As `sed -i` does: another file takes the place of the first. */
function edit(path: string, change: (text: string) => string): void {
  const text = change(readFileSync(path, 'utf8'))
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

const toSecond = (text: string): string => text.replace('cluster: first }', 'cluster: second }')
const toFirst = (text: string): string => text.replace('cluster: second }', 'cluster: first }')

/** As a ConfigMap is mounted: the file is a link through another link, which alone is swapped. */
function mount(path: string, version: string, text: string): void {
  const folder = dirname(path)
  mkdirSync(join(folder, version))
  writeFileSync(join(folder, version, 'envoy.yaml'), text)
  symlinkSync(version, join(folder, '..next'))
  renameSync(join(folder, '..next'), join(folder, '..data'))
}

async function check(proxy: ExampleProxy): Promise<void> {
  const { configPath } = proxy
  const port = proxy.port('http')
  const reached = (backend: string) =>
    once(`${backend} is reached`, async () => ((await getEcho(port, '/')).backend === backend ? true : undefined))
  const ready = (pattern: RegExp) =>
    once(`/ready says ${pattern}`, async () => {
      const { body } = await proxy.admin('/ready?verbose')
      return pattern.test(body) ? body : undefined
    })
  const good = readFileSync(configPath, 'utf8')
  assert.equal((await getEcho(port, '/')).backend, 'first')

  edit(configPath, toSecond)
  await reached('second')

  edit(configPath, (text) => text.replace('prefix: /', 'prefiks: /'))
  const told = await ready(/unknown field 'prefiks'/)
  assert.match(told, /^LIVE\n/)
  assert.match(told, /did you mean 'prefix'/)
  assert.match(proxy.stderr, /the one before stays in force/)
  const refused = await proxy.admin('/reload?dry_run', 'POST')
  assert.equal(refused.status, 400)
  assert.match(JSON.parse(refused.body).issues[0].path, /virtual_hosts\[0\]\.routes\[0\]\.match/)
  assert.equal((await getEcho(port, '/')).backend, 'second')
  assert.equal((await proxy.stats('nuncio.reload')).get('nuncio.reload.stale'), 1)

  edit(configPath, () => `${toSecond(good)}node: { id: another }\n`)
  await ready(/^LIVE\n$/)
  const report = JSON.parse((await proxy.admin('/reload', 'POST')).body)
  assert.equal(report.result, 'unchanged')
  assert.deepEqual(report.needs_restart, ['node'])

  mount(configPath, '..1', toFirst(good))
  symlinkSync('..data/envoy.yaml', `${configPath}.link`)
  renameSync(`${configPath}.link`, configPath)
  await reached('first')
  mount(configPath, '..2', toSecond(good))
  await reached('second')
  assert.equal((await proxy.stats('nuncio.reload')).get('nuncio.reload.rejected'), 1)
}

export const example: Example = {
  flags: ['--watch'],
  isNuncioOnly: true,
  backends: { 7001: httpEcho('first'), 7002: httpEcho('second') },
  check,
}
