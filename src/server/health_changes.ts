// Hosts whose health is another: further changes wait until all processes have heard of those before, and are told together.

import type { Host } from '../upstream/host.ts'

export class HealthChanges {
  readonly #tell: (hosts: ReadonlySet<Host>) => Promise<void>
  readonly #changed = new Set<Host>()
  #isTelling = false

  /** `tell` resolves when all have heard of it. */
  constructor(tell: (hosts: ReadonlySet<Host>) => Promise<void>) {
    this.#tell = tell
  }

  add(host: Host): void {
    this.#changed.add(host)
    if (!this.#isTelling) void this.#tellAll()
  }

  clear(): void {
    this.#changed.clear()
  }

  async #tellAll(): Promise<void> {
    this.#isTelling = true
    while (this.#changed.size > 0) {
      const hosts = new Set(this.#changed)
      this.#changed.clear()
      await this.#tell(hosts)
    }
    this.#isTelling = false
  }
}
