// Clusters or listeners as a discovery service gives them to their lifecycle, and what was refused of them.

import { wallMs } from '../common/clock.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { ResourceSet } from '../xds/resource_set_api.ts'
import type { DiscoveredResource } from '../xds/subscription.ts'
import type { Origin } from './cluster_lifecycle.ts'
import type { ConfigPush } from './config_push.ts'

/** What takes one kind of resource on and lets it go. */
interface Lifecycle<View> {
  addOrUpdate(view: View, origin: Origin, errors: ConfigErrors): boolean
  remove(name: string): boolean
  views(isStatic: boolean): ReadonlyMap<string, View>
}

/** As `/config_dump` shows it. */
export interface RefusedResource {
  readonly resource: DiscoveredResource
  readonly message: string
  readonly atMs: number
}

export class DiscoveredSet<View extends object> implements ResourceSet {
  /** By name, until the next version is accepted. */
  readonly refused = new Map<string, RefusedResource>()
  readonly #lifecycle: Lifecycle<View>
  readonly #push: ConfigPush

  constructor(lifecycle: Lifecycle<View>, push: ConfigPush) {
    this.#lifecycle = lifecycle
    this.#push = push
  }

  addOrUpdate(view: object, version: string, errors: ConfigErrors): boolean {
    return this.#lifecycle.addOrUpdate(view as View, { isStatic: false, version }, errors)
  }

  remove(name: string): void {
    this.refused.delete(name)
    this.#lifecycle.remove(name)
  }

  names(): Iterable<string> {
    return this.#lifecycle.views(false).keys()
  }

  applied(): Promise<void> {
    return this.#push.applied()
  }

  onRefused(resource: DiscoveredResource, message: string | undefined): void {
    if (message === undefined) this.refused.delete(resource.name)
    else this.refused.set(resource.name, { resource, message, atMs: wallMs() })
  }
}
