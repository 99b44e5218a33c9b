// Follows one file, in whichever way it comes to change: written in place, moved over, or behind symbolic links or folders
// of which one is swapped, as in a ConfigMap.

import { type FSWatcher, readlinkSync, watch } from 'node:fs'
import { join, resolve, sep } from 'node:path'
import { fileIdentity } from '../common/file_identity.ts'
import { getLogger } from '../common/log.ts'

const log = getLogger('config')
/** An editor or a ConfigMap makes several changes for one of the file. */
const settleMs = 50
/** As the kernel's: more links than these are a circle. */
const linksLimit = 40
/** The target of what is no symbolic link. */
const noLink = ''

export class FileFollower {
  readonly #path: string
  readonly #onChange: () => void
  #identity: string
  #watchers: readonly FSWatcher[] = []
  #timer: NodeJS.Timeout | undefined = undefined

  /** `onChange` is called for every change from now on, once `start` is called. */
  constructor(path: string, onChange: () => void) {
    this.#path = resolve(path)
    this.#onChange = onChange
    this.#identity = fileIdentity(this.#path)
  }

  start(): void {
    this.#watch()
    this.#look()
  }

  stop(): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
  }

  #settle(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      // The path may lead through other folders now.
      this.#watch()
      this.#look()
    }, settleMs)
  }

  #look(): void {
    const identity = fileIdentity(this.#path)
    if (identity === this.#identity) return
    this.#identity = identity
    this.#onChange()
  }

  #watch(): void {
    const before = this.#watchers
    const places = [...placesOf(this.#path)]
    this.#watchers = [
      ...places.flatMap(([folder, names], i) => this.#watchPlace(folder, names, i === places.length - 1)),
      // Writes to a file that is mounted by itself are not told of in its folder.
      ...this.#watchPlace(this.#path, undefined, false),
    ]
    for (const watcher of before) watcher.close()
  }

  /** A file, or these names in a folder. The folders above may be closed to us: what is swapped there is not seen then. */
  #watchPlace(path: string, names: ReadonlySet<string> | undefined, mustBe: boolean): FSWatcher[] {
    try {
      const watcher = watch(path, (_event, name) => {
        if (name === null || names === undefined || names.has(name)) this.#settle()
      })
      watcher.on('error', (error) => log.warn(`cannot watch ${path} any longer: ${error.message}`))
      return [watcher.unref()]
    } catch (error) {
      if (mustBe) log.warn(`cannot watch ${path}: ${(error as Error).message}`)
      return []
    }
  }
}

/** The folders that a path leads through, links followed, and the names in them that it depends on; the file's own last. */
function placesOf(path: string): Map<string, Set<string>> {
  const places = new Map<string, Set<string>>()
  const rest = path.split(sep)
  let folder: string = sep
  let links = 0
  while (rest.length > 0) {
    const name = rest.shift()!
    // `join` makes of '', '.' and '..' what they stand for.
    const next = join(folder, name)
    const isStep = name === '' || name === '.' || name === '..'
    if (isStep) {
      folder = next
      continue
    }
    const names = places.get(folder) ?? new Set()
    // Behind all others: the last one is the folder of the file.
    places.delete(folder)
    places.set(folder, names.add(name))
    const target = linkTarget(next)
    if (target === undefined || (target !== noLink && ++links > linksLimit)) break
    if (target === noLink) folder = next
    else {
      if (target.startsWith(sep)) folder = sep
      rest.unshift(...target.split(sep))
    }
  }
  return places
}

/** Undefined where there is nothing. */
function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EINVAL' ? noLink : undefined
  }
}
