// The routes of one name, by route discovery (RDS), with virtual hosts of their own discovery (VHDS) where they say so.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { fingerprint } from '../../../../common/fingerprint.ts'
import { Lifetime } from '../../../../common/lifetime.ts'
import type { Steps } from '../../../../common/steps.ts'
import { ConfigErrors } from '../../../../config/errors.ts'
import { InitManager } from '../../../../config/init_manager.ts'
import type { Collection, TakeOver, WatchedResource } from '../../../../config/watched_resources.ts'
import type { RouteConfig, RouteSource } from '../../../../http/route.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import { compileRouteConfigInSteps } from '../../../../router/route_config/route_config.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type ConfigSource = envoy.config.core.v3.ConfigSource
type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type VirtualHost = envoy.config.route.v3.VirtualHost
type Context = ListenerFactoryContext<ServerContext>

export class DiscoveredRoutes {
  readonly source: RouteSource = {
    routeConfig: () => this.#current,
    requestUpdate: (headers, done) => this.#request(headers.authority, done),
  }
  readonly #name: string
  readonly #statPrefix: string
  readonly #context: Context
  readonly #resource: WatchedResource
  readonly #onDemand: boolean
  /** The first routes, and their first virtual hosts. */
  readonly #initManager = new InitManager()
  #current: RouteConfig | undefined = undefined
  /** As last accepted. */
  #view: RouteConfiguration | undefined = undefined
  #virtualHosts: readonly VirtualHost[] = []
  #vhds: { readonly key: string; readonly resource: WatchedResource; readonly lifetime: Lifetime } | undefined

  /** `onDemand`: the routes are asked for when a request needs them. */
  constructor(name: string, source: ConfigSource, statPrefix: string, context: Context, onDemand = false) {
    this.#name = name
    this.#statPrefix = statPrefix
    this.#context = context
    this.#onDemand = onDemand
    const { resources, initManager, lifetime, errors } = context
    this.#resource = resources.watch(
      {
        source,
        typeUrl: 'envoy.config.route.v3.RouteConfiguration',
        name,
        scope: context.scope.createScope(`http.${statPrefix}.rds.${name}`),
        initTarget: `RDS ${name}`,
        onDemand,
      },
      (view, errors) => this.#prepare(view as RouteConfiguration | undefined, errors),
      { resources, initManager: this.#initManager, lifetime, errors },
    )
    lifetime.onEnd(initManager.addNested(`RdsRouteConfigSubscription RDS init ${name}`, this.#initManager))
    lifetime.onEnd(() => this.#vhds?.lifetime.end())
  }

  *#prepare(view: RouteConfiguration | undefined, errors: ConfigErrors): Steps<TakeOver> {
    checkVhds(view, errors)
    const next = yield* this.#compile(view, this.#virtualHosts, errors)
    return () => {
      this.#view = view
      this.#current = next
      this.#followVirtualHosts(view?.vhds?.configSource)
    }
  }

  *#prepareVirtualHosts(collection: Collection | undefined, errors: ConfigErrors): Steps<TakeOver> {
    const virtualHosts = (collection?.resources ?? []) as readonly VirtualHost[]
    const next = yield* this.#compile(this.#view, virtualHosts, errors)
    return () => {
      this.#virtualHosts = virtualHosts
      this.#current = next
    }
  }

  *#compile(
    view: RouteConfiguration | undefined,
    more: readonly VirtualHost[],
    errors: ConfigErrors,
  ): Steps<RouteConfig | undefined> {
    if (view === undefined) return undefined
    const hasMore = view.vhds !== undefined && more.length > 0
    const merged = hasMore ? { ...view, virtualHosts: [...view.virtualHosts, ...more] } : view
    // Clusters may come later than routes to them.
    return yield* compileRouteConfigInSteps(merged, Object.assign(Object.create(this.#context) as Context, { errors }), false)
  }

  #followVirtualHosts(source: ConfigSource | undefined): void {
    const key = source === undefined ? '' : fingerprint(source)
    const before = this.#vhds
    if (key === (before?.key ?? '')) return
    this.#vhds = undefined
    if (source !== undefined) {
      const lifetime = new Lifetime()
      const resource = this.#watchVirtualHosts(source, lifetime)
      this.#vhds = { key, resource, lifetime }
    } else this.#virtualHosts = []
    before?.lifetime.end()
  }

  #watchVirtualHosts(source: ConfigSource, lifetime: Lifetime): WatchedResource {
    const { resources, scope } = this.#context
    return resources.watch(
      {
        source,
        typeUrl: 'envoy.config.route.v3.VirtualHost',
        name: this.#name,
        scope: scope.createScope(`http.${this.#statPrefix}.rds.vhds.${this.#name}`),
        initTarget: `VhdsConfigSubscription ${this.#name}`,
        collects: 'namespace',
      },
      (collection, errors) => this.#prepareVirtualHosts(collection as Collection | undefined, errors),
      { resources, initManager: this.#initManager, lifetime, errors: new ConfigErrors() },
    )
  }

  #request(host: string, done: () => void): (() => void) | undefined {
    const { resources } = this.#context
    if (this.#vhds !== undefined)
      return resources.request(this.#vhds.resource, `${this.#name}/${host.toLowerCase()}`, done)
    if (this.#onDemand && this.#current === undefined) return resources.request(this.#resource, this.#name, done)
    return undefined
  }
}

function checkVhds(view: RouteConfiguration | undefined, errors: ConfigErrors): void {
  if (view?.vhds === undefined) return
  const { configSource } = view.vhds
  if (configSource?.configSourceSpecifier !== 'ads' && configSource?.apiConfigSource?.apiType !== 'DELTA_GRPC')
    errors.add(view.vhds, 'configSource', "vhds: only 'DELTA_GRPC' is supported as an api_type.")
}
