// What is done against overload now, as the data path asks for it: by Envoy's names of overload actions and load shed points.

import type { Counter } from '../../stats/store.ts'
import { reduceTimeoutsAction, ScaledTimers } from './scaled_timers.ts'
import type { StreamAccounts } from './stream_accounts.ts'

/** One action or load shed point. */
export class OverloadAction {
  /** From 0 (nothing) to 1 (saturated). */
  scale = 0
  readonly #shed: Counter | undefined

  /** `shed` counts what a load shed point has turned away. */
  constructor(shed?: Counter) {
    this.#shed = shed
  }

  get isSaturated(): boolean {
    return this.scale === 1
  }

  /** Draws: whether it is to be taken for one connection or request. */
  isTaken(): boolean {
    if (this.scale === 0 || (this.scale < 1 && Math.random() >= this.scale)) return false
    this.#shed?.inc()
    return true
  }
}

/** By name; those that are not configured, or are 0, may be missing. */
export type OverloadScales = Readonly<Record<string, number>>

export class OverloadState {
  readonly #actions: ReadonlyMap<string, OverloadAction>
  readonly timers: ScaledTimers
  /** Undefined where no stream is ever reset for its memory. */
  readonly accounts: StreamAccounts | undefined
  readonly #watchers: (() => void)[] = []

  constructor(actions: ReadonlyMap<string, OverloadAction>, timers = new ScaledTimers(), accounts?: StreamAccounts) {
    this.#actions = actions
    this.timers = timers
    this.accounts = accounts
  }

  /** For listeners that bypass the overload manager: nothing is ever overloaded, but timers and memory are those of all. */
  bypassed(): OverloadState {
    return new OverloadState(new Map(), this.timers, this.accounts)
  }

  /** To be kept: one that is not configured is never taken. */
  action(name: string): OverloadAction {
    return this.#actions.get(name) ?? new OverloadAction()
  }

  /** Takes over what main has found. */
  update(scales: OverloadScales): void {
    for (const [name, action] of this.#actions) action.scale = scales[name] ?? 0
    this.timers.reduce(scales[reduceTimeoutsAction] ?? 0)
    for (const watcher of this.#watchers) watcher()
  }

  scales(): OverloadScales {
    return Object.fromEntries([...this.#actions].map(([name, { scale }]) => [name, scale]))
  }

  onUpdate(watcher: () => void): void {
    this.#watchers.push(watcher)
  }
}
