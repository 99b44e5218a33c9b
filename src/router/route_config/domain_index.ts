// Finds the virtual host of a host name: exact, then the longest suffix, then the longest prefix, then `*`.

import { lowerAscii, utf8ByteString } from '../../common/string_matcher.ts'

/** Lower-case texts of one kind by length, longest first. */
interface LengthTable<T> {
  readonly length: number
  readonly values: Map<string, T>
}

/** Thrown by add() with Envoy's message. */
export class DomainError extends Error {
  override readonly name = 'DomainError'
}

export class DomainIndex<T> {
  #any: T | undefined = undefined
  readonly #exact = new Map<string, T>()
  /** `*.example.com` and `*-suffix`: keyed by what follows the star. */
  #suffixes: LengthTable<T>[] = []
  /** `example.*`: keyed by what comes before the star. */
  #prefixes: LengthTable<T>[] = []

  /** Throws DomainError for a domain that is there already. `routeName` is the route configuration's. */
  add(domain: string, value: T, routeName: string): void {
    const lower = lowerAscii(utf8ByteString(domain))
    if (lower === '*') {
      if (this.#any !== undefined)
        throw new DomainError(`Only a single wildcard domain is permitted in route ${routeName}`)
      this.#any = value
      return
    }
    let isNew: boolean
    if (lower.startsWith('*')) isNew = addTo(this.#suffixes, lower.slice(1), value)
    else if (lower.endsWith('*')) isNew = addTo(this.#prefixes, lower.slice(0, -1), value)
    else {
      isNew = !this.#exact.has(lower)
      this.#exact.set(lower, value)
    }
    if (!isNew) {
      throw new DomainError(
        `Only unique values for domains are permitted. Duplicate entry of domain ${lower} in route ${routeName}`,
      )
    }
  }

  /** `host` in any case, with its port or without it as the route configuration has it. */
  find(host: string): T | undefined {
    if (this.#exact.size === 0 && this.#suffixes.length === 0 && this.#prefixes.length === 0) return this.#any
    const lower = lowerAscii(host)
    const exact = this.#exact.get(lower)
    if (exact !== undefined) return exact
    for (const { length, values } of this.#suffixes) {
      // The star stands for one character at least.
      if (lower.length <= length) continue
      const found = values.get(lower.slice(lower.length - length))
      if (found !== undefined) return found
    }
    for (const { length, values } of this.#prefixes) {
      if (lower.length <= length) continue
      const found = values.get(lower.slice(0, length))
      if (found !== undefined) return found
    }
    return this.#any
  }
}

function addTo<T>(tables: LengthTable<T>[], text: string, value: T): boolean {
  let table = tables.find(({ length }) => length === text.length)
  if (table === undefined) {
    table = { length: text.length, values: new Map() }
    tables.push(table)
    tables.sort((a, b) => b.length - a.length)
  }
  if (table.values.has(text)) return false
  table.values.set(text, value)
  return true
}

/** A host without its port; an IPv6 literal keeps its brackets. */
export function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':')
  if (colon < 0) return host
  if (host.startsWith('[')) return host.charCodeAt(colon - 1) === 0x5d ? host.slice(0, colon) : host
  return host.slice(0, colon)
}
