// One interest in a type of the delta protocol: which changes are for it.

import type { DeltaState } from './delta_state.ts'
import type { Watch, WatchCallbacks } from './grpc_mux.ts'
import type { ResourceType } from './resource_types.ts'
import type { DiscoveredResource, ResourceError } from './subscription.ts'
import { canonicalName, globCollectionOf } from './xdstp_name.ts'

/** What a response changes, or what has expired: findable by all the names that stand for it. */
export class Delta {
  readonly versionInfo: string
  readonly controlPlane: string
  readonly added: readonly DiscoveredResource[]
  readonly removed: readonly string[]
  readonly #added = new Map<string, DiscoveredResource[]>()
  readonly #removed = new Map<string, string[]>()

  constructor(
    type: ResourceType,
    added: readonly DiscoveredResource[],
    removed: readonly string[],
    { versionInfo, controlPlane }: { readonly versionInfo: string; readonly controlPlane: string },
  ) {
    this.versionInfo = versionInfo
    this.controlPlane = controlPlane
    this.added = added
    this.removed = removed
    for (const resource of added) {
      for (const name of new Set([...namesOf(resource.name, type), ...resource.aliases]))
        append(this.#added, name, resource)
    }
    for (const name of removed) for (const each of new Set(namesOf(name, type))) append(this.#removed, each, name)
  }

  addedFor(names: Iterable<string>): DiscoveredResource[] {
    return [...new Set([...names].flatMap((name) => this.#added.get(name) ?? []))]
  }

  removedFor(names: Iterable<string>): string[] {
    return [...new Set([...names].flatMap((name) => this.#removed.get(name) ?? []))]
  }
}

/** Those that ask for a resource: its own, and of what it is part of. */
function namesOf(name: string, type: ResourceType): string[] {
  const collection = globCollectionOf(name)
  return [name, ...(collection === undefined ? [] : [collection]), ...(type.namespaces ? [namespaceOf(name)] : [])]
}

/** What stands before the last slash. */
function namespaceOf(name: string): string {
  return name.slice(0, Math.max(0, name.lastIndexOf('/')))
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

export class DeltaWatch implements Watch {
  readonly callbacks: WatchCallbacks
  readonly #state: DeltaState
  readonly #events: { onChange(): void; onRemove(): void }
  #names: ReadonlySet<string> = new Set()
  #namespaces: ReadonlySet<string> = new Set()
  #isRemoved = false

  constructor(state: DeltaState, callbacks: WatchCallbacks, events: { onChange(): void; onRemove(): void }) {
    this.callbacks = callbacks
    this.#state = state
    this.#events = events
  }

  /** All that is below these names is for this watch; they are not asked for themselves. */
  follow(namespaces: ReadonlySet<string>): void {
    this.#namespaces = new Set([...namespaces].map(canonicalName))
    this.#state.countNamespaces(1)
    this.#events.onChange()
  }

  update(names: ReadonlySet<string>): void {
    const next = new Set([...names].map(canonicalName))
    const before = this.#names
    this.#names = next
    this.#state.add([...next].filter((name) => !before.has(name)))
    this.#state.remove([...before].filter((name) => !next.has(name)))
    this.#events.onChange()
  }

  add(names: ReadonlySet<string>): void {
    this.#state.addAgain([...names].map(canonicalName).filter((name) => this.#names.has(name)))
    this.update(new Set([...this.#names, ...names]))
  }

  remove(): void {
    if (this.#isRemoved) return
    this.#isRemoved = true
    this.#events.onRemove()
    if (this.#namespaces.size > 0) this.#state.countNamespaces(-1)
    this.update(new Set())
  }

  /** Who waits for everything hears also that there is nothing. */
  async onDelta(delta: Delta): Promise<readonly ResourceError[]> {
    if (this.#isRemoved) return []
    const isWildcard = this.#names.has('*')
    const hearsOfNothing = isWildcard || this.#namespaces.size > 0
    const names = [...this.#namespaces, ...this.#names]
    const added = isWildcard ? delta.added : delta.addedFor(names)
    const removed = isWildcard ? delta.removed : delta.removedFor(names)
    if (added.length + removed.length === 0 && !hearsOfNothing) return []
    const { versionInfo, controlPlane } = delta
    return this.callbacks.onUpdate({ versionInfo, controlPlane, added, removed, stateOfTheWorld: false })
  }
}
