// Builds a listener from its configuration: in main to check it, in every worker to run it.

import type { envoy } from '../../proto/generated/api.d.ts'
import { createAccessLogs } from '../access_log/access_log.ts'
import { compileStringMatcher, matcherErrorMessage, type StringPredicate } from '../common/string_matcher.ts'
import { ConfigErrors } from '../config/errors.ts'
import { messageSchema } from '../config/schema.ts'
import { FilteredScope } from '../stats/filtered_scope.ts'
import { createRejects } from '../stats/stats_config.ts'
import type { Scope } from '../stats/store.ts'
import type { BuiltListener, FilterChain } from './built_listener.ts'
import { listenerConnectionLimit } from './connection_limits.ts'
import type {
  DownstreamTransportSocketConfigFactory,
  DownstreamTransportSocketFactory,
  ListenerFactoryContext,
  ListenerFilterConfigFactory,
  ListenerInfo,
  NetworkFilterFactory,
  NetworkServerContext,
} from './factory.ts'
import { FilterChainManager, type MatchableChain } from './filter_chain_manager.ts'
import { buildFilterChainMatcher, type FilterChainFinder } from './filter_chain_matcher.ts'
import type { ListenerFilterFactory } from './listener_filter.ts'
import { compileFilterDisabled } from './listener_filter_predicate.ts'
import { ListenerStats } from './listener_stats.ts'
import type { NetworkFilterFactoryCb } from './network_filter.ts'
import { rawBufferSocketFactory } from './raw_buffer_socket.ts'
import { type ListenerSocketSettings, listenerSocketSettings } from './socket_settings.ts'

type ListenerView = envoy.config.listener.v3.Listener
type FilterChainView = envoy.config.listener.v3.FilterChain

const defaultBufferLimitBytes = 1024 * 1024
const defaultListenerFiltersTimeoutMs = 15_000
const proxyProtocolName = 'envoy.filters.listener.proxy_protocol'

/**
 * Everything that is wrong goes to `context.errors`; undefined if there is no address to build on, otherwise a listener
 * that may only be run if no errors were added.
 */
export function buildListener<Server extends NetworkServerContext>(
  view: ListenerView,
  server: Server,
): BuiltListener | undefined {
  const { errors } = server
  const sockets = listenerSocketSettings(view, errors)
  if (sockets === undefined) return undefined
  const prefix = view.statPrefix === '' ? sockets.sockets[0].address.text : view.statPrefix
  const root = listenerRootScope(view, server)
  const scope = root.createScope('listener').createScope(prefix)
  const bufferLimitBytes = view.perConnectionBufferLimitBytes ?? defaultBufferLimitBytes
  let sharedNames = 0
  const info: ListenerInfo = {
    listenerScope: scope,
    listenerName: sockets.listenerName,
    trafficDirection: view.trafficDirection,
    listenerMetadata: view.metadata?.filterMetadata ?? {},
    perConnectionBufferLimitBytes: bufferLimitBytes,
    listenerHasAccessLogs: view.accessLog.length > 0,
    sharedName: (kind) => `listener.${sockets.listenerName}.${kind}.${sharedNames++}`,
  }
  const context: ListenerFactoryContext<Server> = Object.assign(Object.create(server), info, { scope: root })
  return {
    name: sockets.listenerName,
    trafficDirection: view.trafficDirection,
    sockets,
    scope,
    stats: new ListenerStats(scope, server.workerIndex),
    filterChains: buildFilterChains(view, sockets, context),
    listenerFilters: buildListenerFilters(view, context),
    listenerFiltersTimeoutMs: view.listenerFiltersTimeout ?? defaultListenerFiltersTimeoutMs,
    continueOnListenerFiltersTimeout: view.continueOnListenerFiltersTimeout,
    bufferLimitBytes,
    accessLogs: createAccessLogs(view.accessLog, context),
    connectionLimit: listenerConnectionLimit(server.shared, server.runtime, view.name),
    globalConnectionLimit: server.globalConnectionLimit,
    ignoreGlobalConnectionLimit: view.ignoreGlobalConnLimit || view.bypassOverloadManager,
    transparent: view.transparent ?? false,
    highWatermarkTimeoutMs: view.perConnectionBufferHighWatermarkTimeout ?? 0,
  }
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

/** Reports listeners that have an address which another one before them has; port 0 is an address of its own each time. */
export function checkDuplicateAddresses(views: readonly ListenerView[], context: NetworkServerContext): void {
  const owners = new Map<string, string>()
  for (const view of views) {
    // Addresses that are wrong in themselves are reported where the listener is built.
    const sockets = listenerSocketSettings(view, new ConfigErrors())
    if (sockets === undefined) continue
    const addresses = sockets.sockets.map((socket) => socket.address)
    const twice = addresses.find(
      (address) => !(address.port === 0 && address.family !== 'pipe') && owners.has(address.text),
    )
    if (twice !== undefined) {
      const message = `listener '${sockets.listenerName}' has duplicate address '${twice.text}' as existing listener '${owners.get(twice.text)}'`
      context.errors.add(view, 'address', message)
    }
    for (const address of addresses) owners.set(address.text, sockets.listenerName)
  }
}

function buildFilterChains<Server extends NetworkServerContext>(
  view: ListenerView,
  sockets: ListenerSocketSettings,
  context: ListenerFactoryContext<Server>,
): FilterChainFinder<FilterChain> {
  const { errors } = context
  if (view.useOriginalDst === true) {
    errors.add(view, 'useOriginalDst', 'use_original_dst is not supported yet')
  }
  if (view.filterChains.length === 0 && view.defaultFilterChain === undefined) {
    errors.add(
      view,
      undefined,
      `error adding listener '${sockets.sockets[0].address.text}': no filter chains specified`,
    )
  }
  const chains = view.filterChains.map(
    (each): MatchableChain<FilterChain> => ({
      view: each,
      name: each.name,
      match: each.filterChainMatch,
      chain: buildFilterChain(each, context),
    }),
  )
  const fallback =
    view.defaultFilterChain === undefined ? undefined : buildFilterChain(view.defaultFilterChain, context)
  // A matcher tree names the chains: their own filter_chain_match is not looked at.
  if (view.filterChainMatcher !== undefined) {
    return buildFilterChainMatcher(view.filterChainMatcher, chains, fallback, context)
  }
  return new FilterChainManager(chains, fallback, errors)
}

function buildFilterChain(view: FilterChainView, context: ListenerFactoryContext): FilterChain {
  return {
    name: view.name,
    filters: buildNetworkFilters(view, context),
    transportSocket: buildTransportSocket(view, context),
    transportSocketConnectTimeoutMs: view.transportSocketConnectTimeout ?? 0,
  }
}

function buildNetworkFilters(view: FilterChainView, context: ListenerFactoryContext): NetworkFilterFactoryCb[] {
  const { errors, registry } = context
  const factories: NetworkFilterFactoryCb[] = []
  view.filters.forEach((filter, index) => {
    if (filter.configType === 'configDiscovery') {
      errors.add(filter, 'configDiscovery', 'config_discovery of network filters is not supported yet')
      return
    }
    const factory = registry.lookup<NetworkFilterFactory>('envoy.filters.network', filter, errors)
    if (factory === undefined) return
    const isLast = index === view.filters.length - 1
    const named = `filter named ${filter.name} of type ${factory.name}`
    if (factory.isTerminal && !isLast) {
      errors.add(filter, undefined, `Error: terminal ${named} must be the last filter in a network filter chain.`)
    }
    if (!factory.isTerminal && isLast) {
      errors.add(filter, undefined, `Error: non-terminal ${named} is the last filter in a network filter chain.`)
    }
    factories.push(factory.createFilterFactory(filter.typedConfig?.value, context))
  })
  return factories
}

function buildTransportSocket(
  view: FilterChainView,
  context: ListenerFactoryContext,
): DownstreamTransportSocketFactory {
  const socket = view.transportSocket
  if (socket === undefined) return rawBufferSocketFactory
  const factory = context.registry.lookup<DownstreamTransportSocketConfigFactory>(
    'envoy.transport_sockets.downstream',
    socket,
    context.errors,
  )
  if (factory === undefined) return rawBufferSocketFactory
  const serverNames = view.filterChainMatch?.serverNames ?? []
  return factory.createTransportSocketFactory(socket.typedConfig?.value, context, serverNames)
}

function buildListenerFilters(view: ListenerView, context: ListenerFactoryContext): ListenerFilterFactory[] {
  const { errors, registry } = context
  const factories: ListenerFilterFactory[] = []
  for (const filter of view.listenerFilters) {
    if (filter.configType === 'configDiscovery') {
      errors.add(filter, 'configDiscovery', 'config_discovery of listener filters is not supported yet')
      continue
    }
    const factory = registry.lookup<ListenerFilterConfigFactory>('envoy.filters.listener', filter, errors)
    if (factory === undefined) continue
    factories.push({
      create: factory.createFilterFactory(filter.typedConfig?.value, context),
      disabled: compileFilterDisabled(filter.filterDisabled),
    })
  }
  // The old way to ask for it: the first chain speaks for all of them.
  const factory =
    view.filterChains[0]?.useProxyProto === true
      ? registry.byName<ListenerFilterConfigFactory>('envoy.filters.listener', proxyProtocolName)
      : undefined
  if (factory !== undefined) {
    const config = messageSchema(factory.typeUrls[0])?.emptyView()
    factories.push({ create: factory.createFilterFactory(config, context), disabled: undefined })
  }
  return factories
}
