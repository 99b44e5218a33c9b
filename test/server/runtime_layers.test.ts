// Runtime layers: static, disk with its symlink swap, admin.

import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadBootstrap } from '../../src/config/load.ts'
import { checkRuntimeLayers, RuntimeLayers } from '../../src/server/runtime_layers.ts'
import { createLocalStore } from '../../src/stats/store.ts'
import { TestFolder, until } from './support.ts'

function layersOf(yaml: string, onChange: () => void = () => {}) {
  const { bootstrap, issues } = loadBootstrap({ configYaml: yaml })
  const views = bootstrap?.layeredRuntime?.layers
  checkRuntimeLayers(views ?? [], issues)
  const store = createLocalStore()
  const layers = new RuntimeLayers(views, 'my_cluster', store, async () => onChange())
  const gauge = (name: string) => store.gauge(`runtime.${name}`).value()
  const counter = (name: string) => store.counter(`runtime.${name}`).value()
  return { layers, errors: issues.issues.map((issue) => issue.message), gauge, counter }
}

test('static layers: nested keys join by dots, later layers win', () => {
  const { layers, gauge } = layersOf(`
layered_runtime:
  layers:
  - name: base
    static_layer: { a: { b: 1, c: text }, fraction: { numerator: 5, denominator: TEN_THOUSAND }, flag: true }
  - name: over
    static_layer: { a.b: 2 }
`)
  expect(layers.merged()).toEqual({
    'a.b': 2,
    'a.c': 'text',
    fraction: { numerator: 5, denominator: 'TEN_THOUSAND' },
    flag: true,
  })
  expect(layers.hasAdminLayer).toBe(false)
  expect(gauge('num_layers')).toBe(2)
  expect(gauge('num_keys')).toBe(4)
})

test('without any layer there is nothing to modify', () => {
  const { layers, gauge } = layersOf('{}')
  expect([layers.hasAdminLayer, layers.layers, gauge('num_layers')]).toEqual([false, [], 0])
})

test('the admin layer is modified key by key', async () => {
  let changes = 0
  const { layers, gauge } = layersOf('layered_runtime: { layers: [ { name: a, admin_layer: {} } ] }', () => changes++)
  expect(layers.hasAdminLayer).toBe(true)
  await layers.modify({ 'a.b': '5', on: 'true', name: 'text' })
  expect(layers.merged()).toEqual({ 'a.b': 5, on: true, name: 'text' })
  expect(gauge('admin_overrides_active')).toBe(1)
  await layers.modify({ 'a.b': '', on: '', name: '' })
  expect(layers.merged()).toEqual({})
  expect(gauge('admin_overrides_active')).toBe(0)
  expect(changes).toBe(2)
})

describe('disk layers', () => {
  function writeVersion(folder: string, name: string, values: Record<string, string>): string {
    const root = join(folder, name)
    for (const [path, value] of Object.entries(values)) {
      mkdirSync(join(root, path, '..'), { recursive: true })
      writeFileSync(join(root, path), value)
    }
    return root
  }

  const yamlOf = (link: string, more = '') => `
layered_runtime:
  layers:
  - name: disk
    disk_layer: { symlink_root: ${link}, subdirectory: envoy ${more} }
`

  test('a file is a key; comment lines are skipped; a swap of the link is followed', async () => {
    using folder = new TestFolder()
    const link = join(folder.path, 'current')
    const first = { 'envoy/health/min': '7\n', 'envoy/comment': '# why\n3\n', 'envoy/word': 'text\n' }
    symlinkSync(writeVersion(folder.path, 'v1', first), link)
    let changes = 0
    const { layers, counter } = layersOf(yamlOf(link), () => changes++)
    expect(layers.merged()).toEqual({ 'health.min': 7, comment: 3, word: 'text' })
    layers.startWatching()
    try {
      symlinkSync(writeVersion(folder.path, 'v2', { 'envoy/health/min': '8' }), join(folder.path, 'next'))
      renameSync(join(folder.path, 'next'), link)
      await until('the swap is seen', () => changes > 0)
      expect(layers.merged()).toEqual({ 'health.min': 8 })
      expect(counter('load_success')).toBeGreaterThan(1)
    } finally {
      layers.close()
    }
  })

  test("append_service_cluster reads the cluster's folder", () => {
    using folder = new TestFolder()
    const link = join(folder.path, 'current')
    symlinkSync(writeVersion(folder.path, 'v1', { 'envoy/my_cluster/key': '1', 'envoy/other': '2' }), link)
    const { layers, counter } = layersOf(yamlOf(link, ', append_service_cluster: true'))
    expect(layers.merged()).toEqual({ key: 1 })
    expect(counter('override_dir_exists')).toBe(0)
  })

  test('a folder that is not there is empty and counted', () => {
    using folder = new TestFolder()
    const { layers, counter, errors } = layersOf(yamlOf(join(folder.path, 'current')))
    expect(errors).toEqual([])
    expect(layers.merged()).toEqual({})
    expect(counter('override_dir_not_exists')).toBe(1)
  })

  test('the folder of the link must be there', () => {
    const { errors } = layersOf(yamlOf('/no/such/current'))
    expect(errors).toEqual(['unable to watch for a new link: there is no folder /no/such'])
  })
})

test('layers that cannot be', () => {
  const { errors } = layersOf(`
layered_runtime:
  layers:
  - { name: a, admin_layer: {} }
  - { name: a, static_layer: {} }
  - { name: b, admin_layer: {} }
`)
  expect(errors).toEqual([
    'Duplicate layer name: a',
    'Too many admin layers specified in LayeredRuntime, at most one may be specified',
  ])
})
