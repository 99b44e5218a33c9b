// Makes in a worker the changes of the configuration that main has checked.

import type { Steps } from '../common/steps.ts'
import { ConfigErrors, renderIssues } from '../config/errors.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { ActiveHealth, Host } from '../upstream/host.ts'
import type { ConfigChange } from './channel.ts'
import { keyedHosts } from './host_keys.ts'
import type { Instance } from './instance.ts'
import type { WorkerListeners } from './worker_listeners.ts'

type HealthChange = Extract<ConfigChange, { kind: 'health' }>

export function* applyChange(change: ConfigChange, instance: Instance, listeners: WorkerListeners): Steps<void> {
  const { clusterManager, context } = instance
  switch (change.kind) {
    case 'cluster': {
      const errors = new ConfigErrors()
      clusterManager.put(instance.buildCluster(change.view, instance.contextFor(errors)))
      refuseDifference(errors)
      if (change.hosts !== undefined) clusterManager.onHosts(change.hosts)
      break
    }
    case 'hosts':
      clusterManager.onHosts(change.update)
      break
    case 'health':
      applyHealth(change, clusterManager)
      break
    case 'removeCluster':
      clusterManager.remove(change.name)
      break
    case 'resource':
      yield* context.resources.setInSteps(change.key, change.view)
      break
    case 'unusedResource':
      context.resources.forget(change.key)
      break
    case 'secrets':
      context.secrets.replaceStatic(change.views)
      break
    case 'listener':
      listeners.set(change.id, change.view)
      break
    case 'removeListener':
      listeners.remove(change.id)
      break
  }
}

/** Load balancing knows of it before connections end, so that what they carried goes elsewhere. */
function applyHealth({ clusterName, hosts }: HealthChange, clusterManager: ClusterManager): void {
  const cluster = clusterManager.get(clusterName)
  if (cluster === undefined) return
  const told = new Map(hosts.map((each) => [each.key, each]))
  const failed: Host[] = []
  for (const [key, host] of keyedHosts(cluster)) {
    const health = told.get(key)
    if (health === undefined) continue
    const { active, outlier } = health
    const isNewlyEjected = outlier.isEjected && !host.outlierHealth.isEjected
    if (isNewlyEjected || (active.isFailed && differs(active, host.activeHealth))) failed.push(host)
    host.setHealth(active, outlier)
  }
  clusterManager.onHealthChanged(clusterName)
  for (const host of failed) host.onHealthFailure()
}

function differs(health: ActiveHealth, from: ActiveHealth): boolean {
  return (Object.keys(health) as (keyof ActiveHealth)[]).some((name) => health[name] !== from[name])
}

/** Main has built the same before: an error here is a difference between the two processes. */
export function refuseDifference(errors: ConfigErrors): void {
  if (errors.hasErrors) throw new Error(`this worker cannot build what main has built:\n${renderIssues(errors.issues)}`)
}
