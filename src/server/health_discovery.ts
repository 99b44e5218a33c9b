// `hds_config` of the bootstrap: who says which hosts this proxy checks for others.

import { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { createGrpcClient } from '../grpc/grpc_service.ts'
import { checkApiConfigSource } from '../xds/config_source.ts'
import { HdsDelegate } from '../xds/hds_delegate.ts'
import type { XdsContext } from '../xds/xds_manager.ts'
import type { HdsClusterParts } from './hds_cluster_base.ts'
import { HdsClusters } from './hds_clusters.ts'

/** Undefined where nobody does, or where he cannot be asked: that is no error, in Envoy neither, but a warning. */
export function createHdsDelegate(
  bootstrap: Bootstrap,
  context: XdsContext,
  parts: HdsClusterParts,
  errors: ConfigErrors,
): HdsDelegate | undefined {
  const { hdsConfig: config } = bootstrap
  const { clusterManager, node, scope, readOptions } = context
  if (config === undefined) return undefined
  const found = new ConfigErrors()
  const isUsable = checkApiConfigSource(config, clusterManager, true, found)
  const client = isUsable ? createGrpcClient(config.grpcServices[0], context, found) : undefined
  if (found.hasErrors) errors.warn(bootstrap, 'hdsConfig', `nothing is checked for others: ${found.errors[0].message}`)
  if (client === undefined || found.hasErrors) return undefined
  return new HdsDelegate({ client, node, scope, readOptions, clusters: new HdsClusters(parts) })
}
