/**
 * The overload action shrink_heap: as long as it is saturated, each process collects its garbage every so often and gives
 * what it has not in use back to the system. V8 does so by itself only when it sees fit.
 */

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Timer } from '../../common/timer.ts'
import type { OverloadState } from '../../network/overload/overload_state.ts'

export const shrinkHeapAction = 'envoy.overload_actions.shrink_heap'
export const defaultShrinkIntervalMs = 10_000

type CollectGarbage = (options: { type: 'major'; execution: 'async'; flavor: 'last-resort' }) => Promise<void>

/** `onShrink` is told of every time. */
export function shrinkHeap(state: OverloadState, intervalMs: number, onShrink: () => void): void {
  const action = state.action(shrinkHeapAction)
  let collect: CollectGarbage | undefined
  const timer = new Timer(() => {
    collect ??= garbageCollector()
    // Not under the timer's callers, whose stack may hold what has gone.
    void collect({ type: 'major', execution: 'async', flavor: 'last-resort' })
    onShrink()
    timer.enable(intervalMs)
  })
  state.onUpdate(() => {
    if (!action.isSaturated) timer.disable()
    else if (!timer.enabled) timer.enable(intervalMs)
  })
}

/** Node has it only with a flag, which V8 takes at any time for contexts that are made afterwards. */
function garbageCollector(): CollectGarbage {
  setFlagsFromString('--expose-gc')
  return runInNewContext('gc') as CollectGarbage
}
