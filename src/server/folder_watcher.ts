// Watches the folders whose files are in use: certificates, secrets.

import { type FSWatcher, watch } from 'node:fs'
import { getLogger } from '../common/log.ts'
import { WatchedFolders } from '../network/watched_folders.ts'

const log = getLogger('main')
/** Several files are mostly replaced together: what has changed is looked at when it is quiet again. */
const settleMs = 20

export class FolderWatcher {
  /** Of main. */
  readonly folders = new WatchedFolders(
    (folder) => this.#add(folder),
    (folder) => this.#remove(folder),
  )
  readonly #onChange: (folder: string) => void
  readonly #watchers = new Map<string, FSWatcher>()
  readonly #timers = new Map<string, NodeJS.Timeout>()

  /** `onChange` is called when main has read what is new. */
  constructor(onChange: (folder: string) => void) {
    this.#onChange = onChange
  }

  #add(folder: string): void {
    try {
      const watcher = watch(folder, () => this.#settle(folder))
      watcher.on('error', (error) => log.warn(`cannot watch ${folder} any longer: ${error.message}`))
      watcher.unref()
      this.#watchers.set(folder, watcher)
    } catch (error) {
      log.warn(`cannot watch ${folder}: ${(error as Error).message}`)
    }
  }

  #remove(folder: string): void {
    this.#watchers.get(folder)?.close()
    this.#watchers.delete(folder)
    clearTimeout(this.#timers.get(folder))
    this.#timers.delete(folder)
  }

  #settle(folder: string): void {
    clearTimeout(this.#timers.get(folder))
    this.#timers.set(
      folder,
      setTimeout(() => {
        this.#timers.delete(folder)
        this.folders.changed(folder)
        this.#onChange(folder)
      }, settleMs),
    )
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    for (const timer of this.#timers.values()) clearTimeout(timer)
  }
}
