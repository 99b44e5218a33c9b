// The clusters in /config_dump, and with include_eds their hosts.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { toAnyJson } from '../../config/proto_json.ts'
import type { ClusterEntry } from '../../server/cluster_lifecycle.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { type IncludesName, versioned, withoutEmpty } from './dump_lists.ts'
import { assignmentName, endpointConfigJson } from './endpoint_config.ts'

/** The fields of envoy.admin.v3.ClustersConfigDump. */
export function clustersDump({ live }: ServerControl, includesName: IncludesName): JsonObject {
  const shown = (entries: readonly ClusterEntry[]): ClusterEntry[] =>
    byName(entries.filter(({ view }) => includesName(view.name)))
  const inUse = shown(live.clusters.inUse())
  const warming = shown(live.clusters.unready())
  return withoutEmpty({
    version_info: live.discovery.clusterVersion,
    static_clusters: inUse.filter(({ isStatic }) => isStatic).map(clusterJson),
    dynamic_active_clusters: inUse.filter(({ isStatic }) => !isStatic).map(clusterJson),
    dynamic_warming_clusters: warming.filter(({ isStatic }) => !isStatic).map(clusterJson),
  })
}

/** The fields of envoy.admin.v3.EndpointsConfigDump. */
export function endpointsDump({ live, localInfo }: ServerControl, includesName: IncludesName): JsonObject {
  // Endpoints go by the name by which they are asked for.
  const inUse = byName(live.clusters.inUse().filter(({ cluster }) => includesName(assignmentName(cluster))))
  const json = ({ cluster }: ClusterEntry): JsonObject => ({ endpoint_config: endpointConfigJson(cluster, localInfo) })
  return withoutEmpty({
    static_endpoint_configs: inUse.filter(({ isStatic }) => isStatic).map(json),
    dynamic_endpoint_configs: inUse.filter(({ isStatic }) => !isStatic).map(json),
  })
}

function clusterJson({ view, version, lastUpdatedMs }: ClusterEntry): JsonObject {
  return versioned(version, 'cluster', toAnyJson('envoy.config.cluster.v3.Cluster', view), lastUpdatedMs)
}

/** As Envoy keeps them. */
function byName(entries: readonly ClusterEntry[]): ClusterEntry[] {
  return [...entries].sort((a, b) => (a.view.name < b.view.name ? -1 : 1))
}
