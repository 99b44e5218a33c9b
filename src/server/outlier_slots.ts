// Who has which slot of shared memory for what is counted of a host. A slot is free again when no process counts there.

export class OutlierSlots {
  readonly #applied: () => Promise<void>
  readonly #free: number[] = []
  #count = 0

  /** `applied` resolves when the workers have made all changes so far. */
  constructor(applied: () => Promise<void>) {
    this.#applied = applied
  }

  take(): number {
    return this.#free.pop() ?? this.#count++
  }

  /** MUST be called in the turn in which the workers are told that the hosts are gone. */
  async release(slots: readonly number[]): Promise<void> {
    if (slots.length === 0) return
    await Promise.resolve()
    await this.#applied()
    this.#free.push(...slots)
  }
}
