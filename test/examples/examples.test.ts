/** Every example runs on Nuncio, does what its README says, and does the same on real Envoy. */
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import type { AddressInfo, Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Example, type ExampleProxy, exampleNames, loadExample } from '../../examples/example.ts'
import { BROWSER_INSTALL_TIMEOUT_MS } from '../support/ensure_browser.ts'
import { type ProxyKind, type ProxyProcess, startProxy } from '../support/proxy_process.ts'

const folder = join(import.meta.dirname, '../../examples')
const cleanups: (() => Promise<unknown>)[] = []

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** Starts the backends on free ports; the result says which port stands for which of the YAML. */
async function startBackends(example: Example): Promise<Map<number, number>> {
  const ports = new Map<number, number>()
  for (const [port, backend] of Object.entries(example.backends)) {
    const server: Server = backend((named) => ports.get(named) ?? 0)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    cleanups.push(() => new Promise((resolve) => server.close(resolve)))
    ports.set(Number(port), (server.address() as AddressInfo).port)
  }
  return ports
}

/** Backend ports become the real ones, all others free ones; files go to a folder of their own. */
function adapt(yaml: string, ports: ReadonlyMap<number, number>, files: string): string {
  return yaml
    .replaceAll(/port_value: (\d+)/g, (_, port: string) => `port_value: ${ports.get(Number(port)) ?? 0}`)
    .replaceAll('/tmp/', `${files}/`)
}

/** What a check sees of the process. */
function exampleProxy(proxy: ProxyProcess, files: string): ExampleProxy {
  return {
    port: (listenerName) => proxy.port(listenerName),
    stats: (filter) => proxy.stats(filter),
    admin: (path, method) => proxy.admin(path, method),
    get stdout() {
      return proxy.stdout
    },
    get stderr() {
      return proxy.stderr
    },
    folder: files,
    configPath: proxy.configPath,
  }
}

const examples = new Map(await Promise.all(exampleNames.map(async (name) => [name, await loadExample(name)] as const)))

describe.each(exampleNames)('%s', (name) => {
  const example = examples.get(name)!
  beforeAll(() => example.install?.(), BROWSER_INSTALL_TIMEOUT_MS)

  it.each<ProxyKind>(example.isNuncioOnly === true ? ['nuncio'] : ['nuncio', 'envoy'])(
    'does what its README says on %s',
    async (kind) => {
      const files = mkdtempSync(join(tmpdir(), 'nuncio-example-'))
      cleanups.push(async () => rmSync(files, { recursive: true, force: true }))
      example.prepare?.(files)
      const ports = await startBackends(example)
      const adapted = (text: string): string => adapt(text, ports, files)
      example.configure?.(files, adapted)
      const yaml = adapted(readFileSync(join(folder, name, 'envoy.yaml'), 'utf8'))
      const proxy = await startProxy(kind, yaml, ['--file-flush-interval-msec', '10', ...(example.flags ?? [])])
      cleanups.push(() => proxy.stop())
      await example.check(exampleProxy(proxy, files))
    },
  )

  it('has a README that names the command', () => {
    expect(readFileSync(join(folder, name, 'README.md'), 'utf8')).toContain(`npm run example ${name}`)
  })
})

it('knows every folder', () => {
  const folders = readdirSync(folder).filter((name) => existsSync(join(folder, name, 'envoy.yaml')))
  expect(folders.sort()).toEqual([...exampleNames].sort())
})
