/**
 * The names of one process's stats in shared memory: a log that its owner appends to, and that any process reads at any time
 * without a lock. An entry becomes visible by its first word, stored last, so an owner killed at any instruction leaves a
 * readable log, and its successor goes on where it ended.
 *
 * There is room for two logs. What stats that have gone leave behind is left out when the owner writes the log anew, in the
 * other place; a generation is such a log, and its number says in which place it is.
 */

export type StatType = 'counter' | 'gauge' | 'histogram' | 'textReadout'
export type HistogramUnit = 'unspecified' | 'bytes' | 'us' | 'ms' | 'percent'
/** The processes' values of a gauge are summed; one of 'neverImport' is not taken over in a hot restart. */
export type GaugeMode = 'accumulate' | 'neverImport'

/** A stat as its log entry tells it. `place` is a slot, or for a histogram a heap offset in 8-byte units. */
export interface LoggedStat {
  readonly type: StatType
  /** The two parts of its name. */
  readonly prefix: string
  readonly leaf: string
  readonly unit: HistogramUnit
  readonly mode: GaugeMode
  readonly place: number
}

/** Where a stat is kept. */
export type StatPlace = Pick<LoggedStat, 'type' | 'place'>

const STAT_TYPES: readonly StatType[] = ['counter', 'gauge', 'histogram', 'textReadout']
const UNITS: readonly HistogramUnit[] = ['unspecified', 'bytes', 'us', 'ms', 'percent']
const MODES: readonly GaugeMode[] = ['accumulate', 'neverImport']

const KIND_SYMBOL = 1
const KIND_STAT = 2
const KIND_RETIREMENT = 3
const KIND_SHIFT = 24
const LENGTH_MASK = (1 << KIND_SHIFT) - 1
const STAT_ENTRY_WORDS = 5
const RETIREMENT_ENTRY_WORDS = 2

/** One generation's entries. The heads that it takes and gives are word offsets. */
export class StatLogPart {
  readonly #words: Int32Array
  readonly #bytes: Buffer

  constructor(buffer: ArrayBufferLike, offset: number, lengthBytes: number) {
    this.#words = new Int32Array(buffer, offset, lengthBytes / 4)
    this.#bytes = Buffer.from(buffer as ArrayBuffer, offset, lengthBytes)
  }

  /** Forgets what stands there. */
  clear(): void {
    Atomics.store(this.#words, 0, 0)
  }

  /** Appends a name part at word `head`; returns the next head, or undefined when the log is full. */
  appendSymbol(head: number, text: string): number | undefined {
    const length = Buffer.byteLength(text)
    const words = 2 + Math.ceil(length / 4)
    if (!this.#prepare(head, words)) return undefined
    this.#words[head + 1] = length
    this.#bytes.write(text, (head + 2) * 4)
    Atomics.store(this.#words, head, (KIND_SYMBOL << KIND_SHIFT) | words)
    return head + words
  }

  /** Appends a stat whose name is symbol `prefix` followed by symbol `leaf`; returns as `appendSymbol`. */
  appendStat(
    head: number,
    stat: Pick<LoggedStat, 'type' | 'unit' | 'mode' | 'place'>,
    prefix: number,
    leaf: number,
  ): number | undefined {
    if (!this.#prepare(head, STAT_ENTRY_WORDS)) return undefined
    const words = this.#words
    words[head + 1] = STAT_TYPES.indexOf(stat.type) | (UNITS.indexOf(stat.unit) << 8) | (MODES.indexOf(stat.mode) << 16)
    words[head + 2] = prefix
    words[head + 3] = leaf
    words[head + 4] = stat.place
    Atomics.store(words, head, (KIND_STAT << KIND_SHIFT) | STAT_ENTRY_WORDS)
    return head + STAT_ENTRY_WORDS
  }

  /** Appends the end of the stat whose entry is at word `entry`; returns as `appendSymbol`. */
  appendRetirement(head: number, entry: number): number | undefined {
    if (!this.#prepare(head, RETIREMENT_ENTRY_WORDS)) return undefined
    this.#words[head + 1] = entry
    Atomics.store(this.#words, head, (KIND_RETIREMENT << KIND_SHIFT) | RETIREMENT_ENTRY_WORDS)
    return head + RETIREMENT_ENTRY_WORDS
  }

  // The word after the entry ends the log. It may hold bytes of an entry that a killed owner never finished.
  #prepare(head: number, words: number): boolean {
    if (words > LENGTH_MASK || head + words + 1 > this.#words.length) return false
    this.#words[head + words] = 0
    return true
  }

  /**
   * The entry at word `head`, with its symbols looked up in `symbols`, where a symbol itself is put; undefined at the log's
   * present end. `next` is the head after it.
   */
  read(head: number, symbols: string[]): LogEntry | undefined {
    const words = this.#words
    const commit = Atomics.load(words, head)
    if (commit === 0) return undefined
    const next = head + (commit & LENGTH_MASK)
    const kind = commit >> KIND_SHIFT
    if (kind === KIND_STAT) return { kind: 'made', next, at: head, stat: this.#statAt(head, symbols) }
    if (kind === KIND_RETIREMENT) {
      const at = words[head + 1]
      return { kind: 'retired', next, at, stat: this.#statAt(at, symbols) }
    }
    const start = (head + 2) * 4
    symbols.push(this.#bytes.toString('utf8', start, start + words[head + 1]))
    return { kind: 'symbol', next }
  }

  /** All entries; the symbols are put into `symbols`. */
  *entries(symbols: string[] = []): Iterable<LogEntry> {
    for (let entry = this.read(0, symbols); entry !== undefined; entry = this.read(entry.next, symbols)) yield entry
  }

  #statAt(entry: number, symbols: readonly string[]): LoggedStat {
    const words = this.#words
    const flags = words[entry + 1]
    return {
      type: STAT_TYPES[flags & 255],
      unit: UNITS[(flags >> 8) & 255],
      mode: MODES[(flags >> 16) & 255],
      prefix: symbols[words[entry + 2]],
      leaf: symbols[words[entry + 3]],
      place: words[entry + 4],
    }
  }
}

/** `at` is the word at which the stat was made: it names the stat within its generation. */
export type LogEntry =
  | { readonly kind: 'symbol'; readonly next: number }
  | { readonly kind: 'made' | 'retired'; readonly next: number; readonly at: number; readonly stat: LoggedStat }

/** Both places, and which generation is where. */
export class StatLog {
  readonly #parts: readonly StatLogPart[]
  /** The generation that is being written, or the one in force; then the one in force. */
  readonly #generations: Int32Array

  /** `generations` are two words of shared memory, zero at first. */
  constructor(parts: readonly [StatLogPart, StatLogPart], generations: Int32Array) {
    this.#parts = parts
    this.#generations = generations
  }

  get generation(): number {
    return Atomics.load(this.#generations, 1)
  }

  part(generation: number): StatLogPart {
    return this.#parts[generation & 1]
  }

  /** False once its place is being written for the next generation but one. */
  isIntact(generation: number): boolean {
    return Atomics.load(this.#generations, 0) <= generation + 1
  }

  /** Gives the place of the next generation, empty. Readers stay with the present one until `switchOver`. */
  beginNext(): StatLogPart {
    const next = this.generation + 1
    Atomics.store(this.#generations, 0, next)
    const part = this.part(next)
    part.clear()
    return part
  }

  switchOver(): void {
    Atomics.store(this.#generations, 1, this.generation + 1)
  }
}

/** What a reader of a log is told. */
export interface StatLogSink {
  onMade(stat: LoggedStat): void
  onRetired(place: StatPlace): void
  /** The log is told anew from here on, all of it. */
  onRewritten(): void
  /** It has been told: what was not among it has gone. */
  onToldAnew(): void
}

/** Reads a log, each time what has come since the last. */
export class StatLogReader {
  readonly #log: StatLog
  #generation: number
  #symbols: string[] = []
  #head = 0

  constructor(log: StatLog) {
    this.#log = log
    this.#generation = log.generation
  }

  read(sink: StatLogSink): void {
    let isWhole = this.#readOn(sink)
    while (!isWhole || this.#log.generation !== this.#generation) {
      // What came before the owner switched over.
      if (isWhole) this.#readOn(sink)
      this.#generation = this.#log.generation
      this.#symbols = []
      this.#head = 0
      sink.onRewritten()
      isWhole = this.#readOn(sink)
      if (isWhole) sink.onToldAnew()
    }
  }

  /** False where the owner has begun to write over what was to be read. */
  #readOn(sink: StatLogSink): boolean {
    const part = this.#log.part(this.#generation)
    for (;;) {
      const entry = part.read(this.#head, this.#symbols)
      if (!this.#log.isIntact(this.#generation)) return false
      if (entry === undefined) return true
      this.#head = entry.next
      if (entry.kind === 'made') sink.onMade(entry.stat)
      else if (entry.kind === 'retired') sink.onRetired(entry.stat)
    }
  }
}
