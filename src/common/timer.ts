// One-shot timers that cost a few list operations to arm: a stream arms several and nearly all are disarmed unfired.

import { monotonicMs } from './clock.ts'

/**
 * Timers of one duration: since all wait equally long, the list is ordered by deadline by appending at its end, and one
 * Node timer for the head serves them all. (The plain form, setTimeout and clearTimeout per stream, costs about 250 ns
 * a pair; this costs about 15: bench/micro/timer.ts.)
 */
class TimerList {
  readonly durationMs: number
  head: Timer | null = null
  tail: Timer | null = null
  #armed = false

  constructor(durationMs: number) {
    this.durationMs = durationMs
  }

  push(timer: Timer): void {
    timer.previous = this.tail
    timer.next = null
    if (this.tail === null) this.head = timer
    else this.tail.next = timer
    this.tail = timer
    if (!this.#armed) this.#arm(this.durationMs)
  }

  remove(timer: Timer): void {
    if (timer.previous === null) this.head = timer.next
    else timer.previous.next = timer.next
    if (timer.next === null) this.tail = timer.previous
    else timer.next.previous = timer.previous
    timer.previous = null
    timer.next = null
  }

  #arm(delayMs: number): void {
    this.#armed = true
    setTimeout(() => this.#expire(), Math.max(1, Math.ceil(delayMs))).unref()
  }

  #expire(): void {
    this.#armed = false
    const now = monotonicMs()
    while (this.head !== null && this.head.deadlineMs <= now) {
      const timer = this.head
      this.remove(timer)
      timer.list = null
      timer.callback()
    }
    // A callback may have armed a new timer of this duration, and with it this list.
    if (this.head === null) {
      if (!this.#armed) lists.delete(this.durationMs)
    } else if (!this.#armed) this.#arm(this.head.deadlineMs - now)
  }
}

const lists = new Map<number, TimerList>()
const longestDelayMs = 2 ** 31 - 1

/** A one-shot timer. It never keeps the process alive by itself. */
export class Timer {
  readonly callback: () => void
  deadlineMs = 0
  /** The list the timer waits in; null when it is not armed. */
  list: TimerList | null = null
  previous: Timer | null = null
  next: Timer | null = null

  constructor(callback: () => void) {
    this.callback = callback
  }

  get enabled(): boolean {
    return this.list !== null
  }

  /** Arms the timer, anew if it was armed. Durations are milliseconds; fractions count. */
  enable(durationMs: number): void {
    if (this.list !== null) this.list.remove(this)
    const bounded = Math.min(durationMs, longestDelayMs)
    let list = lists.get(bounded)
    if (list === undefined) {
      list = new TimerList(bounded)
      lists.set(bounded, list)
    }
    this.deadlineMs = monotonicMs() + bounded
    this.list = list
    list.push(this)
  }

  disable(): void {
    if (this.list === null) return
    this.list.remove(this)
    this.list = null
  }
}
