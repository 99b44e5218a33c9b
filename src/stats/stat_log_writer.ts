/** The owner's side of a log: appends to it, and writes it anew when too much of it is about stats that have gone. */
import type { LoggedStat, StatLog, StatLogPart, StatPlace, StatType } from './stat_log.ts'

export type StatKind = Pick<LoggedStat, 'type' | 'unit' | 'mode'>

/** How much a log has to have grown, in words, before it is worth writing it anew. */
const REWRITE_GROWTH_WORDS = 64 << 10

/** Goes on where an earlier owner ended, however it ended. */
export class StatLogWriter {
  /** The stats that an earlier owner left. */
  readonly left: readonly LoggedStat[]
  readonly #log: StatLog
  #part: StatLogPart
  #head = 0
  #symbols = new Map<string, number>()
  /** Where the log tells of the stat at a slot, and of the histogram at a heap offset. */
  readonly #slotEntries: Int32Array
  readonly #histogramEntries = new Map<number, number>()
  /** The log's end when it was last written anew. */
  #leanHead = 0
  #hasDead = false

  constructor(log: StatLog, slotLimit: number) {
    this.#log = log
    this.#part = log.part(log.generation)
    this.#slotEntries = new Int32Array(slotLimit)
    const left = new Map<number, LoggedStat>()
    const symbols: string[] = []
    for (const entry of this.#part.entries(symbols)) {
      this.#head = entry.next
      if (entry.kind === 'symbol') continue
      const { kind, at, stat } = entry
      if (kind === 'made') left.set(at, stat)
      else left.delete(at)
      this.#setEntry(stat, kind === 'made' ? at : 0)
      this.#hasDead ||= kind === 'retired'
    }
    for (const [id, symbol] of symbols.entries()) this.#symbols.set(symbol, id)
    this.left = [...left.values()]
  }

  /** Tells of a new stat; false when the log is full. */
  add(stat: LoggedStat): boolean {
    return this.#append(stat) || (this.#rewrite() && this.#append(stat))
  }

  /** Tells that the stat at a place has gone; false where there is none. */
  retire(type: StatType, place: number): boolean {
    const entry = this.#entryAt({ type, place })
    if (entry === 0) return false
    this.#setEntry({ type, place }, 0)
    this.#hasDead = true
    const head = this.#part.appendRetirement(this.#head, entry)
    if (head !== undefined) this.#head = head
    if (head === undefined || this.#head > this.#leanHead * 2 + REWRITE_GROWTH_WORDS) this.#rewrite()
    return true
  }

  #append(stat: LoggedStat): boolean {
    const prefix = this.#symbol(stat.prefix)
    const leaf = prefix === undefined ? undefined : this.#symbol(stat.leaf)
    if (prefix === undefined || leaf === undefined) return false
    const head = this.#part.appendStat(this.#head, stat, prefix, leaf)
    if (head === undefined) return false
    this.#setEntry(stat, this.#head)
    this.#head = head
    return true
  }

  /** Copies what is alive to the log's other place; false where that would change nothing. */
  #rewrite(): boolean {
    if (!this.#hasDead) return false
    const before = this.#part
    this.#part = this.#log.beginNext()
    this.#head = 0
    this.#symbols = new Map()
    this.#hasDead = false
    for (const entry of before.entries()) {
      if (entry.kind === 'made' && this.#entryAt(entry.stat) === entry.at) this.#append(entry.stat)
    }
    this.#leanHead = this.#head
    this.#log.switchOver()
    return true
  }

  #symbol(text: string): number | undefined {
    const known = this.#symbols.get(text)
    if (known !== undefined) return known
    const head = this.#part.appendSymbol(this.#head, text)
    if (head === undefined) return undefined
    this.#head = head
    const id = this.#symbols.size
    this.#symbols.set(text, id)
    return id
  }

  /** No stat is at word 0: its name stands before it. */
  #entryAt({ type, place }: StatPlace): number {
    return type === 'histogram' ? (this.#histogramEntries.get(place) ?? 0) : this.#slotEntries[place]
  }

  #setEntry({ type, place }: StatPlace, entry: number): void {
    if (type !== 'histogram') this.#slotEntries[place] = entry
    else if (entry === 0) this.#histogramEntries.delete(place)
    else this.#histogramEntries.set(place, entry)
  }
}
