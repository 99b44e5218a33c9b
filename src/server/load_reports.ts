// `load_stats_config` of the bootstrap: who is told of the load.

import { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { createGrpcClient } from '../grpc/grpc_service.ts'
import { checkApiConfigSource } from '../xds/config_source.ts'
import { LoadStatsReporter } from '../xds/load_stats_reporter.ts'
import type { XdsContext } from '../xds/xds_manager.ts'
import { type LoadWorkers, ProxyLoad } from './load_source.ts'

/** Undefined where nobody is, or where he cannot be: that is no error, in Envoy neither, but a warning. */
export function createLoadReporter(
  { clusterManager: view }: Bootstrap,
  context: XdsContext,
  workers: LoadWorkers,
  errors: ConfigErrors,
): LoadStatsReporter | undefined {
  const config = view?.loadStatsConfig
  const { clusterManager, node, scope } = context
  if (config === undefined) return undefined
  const found = new ConfigErrors()
  const isUsable = checkApiConfigSource(config, clusterManager, true, found)
  const client = isUsable ? createGrpcClient(config.grpcServices[0], context, found) : undefined
  if (found.hasErrors) errors.warn(view, 'loadStatsConfig', `no load is reported: ${found.errors[0].message}`)
  if (client === undefined || found.hasErrors) return undefined
  return new LoadStatsReporter({ client, node, scope, source: new ProxyLoad(clusterManager, workers) })
}
