import { expect, it } from 'vitest'
import { serverContext, startCluster } from './support.ts'

function cluster(fields: string) {
  return startCluster(`- {name: c, type: STATIC${fields}}`, serverContext()).info
}

it('are there only where they are asked for', () => {
  const plain = cluster('')
  expect([plain.sizeStats, plain.budgetStats, plain.endpointScope]).toEqual([undefined, undefined, undefined])
  const all = ', track_cluster_stats: {timeout_budgets: true, request_response_sizes: true, per_endpoint_stats: true}'
  const tracked = cluster(all)
  expect([tracked.sizeStats, tracked.budgetStats, tracked.endpointScope]).not.toContain(undefined)
  expect(cluster(', track_timeout_budgets: true').budgetStats).toBeDefined()
})
