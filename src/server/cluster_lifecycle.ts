// The clusters in main, from their configuration to their end: built and checked, warmed by their first hosts, put into
// force in all processes, replaced, removed.

import type { envoy } from '../../proto/generated/api.d.ts'
import { monotonicMs, wallMs } from '../common/clock.ts'
import { fingerprint } from '../common/fingerprint.ts'
import { getLogger } from '../common/log.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Bootstrap } from '../config/load.ts'
import { forgetPositions } from '../config/view_origin.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { HostsUpdate } from '../upstream/cluster_manager.ts'
import type { ClusterDiscovery } from '../upstream/discovery/discovery.ts'
import type { Host, HostSnapshot } from '../upstream/host.ts'
import type { ReportedType } from '../upstream/outlier_detection/outlier_type.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { ConfigChange } from './channel.ts'
import { type ClusterHealth, createClusterHealth, type HealthCheckParts, plainHealth } from './cluster_health.ts'
import { type ClusterOutliers, createClusterOutliers, type OutlierParts } from './cluster_outliers.ts'
import { HealthChanges } from './health_changes.ts'
import { keyedHosts } from './host_keys.ts'
import type { Instance } from './instance.ts'
import type { ClusterManagerStats } from './manager_stats.ts'

type ClusterView = envoy.config.cluster.v3.Cluster

const log = getLogger('upstream')

/** Where a part of the configuration comes from. */
export interface Origin {
  /** From the bootstrap: discovery services neither change nor remove it. */
  readonly isStatic: boolean
  /** As its discovery service calls it; '' for a static one. */
  readonly version: string
}

export interface ClusterEntry extends Origin {
  readonly view: ClusterView
  readonly fingerprint: string
  /** Wall clock. */
  readonly lastUpdatedMs: number
  /** Monotonic clock. */
  readonly addedAtMs: number
  readonly cluster: Cluster
  readonly context: ServerContext
  readonly discovery: ClusterDiscovery
  /** Undefined where it has no health checks. */
  readonly health: ClusterHealth | undefined
  /** Undefined where it detects no outliers. */
  readonly outliers: ClusterOutliers | undefined
  /** As last found; undefined before the first answer. */
  hosts: HostsUpdate | undefined
}

export interface ClusterLifecycleParts extends HealthCheckParts, OutlierParts {
  readonly instance: Instance
  readonly stats: ClusterManagerStats
  readonly push: (change: ConfigChange) => Promise<void>
  /** Until the returned function is called the management server is told nothing of the clusters that it has sent. */
  readonly pauseDiscovery: () => () => void
  readonly createDiscovery: (cluster: Cluster, context: ServerContext) => ClusterDiscovery | undefined
}

export class ClusterLifecycle {
  readonly #parts: ClusterLifecycleParts
  readonly #active = new Map<string, ClusterEntry>()
  readonly #warming = new Map<string, ClusterEntry>()
  /** Taken on before the server is initialised: what they need to find hosts may not be there yet. */
  readonly #unstarted = new Set<ClusterEntry>()
  /** Looking for hosts for the first time. */
  readonly #starting = new Map<ClusterEntry, Promise<void>>()
  /** The clusters that others need to find their hosts have theirs. */
  #startsAtOnce = false
  /** Until then static clusters are in force at once: nothing is accepted before they have hosts. */
  #isInitialized = false
  #resumeDiscovery: (() => void) | undefined = undefined

  constructor(parts: ClusterLifecycleParts) {
    this.#parts = parts
    parts.instance.clusterManager.onUpdated = () => parts.stats.onUpdated()
  }

  active(): Iterable<ClusterEntry> {
    return this.#active.values()
  }

  warming(): Iterable<ClusterEntry> {
    return this.#warming.values()
  }

  /** The last versions of those of the bootstrap, or of those that a discovery service has brought. */
  views(isStatic: boolean): Map<string, ClusterView> {
    const entries = [...this.#active.values(), ...this.#warming.values()].filter((each) => each.isStatic === isStatic)
    return new Map(entries.map(({ view }) => [view.name, view]))
  }

  /** As Envoy tells of them: those of discovery services count when they know their hosts. */
  inUse(): ClusterEntry[] {
    const unready = new Set(this.unready())
    return [...this.#active.values()].filter((entry) => entry.isStatic || !unready.has(entry))
  }

  /** Those that do not know their hosts yet, for the first time or in a new version. */
  unready(): ClusterEntry[] {
    return [...this.#unstarted, ...this.#starting.keys()]
  }

  /** Undefined where there is no such cluster, or none yet. */
  get(name: string): ClusterEntry | undefined {
    return this.#warming.get(name) ?? this.#active.get(name)
  }

  /**
   * Takes a cluster on, or another version of one. False where that changes nothing: it says the same as before, is static
   * where this one is not, or has errors.
   */
  addOrUpdate(view: ClusterView, origin: Origin, errors: ConfigErrors): boolean {
    const { instance, createDiscovery } = this.#parts
    const { name } = view
    const known = this.get(name)
    if (known?.isStatic === true && !origin.isStatic) return false
    const print = fingerprint(view)
    if (known?.fingerprint === print) return false
    this.#parts.stats.onAdded(known !== undefined)
    const context = instance.contextFor(errors)
    const before = errors.errors.length
    const cluster = instance.buildCluster(view, context)
    const discovery = createDiscovery(cluster, context)
    const health = discovery && createClusterHealth(cluster, discovery.hostsKind, context, this.#parts)
    const outliers = discovery && createClusterOutliers(cluster, context, this.#parts)
    if (discovery === undefined || errors.errors.length > before) {
      endContext(context)
      return false
    }
    const entry: ClusterEntry = {
      ...origin,
      view,
      fingerprint: print,
      lastUpdatedMs: wallMs(),
      addedAtMs: monotonicMs(),
      cluster,
      context,
      discovery,
      health,
      outliers,
      hosts: undefined,
    }
    forgetPositions(view)
    context.lifetime.onEnd(() => discovery.stop())
    context.lifetime.onEnd(() => health?.stop())
    context.lifetime.onEnd(() => outliers?.stop())
    if (known !== undefined) this.#dropUnused(known)
    if (this.#isInitialized || !origin.isStatic) {
      this.#warming.set(name, entry)
      cluster.info.stats.warmingState.set(1)
      log.debug(`add/update cluster ${name} starting warming`)
    } else {
      this.#unstarted.add(entry)
      this.#putIntoForce(entry)
    }
    if (this.#startsAtOnce) void this.#start(entry)
    this.#onWarmingChanged()
    return true
  }

  /** Resolves when none warms any more. */
  async whenWarm(): Promise<void> {
    await Promise.all(this.#starting.values())
  }

  /** False where there is no such cluster of that origin. */
  remove(name: string, isStatic = false): boolean {
    const known = this.get(name)
    if (known?.isStatic !== isStatic) return false
    this.#dropUnused(known)
    this.#onWarmingChanged()
    if (this.#active.delete(name)) {
      this.#parts.instance.clusterManager.remove(name)
      void this.#parts.push({ kind: 'removeCluster', name })
    }
    this.#parts.stats.onRemoved(this.#active.size)
    return true
  }

  /** Lets the clusters look for hosts that need nobody else for it. Resolves when they may be used. */
  async startPrimary(): Promise<void> {
    await Promise.all([...this.#unstarted].filter(({ view }) => !isSecondary(view)).map((entry) => this.#start(entry)))
  }

  /** All that have not begun, and from now on each that comes. Resolves when all may be used. */
  async startAll(): Promise<void> {
    this.#startsAtOnce = true
    for (const entry of [...this.#unstarted]) void this.#start(entry)
    // More may come meanwhile.
    while (this.#starting.size > 0) await this.whenWarm()
  }

  /** Begins to look for hosts; resolves when the cluster may be used. */
  #start(entry: ClusterEntry): Promise<void> {
    this.#unstarted.delete(entry)
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    // Before hosts can come, which may be at once.
    this.#starting.set(entry, promise)
    void this.#warmUp(entry).then(resolve, reject)
    return promise
  }

  async #warmUp(entry: ClusterEntry): Promise<void> {
    const { name } = entry.view
    const ended = new Promise<boolean>((resolve) => entry.context.lifetime.onEnd(() => resolve(false)))
    const isReady = await Promise.race([this.#findHosts(entry), ended])
    this.#starting.delete(entry)
    if (!isReady) return
    if (this.#warming.get(name) !== entry) return
    this.#warming.delete(name)
    log.debug(`warming cluster ${name} complete`)
    this.#putIntoForce(entry)
    this.#onWarmingChanged()
  }

  async #findHosts(entry: ClusterEntry): Promise<boolean> {
    const { view, discovery, context, cluster, health, outliers } = entry
    const clusterName = view.name
    const changes = new HealthChanges((hosts) => this.#onHealthChanged(entry, hosts))
    context.lifetime.onEnd(() => changes.clear())
    outliers?.start((host) => changes.add(host))
    health?.start({
      onChanged: (host) => changes.add(host),
      onPassed: (host) => outliers?.onPassedCheck(host),
      onHostGone: (host) => this.#dropHost(entry, host),
    })
    await discovery.start((priorities, policy) => this.#onHosts(entry, { clusterName, priorities, policy }))
    await context.initManager.whenReady()
    cluster.info.stats.warmingState.set(0)
    if (health === undefined) return true
    await health.firstRound()
    cluster.onHealthChanged()
    return true
  }

  onInitialized(): void {
    this.#isInitialized = true
  }

  /** What a worker that starts now has to be told. */
  *changes(): Iterable<ConfigChange> {
    for (const entry of this.#active.values()) yield { kind: 'cluster', view: entry.view, hosts: toldHosts(entry) }
  }

  stop(): void {
    for (const entry of [...this.#active.values(), ...this.#warming.values()]) entry.context.lifetime.end()
  }

  #putIntoForce(entry: ClusterEntry): void {
    const { instance, push, stats } = this.#parts
    this.#active.set(entry.view.name, entry)
    instance.clusterManager.put(entry.cluster)
    stats.onActive(this.#active.size)
    if (entry.hosts !== undefined) instance.clusterManager.onHosts(entry.hosts)
    entry.outliers?.onHosts()
    void push({ kind: 'cluster', view: entry.view, hosts: toldHosts(entry) })
  }

  #onHosts(entry: ClusterEntry, discovered: HostsUpdate): void {
    this.#takeHosts(entry, entry.health?.withRemaining(discovered, entry.hosts) ?? discovered)
  }

  #takeHosts(entry: ClusterEntry, update: HostsUpdate): void {
    const { cluster, health, outliers } = entry
    entry.hosts = update
    const isActive = this.#isActive(entry)
    if (isActive && !this.#starting.has(entry)) this.#parts.stats.onUpdated()
    if (isActive) this.#parts.instance.clusterManager.onHosts(update)
    // Hosts are checked before anything goes to them.
    else if (health !== undefined) cluster.setHosts(update.priorities, update.policy)
    health?.onHosts()
    outliers?.onHosts()
    if (isActive) void this.#parts.push({ kind: 'hosts', update: toldHosts(entry) ?? update })
  }

  #isActive(entry: ClusterEntry): boolean {
    return this.#active.get(entry.view.name) === entry
  }

  #dropHost(entry: ClusterEntry, gone: Host): void {
    if (entry.hosts === undefined) return
    const hosts = entry.cluster.prioritySet.hosts()[Symbol.iterator]()
    const priorities = entry.hosts.priorities.map((each) => each.filter(() => hosts.next().value !== gone))
    this.#takeHosts(entry, { ...entry.hosts, priorities })
  }

  async #onHealthChanged(entry: ClusterEntry, changed: ReadonlySet<Host>): Promise<void> {
    // Whoever is told of the cluster later is told of this too.
    if (!this.#isActive(entry)) return
    const { instance, stats, push } = this.#parts
    const clusterName = entry.view.name
    stats.onUpdated()
    instance.clusterManager.onHealthChanged(clusterName)
    const hosts = [...keyedHosts(entry.cluster)].filter(([, host]) => changed.has(host))
    const health = hosts.map(([key, { activeHealth, outlierHealth }]) => {
      const { isEjected, isDegraded } = outlierHealth
      return { key, active: plainHealth(activeHealth), outlier: { isEjected, isDegraded } }
    })
    await push({ kind: 'health', clusterName, hosts: health })
  }

  /** A response of a host, by its key, has asked for no more traffic. */
  onUnhealthyHost(clusterName: string, key: string): void {
    const entry = this.#active.get(clusterName)
    if (entry?.health === undefined) return
    for (const [each, host] of keyedHosts(entry.cluster)) if (each === key) entry.health.onImmediateFailure(host)
  }

  /** A process has noticed that of the host with that slot. */
  onOutlier(clusterName: string, slot: number, type: ReportedType): void {
    this.#active.get(clusterName)?.outliers?.onReport(slot, type)
  }

  onWorkerDied(): void {
    for (const { outliers } of this.#active.values()) outliers?.onWorkerDied()
  }

  /** The last version of a cluster, where it is not in use yet: another one takes its place, or the cluster goes. */
  #dropUnused(entry: ClusterEntry): void {
    this.#unstarted.delete(entry)
    if (this.#warming.get(entry.view.name) !== entry) return
    this.#warming.delete(entry.view.name)
    endContext(entry.context)
  }

  /** As Envoy: an update of clusters is answered when those of it that warm are in use, and routes to them can be served. */
  #onWarmingChanged(): void {
    const isWarming = this.#warming.size > 0
    this.#parts.stats.warming.set(this.#warming.size)
    if (isWarming && this.#isInitialized) this.#resumeDiscovery ??= this.#parts.pauseDiscovery()
    else {
      this.#resumeDiscovery?.()
      this.#resumeDiscovery = undefined
    }
  }
}

/** With what is known of each host by now. */
function toldHosts({ hosts, health, outliers, cluster }: ClusterEntry): HostsUpdate | undefined {
  if (hosts === undefined || (health === undefined && outliers === undefined)) return hosts
  const known = cluster.prioritySet.hosts()[Symbol.iterator]()
  const withHealth = (snapshot: HostSnapshot): HostSnapshot => {
    const host = known.next().value as Host
    return { ...snapshot, ...health?.told(host), ...outliers?.told(host) }
  }
  return { ...hosts, priorities: hosts.priorities.map((each) => each.map(withHealth)) }
}

/** Of a cluster that was never in force. */
function endContext({ lifetime, statsOwner }: ServerContext): void {
  lifetime.end()
  statsOwner.end()
}

/** Secondary clusters learn of their hosts over primary ones. */
function isSecondary(view: ClusterView): boolean {
  return view.type === 'EDS'
}

/** Those of a bootstrap as Envoy takes them on. */
export function clustersInOrder({ staticResources }: Bootstrap): { primary: ClusterView[]; secondary: ClusterView[] } {
  const views = staticResources?.clusters ?? []
  return { primary: views.filter((view) => !isSecondary(view)), secondary: views.filter(isSecondary) }
}
