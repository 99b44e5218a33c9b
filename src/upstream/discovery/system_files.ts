// What the machine's own files say about names: /etc/hosts, and the search list of /etc/resolv.conf.

import { readFileSync, statSync } from 'node:fs'
import { isIP } from 'node:net'

/** A file that is parsed again when it has changed; one that cannot be read counts as empty. */
class WatchedFile<T> {
  readonly #path: string
  readonly #parse: (text: string) => T
  #stamp = ''
  #value: T

  constructor(path: string, parse: (text: string) => T) {
    this.#path = path
    this.#parse = parse
    this.#value = parse('')
  }

  get value(): T {
    try {
      const { mtimeMs, size, ino } = statSync(this.#path)
      const stamp = `${mtimeMs} ${size} ${ino}`
      if (stamp !== this.#stamp) {
        this.#value = this.#parse(readFileSync(this.#path, 'utf8'))
        this.#stamp = stamp
      }
    } catch {
      this.#stamp = ''
      this.#value = this.#parse('')
    }
    return this.#value
  }
}

export class HostsFile {
  readonly #file: WatchedFile<ReadonlyMap<string, readonly string[]>>

  constructor(path = '/etc/hosts') {
    this.#file = new WatchedFile(path, parseHosts)
  }

  /** The addresses of a name in the order of the file. */
  addresses(name: string, version: 4 | 6): readonly string[] {
    return (this.#file.value.get(name.toLowerCase()) ?? []).filter((address) => isIP(address) === version)
  }
}

/** How short names are completed, resolv.conf(5). */
export interface SearchRules {
  readonly domains: readonly string[]
  /** A name with at least so many dots is asked for as it is before the domains are tried. */
  readonly ndots: number
}

const defaultNdots = 1
const maxNdots = 15

export class ResolvConf {
  readonly #file: WatchedFile<SearchRules>

  constructor(path = '/etc/resolv.conf') {
    this.#file = new WatchedFile(path, parseResolvConf)
  }

  get searchRules(): SearchRules {
    return this.#file.value
  }
}

/** The full names to ask for, in order. A name that ends with a dot is complete. */
export function candidateNames(name: string, rules: SearchRules): string[] {
  if (name.endsWith('.')) return [name]
  const completed = rules.domains.map((domain) => `${name}.${domain}`)
  const dots = name.split('.').length - 1
  return dots >= rules.ndots ? [name, ...completed] : [...completed, name]
}

function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const table = new Map<string, string[]>()
  for (const line of text.split('\n')) {
    const [address, ...names] = line.split('#')[0].trim().split(/\s+/)
    if (isIP(address) === 0) continue
    for (const name of names) {
      const key = name.toLowerCase()
      const known = table.get(key)
      if (known === undefined) table.set(key, [address])
      else known.push(address)
    }
  }
  return table
}

function parseResolvConf(text: string): SearchRules {
  let domains: string[] = []
  let ndots = defaultNdots
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    // The last of `search` and `domain` counts.
    if (keyword === 'search' || keyword === 'domain') domains = values.map((value) => value.replace(/\.$/, ''))
    if (keyword !== 'options') continue
    for (const option of values) {
      if (option.startsWith('ndots:')) ndots = Math.min(maxNdots, Number.parseInt(option.slice(6), 10) || 0)
    }
  }
  return { domains: domains.filter((domain) => domain !== ''), ndots }
}
