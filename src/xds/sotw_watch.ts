// One interest in a type of the state-of-the-world protocol: which resources of a response are for it.

import type { Watch, WatchCallbacks } from './grpc_mux.ts'
import type { DiscoveredResource, ResourceError } from './subscription.ts'
import { canonicalName } from './xdstp_name.ts'

/** What one response has. */
export interface ReceivedResources {
  readonly versionInfo: string
  readonly controlPlane: string
  readonly all: readonly DiscoveredResource[]
  readonly byName: ReadonlyMap<string, DiscoveredResource>
  /** False where there may be more than it says. */
  readonly isComplete: boolean
}

export class SotwWatch implements Watch {
  readonly callbacks: WatchCallbacks
  readonly #events: { onChange(): void; onRemove(): void }
  readonly #isWildcard: boolean
  #names: ReadonlySet<string>
  #isRemoved = false

  constructor(
    names: ReadonlySet<string> | '*',
    callbacks: WatchCallbacks,
    events: { onChange(): void; onRemove(): void },
  ) {
    this.callbacks = callbacks
    this.#events = events
    this.#isWildcard = names === '*'
    this.#names = names === '*' ? new Set() : canonicalNames(names)
  }

  sortedNames(): string[] {
    return [...this.#names].sort()
  }

  update(names: ReadonlySet<string>): void {
    this.#names = canonicalNames(names)
    this.#events.onChange()
  }

  add(names: ReadonlySet<string>): void {
    this.update(new Set([...this.#names, ...names]))
  }

  remove(): void {
    if (this.#isRemoved) return
    this.#isRemoved = true
    this.#events.onRemove()
    if (this.#names.size > 0) this.#events.onChange()
  }

  /** Who asks for names hears of responses that have some of them. */
  async onResources({ versionInfo, controlPlane, ...found }: ReceivedResources): Promise<readonly ResourceError[]> {
    const added = this.#isWildcard ? found.all : [...this.#names].flatMap((name) => found.byName.get(name) ?? [])
    if (added.length === 0 && !this.#isWildcard) return []
    const stateOfTheWorld = found.isComplete
    return this.callbacks.onUpdate({ versionInfo, controlPlane, added, removed: [], stateOfTheWorld })
  }

  async onExpired(names: readonly string[]): Promise<void> {
    const removed = this.#isWildcard ? names : names.filter((name) => this.#names.has(name))
    if (removed.length === 0 || this.#isRemoved) return
    await this.callbacks.onUpdate({ versionInfo: '', controlPlane: '', added: [], removed, stateOfTheWorld: false })
  }
}

function canonicalNames(names: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...names].map(canonicalName))
}
