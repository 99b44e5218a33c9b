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
  readonly name: string
  readonly view: object
  readonly message: string
  readonly atMs: number
  /** False for one that came twice: the first was taken. */
  readonly wasTried: boolean
}

export class DiscoveredSet<View extends object> implements ResourceSet {
  #refused: RefusedResource[] = []
  readonly #lifecycle: Lifecycle<View>
  readonly #push: ConfigPush

  constructor(lifecycle: Lifecycle<View>, push: ConfigPush) {
    this.#lifecycle = lifecycle
    this.#push = push
  }

  /** Of the last update. */
  refused(): readonly RefusedResource[] {
    return this.#refused
  }

  beginUpdate(): void {
    this.#refused = []
  }

  addOrUpdate(view: object, version: string, errors: ConfigErrors): boolean {
    return this.#lifecycle.addOrUpdate(view as View, { isStatic: false, version }, errors)
  }

  remove(name: string): boolean {
    return this.#lifecycle.remove(name)
  }

  names(): Iterable<string> {
    return this.#lifecycle.views(false).keys()
  }

  applied(): Promise<void> {
    return this.#push.applied()
  }

  onRefused({ name, view, errors }: DiscoveredResource, message: string): void {
    this.#refused.push({ name, view, message, atMs: wallMs(), wasTried: errors.hasErrors })
  }
}
