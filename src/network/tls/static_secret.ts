// A secret of the bootstrap; a reload of its file may change it.

import type { SecretKind, SecretView } from './secret_manager.ts'

export class StaticSecret {
  #view: SecretView
  readonly #callbacks = new Set<() => void>()

  constructor(view: SecretView) {
    this.#view = view
  }

  get view(): SecretView {
    return this.#view
  }

  content<Kind extends SecretKind>(kind: Kind): NonNullable<SecretView[Kind]> | undefined {
    return this.#view[kind] as NonNullable<SecretView[Kind]> | undefined
  }

  /** Until the returned function is called. */
  onUpdate(callback: () => void): () => void {
    this.#callbacks.add(callback)
    return () => this.#callbacks.delete(callback)
  }

  replace(view: SecretView): void {
    this.#view = view
    for (const callback of this.#callbacks) callback()
  }
}
