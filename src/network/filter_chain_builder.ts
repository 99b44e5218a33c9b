// Builds the filter chains of a listener: those that an earlier version of it has are taken over as they are.

import type { envoy } from '../../proto/generated/api.d.ts'
import { fingerprint } from '../common/fingerprint.ts'
import { Lifetime } from '../common/lifetime.ts'
import { StatsOwner } from '../stats/stats_owner.ts'
import type { FilterChain, FilterChains } from './built_listener.ts'
import { DiscoveredFilter } from './discovered_filter.ts'
import { Drain } from './drain.ts'
import type {
  DownstreamTransportSocketConfigFactory,
  DownstreamTransportSocketFactory,
  ListenerFactoryContext,
  NetworkFilterFactory,
  NetworkServerContext,
} from './factory.ts'
import { FilterChainManager, type MatchableChain } from './filter_chain_manager.ts'
import { buildFilterChainMatcher, type FilterChainFinder } from './filter_chain_matcher.ts'
import { checkFilterPosition, type FilterPosition } from './filter_position.ts'
import type { ConfiguredNetworkFilter, NetworkFilterFactoryCb } from './network_filter.ts'
import { rawBufferSocketFactory } from './raw_buffer_socket.ts'

type ListenerView = envoy.config.listener.v3.Listener
type FilterChainView = envoy.config.listener.v3.FilterChain
type FilterView = envoy.config.listener.v3.Filter

/** `previous` are the chains of the version that this one replaces, if nothing but chains has changed. */
export function buildFilterChains<Server extends NetworkServerContext>(
  view: ListenerView,
  previous: FilterChains | undefined,
  context: ListenerFactoryContext<Server>,
): { chains: FilterChains; finder: FilterChainFinder<FilterChain> } {
  const { errors } = context
  const chains = new Map<string, FilterChain>()
  const chainOf = (each: FilterChainView, kind: string): FilterChain => {
    const key = `${kind}${fingerprint(each)}`
    const chain = previous?.get(key) ?? buildFilterChain(each, key, context)
    chains.set(key, chain)
    return chain
  }
  const matchable = view.filterChains.map(
    (each): MatchableChain<FilterChain> => ({
      view: each,
      name: each.name,
      match: each.filterChainMatch,
      chain: chainOf(each, ''),
    }),
  )
  const fallback = view.defaultFilterChain === undefined ? undefined : chainOf(view.defaultFilterChain, 'default.')
  // A matcher tree names the chains: their own filter_chain_match is not looked at.
  const finder =
    view.filterChainMatcher === undefined
      ? new FilterChainManager(matchable, fallback, errors)
      : buildFilterChainMatcher(view.filterChainMatcher, matchable, fallback, context)
  return { chains, finder }
}

function buildFilterChain(view: FilterChainView, key: string, listener: ListenerFactoryContext): FilterChain {
  const drain = new Drain(listener.drainDecision)
  // It may outlive the version of the listener that it is built for.
  const lifetime = new Lifetime()
  const statsOwner = new StatsOwner()
  lifetime.onEnd(() => statsOwner.end())
  let sharedNames = 0
  const own: Partial<ListenerFactoryContext> = {
    drainDecision: drain,
    lifetime,
    statsOwner,
    scope: listener.scope.ownedBy(statsOwner),
    listenerScope: listener.listenerScope.ownedBy(statsOwner),
    sharedName: (kind) => `listener.${listener.listenerName}.${key}.${kind}.${sharedNames++}`,
  }
  const context: ListenerFactoryContext = Object.assign(Object.create(listener), own)
  return {
    name: view.name,
    drain,
    lifetime,
    filters: buildNetworkFilters(view, context),
    transportSocket: buildTransportSocket(view, context),
    transportSocketConnectTimeoutMs: view.transportSocketConnectTimeout ?? 0,
    transportSocketConnectTimers: listener.overload.timers.group('TRANSPORT_SOCKET_CONNECT'),
  }
}

function buildNetworkFilters(view: FilterChainView, context: ListenerFactoryContext): ConfiguredNetworkFilter[] {
  const { errors, registry } = context
  const configured: ConfiguredNetworkFilter[] = []
  view.filters.forEach((filter, index) => {
    const position = { name: filter.name, isLast: index === view.filters.length - 1, chain: 'network' } as const
    if (filter.configType === 'configDiscovery') {
      configured.push(discoveredFilter(filter, position, context))
      return
    }
    const factory = registry.lookup<NetworkFilterFactory>('envoy.filters.network', filter, errors)
    if (factory === undefined) return
    checkFilterPosition(factory, position, filter, errors)
    configured.push(factory.createFilterFactory(filter.typedConfig?.value, context))
  })
  return configured
}

function discoveredFilter(
  { name, configDiscovery: source }: FilterView,
  position: FilterPosition,
  context: ListenerFactoryContext,
): ConfiguredNetworkFilter {
  const discovered = new DiscoveredFilter<NetworkFilterFactory, ListenerFactoryContext, NetworkFilterFactoryCb>(
    {
      name,
      kind: 'network_filter',
      category: 'envoy.filters.network',
      source: source!,
      checksSource: false,
      check: (factory, at, errors) => checkFilterPosition(factory, position, at, errors),
      create: (factory, config, own) => factory.createFilterFactory(config, own),
    },
    context,
  )
  return (connection) => discovered.current?.(connection)
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
