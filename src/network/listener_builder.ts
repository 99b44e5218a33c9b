// Builds a listener from its configuration: in main to check it, in every worker to run it.

import type { envoy } from '../../proto/generated/api.d.ts'
import { createAccessLogs } from '../access_log/access_log.ts'
import { fingerprint } from '../common/fingerprint.ts'
import { compileStringMatcher, matcherErrorMessage, type StringPredicate } from '../common/string_matcher.ts'
import { ConfigErrors } from '../config/errors.ts'
import { messageSchema } from '../config/schema.ts'
import { FilteredScope } from '../stats/filtered_scope.ts'
import { createRejects } from '../stats/stats_config.ts'
import type { Scope } from '../stats/store.ts'
import { type BuiltListener, droppedChains } from './built_listener.ts'
import { listenerConnectionLimit } from './connection_limits.ts'
import { DiscoveredFilter } from './discovered_filter.ts'
import type {
  ListenerFactoryContext,
  ListenerFilterConfigFactory,
  ListenerInfo,
  NetworkServerContext,
} from './factory.ts'
import { buildFilterChains } from './filter_chain_builder.ts'
import type { ListenerFilterFactory, ListenerFilterFactoryCb } from './listener_filter.ts'
import { compileFilterDisabled } from './listener_filter_predicate.ts'
import { ListenerStats } from './listener_stats.ts'
import type { OverloadState } from './overload/overload_state.ts'
import { fixedAddresses, listenerSocketSettings } from './socket_settings.ts'

type ListenerView = envoy.config.listener.v3.Listener
type ListenerFilterView = envoy.config.listener.v3.ListenerFilter

const defaultBufferLimitBytes = 1024 * 1024
const defaultListenerFiltersTimeoutMs = 15_000
const originalDstName = 'envoy.filters.listener.original_dst'
const proxyProtocolName = 'envoy.filters.listener.proxy_protocol'

/**
 * Everything that is wrong goes to `server.errors`; undefined if there is no address to build on, otherwise a listener
 * that may only be run if no errors were added. `previous` is the version that this one replaces: where only filter chains
 * differ, it goes on with those that are the same.
 */
export function buildListener<Server extends NetworkServerContext>(
  view: ListenerView,
  server: Server,
  previous?: BuiltListener,
): BuiltListener | undefined {
  const { errors } = server
  const sockets = listenerSocketSettings(view, errors)
  if (sockets === undefined) return undefined
  const prefix = view.statPrefix === '' ? sockets.sockets[0].address.text : view.statPrefix
  const root = listenerRootScope(view, server)
  const scope = root.createScope('listener').createScope(prefix)
  const bufferLimitBytes = view.perConnectionBufferLimitBytes ?? defaultBufferLimitBytes
  let sharedNames = 0
  const overload = view.bypassOverloadManager ? server.overload.bypassed() : server.overload
  const info: ListenerInfo = {
    listenerScope: scope,
    listenerName: sockets.listenerName,
    trafficDirection: view.trafficDirection,
    listenerMetadata: view.metadata?.filterMetadata ?? {},
    perConnectionBufferLimitBytes: bufferLimitBytes,
    listenerHasAccessLogs: view.accessLog.length > 0,
    sharedName: (kind) => `listener.${sockets.listenerName}.${kind}.${sharedNames++}`,
  }
  const context: ListenerFactoryContext<Server> = Object.assign(Object.create(server), info, { scope: root, overload })
  const body = fingerprint({
    ...view,
    filterChains: undefined,
    defaultFilterChain: undefined,
    filterChainMatcher: undefined,
  })
  const isInPlace = previous?.body === body
  checkChains(view, sockets.sockets[0].address.text, errors)
  const { chains, finder } = buildFilterChains(view, isInPlace ? previous.chains : undefined, context)
  return {
    name: sockets.listenerName,
    body,
    chains,
    lifetime: server.lifetime,
    statsOwner: server.statsOwner,
    trafficDirection: view.trafficDirection,
    sockets,
    scope,
    stats: new ListenerStats(scope, server.workerIndex),
    filterChains: finder,
    listenerFilters: buildListenerFilters(view, context),
    listenerFiltersTimeoutMs: view.listenerFiltersTimeout ?? defaultListenerFiltersTimeoutMs,
    continueOnListenerFiltersTimeout: view.continueOnListenerFiltersTimeout,
    bufferLimitBytes,
    accessLogs: createAccessLogs(view.accessLog, context),
    connectionLimit: listenerConnectionLimit(server.shared, server.runtime, view.name),
    globalConnectionLimit: server.globalConnectionLimit,
    ignoreGlobalConnectionLimit: view.ignoreGlobalConnLimit || view.bypassOverloadManager,
    rejectsConnection: connectionRejections(overload),
    stopsAccepting: overload.action('envoy.overload_actions.stop_accepting_connections'),
    transparent: view.transparent ?? false,
    handsOffRestored: view.useOriginalDst ?? false,
    highWatermarkTimeoutMs: view.perConnectionBufferHighWatermarkTimeout ?? 0,
  }
}

/** Asks of each new connection whether it is closed at once. */
function connectionRejections(overload: OverloadState): () => boolean {
  const action = overload.action('envoy.overload_actions.reject_incoming_connections')
  const point = overload.action('envoy.load_shed_points.tcp_listener_accept')
  return () => action.isTaken() || point.isTaken()
}

function checkChains(view: ListenerView, address: string, errors: ConfigErrors): void {
  if (view.filterChains.length > 0 || view.defaultFilterChain !== undefined) return
  errors.add(view, undefined, `error adding listener '${address}': no filter chains specified`)
}

/** Ends what a listener has begun, but for the chains that another version of it goes on with; see `Lifetime` for `graceMs`. */
export function endListener(built: BuiltListener, kept?: BuiltListener, graceMs = 0): void {
  built.lifetime.end(graceMs)
  built.statsOwner.end()
  for (const chain of droppedChains(built, kept)) chain.lifetime.end(graceMs)
}

/** Where everything of the listener makes its stats. Virtual hosts are the server's: their stats are always kept. */
function listenerRootScope(view: ListenerView, { scope, errors }: NetworkServerContext): Scope {
  const compileMatcher = (matcher: envoy.type.matcher.v3.StringMatcher): StringPredicate => {
    try {
      return compileStringMatcher(matcher)
    } catch (error) {
      errors.add(matcher, undefined, matcherErrorMessage(error))
      return () => false
    }
  }
  const rejects = createRejects(view.statsMatcher, { compileMatcher })
  if (rejects === undefined) return scope
  return new FilteredScope(scope, '', (name) => !name.startsWith('vhost.') && rejects(name))
}

/** Reports listeners that have an address which another one before them has; a port 0 that is bound is another each time. */
export function checkDuplicateAddresses(views: readonly ListenerView[], context: NetworkServerContext): void {
  const owners = new Map<string, string>()
  for (const view of views) {
    // Addresses that are wrong in themselves are reported where the listener is built.
    const sockets = listenerSocketSettings(view, new ConfigErrors())
    if (sockets === undefined) continue
    const twice = sockets.sockets.map(({ address }) => address.text).find((address) => owners.has(address))
    if (twice !== undefined) {
      const message = `listener '${sockets.listenerName}' has duplicate address '${twice}' as existing listener '${owners.get(twice)}'`
      context.errors.add(view, 'address', message)
    }
    for (const address of fixedAddresses(sockets)) owners.set(address, sockets.listenerName)
  }
}

function buildListenerFilters(view: ListenerView, context: ListenerFactoryContext): ListenerFilterFactory[] {
  const { errors, registry } = context
  const factories: ListenerFilterFactory[] = []
  for (const filter of view.listenerFilters) {
    if (filter.configType === 'configDiscovery') {
      factories.push(discoveredListenerFilter(filter, context))
      continue
    }
    const factory = registry.lookup<ListenerFilterConfigFactory>('envoy.filters.listener', filter, errors)
    if (factory === undefined) continue
    factories.push({
      create: factory.createFilterFactory(filter.typedConfig?.value, context),
      isMissing: undefined,
      disabled: compileFilterDisabled(filter.filterDisabled),
    })
  }
  if (view.useOriginalDst === true) factories.push(...impliedFilter(originalDstName, context))
  // The old way to ask for it: the first chain speaks for all of them.
  if (view.filterChains[0]?.useProxyProto === true) factories.push(...impliedFilter(proxyProtocolName, context))
  return factories
}

/** One that a field of the listener asks for, without settings of its own. */
function impliedFilter(name: string, context: ListenerFactoryContext): ListenerFilterFactory[] {
  const factory = context.registry.byName<ListenerFilterConfigFactory>('envoy.filters.listener', name)
  if (factory === undefined) return []
  const create = factory.createFilterFactory(messageSchema(factory.typeUrls[0])?.emptyView(), context)
  return [{ create, isMissing: undefined, disabled: undefined }]
}

function discoveredListenerFilter(
  { name, configDiscovery: source, filterDisabled }: ListenerFilterView,
  context: ListenerFactoryContext,
): ListenerFilterFactory {
  const discovered = new DiscoveredFilter<ListenerFilterConfigFactory, ListenerFactoryContext, ListenerFilterFactoryCb>(
    {
      name,
      kind: 'tcp_listener_filter',
      category: 'envoy.filters.listener',
      source: source!,
      checksSource: true,
      create: (factory, config, own) => factory.createFilterFactory(config, own),
    },
    context,
  )
  return {
    create: () => discovered.current!(),
    isMissing: () => discovered.current === undefined,
    disabled: compileFilterDisabled(filterDisabled),
  }
}
