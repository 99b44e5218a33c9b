// --watch: the file is followed in whichever way it changes.

import { linkSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { bootstrap, create, createIn, get, listener, start, stops } from './reload_support.ts'
import { statOf, TestFolder, until } from './support.ts'

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

  test('follows what is swapped above the file: a link, or the folder itself', async () => {
    const folder = new TestFolder()
    stops.push(() => folder[Symbol.dispose]())
    const version = (name: string, text: string): string => {
      mkdirSync(`${folder.path}/${name}/conf`, { recursive: true })
      return folder.file(`${name}/conf/envoy.yaml`, yaml(text))
    }
    const point = (name: string): void => {
      symlinkSync(name, `${folder.path}/next`)
      renameSync(`${folder.path}/next`, `${folder.path}/current`)
    }
    version('1', 'one')
    point('1')
    const { server, started } = createIn(folder, `${folder.path}/current/conf/envoy.yaml`, '--watch')
    await started()
    expect(await get(server, 'l')).toBe('one')
    version('2', 'two')
    point('2')
    await until('what the link leads to is served', async () => (await get(server, 'l')) === 'two')
    version('3', 'three')
    renameSync(`${folder.path}/2`, `${folder.path}/old`)
    renameSync(`${folder.path}/3`, `${folder.path}/2`)
    await until('the other folder is followed', async () => (await get(server, 'l')) === 'three')
    version('2', 'four')
    await until('what is written there is served', async () => (await get(server, 'l')) === 'four')
  })

  test('follows a file whose folder does not hear of it, as when it is mounted by itself', async () => {
    const { server, folder } = await start(yaml('one'), '--watch')
    mkdirSync(`${folder.path}/elsewhere`)
    linkSync(`${folder.path}/envoy.yaml`, `${folder.path}/elsewhere/envoy.yaml`)
    folder.file('elsewhere/envoy.yaml', yaml('two'))
    await until('what was written is served', async () => (await get(server, 'l')) === 'two')
  })

  test('keeps what it has while the file is gone, and follows it when it is back', async () => {
    const { server, folder } = await start(yaml('one'), '--watch')
    rmSync(`${folder.path}/envoy.yaml`)
    await until('it is told that the file is gone', () => server.reloadProblem()?.includes('ENOENT') === true)
    expect(await get(server, 'l')).toBe('one')
    folder.file('envoy.yaml', yaml('one'))
    await until('all is well again', () => server.reloadProblem() === undefined)
    folder.file('envoy.yaml', yaml('two'))
    await until('what was written is served', async () => (await get(server, 'l')) === 'two')
    expect(statOf(server, 'nuncio.reload.stale')).toBe(0)
  })

  test('tells a mistake, and that it is mended', async () => {
    const { server, folder } = await start(yaml('one'), '--watch')
    folder.file('envoy.yaml', 'static_resources: [')
    await until('the mistake is told', () => server.reloadProblem() !== undefined)
    expect(await get(server, 'l')).toBe('one')
    folder.file('envoy.yaml', yaml('two'))
    await until('what was mended is served', async () => (await get(server, 'l')) === 'two')
    expect(server.reloadProblem()).toBeUndefined()
  })

  test('reads the file for no other file in its folder', async () => {
    const { server, folder } = await start(yaml('one'), '--watch')
    for (let i = 0; i < 20; i++) folder.file('access.log', `${i}`)
    folder.file('envoy.yaml', yaml('two'))
    await until('what was written is served', async () => (await get(server, 'l')) === 'two')
    expect(statOf(server, 'nuncio.reload.attempt')).toBe(1)
  })

  test('follows a change that came before the server served', async () => {
    const { server, folder, started } = create(yaml('one'), '--watch')
    folder.file('envoy.yaml', yaml('a bit more'))
    await started()
    await until('what was written is served', async () => (await get(server, 'l')) === 'a bit more')
  })
})
