// `hds_config` of the bootstrap: who says which hosts this proxy checks for others.

import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { HdsDelegate } from '../xds/hds_delegate.ts'
import { createOptionalClient } from '../xds/optional_client.ts'
import type { XdsContext } from '../xds/xds_manager.ts'
import type { HdsClusterParts } from './hds_cluster_base.ts'
import { HdsClusters } from './hds_clusters.ts'

/** Undefined where nobody does, or where he cannot be asked. */
export function createHdsDelegate(
  bootstrap: Bootstrap,
  context: XdsContext,
  parts: HdsClusterParts,
  errors: ConfigErrors,
): HdsDelegate | undefined {
  const { hdsConfig: config } = bootstrap
  const { node, scope, readOptions } = context
  if (config === undefined) return undefined
  const service = { owner: bootstrap, field: 'hdsConfig', without: 'nothing is checked for others' }
  const client = createOptionalClient(config, service, context, errors)
  if (client === undefined) return undefined
  return new HdsDelegate({ client, node, scope, readOptions, clusters: new HdsClusters(parts) })
}
