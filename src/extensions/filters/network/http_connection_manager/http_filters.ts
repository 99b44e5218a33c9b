// Builds the HTTP filter chains of a connection manager: the ordinary one and those of upgrades.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { ConfiguredFilter } from '../../../../http/conn_manager/filter_manager.ts'
import type { UpgradeSettings } from '../../../../http/conn_manager/settings.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import type { HttpFilterFactoryCb } from '../../../../http/http_filter.ts'
import { addMissingConfigFilter } from '../../../../http/missing_config_filter.ts'
import { DiscoveredFilter, discoveryStatPrefix } from '../../../../network/discovered_filter.ts'
import type { ListenerFactoryContext } from '../../../../network/factory.ts'
import { checkFilterPosition, type FilterPosition } from '../../../../network/filter_position.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type HttpFilter = envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter
type UpgradeConfig = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig
type Context = ListenerFactoryContext<ServerContext>

/** `statPrefix` is `http.<stat_prefix>.`. */
export function buildHttpFilters(
  filters: readonly HttpFilter[],
  chain: FilterPosition['chain'],
  statPrefix: string,
  context: Context,
): readonly ConfiguredFilter[] {
  return filters.flatMap((filter, i) => {
    const position: FilterPosition = { name: filter.name, isLast: i === filters.length - 1, chain }
    if (position.isLast && filter.disabled) {
      const message = `Error: the last (terminal) filter (${filter.name}) in the chain cannot be disabled by default.`
      context.errors.add(filter, 'disabled', message)
      return []
    }
    const addTo =
      filter.configDiscovery === undefined
        ? configuredFilter(filter, position, statPrefix, context)
        : discoveredFilter(filter, position, context)
    return addTo === undefined ? [] : [{ name: filter.name, disabled: filter.disabled, addTo }]
  })
}

function configuredFilter(
  filter: HttpFilter,
  position: FilterPosition,
  statPrefix: string,
  context: Context,
): HttpFilterFactoryCb | undefined {
  const { registry, errors } = context
  const factory = registry.lookup<HttpFilterFactory>('envoy.filters.http', filter, errors, filter.isOptional)
  if (factory === undefined) return undefined
  checkFilterPosition(factory, position, filter, errors)
  return factory.createFilterFactory(filter.typedConfig?.value, withStatPrefix(context, statPrefix))
}

function discoveredFilter(
  { name, configDiscovery: source }: HttpFilter,
  position: FilterPosition,
  context: Context,
): HttpFilterFactoryCb {
  const statPrefix = `${discoveryStatPrefix('http_filter', name)}.`
  const discovered = new DiscoveredFilter<HttpFilterFactory, Context, HttpFilterFactoryCb>(
    {
      name,
      kind: 'http_filter',
      category: 'envoy.filters.http',
      source: source!,
      check: (factory, at, errors) => checkFilterPosition(factory, position, at, errors),
      create: (factory, config, own) => factory.createFilterFactory(config, withStatPrefix(own, statPrefix)),
    },
    context,
  )
  return (builder) => (discovered.current ?? addMissingConfigFilter)(builder)
}

function withStatPrefix(context: Context, statPrefix: string): Context & { readonly statPrefix: string } {
  return Object.assign(Object.create(context) as Context, { statPrefix })
}

export function buildUpgrades(
  configs: readonly UpgradeConfig[],
  statPrefix: string,
  context: Context,
): ReadonlyMap<string, UpgradeSettings> {
  const upgrades = new Map<string, UpgradeSettings>()
  for (const config of configs) {
    const type = config.upgradeType.toLowerCase()
    if (upgrades.has(type))
      context.errors.add(
        config,
        'upgradeType',
        `Error: multiple upgrade configs with the same name: '${config.upgradeType}'`,
      )
    const filters =
      config.filters.length === 0 ? undefined : buildHttpFilters(config.filters, 'http upgrade', statPrefix, context)
    upgrades.set(type, { enabled: config.enabled ?? true, filters })
  }
  return upgrades
}
