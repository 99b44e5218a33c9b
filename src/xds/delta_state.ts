// What one type's delta protocol must remember: which names are asked for, which versions are held, what is still to say.

const wildcard = '*'

/** The part of a request that says what is wanted. */
export interface DeltaInterest {
  readonly resourceNamesSubscribe: string[]
  readonly resourceNamesUnsubscribe: string[]
  readonly initialResourceVersions: Record<string, string>
}

export class DeltaState {
  /** How many watches want each name; `*` is one of them. */
  readonly #wanted = new Map<string, number>()
  /** Of what is held. */
  readonly #versions = new Map<string, string>()
  readonly #subscribe = new Set<string>()
  readonly #unsubscribe = new Set<string>()
  /** How many watches want all that is below some name, without that they ask for it. */
  #namespaces = 0
  /** All that was ever asked for is everything, so that an empty first request says it. */
  #isLegacyWildcard = true
  #isFreshStream = true

  /** A watch wants these too. */
  add(names: Iterable<string>): void {
    for (const name of names) {
      if (name !== wildcard) this.#isLegacyWildcard = false
      const count = this.#wanted.get(name) ?? 0
      this.#wanted.set(name, count + 1)
      if (count > 0) continue
      // Also where it was just given up: who gave it up may have forgotten it, and needs it again.
      this.#unsubscribe.delete(name)
      this.#subscribe.add(name)
    }
  }

  /** A watch wants to hear of these once more, whatever it has heard. */
  addAgain(names: Iterable<string>): void {
    for (const name of names) this.#subscribe.add(name)
  }

  /** A watch is there, or gone, that wants what the server has below some name. */
  countNamespaces(difference: number): void {
    this.#namespaces += difference
  }

  /** A watch does not want these any longer. */
  remove(names: Iterable<string>): void {
    for (const name of names) {
      const left = (this.#wanted.get(name) ?? 0) - 1
      if (left > 0) {
        this.#wanted.set(name, left)
        continue
      }
      this.#wanted.delete(name)
      this.#versions.delete(name)
      if (name === wildcard) this.#forgetUnnamed()
      this.#subscribe.delete(name)
      this.#unsubscribe.add(name)
    }
  }

  #forgetUnnamed(): void {
    for (const name of this.#versions.keys()) if (!this.#wanted.has(name)) this.#versions.delete(name)
  }

  get hasWildcard(): boolean {
    return this.#wanted.has(wildcard)
  }

  /** The version that is held; undefined for none. */
  versionOf(name: string): string | undefined {
    return this.#versions.get(name)
  }

  setVersion(name: string, version: string | undefined): void {
    if (version === undefined) this.#versions.delete(name)
    else if (this.#wanted.has(name) || this.hasWildcard || this.#namespaces > 0) this.#versions.set(name, version)
  }

  onNewStream(): void {
    this.#isFreshStream = true
    this.#unsubscribe.clear()
  }

  /** Something is to be said. */
  get isPending(): boolean {
    if (this.#subscribe.size > 0 || this.#unsubscribe.size > 0) return true
    return this.#isFreshStream && this.#wanted.size + this.#namespaces > 0
  }

  /** What is to be said now; it is said by that. */
  next(): DeltaInterest {
    const isFresh = this.#isFreshStream
    this.#isFreshStream = false
    if (isFresh) {
      this.#subscribe.clear()
      this.#unsubscribe.clear()
      if (!(this.#isLegacyWildcard && this.hasWildcard))
        for (const name of this.#wanted.keys()) this.#subscribe.add(name)
    }
    const interest = {
      resourceNamesSubscribe: [...this.#subscribe].sort(),
      resourceNamesUnsubscribe: [...this.#unsubscribe].sort(),
      initialResourceVersions: isFresh ? Object.fromEntries(this.#versions) : {},
    }
    this.#subscribe.clear()
    this.#unsubscribe.clear()
    return interest
  }
}
