// What every pooled upstream connection counts, whichever protocol it carries.

import { monotonicMs } from '../common/clock.ts'
import type { ConnectionEvent } from '../network/connection_types.ts'
import type { Host } from './host.ts'

export function countConnect(host: Host): void {
  const { stats } = host.cluster
  stats.upstreamCxTotal.inc()
  stats.upstreamCxActive.inc()
  host.stats.cxTotal.inc()
  host.stats.cxActive.inc()
}

export function countConnected(host: Host, startedAtMs: number): void {
  host.cluster.stats.upstreamCxConnectMs.recordValue(Math.round(monotonicMs() - startedAtMs))
}

export function countConnectFailure(host: Host, timedOut: boolean): void {
  host.cluster.stats.upstreamCxConnectFail.inc()
  host.stats.cxConnectFail.inc()
  if (timedOut) host.cluster.stats.upstreamCxConnectTimeout.inc()
}

/** `active`: a request was on it. */
export function countClosed(host: Host, event: ConnectionEvent, startedAtMs: number, active: boolean): void {
  const { stats } = host.cluster
  stats.upstreamCxActive.dec()
  host.stats.cxActive.dec()
  stats.upstreamCxDestroy.inc()
  stats.upstreamCxLengthMs.recordValue(Math.round(monotonicMs() - startedAtMs))
  if (active) stats.upstreamCxDestroyWithActiveRq.inc()
  if (event === 'remoteClose') {
    stats.upstreamCxDestroyRemote.inc()
    if (active) stats.upstreamCxDestroyRemoteWithActiveRq.inc()
  } else {
    stats.upstreamCxDestroyLocal.inc()
    if (active) stats.upstreamCxDestroyLocalWithActiveRq.inc()
  }
}
