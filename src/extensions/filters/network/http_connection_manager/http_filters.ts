// Builds the HTTP filter chains of a connection manager: the ordinary one and those of upgrades.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { ConfiguredFilter } from '../../../../http/conn_manager/filter_manager.ts'
import type { UpgradeSettings } from '../../../../http/conn_manager/settings.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type HttpFilter = envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter
type UpgradeConfig = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.UpgradeConfig

/** `statPrefix` is `http.<stat_prefix>.`. */
export function buildHttpFilters(
  filters: readonly HttpFilter[],
  statPrefix: string,
  context: ServerContext,
): readonly ConfiguredFilter[] {
  const built: ConfiguredFilter[] = []
  filters.forEach((filter, i) => {
    if (filter.configDiscovery !== undefined) {
      context.errors.add(filter, 'configDiscovery', 'extension config discovery is not supported')
      return
    }
    const factory = context.registry.lookup<HttpFilterFactory>('envoy.filters.http', filter, context.errors)
    if (factory === undefined) return
    const last = i === filters.length - 1
    checkPosition(filter, factory, last, context)
    const addTo = factory.createFilterFactory(
      filter.typedConfig?.value,
      Object.assign(Object.create(context) as ServerContext, { statPrefix }),
    )
    built.push({ name: filter.name, disabled: filter.disabled, addTo })
  })
  return built
}

function checkPosition(filter: HttpFilter, factory: HttpFilterFactory, last: boolean, context: ServerContext): void {
  const what = `filter named ${filter.name} of type ${factory.name}`
  if (factory.isTerminal && !last)
    context.errors.add(filter, undefined, `terminal ${what} must be the last filter in a http filter chain`)
  if (!factory.isTerminal && last)
    context.errors.add(filter, undefined, `non-terminal ${what} is the last filter in a http filter chain`)
  if (factory.isTerminal && filter.disabled)
    context.errors.add(filter, 'disabled', `terminal ${what} cannot be disabled`)
}

export function buildUpgrades(
  configs: readonly UpgradeConfig[],
  statPrefix: string,
  context: ServerContext,
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
    const filters = config.filters.length === 0 ? undefined : buildHttpFilters(config.filters, statPrefix, context)
    upgrades.set(type, { enabled: config.enabled ?? true, filters })
  }
  return upgrades
}
