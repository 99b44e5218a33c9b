// A filter whose configuration a discovery service brings (ECDS), and may change or take away while it is in use.

import type { envoy, TypedConfig } from '../../proto/generated/api.d.ts'
import { fingerprint } from '../common/fingerprint.ts'
import { Lifetime } from '../common/lifetime.ts'
import { ConfigErrors } from '../config/errors.ts'
import { InitManager } from '../config/init_manager.ts'
import { absenceNote, type ExtensionFactory } from '../config/registry.ts'
import type { Counter } from '../stats/store.ts'
import type { ListenerFactoryContext } from './factory.ts'

type ExtensionConfigSource = envoy.config.core.v3.ExtensionConfigSource
type TypedExtensionConfig = envoy.config.core.v3.TypedExtensionConfig

/** As statistics call them, and what is discovered of each is subscribed to by itself. */
export type DiscoveredKind = 'http_filter' | 'network_filter' | 'tcp_listener_filter'

/** Where a discovered filter stands, and what makes it there. */
export interface FilterPlace<Factory extends ExtensionFactory, Context, Filter> {
  readonly name: string
  readonly kind: DiscoveredKind
  readonly category: Factory['category']
  readonly source: ExtensionConfigSource
  /** Says what keeps filters of the factory from this place. */
  check?(factory: Factory, at: object, errors: ConfigErrors): void
  create(factory: Factory, config: unknown, context: Context): Filter
}

/** Envoy's name for where what the filter itself counts begins, too. */
export function discoveryStatPrefix(kind: DiscoveredKind, name: string): string {
  return `extension_config_discovery.${kind}.${name}`
}

export class DiscoveredFilter<Factory extends ExtensionFactory, Context extends ListenerFactoryContext, Filter> {
  /** Undefined where nothing has come and there is no default. */
  current: Filter | undefined = undefined
  readonly #place: FilterPlace<Factory, Context, Filter>
  readonly #context: Context
  /** Bare message names. */
  readonly #types: readonly string[]
  readonly #sharedName: string
  #default: Filter | undefined = undefined
  #conflicts: Counter | undefined = undefined
  #isWatching = false
  /** Of the version in force. */
  #lifetime = new Lifetime()
  /** Of the version that was built last, unless it is in force: somebody else may have refused it. */
  #tried = new Lifetime()

  /** What is wrong with the place goes to the context's errors. */
  constructor(place: FilterPlace<Factory, Context, Filter>, context: Context) {
    this.#place = place
    this.#context = context
    this.#types = place.source.typeUrls.map((url) => url.slice(url.lastIndexOf('/') + 1))
    this.#sharedName = context.sharedName(place.kind)
    const before = context.errors.errors.length
    this.#checkSource()
    const { defaultConfig } = place.source
    if (defaultConfig !== undefined) this.#default = this.#createDefault(defaultConfig)
    if (context.errors.errors.length > before) return
    this.current = this.#default
    context.lifetime.onEnd(() => {
      this.#tried.end()
      this.#lifetime.end()
    })
    this.#watch()
  }

  #checkSource(): void {
    const { source, category, name } = this.#place
    const { errors, registry } = this.#context
    if (source.applyDefaultConfigWithoutWarming && source.defaultConfig === undefined) {
      const message = `Error: filter config ${name} applied without warming but has no default config.`
      errors.add(source, 'applyDefaultConfigWithoutWarming', message)
    }
    for (const [index, type] of this.#types.entries()) {
      if (registry.byType<Factory>(category, type) !== undefined) continue
      const message = `Error: no factory found for a required type URL ${type}.${absenceNote(type)}`
      errors.add(source, 'typeUrls', message, { index })
    }
  }

  #createDefault(config: TypedConfig): Filter | undefined {
    const { source, category, name } = this.#place
    const { errors, registry, lifetime } = this.#context
    if (registry.byType<Factory>(category, config.typeUrl) !== undefined) {
      return this.#create(config, source, 'defaultConfig', errors, lifetime)
    }
    const message = `Error: cannot find filter factory ${name} for default filter configuration with type URL ${config.typeUrl}.`
    errors.add(source, 'defaultConfig', `${message}${absenceNote(config.typeUrl)}`)
    return undefined
  }

  #watch(): void {
    const { name, kind, source } = this.#place
    const { configSource, applyDefaultConfigWithoutWarming } = source
    const { resources, scope: root, lifetime, errors, workerIndex } = this.#context
    if (configSource === undefined) return
    const scope = root.createScope(discoveryStatPrefix(kind, name))
    const isMain = workerIndex < 0
    this.#conflicts = isMain ? scope.counter('config_conflict') : undefined
    const reloads = isMain ? scope.counter('config_reload') : undefined
    const failures = isMain ? scope.counter('config_fail') : undefined
    const initManager = applyDefaultConfigWithoutWarming ? new InitManager() : this.#context.initManager
    resources.watch(
      {
        source: configSource,
        typeUrl: 'envoy.config.core.v3.TypedExtensionConfig',
        name,
        usedAs: kind,
        isRemovable: true,
        scope,
        initTarget: `FilterConfigSubscription init ${name}`,
        onApplied: () => reloads?.inc(),
        onFailed: () => failures?.inc(),
      },
      (view, found) => this.#prepare(view as TypedExtensionConfig | undefined, found),
      { resources, lifetime, errors, initManager },
    )
    this.#isWatching = true
  }

  /**
   * What is there already when the watch begins was asked for by others: where it is nothing for this place, the listener
   * is right all the same, and begins with the default.
   */
  #prepare(view: TypedExtensionConfig | undefined, errors: ConfigErrors): () => void {
    this.#tried.end()
    const lifetime = new Lifetime()
    this.#tried = lifetime
    if (view === undefined) return () => this.#use(this.#default, lifetime)
    const found = this.#isWatching ? errors : new ConfigErrors()
    const filter = this.#create(view.typedConfig, view, 'typedConfig', found, lifetime)
    if (filter !== undefined) return () => this.#use(filter, lifetime)
    if (!this.#isWatching) this.#conflicts?.inc()
    return () => {}
  }

  #use(filter: Filter | undefined, lifetime: Lifetime): void {
    this.current = filter
    this.#lifetime.end()
    this.#lifetime = lifetime
    this.#tried = new Lifetime()
  }

  /** Undefined, and errors, where it cannot stand here. */
  #create(
    config: TypedConfig | undefined,
    at: object,
    field: string,
    errors: ConfigErrors,
    lifetime: Lifetime,
  ): Filter | undefined {
    const { category, check, create } = this.#place
    const before = errors.errors.length
    const typeUrl = config?.typeUrl ?? ''
    const factory = this.#context.registry.byType<Factory>(category, typeUrl)
    if (factory === undefined || !this.#types.includes(typeUrl)) {
      errors.add(at, field, `Error: filter config has type URL ${typeUrl} but expect ${this.#types.join(', ')}.`)
      return undefined
    }
    check?.(factory, at, errors)
    if (errors.errors.length > before) return undefined
    const name = `${this.#sharedName}.${fingerprint(config)}`
    let sharedNames = 0
    const own: Partial<ListenerFactoryContext> = {
      errors,
      lifetime,
      // The same in all processes, however many versions of the filter each has seen.
      sharedName: (kind) => `${name}.${kind}.${sharedNames++}`,
    }
    const filter = create(factory, config?.value, Object.assign(Object.create(this.#context) as Context, own))
    return errors.errors.length > before ? undefined : filter
  }
}
