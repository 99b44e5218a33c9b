// One route configuration as it stands, with the virtual hosts that a discovery of their own (VHDS) adds to it.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { fingerprint } from '../../../../common/fingerprint.ts'
import { Lifetime } from '../../../../common/lifetime.ts'
import type { Steps } from '../../../../common/steps.ts'
import { ConfigErrors } from '../../../../config/errors.ts'
import type { InitManager } from '../../../../config/init_manager.ts'
import type { Collection, TakeOver, WatchedResource } from '../../../../config/watched_resources.ts'
import type { RouteConfig } from '../../../../http/route.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import { compileRouteConfigInSteps } from '../../../../router/route_config/route_config.ts'
import { routeNames } from '../../../../router/route_config/route_names.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type ConfigSource = envoy.config.core.v3.ConfigSource
type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type VirtualHost = envoy.config.route.v3.VirtualHost
type Context = ListenerFactoryContext<ServerContext>

export interface RoutesInForceParts {
  /** Of the route configuration. */
  readonly name: string
  /** Where updates of virtual hosts are counted: `vhds.<name>`, with a prefix. */
  readonly statsName: string
  /** Waits for the first virtual hosts. */
  readonly initManager: InitManager
  readonly context: Context
}

export class RoutesInForce {
  current: RouteConfig | undefined = undefined
  readonly #parts: RoutesInForceParts
  /** As last accepted. */
  #view: RouteConfiguration | undefined = undefined
  #virtualHosts: readonly VirtualHost[] = []
  #vhds: { readonly key: string; readonly resource: WatchedResource; readonly lifetime: Lifetime } | undefined

  constructor(parts: RoutesInForceParts) {
    this.#parts = parts
    parts.context.lifetime.onEnd((graceMs) => this.#vhds?.lifetime.end(graceMs))
  }

  /** Builds another version; what is returned puts it into force. */
  *prepare(view: RouteConfiguration | undefined, errors: ConfigErrors, validatesClusters: boolean): Steps<TakeOver> {
    checkVhds(view, errors)
    const next = yield* this.#compile(view, this.#virtualHosts, errors, validatesClusters)
    return () => {
      this.#view = view
      this.current = next
      this.#followVirtualHosts(view?.vhds?.configSource)
    }
  }

  /** Asks for that of a request's host; undefined where there is no such discovery. See `RequestRouteUpdate`. */
  requestVirtualHost(host: string, done: () => void): (() => void) | undefined {
    if (this.#vhds === undefined) return undefined
    const { name, context } = this.#parts
    return context.resources.request(this.#vhds.resource, `${name}/${host.toLowerCase()}`, done)
  }

  *#prepareVirtualHosts(collection: Collection | undefined, errors: ConfigErrors): Steps<TakeOver> {
    const virtualHosts = (collection?.resources ?? []) as readonly VirtualHost[]
    const next = yield* this.#compile(this.#view, virtualHosts, errors, false)
    return () => {
      this.#virtualHosts = virtualHosts
      this.current = next
    }
  }

  *#compile(
    view: RouteConfiguration | undefined,
    more: readonly VirtualHost[],
    errors: ConfigErrors,
    validatesClusters: boolean,
  ): Steps<RouteConfig | undefined> {
    if (view === undefined) return undefined
    const hasMore = view.vhds !== undefined && more.length > 0
    const merged = hasMore ? { ...view, virtualHosts: [...view.virtualHosts, ...more] } : view
    const { name, context } = this.#parts
    const own: Partial<Context> = { errors, sharedName: routeNames(name) }
    const named = Object.assign(Object.create(context) as Context, own)
    return yield* compileRouteConfigInSteps(merged, named, validatesClusters)
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
    const { name, statsName, initManager, context } = this.#parts
    const { resources, scope } = context
    return resources.watch(
      {
        source,
        typeUrl: 'envoy.config.route.v3.VirtualHost',
        name,
        scope: scope.createScope(statsName),
        initTarget: `VhdsConfigSubscription ${name}`,
        collects: 'namespace',
      },
      (collection, errors) => this.#prepareVirtualHosts(collection as Collection | undefined, errors),
      { resources, initManager, lifetime, errors: new ConfigErrors() },
    )
  }
}

function checkVhds(view: RouteConfiguration | undefined, errors: ConfigErrors): void {
  if (view?.vhds === undefined) return
  const { configSource } = view.vhds
  if (configSource?.configSourceSpecifier === 'ads' || configSource?.apiConfigSource?.apiType === 'DELTA_GRPC') return
  const rule = "only 'DELTA_GRPC' or 'ADS' (which uses Delta xDS) is supported as a config source."
  errors.add(view.vhds, 'configSource', `vhds: ${rule}`)
}
