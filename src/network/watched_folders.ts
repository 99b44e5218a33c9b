// Folders whose files the configuration uses and that may be replaced while the proxy runs.

/** Main watches the folders and tells the workers; each process then reads again what it uses of them. */
export class WatchedFolders {
  readonly #callbacks = new Map<string, Set<() => void>>()
  readonly #onNew: ((folder: string) => void) | undefined
  readonly #onUnused: ((folder: string) => void) | undefined

  /** `onNew` is told of a folder as soon as somebody uses it, `onUnused` when nobody does any more. */
  constructor(onNew?: (folder: string) => void, onUnused?: (folder: string) => void) {
    this.#onNew = onNew
    this.#onUnused = onUnused
  }

  /** Calls back whenever something in the folder has changed, until the returned function is called. */
  watch(folder: string, callback: () => void): () => void {
    let callbacks = this.#callbacks.get(folder)
    if (callbacks === undefined) {
      callbacks = new Set()
      this.#callbacks.set(folder, callbacks)
      this.#onNew?.(folder)
    }
    callbacks.add(callback)
    return () => {
      if (!callbacks.delete(callback) || callbacks.size > 0) return
      this.#callbacks.delete(folder)
      this.#onUnused?.(folder)
    }
  }

  folders(): readonly string[] {
    return [...this.#callbacks.keys()]
  }

  changed(folder: string): void {
    for (const callback of this.#callbacks.get(folder) ?? []) callback()
  }
}
