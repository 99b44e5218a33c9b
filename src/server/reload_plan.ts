// What differs between the bootstrap in force and a new one: what can change while the server runs, and what cannot.

import type { envoy } from '../../proto/generated/api.d.ts'
import { fingerprint } from '../common/fingerprint.ts'
import type { Bootstrap } from '../config/load.ts'
import { snakeCase } from '../config/names.ts'
import { listenerKeys } from './listener_lifecycle.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type ListenerView = envoy.config.listener.v3.Listener

export interface Difference<View> {
  readonly added: ReadonlyMap<string, View>
  readonly modified: ReadonlyMap<string, View>
  readonly removed: readonly string[]
}

export interface ReloadPlan {
  readonly clusters: Difference<ClusterView>
  /** By the keys of `listenerKeys`. */
  readonly listeners: Difference<ListenerView>
  readonly secrets: boolean
  readonly runtime: boolean
  /** Fields of the bootstrap that differ and take effect with the next start only. */
  readonly needsRestart: readonly string[]
}

/** Fields that a running server follows. */
const liveFields: ReadonlySet<string> = new Set(['staticResources', 'layeredRuntime'])

/** What is in force. */
export interface CurrentConfiguration {
  readonly bootstrap: Bootstrap
  readonly clusters: ReadonlyMap<string, ClusterView>
  readonly listeners: ReadonlyMap<string, ListenerView>
}

export function planReload({ bootstrap, clusters, listeners }: CurrentConfiguration, next: Bootstrap): ReloadPlan {
  const to = next.staticResources
  return {
    clusters: difference(clusters, new Map((to?.clusters ?? []).map((view) => [view.name, view]))),
    listeners: difference(listeners, listenerKeys(to?.listeners ?? [])),
    secrets: !isSame(bootstrap.staticResources?.secrets ?? [], to?.secrets ?? []),
    runtime: !isSame(bootstrap.layeredRuntime, next.layeredRuntime),
    needsRestart: fieldsThatNeedRestart(bootstrap, next),
  }
}

export function changesNothing({ clusters, listeners, secrets, runtime }: ReloadPlan): boolean {
  return !secrets && !runtime && isEmpty(clusters) && isEmpty(listeners)
}

function difference<View>(from: ReadonlyMap<string, View>, to: ReadonlyMap<string, View>): Difference<View> {
  const added = new Map<string, View>()
  const modified = new Map<string, View>()
  for (const [key, view] of to) {
    const before = from.get(key)
    if (before === undefined) added.set(key, view)
    else if (!isSame(before, view)) modified.set(key, view)
  }
  return { added, modified, removed: [...from.keys()].filter((key) => !to.has(key)) }
}

/** A oneof has a field of its own that tells which member is set: it says nothing that the members do not. */
function fieldsThatNeedRestart(current: Bootstrap, next: Bootstrap): string[] {
  const fields = new Set([...Object.keys(current), ...Object.keys(next)])
  const fieldOf = (bootstrap: Bootstrap, field: string): unknown => bootstrap[field as keyof Bootstrap]
  return [...fields]
    .filter((field) => !liveFields.has(field) && !isSame(fieldOf(current, field), fieldOf(next, field)))
    .map(snakeCase)
    .sort()
}

function isEmpty({ added, modified, removed }: Difference<unknown>): boolean {
  return added.size === 0 && modified.size === 0 && removed.length === 0
}

function isSame(a: unknown, b: unknown): boolean {
  return fingerprint(a ?? null) === fingerprint(b ?? null)
}
