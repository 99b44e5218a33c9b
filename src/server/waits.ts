// What the server waits for, before it serves and while parts of its configuration warm.

import type { ClusterEntry, ClusterLifecycle } from './cluster_lifecycle.ts'
import type { ListenerEntry, ListenerLifecycle } from './listener_lifecycle.ts'

export interface Wait {
  /** For the operator's eyes. */
  readonly what: string
  /** Monotonic clock. */
  readonly sinceMs: number
}

/** What has `waits` of its own. */
interface Waiting {
  waits(): Iterable<Wait>
}

export interface WaitingParts {
  readonly clusters: Pick<ClusterLifecycle, 'unready'>
  readonly listeners: Pick<ListenerLifecycle, 'entries'>
  readonly discovery: Waiting
}

/** In the order in which a start comes to it. */
export function waits({ clusters, listeners, discovery }: WaitingParts): Wait[] {
  const ofClusters = clusters.unready().map(clusterWait)
  const ofListeners = [...listeners.entries()].flatMap(listenerWaits)
  return [...ofClusters, ...discovery.waits(), ...ofListeners]
}

function clusterWait({ view, context, addedAtMs }: ClusterEntry): Wait {
  const targets = context.initManager.unready().map(({ name }) => name)
  return { what: [`cluster ${view.name}`, ...targets].join(': '), sinceMs: addedAtMs }
}

function listenerWaits({ key, warming }: ListenerEntry): Wait[] {
  const targets = warming?.initManager.unready() ?? []
  return targets.map(({ name, sinceMs }) => ({ what: `listener ${key}: ${name}`, sinceMs }))
}
