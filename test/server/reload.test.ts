import { once } from 'node:events'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { setAllLevels } from '../../src/common/log.ts'
import { renderIssues } from '../../src/config/errors.ts'
import { loadBootstrap } from '../../src/config/load.ts'
import { Server } from '../../src/server/server.ts'
import { httpRequest } from '../support/http_get.ts'
import { RawClient } from '../support/raw_client.ts'
import { optionsOf, portOf, registryOfAll, statOf, TestFolder, until } from './support.ts'

const stops: (() => unknown)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

interface Answering {
  readonly name: string
  readonly text: string
  /** Further fields of the listener. */
  readonly more?: string
  /** Further filter chains, by the port that clients must come from. */
  readonly otherChains?: string
}

function listener({ name, text, more = '', otherChains = '' }: Answering): string {
  return `
  - name: ${name}
    address: { socket_address: { address: 127.0.0.1, port_value: 0 } }
    ${more}
    filter_chains: ${otherChains}
    - ${chain(text)}`
}

function chain(text: string): string {
  const type = 'type.googleapis.com/envoy.extensions.filters'
  const routes = `[{match: {prefix: /}, direct_response: {status: 200, body: {inline_string: ${text}}}}]`
  const manager = `{"@type": ${type}.network.http_connection_manager.v3.HttpConnectionManager, stat_prefix: s,
      route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: ${routes}}]},
      http_filters: [{name: router, typed_config: {"@type": ${type}.http.router.v3.Router}}]}`
  return `filters: [{name: http, typed_config: ${manager}}]`
}

const bootstrap = (...listeners: readonly string[]): string => `static_resources:\n  listeners:${listeners.join('')}\n`

interface Running {
  readonly server: Server
  readonly folder: TestFolder
  /** Writes the file and reloads. */
  reload(yaml: string): ReturnType<Server['reload']>
}

async function start(yaml: string, ...flags: readonly string[]): Promise<Running> {
  setAllLevels('critical')
  const folder = new TestFolder()
  stops.push(() => folder[Symbol.dispose]())
  const path = folder.file('envoy.yaml', yaml)
  const options = optionsOf('-c', path, '--disable-hot-restart', '-l', 'critical', '--concurrency', '2', ...flags)
  const loaded = loadBootstrap(options)
  if (loaded.bootstrap === undefined || loaded.issues.hasErrors) throw new Error(renderIssues(loaded.issues.issues))
  const server = new Server(options, loaded.bootstrap, registryOfAll())
  stops.push(() => server.stop())
  await server.start()
  return {
    server,
    folder,
    reload(next) {
      writeFileSync(path, next)
      return server.reload(false)
    },
  }
}

async function get(server: Server, name: string): Promise<string> {
  return (await httpRequest(`127.0.0.1:${portOf(server, name)}`, '/')).body
}

describe('a reload', () => {
  test('changes a listener on its port', async () => {
    const { server, reload } = await start(bootstrap(listener({ name: 'l', text: 'one' })))
    const port = portOf(server, 'l')
    const report = await reload(bootstrap(listener({ name: 'l', text: 'two' })))
    expect(report.result).toBe('applied')
    expect([...(report.plan?.listeners.modified.keys() ?? [])]).toEqual(['l'])
    expect(await get(server, 'l')).toBe('two')
    expect(portOf(server, 'l')).toBe(port)
    expect(statOf(server, 'listener_manager.listener_in_place_updated')).toBe(1)
  })

  test('adds listeners and takes them away', async () => {
    const { server, reload } = await start(bootstrap(listener({ name: 'a', text: 'a' })))
    await reload(bootstrap(listener({ name: 'a', text: 'a' }), listener({ name: 'b', text: 'b' })))
    expect([await get(server, 'a'), await get(server, 'b')]).toEqual(['a', 'b'])
    const port = portOf(server, 'a')
    await reload(bootstrap(listener({ name: 'b', text: 'b' })))
    expect(server.listeners().map(({ built }) => built.name)).toEqual(['b'])
    await expect(httpRequest(`127.0.0.1:${port}`, '/')).rejects.toThrow()
  })

  test('keeps connections of what has not changed, and asks those of a changed filter chain to leave', async () => {
    const kept = (text: string): string => `{filter_chain_match: {source_type: EXTERNAL}, ${chain(text)}}`
    const yaml = (text: string, more = ''): string =>
      bootstrap(
        listener({ name: 'same', text: 'same' }),
        listener({ name: 'changed', text, more, otherChains: `\n    - ${kept('other')}` }),
      )
    const { server, reload } = await start(yaml('before'), '--drain-strategy', 'immediate')
    const same = await RawClient.connect(portOf(server, 'same'))
    const changed = await RawClient.connect(portOf(server, 'changed'))
    stops.push(
      () => same.close(),
      () => changed.close(),
    )
    const ask = async (client: RawClient): Promise<string> => {
      client.write('GET / HTTP/1.1\r\nhost: h\r\n\r\n')
      const from = client.text.length
      return (await client.readUntil((text) => /\r\n\r\n\w+$/.test(text.slice(from)))).slice(from)
    }
    expect(await ask(same)).toContain('same')
    expect(await ask(changed)).toContain('before')
    await reload(yaml('after'))
    expect(await ask(same)).not.toContain('connection: close')
    const last = await ask(changed)
    expect(last).toContain('before')
    expect(last).toContain('connection: close')
    expect(await get(server, 'changed')).toBe('after')
  })

  test('that has errors changes nothing and tells them', async () => {
    const { server, reload } = await start(bootstrap(listener({ name: 'l', text: 'one' })))
    const report = await reload(
      bootstrap(listener({ name: 'l', text: 'two' }), listener({ name: 'm', text: 'm', more: 'bind: 1' })),
    )
    expect(report.result).toBe('refused')
    expect(report.issues.map(({ line, message }) => `${line}: ${message}`)).toEqual([
      expect.stringMatching(/^\d+: unknown field 'bind'/),
    ])
    expect(await get(server, 'l')).toBe('one')
    expect(server.reloadProblem()).toContain("unknown field 'bind'")
    expect(statOf(server, 'nuncio.reload.stale')).toBe(1)
    await reload(bootstrap(listener({ name: 'l', text: 'three' })))
    expect(server.reloadProblem()).toBeUndefined()
    expect(await get(server, 'l')).toBe('three')
  })

  test('whose new address is taken changes nothing', async () => {
    const { server, reload } = await start(bootstrap(listener({ name: 'l', text: 'one' })))
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    stops.push(() => taken.close())
    const { port } = taken.address() as AddressInfo
    const other = listener({ name: 'm', text: 'm' }).replace('port_value: 0', `port_value: ${port}`)
    const report = await reload(bootstrap(listener({ name: 'l', text: 'two' }), other))
    expect(report.issues.map(({ message }) => message)).toEqual([
      `cannot bind '127.0.0.1:${port}': Address already in use`,
    ])
    expect(await get(server, 'l')).toBe('one')
  })

  test('names what it cannot change', async () => {
    const yaml = bootstrap(listener({ name: 'l', text: 'one' }))
    const { reload } = await start(yaml)
    const report = await reload(`${yaml}admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n`)
    expect(report.plan?.needsRestart).toEqual(['admin'])
    expect(report.result).toBe('unchanged')
  })

  test('that is dry only tells', async () => {
    const { server, folder } = await start(bootstrap(listener({ name: 'l', text: 'one' })))
    folder.file('envoy.yaml', bootstrap(listener({ name: 'l', text: 'two' })))
    const report = await server.reload(true)
    expect(report.result).toBe('valid')
    expect([...(report.plan?.listeners.modified.keys() ?? [])]).toEqual(['l'])
    expect(await get(server, 'l')).toBe('one')
  })

  test('reaches runtime layers', async () => {
    const layers = (value: string): string =>
      `layered_runtime: {layers: [{name: s, static_layer: {key: ${value}}}, {name: a, admin_layer: {}}]}\n`
    const yaml = bootstrap(listener({ name: 'l', text: 'one' }))
    const { server, reload } = await start(yaml + layers('first'))
    await server.modifyRuntime({ other: 'set' })
    expect((await reload(yaml + layers('second'))).plan?.runtime).toBe(true)
    expect(server.runtimeLayers()).toEqual([
      { name: 's', values: { key: 'second' } },
      { name: 'a', values: { other: 'set' } },
    ])
  })
})

describe('--watch', () => {
  const yaml = (text: string): string => bootstrap(listener({ name: 'l', text }))

  test('follows a file that is written, and one that is moved over it', async () => {
    const { server, folder } = await start(yaml('one'), '--watch')
    folder.file('envoy.yaml', yaml('two'))
    await until('what was written is served', async () => (await get(server, 'l')) === 'two')
    renameSync(folder.file('next.yaml', yaml('three')), `${folder.path}/envoy.yaml`)
    await until('what was moved is served', async () => (await get(server, 'l')) === 'three')
  })

  test('follows the swap of a symlink, as in a ConfigMap', async () => {
    const { server, folder } = await start(yaml('one'), '--watch')
    const version = (name: string, text: string): void => {
      mkdirSync(`${folder.path}/${name}`)
      folder.file(`${name}/envoy.yaml`, yaml(text))
      symlinkSync(name, `${folder.path}/..next`)
      renameSync(`${folder.path}/..next`, `${folder.path}/..data`)
    }
    version('..1', 'two')
    rmSync(`${folder.path}/envoy.yaml`)
    symlinkSync('..data/envoy.yaml', `${folder.path}/envoy.yaml`)
    await until('the first version is served', async () => (await get(server, 'l')) === 'two')
    version('..2', 'three')
    await until('the second version is served', async () => (await get(server, 'l')) === 'three')
  })
})
