// Makes in a worker the changes of the configuration that main has checked.

import type { Steps } from '../common/steps.ts'
import { ConfigErrors, renderIssues } from '../config/errors.ts'
import type { ConfigChange } from './channel.ts'
import type { Instance } from './instance.ts'
import type { WorkerListeners } from './worker_listeners.ts'

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

/** Main has built the same before: an error here is a difference between the two processes. */
export function refuseDifference(errors: ConfigErrors): void {
  if (errors.hasErrors) throw new Error(`this worker cannot build what main has built:\n${renderIssues(errors.issues)}`)
}
