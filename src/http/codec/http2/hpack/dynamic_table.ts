// The dynamic table of RFC 7541 2.3.2: entries in the order of their insertion, the oldest make room.

export interface TableEntry {
  readonly name: string
  readonly value: string
}

/** What an entry counts beyond its name and value (RFC 7541 4.1). */
const entryOverheadBytes = 32

export function entrySize(name: string, value: string): number {
  return name.length + value.length + entryOverheadBytes
}

/** A ring of entries, whose fields are read directly by the decoder and the encoder of one direction of a connection. */
export class DynamicTable<E extends TableEntry> {
  /** The sum of the entries' sizes, never above `maxBytes`. */
  bytes = 0
  maxBytes: number
  /** Entries ever inserted, and ever evicted: the oldest one there is has the latter as its number. */
  inserted = 0
  evicted = 0
  /** As many as a power of two, so that the place of an entry is its number's lowest bits. */
  #ring: (E | undefined)[] = new Array(16).fill(undefined)
  readonly #onEvict: ((entry: E) => void) | undefined

  constructor(maxBytes: number, onEvict?: (entry: E) => void) {
    this.maxBytes = maxBytes
    this.#onEvict = onEvict
  }

  get length(): number {
    return this.inserted - this.evicted
  }

  /** The entry that was inserted `age` insertions before the newest; undefined where there is none. */
  at(age: number): E | undefined {
    return age < this.inserted - this.evicted
      ? this.#ring[(this.inserted - 1 - age) & (this.#ring.length - 1)]
      : undefined
  }

  /** An entry larger than the table empties it and is not kept (RFC 7541 4.4). */
  insert(entry: E): void {
    const size = entrySize(entry.name, entry.value)
    this.#evictTo(this.maxBytes - size)
    if (size > this.maxBytes) return
    if (this.length === this.#ring.length) this.#grow()
    this.#ring[this.inserted & (this.#ring.length - 1)] = entry
    this.inserted++
    this.bytes += size
  }

  setMaxBytes(maxBytes: number): void {
    this.maxBytes = maxBytes
    this.#evictTo(maxBytes)
  }

  #evictTo(bytes: number): void {
    while (this.bytes > bytes && this.evicted < this.inserted) {
      const at = this.evicted & (this.#ring.length - 1)
      const entry = this.#ring[at] as E
      this.#ring[at] = undefined
      this.evicted++
      this.bytes -= entrySize(entry.name, entry.value)
      this.#onEvict?.(entry)
    }
  }

  #grow(): void {
    const old = this.#ring
    const ring = new Array<E | undefined>(old.length * 2).fill(undefined)
    for (let n = this.evicted; n < this.inserted; n++) ring[n & (ring.length - 1)] = old[n & (old.length - 1)]
    this.#ring = ring
  }
}
