// One-shot timers that cost a few list operations to arm: a stream arms several and nearly all are disarmed unfired.

import { monotonicMs } from './clock.ts'

/**
 * Timers of one duration: since all wait equally long, the list is ordered by deadline by appending at its end, and one
 * Node timer for the head serves them all. (The plain form, setTimeout and clearTimeout per stream, costs about 250 ns
 * a pair; this costs about 15.)
 */
class TimerList {
  readonly #lists: Map<number, TimerList>
  readonly #durationMs: number
  /** How long its timers wait now: as long as they were told, or shorter. */
  #waitMs: number
  head: Timer | null = null
  tail: Timer | null = null
  #armed: NodeJS.Timeout | undefined = undefined

  constructor(lists: Map<number, TimerList>, durationMs: number, waitMs: number) {
    this.#lists = lists
    this.#durationMs = durationMs
    this.#waitMs = waitMs
  }

  push(timer: Timer): void {
    timer.previous = this.tail
    timer.next = null
    if (this.tail === null) this.head = timer
    else this.tail.next = timer
    this.tail = timer
    if (this.#armed === undefined) this.#arm(this.#waitMs)
  }

  remove(timer: Timer): void {
    if (timer.previous === null) this.head = timer.next
    else timer.previous.next = timer.next
    if (timer.next === null) this.tail = timer.previous
    else timer.next.previous = timer.previous
    timer.previous = null
    timer.next = null
  }

  /** Of the timers that wait already, too: their order stays. */
  setWait(waitMs: number): void {
    this.#waitMs = waitMs
    clearTimeout(this.#armed)
    this.#arm(this.head === null ? waitMs : this.head.enabledAtMs + waitMs - monotonicMs())
  }

  #arm(delayMs: number): void {
    this.#armed = setTimeout(() => this.#expire(), Math.max(1, Math.ceil(delayMs))).unref()
  }

  #expire(): void {
    this.#armed = undefined
    const now = monotonicMs()
    while (this.head !== null && this.head.enabledAtMs + this.#waitMs <= now) {
      const timer = this.head
      this.remove(timer)
      timer.list = null
      timer.callback()
    }
    // A callback may have armed a new timer of this duration, and with it this list.
    if (this.#armed !== undefined) return
    if (this.head === null) this.#lists.delete(this.#durationMs)
    else this.#arm(this.head.enabledAtMs + this.#waitMs - now)
  }
}

/** Timers whose waits can all be shortened at once: of each, what is above its minimum. */
export class TimerGroup {
  readonly #lists = new Map<number, TimerList>()
  readonly #minimumMs: (durationMs: number) => number
  #scale = 1

  constructor(minimumMs: (durationMs: number) => number) {
    this.#minimumMs = minimumMs
  }

  /** From 1, the whole durations, to 0, the minimums; for timers that wait already, too. */
  setScale(scale: number): void {
    if (scale === this.#scale) return
    this.#scale = scale
    for (const [durationMs, list] of this.#lists) list.setWait(this.#waitMs(durationMs))
  }

  /** For `Timer`: the list of that duration. */
  list(durationMs: number): TimerList {
    const known = this.#lists.get(durationMs)
    if (known !== undefined) return known
    const list = new TimerList(this.#lists, durationMs, this.#waitMs(durationMs))
    this.#lists.set(durationMs, list)
    return list
  }

  #waitMs(durationMs: number): number {
    const minimumMs = Math.min(durationMs, this.#minimumMs(durationMs))
    return minimumMs + (durationMs - minimumMs) * this.#scale
  }
}

/** Whose durations stay as they are. */
export const plainTimers = new TimerGroup((durationMs) => durationMs)

const longestDelayMs = 2 ** 31 - 1

/** A one-shot timer. It never keeps the process alive by itself. */
export class Timer {
  readonly callback: () => void
  readonly #group: TimerGroup
  enabledAtMs = 0
  /** The list the timer waits in; null when it is not armed. */
  list: TimerList | null = null
  previous: Timer | null = null
  next: Timer | null = null

  constructor(callback: () => void, group = plainTimers) {
    this.callback = callback
    this.#group = group
  }

  get enabled(): boolean {
    return this.list !== null
  }

  /** Arms the timer, anew if it was armed. Durations are milliseconds; fractions count. */
  enable(durationMs: number): void {
    if (this.list !== null) this.list.remove(this)
    this.enabledAtMs = monotonicMs()
    this.list = this.#group.list(Math.min(durationMs, longestDelayMs))
    this.list.push(this)
  }

  disable(): void {
    if (this.list === null) return
    this.list.remove(this)
    this.list = null
  }
}
