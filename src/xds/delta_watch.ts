// One interest in a type of the delta protocol: which changes are for it.

import type { RawResponse } from '../config/discovery_messages.ts'
import type { DeltaState } from './delta_state.ts'
import type { Watch, WatchCallbacks } from './grpc_mux.ts'
import type { ResourceType } from './resource_types.ts'
import type { DiscoveredResource, ResourceError } from './subscription.ts'
import { canonicalName } from './xdstp_name.ts'

export class DeltaWatch implements Watch {
  readonly callbacks: WatchCallbacks
  readonly #type: ResourceType
  readonly #state: DeltaState
  readonly #events: { onChange(): void; onRemove(): void }
  #names: ReadonlySet<string> = new Set()
  #isRemoved = false

  constructor(
    type: ResourceType,
    state: DeltaState,
    callbacks: WatchCallbacks,
    events: { onChange(): void; onRemove(): void },
  ) {
    this.callbacks = callbacks
    this.#type = type
    this.#state = state
    this.#events = events
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
    this.update(new Set([...this.#names, ...names]))
  }

  remove(): void {
    if (this.#isRemoved) return
    this.#isRemoved = true
    this.#events.onRemove()
    this.update(new Set())
  }

  /** Without a response, resources whose time is over. */
  async onDelta(
    added: readonly DiscoveredResource[],
    removed: readonly string[],
    response: RawResponse | undefined,
  ): Promise<readonly ResourceError[]> {
    const isWildcard = this.#names.has('*')
    const ownAdded = isWildcard ? added : added.filter((resource) => this.#wants(resource.name, resource.aliases))
    const ownRemoved = isWildcard ? removed : removed.filter((name) => this.#wants(name, []))
    // Who waits for everything hears also that there is nothing.
    const isNews = ownAdded.length + ownRemoved.length > 0 || (isWildcard && response !== undefined)
    if (!isNews || this.#isRemoved) return []
    return this.callbacks.onUpdate({
      versionInfo: response?.versionInfo ?? '',
      controlPlane: response?.controlPlane ?? '',
      added: ownAdded,
      removed: ownRemoved,
      stateOfTheWorld: false,
    })
  }

  #wants(name: string, aliases: readonly string[]): boolean {
    if (this.#names.has(name) || aliases.some((alias) => this.#names.has(alias))) return true
    return this.#type.namespaces && this.#names.has(name.slice(0, Math.max(0, name.lastIndexOf('/'))))
  }
}
