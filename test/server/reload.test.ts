import { once } from 'node:events'
import { mkdirSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import { freePorts } from '../support/free_ports.ts'
import { httpRequest } from '../support/http_get.ts'
import { RawClient } from '../support/raw_client.ts'
import { bootstrap, chain, create, get, listener, start, stops } from './reload_support.ts'
import { portOf, statOf } from './support.ts'

const keepAlive = { connection: 'keep-alive' }

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

  test('knows a listener without a name by its address', async () => {
    const [port] = await freePorts(1)
    const yaml = (text: string): string => {
      const named = listener({ name: 'l', text })
      return bootstrap(named.replace('name: l\n    ', '').replace('port_value: 0', `port_value: ${port}`))
    }
    const { server, reload } = await start(yaml('one'))
    const { plan } = await reload(yaml('two'))
    expect([...(plan?.listeners.modified.keys() ?? [])]).toEqual([`127.0.0.1:${port}`])
    expect((await httpRequest(`127.0.0.1:${port}`, '/')).body).toBe('two')
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

  test('names what it cannot change, as long as it is another', async () => {
    const yaml = (text: string): string => bootstrap(listener({ name: 'l', text }))
    const admin = 'admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}\n'
    const { server, reload } = await start(yaml('one'))
    for (const text of ['one', 'two', 'three']) {
      const report = await reload(yaml(text) + admin)
      expect(report.plan?.needsRestart).toEqual(['admin'])
      expect(report.result).toBe(text === 'one' ? 'unchanged' : 'applied')
      expect(server.bootstrap.admin).toBeUndefined()
    }
    expect((await reload(yaml('three'))).plan?.needsRestart).toEqual([])
  })

  test('says where the mistake is in a long file', async () => {
    const cluster = (i: number): string => `\n  - name: c${i}\n    type: STATIC\n    connect_timeout: 1s`
    const clusters = Array.from({ length: 400 }, (_, i) => cluster(i)).join('')
    const yaml = `${bootstrap(listener({ name: 'l', text: 'one' }))}  clusters:${clusters}\n`
    const { reload } = await start(yaml)
    const wrong = yaml.replace('c371\n    type: STATIC', 'c371\n    type: STATIK')
    const before = wrong.slice(0, wrong.indexOf('STATIK'))
    const { issues } = await reload(wrong)
    expect(issues.map(({ line, column, path }) => [line, column, path])).toEqual([
      [before.split('\n').length, before.length - before.lastIndexOf('\n'), 'static_resources.clusters[371].type'],
    ])
  })

  test('moves a listener to another address', async () => {
    const [port] = await freePorts(1)
    const yaml = bootstrap(listener({ name: 'l', text: 'one' }))
    const { server, reload } = await start(yaml)
    const before = portOf(server, 'l')
    expect((await reload(yaml.replace('port_value: 0', `port_value: ${port}`))).result).toBe('applied')
    expect(portOf(server, 'l')).toBe(port)
    expect(await get(server, 'l')).toBe('one')
    await expect(httpRequest(`127.0.0.1:${before}`, '/')).rejects.toThrow()
  })

  test('may have the next one behind it', async () => {
    const { server, reload } = await start(bootstrap(listener({ name: 'l', text: 'one' })))
    const reports = await Promise.all(
      ['two', 'thr\tee', 'four'].map((text) => reload(bootstrap(listener({ name: 'l', text })))),
    )
    // Each reads the file as it is when its turn comes.
    expect(reports.map(({ result }) => result)).toEqual(['applied', 'unchanged', 'unchanged'])
    expect(await get(server, 'l')).toBe('four')
    expect(statOf(server, 'nuncio.reload.attempt')).toBe(3)
    expect(statOf(server, 'nuncio.reload.success')).toBe(3)
  })

  test('that comes while the server starts waits for that', async () => {
    const { server, started } = create(bootstrap(listener({ name: 'l', text: 'one' })))
    const report = server.reload(false)
    await started()
    expect((await report).result).toBe('unchanged')
  })

  test('of a draining server reaches it, and goes on with the drain', async () => {
    const { server, reload } = await start(
      bootstrap(listener({ name: 'l', text: 'one' })),
      '--drain-strategy',
      'immediate',
    )
    await server.drainListeners({ graceful: true, inboundOnly: false, skipExit: true })
    await reload(bootstrap(listener({ name: 'l', text: 'two' }), listener({ name: 'm', text: 'm' })))
    for (const [name, text] of [
      ['l', 'two'],
      ['m', 'm'],
    ]) {
      const { body, headers } = await httpRequest(`127.0.0.1:${portOf(server, name)}`, '/', 'GET', 5000, keepAlive)
      expect([body, headers['connection']]).toEqual([text, 'close'])
    }
  })

  test('opens no listener where all have stopped', async () => {
    const { server, reload } = await start(bootstrap(listener({ name: 'l', text: 'one' })))
    await server.drainListeners({ graceful: false, inboundOnly: false, skipExit: false })
    expect((await reload(bootstrap(listener({ name: 'm', text: 'm' })))).result).toBe('applied')
    await expect(get(server, 'm')).rejects.toThrow()
  })

  test('of a file that cannot be read changes nothing', async () => {
    const { server, folder } = await start(bootstrap(listener({ name: 'l', text: 'one' })))
    const path = `${folder.path}/envoy.yaml`
    rmSync(path)
    expect((await server.reload(false)).issues[0].message).toContain(`unable to read file: ${path}: ENOENT`)
    mkdirSync(path)
    expect((await server.reload(false)).issues[0].message).toContain('EISDIR')
    expect(server.reloadProblem()).toContain('EISDIR')
    expect(await get(server, 'l')).toBe('one')
    expect(statOf(server, 'nuncio.reload.rejected')).toBe(2)
  })

  test('merges what the command line says over the file again', async () => {
    const over = bootstrap(listener({ name: 'over', text: 'over' }))
    const { server, reload } = await start(bootstrap(listener({ name: 'l', text: 'one' })), '--config-yaml', over)
    const { plan } = await reload(bootstrap(listener({ name: 'l', text: 'two' })))
    expect([...(plan?.listeners.modified.keys() ?? [])]).toEqual(['l'])
    expect([await get(server, 'l'), await get(server, 'over')]).toEqual(['two', 'over'])
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
