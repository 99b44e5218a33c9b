// The contract of what tells how much of a resource is used.

import type { ConfigErrors } from '../../config/errors.ts'
import type { ExtensionFactory } from '../../config/registry.ts'
import type { Runtime } from '../../config/runtime.ts'
import type { SharedMemory } from '../factory.ts'

export interface ResourceMonitor {
  /**
   * The used share of the resource: 1 for all of it, more where there is more than there should be. An Error for a failed
   * update, after which what was known stands.
   *
   * @param pids the processes of the proxy, which are looked at together
   */
  pressure(pids: readonly number[]): number
  /** In a worker, which then measures what main's `pressure` is made of. */
  measureInWorker?(workerIndex: number): void
}

export interface ResourceMonitorContext {
  readonly errors: ConfigErrors
  readonly runtime: Runtime
  readonly shared: SharedMemory
  readonly concurrency: number
  readonly refreshIntervalMs: number
}

/** Category `envoy.resource_monitors`. */
export interface ResourceMonitorFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.resource_monitors'
  createResourceMonitor(config: Config, context: ResourceMonitorContext): ResourceMonitor
}
