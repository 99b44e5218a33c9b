// `load_stats_config` of the bootstrap: who is told of the load.

import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { LoadStatsReporter } from '../xds/load_stats_reporter.ts'
import { createOptionalClient } from '../xds/optional_client.ts'
import type { XdsContext } from '../xds/xds_manager.ts'
import { type LoadWorkers, ProxyLoad } from './load_source.ts'

/** Undefined where nobody is, or where he cannot be. */
export function createLoadReporter(
  { clusterManager: view }: Bootstrap,
  context: XdsContext,
  workers: LoadWorkers,
  errors: ConfigErrors,
): LoadStatsReporter | undefined {
  const { clusterManager, node, scope } = context
  if (view?.loadStatsConfig === undefined) return undefined
  const service = { owner: view, field: 'loadStatsConfig', without: 'no load is reported' }
  const client = createOptionalClient(view.loadStatsConfig, service, context, errors)
  if (client === undefined) return undefined
  return new LoadStatsReporter({ client, node, scope, source: new ProxyLoad(clusterManager, workers) })
}
