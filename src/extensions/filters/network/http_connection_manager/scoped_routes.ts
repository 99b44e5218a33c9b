// Scoped routes: a request's headers make a key, and the scope of that key has the routes. The scopes stand in the
// configuration, or scoped route discovery (SRDS) brings them.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { fingerprint } from '../../../../common/fingerprint.ts'
import { Lifetime } from '../../../../common/lifetime.ts'
import type { ConfigErrors } from '../../../../config/errors.ts'
import { InitManager } from '../../../../config/init_manager.ts'
import type { Collection } from '../../../../config/watched_resources.ts'
import { fixedRoutes, type RouteConfig, type RouteSource } from '../../../../http/route.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import { compileRouteConfig } from '../../../../router/route_config/route_config.ts'
import { routeNames } from '../../../../router/route_config/route_names.ts'
import { type BuildScopeKey, compileScopeKeyBuilder, scopeKey } from '../../../../router/scope_key.ts'
import type { Scope } from '../../../../stats/store.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'
import { discoveredRoutes } from './discovered_routes.ts'

type ScopedRoutesView = envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes
type ScopeView = envoy.config.route.v3.ScopedRouteConfiguration
type Context = ListenerFactoryContext<ServerContext>

export function scopedRouteSource(view: ScopedRoutesView, statPrefix: string, context: Context): RouteSource {
  const buildKey = compileScopeKeyBuilder(view, context.errors)
  if (view.scopedRds !== undefined) return new DiscoveredScopes(view, statPrefix, buildKey, context).source
  const scopes = new Map<string, RouteSource>()
  for (const scope of view.scopedRouteConfigurationsList?.scopedRouteConfigurations ?? []) {
    const { routeConfiguration } = scope
    if (scope.routeConfigurationName !== '') {
      const text = 'Fetching routes via RDS (route_configuration_name) is not supported with inline scoped routes.'
      context.errors.add(scope, 'routeConfigurationName', text)
    } else if (routeConfiguration === undefined)
      context.errors.add(scope, undefined, 'You must specify a route_configuration with inline scoped routes.')
    else scopes.set(scopeKey(scope.key), fixedRoutes(compileRouteConfig(routeConfiguration, context)))
  }
  return sourceByKey(buildKey, scopes)
}

/** A request of no scope has no routes. */
function sourceByKey(buildKey: BuildScopeKey, scopes: ReadonlyMap<string, RouteSource>): RouteSource {
  return {
    routeConfig: (headers) => scopes.get(buildKey(headers) ?? '')?.routeConfig(headers),
    requestUpdate: (headers, done) => scopes.get(buildKey(headers) ?? '')?.requestUpdate(headers, done),
  }
}

/** Those that scopes hold themselves. */
type InlineRoutes = ReadonlyMap<ScopeView, RouteConfig>

interface ActiveScope {
  readonly fingerprint: string
  readonly key: string
  readonly onDemand: boolean
  readonly source: RouteSource
  readonly lifetime: Lifetime
}

class DiscoveredScopes {
  readonly source: RouteSource
  readonly #view: ScopedRoutesView
  readonly #statPrefix: string
  readonly #context: Context
  readonly #stats: ScopedRdsStats | undefined
  /** The first scopes, and their first routes. */
  readonly #initManager = new InitManager()
  /** By the scopes' names. */
  #active: ReadonlyMap<string, ActiveScope> = new Map()
  readonly #byKey = new Map<string, RouteSource>()

  constructor(view: ScopedRoutesView, statPrefix: string, buildKey: BuildScopeKey, context: Context) {
    this.#view = view
    this.#statPrefix = statPrefix
    this.#context = context
    const scope = context.scope.createScope(`http.${statPrefix}.scoped_rds.${view.name}`)
    // The workers have the same scopes: they are counted once.
    this.#stats = context.workerIndex < 0 ? new ScopedRdsStats(scope) : undefined
    this.source = sourceByKey(buildKey, this.#byKey)
    const source = view.scopedRds?.scopedRdsConfigSource
    if (source === undefined) return
    context.resources.watch(
      {
        source,
        typeUrl: 'envoy.config.route.v3.ScopedRouteConfiguration',
        name: view.name,
        scope,
        initTarget: `SRDS ${view.name}`,
        collects: 'all',
      },
      (collection, errors) => this.#prepare(collection as Collection | undefined, errors),
      Object.assign(Object.create(context) as Context, { initManager: this.#initManager }),
    )
    // For the listener it is one thing to wait for.
    const { initManager, lifetime } = context
    lifetime.onEnd(initManager.addNested("ConfigSubscriptionCommonBase init target 'SRDS'", this.#initManager))
    lifetime.onEnd((graceMs) => {
      for (const scope of this.#active.values()) scope.lifetime.end(graceMs)
    })
  }

  #prepare(collection: Collection | undefined, errors: ConfigErrors): () => void {
    const views = (collection?.resources ?? []) as readonly ScopeView[]
    this.#check(views, errors)
    const inline = this.#compileInline(views, errors)
    return () => {
      this.#apply(views, inline, errors)
      this.#stats?.onChange(this.#active)
    }
  }

  #check(views: readonly ScopeView[], errors: ConfigErrors): void {
    const names = new Map<string, string>()
    for (const view of views) {
      const key = scopeKey(view.key)
      const first = names.get(key)
      if (first !== undefined) {
        const problem = `scope key conflict found, first scope is '${first}', second scope is '${view.name}'`
        errors.add(view, 'key', `Error adding/updating scoped route(s): ${problem}`)
      }
      names.set(key, view.name)
      if (view.routeConfiguration === undefined && view.routeConfigurationName === '')
        errors.add(view, 'routeConfigurationName', 'route_configuration_name is empty.')
    }
  }

  #compileInline(views: readonly ScopeView[], errors: ConfigErrors): InlineRoutes {
    const inline = new Map<ScopeView, RouteConfig>()
    for (const view of views) {
      if (view.routeConfiguration === undefined) continue
      const own: Partial<Context> = { errors, sharedName: routeNames(`${this.#view.name}.${view.name}`) }
      const context = Object.assign(Object.create(this.#context) as Context, own)
      // Clusters may come later than routes to them.
      inline.set(view, compileRouteConfig(view.routeConfiguration, context, false))
    }
    return inline
  }

  /** What is still needed of the old scopes, such as routes that have come, is held until the new ones have it. */
  #apply(views: readonly ScopeView[], inline: InlineRoutes, errors: ConfigErrors): void {
    const before = this.#active
    const active = new Map<string, ActiveScope>()
    for (const view of views) {
      const print = fingerprint(view)
      const known = before.get(view.name)
      active.set(view.name, known?.fingerprint === print ? known : this.#build(view, print, inline, errors))
    }
    this.#active = active
    this.#byKey.clear()
    for (const { key, source } of active.values()) this.#byKey.set(key, source)
    for (const [name, scope] of before) if (active.get(name) !== scope) scope.lifetime.end()
  }

  #build(view: ScopeView, print: string, inline: InlineRoutes, errors: ConfigErrors): ActiveScope {
    const lifetime = new Lifetime()
    const own: Partial<Context> = { lifetime, initManager: this.#initManager, errors }
    const context = Object.assign(Object.create(this.#context) as Context, own)
    const routes = inline.get(view)
    const source = routes === undefined ? this.#discover(view, context) : fixedRoutes(routes)
    return { fingerprint: print, key: scopeKey(view.key), onDemand: view.onDemand, source, lifetime }
  }

  #discover({ routeConfigurationName: name, onDemand }: ScopeView, context: Context): RouteSource {
    const source = this.#view.rdsConfigSource
    if (source === undefined) return fixedRoutes(undefined)
    return discoveredRoutes({ name, source, statPrefix: this.#statPrefix, onDemand }, context)
  }
}

class ScopedRdsStats {
  readonly #scope: Scope

  constructor(scope: Scope) {
    this.#scope = scope
    for (const name of ['all_scopes', 'active_scopes', 'on_demand_scopes']) scope.gauge(name)
  }

  onChange(scopes: ReadonlyMap<string, ActiveScope>): void {
    const onDemand = [...scopes.values()].filter((scope) => scope.onDemand).length
    this.#scope.gauge('all_scopes').set(scopes.size)
    this.#scope.gauge('on_demand_scopes').set(onDemand)
    this.#scope.gauge('active_scopes').set(scopes.size - onDemand)
  }
}
