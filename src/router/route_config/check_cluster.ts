// Whether the clusters that routes name are there, where validate_clusters asks.

import { suggest } from '../../config/suggestions.ts'
import type { ServerContext } from '../../upstream/server_context.ts'

/** `complaint` goes before the name: `unknown cluster`. */
export function checkClusterExists(
  name: string,
  complaint: string,
  view: object,
  field: string,
  context: ServerContext,
): void {
  if (context.clusterManager.get(name) !== undefined) return
  const names = [...context.clusterManager.clusters()].map((cluster) => cluster.info.name)
  const suggestion = suggest(name, names)
  context.errors.add(view, field, `route: ${complaint} '${name}'`, suggestion === undefined ? {} : { suggestion })
}
