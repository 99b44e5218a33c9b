// The runtime's layers: static values, a folder on disk, the admin interface, discovery; merged for main and the workers.

import { type FSWatcher, readdirSync, readFileSync, statSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { envoy, JsonObject } from '../../proto/generated/api.d.ts'
import { getLogger } from '../common/log.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { RuntimeValue } from '../config/runtime.ts'
import type { Counter, Gauge, Scope } from '../stats/store.ts'

const log = getLogger('runtime')

type RuntimeLayerView = envoy.config.bootstrap.v3.RuntimeLayer
type DiskLayerView = envoy.config.bootstrap.v3.RuntimeLayer.DiskLayer
export type RuntimeValues = Record<string, RuntimeValue>

export interface RuntimeLayer {
  readonly name: string
  readonly values: RuntimeValues
}

interface RuntimeStats {
  readonly loadSuccess: Counter
  readonly loadError: Counter
  readonly overrideDirExists: Counter
  readonly overrideDirNotExists: Counter
  readonly adminOverridesActive: Gauge
  readonly numKeys: Gauge
  readonly numLayers: Gauge
}

/** Later layers win. */
export class RuntimeLayers {
  #views: readonly RuntimeLayerView[]
  readonly #clusterName: string
  readonly #stats: RuntimeStats
  readonly #onChange: () => Promise<void>
  readonly #watchers: FSWatcher[] = []
  readonly #adminValues: RuntimeValues = {}
  /** Of layers that a management server brings, by their names. */
  readonly #discovered = new Map<string, RuntimeValues>()
  /** Folders of disk layers that the last load found. */
  #diskLayers = 0
  layers: readonly RuntimeLayer[] = []

  constructor(
    views: readonly RuntimeLayerView[] | undefined,
    clusterName: string,
    scope: Scope,
    onChange: () => Promise<void>,
  ) {
    this.#views = views ?? []
    this.#clusterName = clusterName
    this.#onChange = onChange
    const runtime = scope.createScope('runtime')
    runtime.counter('deprecated_feature_use')
    runtime.gauge('deprecated_feature_seen_since_process_start')
    this.#stats = {
      loadSuccess: runtime.counter('load_success'),
      loadError: runtime.counter('load_error'),
      overrideDirExists: runtime.counter('override_dir_exists'),
      overrideDirNotExists: runtime.counter('override_dir_not_exists'),
      adminOverridesActive: runtime.gauge('admin_overrides_active'),
      numKeys: runtime.gauge('num_keys'),
      numLayers: runtime.gauge('num_layers'),
    }
    this.#load()
  }

  get hasAdminLayer(): boolean {
    return this.#views.some((view) => view.layerSpecifier === 'adminLayer')
  }

  /** Goes on with other layers; what the admin interface has set stays. */
  replace(views: readonly RuntimeLayerView[] | undefined): Promise<void> {
    this.close()
    this.#views = views ?? []
    this.startWatching()
    return this.#onChange()
  }

  /** All layers merged. */
  merged(): RuntimeValues {
    return Object.assign({}, ...this.layers.map((layer) => layer.values)) as RuntimeValues
  }

  /** Sets keys of the admin layer; an empty value removes one. */
  modify(changes: Readonly<Record<string, string>>): Promise<void> {
    for (const [key, value] of Object.entries(changes)) {
      if (value === '') delete this.#adminValues[key]
      else this.#adminValues[key] = scalar(value)
    }
    this.#load()
    return this.#onChange()
  }

  /** What a management server has brought for a layer. */
  setDiscovered(name: string, layer: JsonObject): Promise<void> {
    this.#discovered.set(name, flatten(layer))
    this.#load()
    return this.#onChange()
  }

  /** Reads all once more, and follows the disk layers from then on: each is replaced by swapping its symlink. */
  startWatching(): void {
    this.#load()
    for (const { diskLayer } of this.#views) {
      if (diskLayer === undefined) continue
      const link = diskLayer.symlinkRoot
      try {
        const watcher = watch(dirname(link), (_event, name) => {
          if (name !== basename(link)) return
          this.#load()
          void this.#onChange()
        })
        watcher.unref()
        this.#watchers.push(watcher)
      } catch (error) {
        log.warn(`cannot watch runtime folder ${link}: ${(error as Error).message}`)
      }
    }
  }

  close(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close()
  }

  #load(): void {
    this.#diskLayers = 0
    try {
      this.layers = this.#views.map((view) => this.#loadLayer(view)).filter((layer) => layer !== undefined)
      this.#stats.loadSuccess.inc()
    } catch (error) {
      // The values in force stay.
      this.#stats.loadError.inc()
      log.warn(`error loading runtime values: ${(error as Error).message}`)
    }
    // Envoy takes the second folder that it finds for the override of the first.
    if (this.#diskLayers > 1) this.#stats.overrideDirExists.inc()
    else this.#stats.overrideDirNotExists.inc()
    this.#stats.numLayers.set(this.layers.length)
    this.#stats.numKeys.set(Object.keys(this.merged()).length)
    const active = Object.keys(this.#adminValues).length > 0 ? 1 : 0
    if (active !== this.#stats.adminOverridesActive.value()) this.#stats.adminOverridesActive.set(active)
  }

  /** Undefined for a folder that is not there. */
  #loadLayer(view: RuntimeLayerView): RuntimeLayer | undefined {
    const { name } = view
    if (view.staticLayer !== undefined) return { name, values: flatten(view.staticLayer) }
    if (view.diskLayer !== undefined) {
      const values = this.#readDisk(view.diskLayer)
      return values === undefined ? undefined : { name, values }
    }
    if (view.rtdsLayer !== undefined) return { name, values: this.#discovered.get(name) ?? {} }
    return { name, values: { ...this.#adminValues } }
  }

  #readDisk(view: DiskLayerView): RuntimeValues | undefined {
    const folder = join(view.symlinkRoot, view.subdirectory)
    const path = view.appendServiceCluster ? join(folder, this.#clusterName) : folder
    const exists = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true
    if (!exists) return undefined
    this.#diskLayers++
    return readFolder(path, '')
  }
}

/** Keys of nested structs join with dots; a struct with a numerator is a fractional percent. */
function flatten(struct: Readonly<Record<string, unknown>>, prefix = ''): RuntimeValues {
  const values: RuntimeValues = {}
  for (const [key, value] of Object.entries(struct)) {
    if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      if ('numerator' in value || 'denominator' in value) values[prefix + key] = value as RuntimeValue
      else Object.assign(values, flatten(value as Record<string, unknown>, `${prefix}${key}.`))
    } else if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean')
      values[prefix + key] = value
  }
  return values
}

/** A file is a key, its path below the root with dots; lines that begin with # are comments. */
function readFolder(path: string, prefix: string): RuntimeValues {
  const values: RuntimeValues = {}
  for (const entry of readdirSync(path)) {
    const full = join(path, entry)
    const stats = statSync(full)
    if (stats.isDirectory()) Object.assign(values, readFolder(full, `${prefix}${entry}.`))
    else {
      const lines = readFileSync(full, 'utf8').split('\n')
      values[prefix + entry] = scalar(
        lines
          .filter((line) => !line.startsWith('#'))
          .join('\n')
          .trim(),
      )
    }
  }
  return values
}

function scalar(text: string): RuntimeValue {
  if (text === 'true' || text === 'false') return text === 'true'
  return text !== '' && !Number.isNaN(Number(text)) ? Number(text) : text
}

/** Reports layers that cannot be had: two of one name, two admin layers, a link in a folder that is not there. */
export function checkRuntimeLayers(views: readonly RuntimeLayerView[], errors: ConfigErrors): void {
  const names = new Set<string>()
  let adminLayers = 0
  for (const view of views) {
    if (names.has(view.name)) errors.add(view, 'name', `Duplicate layer name: ${view.name}`)
    names.add(view.name)
    if (view.layerSpecifier === 'adminLayer' && ++adminLayers > 1)
      errors.add(view, 'adminLayer', 'Too many admin layers specified in LayeredRuntime, at most one may be specified')
    const folder = dirname(view.diskLayer?.symlinkRoot ?? '.')
    if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
      errors.add(view.diskLayer, 'symlinkRoot', `unable to watch for a new link: there is no folder ${folder}`)
  }
}
