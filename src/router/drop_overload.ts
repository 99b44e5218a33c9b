// Requests that are answered instead of sent: the share of a cluster's that the control plane names (drop_overloads), and
// those that overload stands against.

import type { LocalReply } from '../http/http_filter.ts'
import { ResponseFlag } from '../stream_info/response_flags.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { Host } from '../upstream/host.ts'
import type { RequestCallbacks } from './request_callbacks.ts'
import type { RouterSettings } from './router_settings.ts'

const all = 1_000_000

/** The answer to a request that is dropped, which makes no attempt; undefined for one that is not. */
export function dropOverloadReply(
  cluster: Cluster,
  settings: RouterSettings,
  streamInfo: StreamInfo,
): LocalReply | undefined {
  const millionths = cluster.dropMillionths
  if (millionths === 0 || Math.random() * all >= millionths) return undefined
  cluster.info.loadStats.dropOverload++
  countDropped(cluster, settings)
  streamInfo.attemptCount = 0
  const unconditional = millionths >= all
  const header = unconditional ? 'x-envoy-unconditional-drop-overload' : 'x-envoy-drop-overload'
  return {
    status: 503,
    body: unconditional ? 'unconditional drop overload' : 'drop overload',
    details: unconditional ? 'unconditional_drop_overload' : 'drop_overload',
    flag: unconditional ? ResponseFlag.UnconditionalDropOverload : ResponseFlag.DropOverload,
    ...(settings.suppressEnvoyHeaders ? {} : { modifyHeaders: (headers) => headers.set(header, 'true') }),
  }
}

/** Whether overload stands against a request that has a host: it then has its answer. */
export function isShed(
  host: Host | undefined,
  { filterCheck, stats }: RouterSettings,
  callbacks: RequestCallbacks,
): boolean {
  if (host === undefined || !filterCheck.isTaken()) return false
  stats.rqOverloadLocalReply.inc()
  callbacks.sendLocalReply({ status: 503, body: 'envoy overloaded', details: 'overload' })
  return true
}

/** A request that is not sent because there are too many: load reports tell how many those were. */
export function countDropped(cluster: Cluster, settings: RouterSettings): void {
  if (settings.dynamicStats) cluster.info.loadStats.dropped++
}
