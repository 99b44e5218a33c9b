/**
 * The overload manager: main looks at resources once every refresh interval, and tells all processes what to do.
 *
 * Every process builds it of the same configuration, so that errors are found and each has a state that its data path asks;
 * only main starts it.
 */

import type { envoy } from '../../../proto/generated/api.d.ts'
import { monotonicMs } from '../../common/clock.ts'
import { getLogger } from '../../common/log.ts'
import { Timer } from '../../common/timer.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { ExtensionRegistry } from '../../config/registry.ts'
import type { Runtime } from '../../config/runtime.ts'
import { globalMonitorType } from '../../network/connection_limits.ts'
import type { SharedMemory } from '../../network/factory.ts'
import { OverloadAction, type OverloadScales, OverloadState } from '../../network/overload/overload_state.ts'
import type { ResourceMonitor, ResourceMonitorFactory } from '../../network/overload/resource_monitor.ts'
import { compileScaledTimers, reduceTimeoutsAction, type ScaledTimers } from '../../network/overload/scaled_timers.ts'
import { resetStreamsAction, StreamAccounts } from '../../network/overload/stream_accounts.ts'
import { compileTrigger, type Trigger } from '../../network/overload/trigger.ts'
import type { Counter, Gauge, Histogram, Scope } from '../../stats/store.ts'
import { defaultShrinkIntervalMs, shrinkHeap, shrinkHeapAction } from './heap_shrinker.ts'
import { checkAction, checkLoadShedPoint, scaledTimersType } from './known_actions.ts'

type OverloadManagerView = envoy.config.overload.v3.OverloadManager
type ScaledTimersView = envoy.config.overload.v3.ScaleTimersOverloadActionConfig
type TriggerView = envoy.config.overload.v3.Trigger
type DownstreamConnectionsConfig =
  envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig

const log = getLogger('main')
const defaultRefreshIntervalMs = 1000

export interface OverloadManagerParts {
  readonly scope: Scope
  readonly errors: ConfigErrors
  readonly registry: ExtensionRegistry
  readonly runtime: Runtime
  readonly shared: SharedMemory
  /** -1 in main, which is to tell what all do. */
  readonly workerIndex: number
  readonly concurrency: number
  /** Of all processes. */
  readonly downstreamConnections: () => number
}

interface Resource {
  readonly monitor: ResourceMonitor
  readonly pressure: Gauge
  readonly failedUpdates: Counter
}

/** An action or a load shed point: the strongest of its triggers counts. */
interface Reaction {
  readonly name: string
  readonly triggers: ReadonlyMap<string, Trigger>
  /** Undefined for load shed points. */
  readonly active: Gauge | undefined
  readonly scalePercent: Gauge
}

export class OverloadManager {
  readonly state: OverloadState
  readonly #parts: OverloadManagerParts
  readonly #refreshIntervalMs: number
  readonly #refreshDelay: Histogram
  readonly #resources = new Map<string, Resource>()
  readonly #reactions: Reaction[] = []
  /** The last known of each resource. */
  readonly #pressures = new Map<string, number>()
  readonly #timer = new Timer(() => this.#onTimer())
  #refreshedAtMs = 0
  #pids: () => readonly number[] = () => []
  #onChange: (scales: OverloadScales) => void = () => {}

  constructor(view: OverloadManagerView | undefined, parts: OverloadManagerParts) {
    this.#parts = parts
    this.#refreshIntervalMs = view?.refreshInterval ?? defaultRefreshIntervalMs
    this.#refreshDelay = parts.scope.histogram('overload.refresh_interval_delay', 'ms')
    for (const each of view?.resourceMonitors ?? []) this.#addResource(each)
    const actions = new Map<string, OverloadAction>()
    for (const each of view?.actions ?? []) this.#addAction(each, actions)
    for (const each of view?.loadshedPoints ?? []) this.#addLoadShedPoint(each, actions)
    this.state = new OverloadState(actions, this.#scaledTimers(view), this.#streamAccounts(view))
    this.#startShrinking(view)
    this.#startResetting()
  }

  /** `pids`: the proxy's processes. `onChange` is told whenever something differs from what was told before. */
  start(pids: () => readonly number[], onChange: (scales: OverloadScales) => void): void {
    if (this.#resources.size === 0) return
    this.#pids = pids
    this.#onChange = onChange
    this.#refreshedAtMs = monotonicMs()
    this.#timer.enable(this.#refreshIntervalMs)
  }

  /** Main decides; what it decides by may be seen in workers alone. */
  startInWorker(): void {
    for (const { monitor } of this.#resources.values()) monitor.measureInWorker?.(this.#parts.workerIndex)
  }

  stop(): void {
    this.#timer.disable()
  }

  // ---- Configuration ---------------------------------------------------------------------------------------------

  #addResource(view: envoy.config.overload.v3.ResourceMonitor): void {
    const { errors, scope } = this.#parts
    const { name } = view
    const monitor = this.#createMonitor(view)
    if (monitor === undefined) return
    if (this.#resources.has(name)) errors.add(view, undefined, `Duplicate resource monitor ${name}`)
    this.#resources.set(name, {
      monitor,
      pressure: scope.gauge(`overload.${name}.pressure`, 'neverImport'),
      failedUpdates: scope.counter(`overload.${name}.failed_updates`),
    })
    // An update is over at once here: none is ever skipped. Connections, which are counted as they come, have no such stat.
    if (view.typedConfig?.typeUrl !== globalMonitorType) scope.counter(`overload.${name}.skipped_updates`)
  }

  #createMonitor(view: envoy.config.overload.v3.ResourceMonitor): ResourceMonitor | undefined {
    const { registry, downstreamConnections, ...parts } = this.#parts
    if (view.typedConfig?.typeUrl === globalMonitorType) {
      const { maxActiveDownstreamConnections } = view.typedConfig.value as DownstreamConnectionsConfig
      return { pressure: () => downstreamConnections() / maxActiveDownstreamConnections }
    }
    const factory = registry.lookup<ResourceMonitorFactory>('envoy.resource_monitors', view, parts.errors)
    const refreshIntervalMs = this.#refreshIntervalMs
    return factory?.createResourceMonitor(view.typedConfig?.value, { ...parts, refreshIntervalMs })
  }

  #addAction(view: envoy.config.overload.v3.OverloadAction, actions: Map<string, OverloadAction>): void {
    const { errors, scope } = this.#parts
    const { name } = view
    checkAction(view, errors)
    if (actions.has(name)) errors.add(view, undefined, `Duplicate overload action ${name}`)
    const place = { text: `overload action ${name}`, unknown: `overload action ${name}` }
    const triggers = this.#compileTriggers(view.triggers, place)
    actions.set(name, new OverloadAction())
    const active = scope.gauge(`overload.${name}.active`, 'neverImport')
    const scalePercent = scope.gauge(`overload.${name}.scale_percent`, 'neverImport')
    this.#reactions.push({ name, triggers, active, scalePercent })
  }

  #addLoadShedPoint(view: envoy.config.overload.v3.LoadShedPoint, actions: Map<string, OverloadAction>): void {
    const { errors, scope } = this.#parts
    const { name } = view
    checkLoadShedPoint(view, errors)
    if (actions.has(name)) errors.add(view, undefined, `Duplicate loadshed point ${name}`)
    const place = { text: `LoadShedPoint ${name}`, unknown: `loadshed point ${name}` }
    const triggers = this.#compileTriggers(view.triggers, place)
    actions.set(name, new OverloadAction(scope.counter(`overload.${name}.shed_load_count`)))
    const scalePercent = scope.gauge(`overload.${name}.scale_percent`, 'neverImport')
    this.#reactions.push({ name, triggers, active: undefined, scalePercent })
  }

  #compileTriggers(
    views: readonly TriggerView[],
    place: { readonly text: string; readonly unknown: string },
  ): Map<string, Trigger> {
    const { errors } = this.#parts
    const triggers = new Map<string, Trigger>()
    for (const view of views) {
      if (triggers.has(view.name)) errors.add(view, undefined, `Duplicate trigger resource for ${place.text}`)
      if (!this.#resources.has(view.name)) {
        errors.add(view, 'name', `Unknown trigger resource ${view.name} for ${place.unknown}`)
      }
      triggers.set(view.name, compileTrigger(view, errors))
    }
    return triggers
  }

  #scaledTimers(view: OverloadManagerView | undefined): ScaledTimers | undefined {
    const action = view?.actions.find(({ name }) => name === reduceTimeoutsAction)
    if (action?.typedConfig?.typeUrl !== scaledTimersType) return undefined
    return compileScaledTimers(action.typedConfig.value as ScaledTimersView, this.#parts.errors)
  }

  #streamAccounts(view: OverloadManagerView | undefined): StreamAccounts | undefined {
    const action = view?.actions.find(({ name }) => name === resetStreamsAction)
    if (view === undefined || action === undefined) return undefined
    const { bufferFactoryConfig } = view
    if (bufferFactoryConfig !== undefined)
      return new StreamAccounts(2 ** bufferFactoryConfig.minimumAccountToTrackPowerOfTwo)
    this.#parts.errors.add(action, 'name', `Overload action "${resetStreamsAction}" requires buffer_factory_config.`)
    return undefined
  }

  /** Whenever the scale has changed, as Envoy: also when it has become less. */
  #startResetting(): void {
    const { accounts } = this.state
    if (accounts === undefined) return
    const action = this.state.action(resetStreamsAction)
    const count = this.#parts.scope.counter(`${resetStreamsAction}.count`)
    let { scale } = action
    this.state.onUpdate(() => {
      if (action.scale === scale) return
      scale = action.scale
      count.add(accounts.reset(scale))
    })
  }

  #startShrinking(view: OverloadManagerView | undefined): void {
    const action = view?.actions.find(({ name }) => name === shrinkHeapAction)
    if (action === undefined) return
    const { scope, workerIndex } = this.#parts
    const settings = action.typedConfig?.value as envoy.config.overload.v3.ShrinkHeapConfig | undefined
    const shrinkCount = scope.counter(`overload.${shrinkHeapAction}.shrink_count`)
    shrinkHeap(this.state, settings?.timerInterval ?? defaultShrinkIntervalMs, () => {
      if (workerIndex < 0) shrinkCount.inc()
    })
  }

  // ---- While it runs ---------------------------------------------------------------------------------------------

  #onTimer(): void {
    const nowMs = monotonicMs()
    this.#refreshDelay.recordValue(nowMs - this.#refreshedAtMs)
    this.#refreshedAtMs = nowMs
    this.#refresh()
    this.#timer.enable(this.#refreshIntervalMs)
  }

  #refresh(): void {
    const pids = this.#pids()
    for (const [name, resource] of this.#resources) this.#updateResource(name, resource, pids)
    const before = this.state.scales()
    const scales: Record<string, number> = {}
    for (const { name, triggers, active, scalePercent } of this.#reactions) {
      const scale = Math.max(
        0,
        ...[...triggers].map(([resource, trigger]) => trigger(this.#pressures.get(resource) ?? 0)),
      )
      scales[name] = scale
      active?.set(scale === 1 ? 1 : 0)
      scalePercent.set(Math.floor(scale * 100))
      if (active === undefined || (scale === 1) === (before[name] === 1)) continue
      log.info(`overload action ${name} became ${scale === 1 ? 'active' : 'inactive'}`)
    }
    if (Object.entries(scales).every(([name, scale]) => before[name] === scale)) return
    this.state.update(scales)
    this.#onChange(scales)
  }

  #updateResource(name: string, { monitor, pressure, failedUpdates }: Resource, pids: readonly number[]): void {
    try {
      const value = monitor.pressure(pids)
      this.#pressures.set(name, value)
      pressure.set(Math.floor(value * 100))
    } catch (error) {
      log.info(`failed to update resource ${name}: ${(error as Error).message}`)
      failedUpdates.inc()
    }
  }
}
