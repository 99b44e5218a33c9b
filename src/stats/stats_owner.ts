/** Who keeps stats alive: a stat goes with the last of its owners, as when a cluster is removed. */

/** Stats that come and go together: those whose names are alike up to the last dot. */
export interface OwnedGroup {
  claim(): void
  release(): void
}

/** A cluster, a listener, a filter chain or a subscription, in one process. Made by whoever ends it. */
export class StatsOwner {
  readonly #groups = new Set<OwnedGroup>()
  #isEnded = false

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** A group that it has asked for a stat of; any number of times. */
  claim(group: OwnedGroup): void {
    if (this.#groups.has(group)) return
    this.#groups.add(group)
    group.claim()
  }

  /**
   * Lets its stats go: those that nobody else owns show no more, and what is still counted in them is lost. So is what it
   * asks for after this.
   */
  end(): void {
    this.#isEnded = true
    for (const group of this.#groups) group.release()
    this.#groups.clear()
  }
}
