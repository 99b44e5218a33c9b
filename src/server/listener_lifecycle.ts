// The listeners in main, from their configuration to their end: built and checked, bound, warmed by what they wait for, put
// into force in the workers, replaced, drained.

import { randomUUID } from 'node:crypto'
import type { envoy } from '../../proto/generated/api.d.ts'
import { wallMs } from '../common/clock.ts'
import { fingerprint } from '../common/fingerprint.ts'
import { getLogger } from '../common/log.ts'
import { ConfigErrors } from '../config/errors.ts'
import type { InitManager } from '../config/init_manager.ts'
import { forgetPositions } from '../config/view_origin.ts'
import { type BuiltListener, droppedChains } from '../network/built_listener.ts'
import { endListener } from '../network/listener_builder.ts'
import { fixedAddresses, type ListenerSocketSettings, listenerSocketSettings } from '../network/socket_settings.ts'
import type { ConfigChange } from './channel.ts'
import type { Origin } from './cluster_lifecycle.ts'
import type { PassedSockets } from './hot_restart/passed_sockets.ts'
import type { Instance } from './instance.ts'
import { ListenError, ListenerSockets } from './listen_sockets.ts'
import type { ListenerManagerStats } from './manager_stats.ts'
import type { OwnedSocket } from './worker_pool.ts'

type ListenerView = envoy.config.listener.v3.Listener

const log = getLogger('config')

/** One version of a listener. */
export interface ListenerVersion extends Origin {
  readonly key: string
  readonly view: ListenerView
  readonly fingerprint: string
  readonly lastUpdatedMs: number
  readonly built: BuiltListener
  readonly initManager: InitManager
  /** Those of the version before, where nothing about them has changed. */
  readonly sockets: ListenerSockets
}

/** A version that gets no new connections. */
export interface DrainingListener extends Origin {
  readonly key: string
  readonly view: ListenerView
  readonly lastUpdatedMs: number
}

export interface ListenerEntry {
  /** Its name, where it has one. */
  readonly key: string
  active: ListenerVersion | undefined
  warming: ListenerVersion | undefined
}

export interface ListenerLifecycleParts {
  readonly instance: Instance
  readonly stats: ListenerManagerStats
  readonly push: (change: ConfigChange) => Promise<void>
  /** Hands new sockets to the workers. */
  readonly handOver: (socketsOf: (workerIndex: number) => readonly OwnedSocket[]) => Promise<void>
  readonly workers: number
  readonly passedSockets: PassedSockets | undefined
  readonly drainTimeMs: number
}

export class ListenerLifecycle {
  readonly #parts: ListenerLifecycleParts
  /** As `/listeners` shows them: those that accept in the order in which they began to. */
  readonly #entries = new Map<string, ListenerEntry>()
  /** Until their connections have had the time to leave. */
  readonly #draining = new Set<DrainingListener>()
  /** Until then listeners that wait for something count as those that are in use. */
  #areWorkersStarted = false
  #nextId = 0
  #stopped: 'none' | 'inboundOnly' | 'all' = 'none'

  constructor(parts: ListenerLifecycleParts) {
    this.#parts = parts
  }

  entries(): Iterable<ListenerEntry> {
    return this.#entries.values()
  }

  /** Of each listener the version in use, then the one that warms. */
  *versions(): Iterable<ListenerVersion> {
    for (const { active, warming } of this.#entries.values()) {
      if (active !== undefined) yield active
      if (warming !== undefined) yield warming
    }
  }

  draining(): Iterable<DrainingListener> {
    return this.#draining
  }

  get areWorkersStarted(): boolean {
    return this.#areWorkersStarted
  }

  onWorkersStarted(): void {
    const { stats, workers } = this.#parts
    this.#areWorkersStarted = true
    stats.workersStarted.set(1)
    stats.createSuccess.add(workers * [...this.active()].length)
    this.#count()
  }

  /** The last versions, by key, of those of the bootstrap, or of those that a discovery service has brought. */
  views(isStatic: boolean): Map<string, ListenerView> {
    const views = new Map<string, ListenerView>()
    for (const { key, active, warming } of this.#entries.values()) {
      const last = warming ?? active
      if (last?.isStatic === isStatic) views.set(key, last.view)
    }
    return views
  }

  /** Reports addresses that new listeners, by key, could not have. Those of listeners that are to go are not looked at. */
  tryAddresses(views: ReadonlyMap<string, ListenerView>, leaving: readonly string[], errors: ConfigErrors): void {
    const leavingAddresses = leaving.flatMap((key) => this.#entries.get(key)?.active?.sockets.addresses ?? [])
    const isFree = (text: string): boolean => leavingAddresses.some((address) => address.text === text)
    for (const [key, view] of views) {
      const settings = listenerSocketSettings(view, errors)
      const known = this.#entries.get(key)?.active?.sockets.settings
      if (settings === undefined || (known !== undefined && isSame(known, settings))) continue
      if (settings.sockets.some(({ address }) => isFree(address.text))) continue
      try {
        new ListenerSockets(settings, -1, 1).close()
      } catch (error) {
        if (!(error instanceof ListenError)) throw error
        errors.add(view, 'address', error.message)
      }
    }
  }

  /** Resolves when all that there are accept, or would if the workers ran. */
  async whenWarm(): Promise<void> {
    for (const entry of this.#entries.values()) {
      // Another version may take its place meanwhile.
      while (entry.warming !== undefined) await entry.warming.initManager.whenReady()
    }
  }

  *active(): Iterable<ListenerVersion> {
    for (const { active } of this.#entries.values()) if (active !== undefined) yield active
  }

  /** Those that accept, and before the workers run those that will. */
  *bound(): Iterable<ListenerVersion> {
    for (const { active, warming } of this.#entries.values()) {
      const shown = this.#areWorkersStarted ? active : (warming ?? active)
      if (shown !== undefined) yield shown
    }
  }

  /**
   * Takes a listener on, or another version of one. False where that changes nothing: it says the same as before, is static
   * where this one is not, or has errors. Its addresses are bound here; it accepts when it is warm. `key` tells which
   * listeners are versions of one.
   */
  addOrUpdate(view: ListenerView, origin: Origin, errors: ConfigErrors, key = view.name || randomUUID()): boolean {
    const { instance } = this.#parts
    const before = errors.errors.length
    const print = fingerprint(view)
    const known = this.#entries.get(key)
    const last = known?.warming ?? known?.active
    if (last?.isStatic && !origin.isStatic) return false
    if (last?.fingerprint === print) return false
    const context = instance.contextFor(errors)
    const built = instance.buildListener(view, context, known?.active?.built)
    if (built === undefined || errors.errors.length > before) {
      if (built === undefined) {
        context.lifetime.end()
        context.statsOwner.end()
      } else endListener(built, known?.active?.built)
      return false
    }
    const isFree = origin.isStatic || this.#checkNoDuplicate(key, built, view, errors)
    const sockets = isFree ? this.#socketsFor(built, view, known, errors) : undefined
    if (sockets === undefined) {
      endListener(built, known?.active?.built)
      return false
    }
    forgetPositions(view)
    const entry = known ?? { key, active: undefined, warming: undefined }
    this.#entries.set(key, entry)
    this.#dropWarming(entry, sockets)
    const { initManager } = context
    const kept = this.#keptVersion(known, built)
    if (kept !== undefined) this.#parts.stats.inPlaceUpdated.inc()
    const version: ListenerVersion = {
      ...origin,
      ...kept,
      key,
      view,
      fingerprint: print,
      lastUpdatedMs: wallMs(),
      built,
      initManager,
      sockets,
    }
    entry.warming = version
    const { added, modified } = this.#parts.stats
    const counter = known === undefined ? added : modified
    counter.inc()
    this.#count()
    if (initManager.isReady) this.#activate(entry, version)
    else void initManager.whenReady().then(() => this.#activate(entry, version))
    return true
  }

  /** False where there is no such listener of that origin. */
  remove(key: string, isStatic = false): boolean {
    const entry = this.#entries.get(key)
    const last = entry?.warming ?? entry?.active
    if (entry === undefined || last?.isStatic !== isStatic) return false
    this.#dropWarming(entry)
    this.#entries.delete(key)
    const { active } = entry
    if (active !== undefined) this.#retire(active)
    this.#parts.stats.removed.inc()
    this.#count()
    return true
  }

  /** What a worker that starts now has to be told. */
  *changes(): Iterable<ConfigChange> {
    for (const { sockets, view } of this.active()) yield { kind: 'listener', id: sockets.listenerId, view }
  }

  socketsOf(workerIndex: number): OwnedSocket[] {
    return [...this.active()].flatMap(({ sockets }) => sockets.socketsOf(workerIndex))
  }

  /** New connections are refused from now on; those that are open go on. */
  stopListening(inboundOnly: boolean): void {
    for (const { sockets, built } of this.active()) {
      if (this.#isStopped(built) || (inboundOnly && built.trafficDirection !== 'INBOUND')) continue
      this.#parts.stats.stopped.inc()
      sockets.close()
    }
    if (this.#stopped !== 'all') this.#stopped = inboundOnly ? 'inboundOnly' : 'all'
  }

  #isStopped({ trafficDirection }: BuiltListener): boolean {
    return this.#stopped === 'all' || (this.#stopped === 'inboundOnly' && trafficDirection === 'INBOUND')
  }

  /** A listener of which nothing but filter chains changes keeps the version that it was made with, as in Envoy. */
  #keptVersion(known: ListenerEntry | undefined, built: BuiltListener): Pick<Origin, 'version'> | undefined {
    const active = known?.active
    if (!this.#areWorkersStarted || active?.built.body !== built.body) return undefined
    return { version: active.version }
  }

  /** False, with an error, where another listener has one of the addresses: the kernel would share them out. */
  #checkNoDuplicate(key: string, { name, sockets }: BuiltListener, view: ListenerView, errors: ConfigErrors): boolean {
    const others = [...this.#entries.values()].filter((entry) => entry.key !== key)
    const taken = others
      .flatMap(({ active, warming }) => [active, warming])
      .flatMap((each) => (each === undefined ? [] : fixedAddresses(each.built.sockets)))
    const twice = sockets.sockets.map(({ address }) => address.text).find((address) => taken.includes(address))
    if (twice === undefined) return true
    const advice =
      "to check if the listener has duplicated addresses with other listeners or 'enable_reuse_port' is set to 'false' for the listener"
    errors.add(
      view,
      'address',
      `error adding listener: '${name}' has duplicate address '${twice}' as existing listener, ${advice}`,
    )
    return false
  }

  #socketsFor(
    built: BuiltListener,
    view: ListenerView,
    known: ListenerEntry | undefined,
    errors: ConfigErrors,
  ): ListenerSockets | undefined {
    const kept = [known?.warming?.sockets, known?.active?.sockets].find(
      (each) => each !== undefined && isSame(each.settings, built.sockets),
    )
    if (kept !== undefined) return kept
    try {
      return new ListenerSockets(built.sockets, this.#nextId++, this.#parts.workers, this.#parts.passedSockets)
    } catch (error) {
      errors.add(view, 'address', this.#onListenError(built, error))
      return undefined
    }
  }

  /** Tells of it, and returns Envoy's words for it. */
  #onListenError(built: BuiltListener, error: unknown): string {
    if (!(error instanceof ListenError)) throw error
    log.error(`listener '${built.name}' failed to bind or apply socket options: ${error.message}`)
    this.#parts.stats.createFailure.inc()
    return error.message
  }

  /** All that the listener waited for is there. */
  #activate(entry: ListenerEntry, version: ListenerVersion): void {
    if (entry.warming !== version) return
    const { push, handOver, stats, workers } = this.#parts
    const previous = entry.active
    const { sockets, built } = version
    entry.warming = undefined
    entry.active = version
    if (this.#areWorkersStarted) stats.createSuccess.add(workers)
    const applied = push({ kind: 'listener', id: sockets.listenerId, view: version.view })
    if (previous !== undefined) {
      this.#drain(previous, built)
      if (previous.sockets !== sockets) this.#retireSockets(previous)
    } else if (this.#areWorkersStarted) {
      this.#entries.delete(entry.key)
      this.#entries.set(entry.key, entry)
    }
    this.#count()
    if (previous?.sockets === sockets || this.#isStopped(built)) return
    try {
      sockets.listen()
    } catch (error) {
      this.#onListenError(built, error)
      return
    }
    void applied.then(() => handOver((index) => sockets.socketsOf(index)))
  }

  #retire(version: ListenerVersion): void {
    this.#drain(version)
    this.#retireSockets(version)
  }

  /** Connections of the version leave in the workers; here they are told of as leaving until their time is over. */
  #drain(version: ListenerVersion, next?: BuiltListener): void {
    const { stats, drainTimeMs } = this.#parts
    const { key, built, view, isStatic, lastUpdatedMs } = version
    const isInPlace = next?.body === built.body
    const gauge = isInPlace ? stats.filterChainsDraining : stats.draining
    const count = isInPlace ? droppedChains(built, next).length : 1
    endListener(built, next, drainTimeMs)
    if (!this.#areWorkersStarted) return
    const leaving = { key, view, version: version.version, isStatic, lastUpdatedMs }
    if (!isInPlace) this.#draining.add(leaving)
    gauge.add(count)
    const end = (): void => {
      this.#draining.delete(leaving)
      gauge.sub(count)
    }
    setTimeout(end, drainTimeMs).unref()
  }

  #retireSockets({ sockets }: ListenerVersion): void {
    sockets.close()
    void this.#parts.push({ kind: 'removeListener', id: sockets.listenerId })
  }

  #dropWarming(entry: ListenerEntry, keptSockets = entry.active?.sockets): void {
    const { warming, active } = entry
    if (warming === undefined) return
    entry.warming = undefined
    endListener(warming.built, active?.built)
    if (warming.sockets !== keptSockets && warming.sockets !== active?.sockets) warming.sockets.close()
  }

  #count(): void {
    const { active, warming } = this.#parts.stats
    const entries = [...this.#entries.values()]
    const warmingCount = entries.filter((entry) => entry.warming !== undefined).length
    active.set(this.#areWorkersStarted ? entries.filter((entry) => entry.active !== undefined).length : entries.length)
    warming.set(this.#areWorkersStarted ? warmingCount : 0)
  }
}

/** Which listener of a bootstrap is which: those without a name are told apart by their addresses. */
export function listenerKeys(views: readonly ListenerView[]): Map<string, ListenerView> {
  const keys = new Map<string, ListenerView>()
  for (const view of views) {
    let key = view.name || (listenerSocketSettings(view, new ConfigErrors())?.sockets[0].address.text ?? '')
    // Several may be on any port.
    while (view.name === '' && keys.has(key)) key += '+'
    keys.set(key, view)
  }
  return keys
}

function isSame(a: ListenerSocketSettings, b: ListenerSocketSettings): boolean {
  return fingerprint(a) === fingerprint(b)
}
