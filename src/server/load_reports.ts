// `load_stats_config` of the bootstrap: who is told of the load.

import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { createGrpcClient } from '../grpc/grpc_service.ts'
import { checkApiConfigSource } from '../xds/config_source.ts'
import { LoadStatsReporter } from '../xds/load_stats_reporter.ts'
import type { XdsContext } from '../xds/xds_manager.ts'
import { type LoadWorkers, ProxyLoad } from './load_source.ts'

/** Undefined where nobody is, or, with errors, where he cannot be. */
export function createLoadReporter(
  { clusterManager: view }: Bootstrap,
  context: XdsContext,
  workers: LoadWorkers,
  errors: ConfigErrors,
): LoadStatsReporter | undefined {
  const config = view?.loadStatsConfig
  const { clusterManager, node, scope } = context
  if (config === undefined || !checkApiConfigSource(config, clusterManager, true, errors)) return undefined
  const client = createGrpcClient(config.grpcServices[0], context, errors)
  if (client === undefined) return undefined
  return new LoadStatsReporter({ client, node, scope, source: new ProxyLoad(clusterManager, workers) })
}
