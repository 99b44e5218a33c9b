// Folders whose files the configuration uses and that may be replaced while the proxy runs.

/** Main watches the folders and tells the workers; each process then reads again what it uses of them. */
export class WatchedFolders {
  readonly #callbacks = new Map<string, Set<() => void>>()
  readonly #onNew: ((folder: string) => void) | undefined

  /** `onNew` is told of each folder once, as soon as somebody uses it. */
  constructor(onNew?: (folder: string) => void) {
    this.#onNew = onNew
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
    return () => callbacks.delete(callback)
  }

  folders(): readonly string[] {
    return [...this.#callbacks.keys()]
  }

  changed(folder: string): void {
    for (const callback of this.#callbacks.get(folder) ?? []) callback()
  }
}
