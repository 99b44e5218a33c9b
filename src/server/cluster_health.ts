// The active health checks of one cluster, in main: what they make of its hosts, and when that is known of the first ones.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { AccessLogManager } from '../access_log/access_log_manager.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { HostsUpdate } from '../upstream/cluster_manager.ts'
import type { HostsKind } from '../upstream/discovery/discovery.ts'
import type { HealthTransition } from '../upstream/health_checking/check_intervals.ts'
import type { CheckedHost } from '../upstream/health_checking/checked_host.ts'
import { createHealthChecker } from '../upstream/health_checking/create_health_checker.ts'
import type { HealthChecker } from '../upstream/health_checking/health_checker.ts'
import type { ActiveHealth, Host, HostSnapshot } from '../upstream/host.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import { type HealthTotals, HostHealth } from './host_health.ts'

type HealthCheck = envoy.config.core.v3.HealthCheck

/** What checks need of the server. */
export interface HealthCheckParts {
  /** For events. */
  readonly eventLogs: AccessLogManager
  /** Whether a cluster has ever had a connection for traffic, by what its stats are called. */
  readonly hasTraffic: (clusterName: string) => boolean
}

/** What a cluster's owner is told. */
export interface ClusterHealthCallbacks {
  onChanged(host: Host): void
  /** A check has passed, and all checks together find nothing wrong. */
  onPassed(host: Host): void
  /** It was in use only for its checks, and they have failed. */
  onHostGone(host: Host): void
}

/** Undefined where the cluster has no checks. What is wrong goes to `context.errors`. */
export function createClusterHealth(
  cluster: Cluster,
  hostsKind: HostsKind,
  context: ServerContext,
  parts: HealthCheckParts,
): ClusterHealth | undefined {
  const { healthChecks } = cluster.info.config
  if (healthChecks.length === 0) return undefined
  checkNames(healthChecks, context.errors)
  return new ClusterHealth(cluster, hostsKind, context, parts)
}

function checkNames(views: readonly HealthCheck[], errors: ConfigErrors): void {
  if (views.length === 1) return
  const names = new Set<string>()
  for (const [index, view] of views.entries()) {
    const { name } = view
    const nameless = 'is missing a name; all health checks must have a name when multiple health checks are configured'
    const text = `duplicate health check name '${name}' at index ${index}; all health check names must be unique within a cluster`
    if (name === '') errors.add(view, undefined, `health check at index ${index} ${nameless}`)
    else if (names.has(name)) errors.add(view, 'name', text)
    names.add(name)
  }
}

export class ClusterHealth {
  readonly #cluster: Cluster
  readonly #hostsKind: HostsKind
  readonly #checkers: readonly HealthChecker[]
  readonly #totals: HealthTotals | undefined
  #hosts = new Map<Host, HostHealth>()
  readonly #healthOf = new WeakMap<CheckedHost, HostHealth>()
  #callbacks: ClusterHealthCallbacks | undefined = undefined
  /** Checks that the first round still takes. */
  #awaited = 0
  #onFirstRound: (() => void) | undefined = undefined
  /** Until then nobody is told of what changes: all is told when the cluster is used. */
  #isInitialized = false

  constructor(cluster: Cluster, hostsKind: HostsKind, context: ServerContext, parts: HealthCheckParts) {
    const { info } = cluster
    this.#cluster = cluster
    this.#hostsKind = hostsKind
    const server = Object.assign(Object.create(context) as ServerContext, { accessLogManager: parts.eventLogs })
    const owner = {
      cluster: info,
      hasTraffic: () => parts.hasTraffic(info.observabilityName),
      onChecked: (host: CheckedHost, transition: HealthTransition, isPassed: boolean) =>
        this.#onChecked(host, transition, isPassed),
    }
    this.#checkers = info.config.healthChecks.flatMap((view) => createHealthChecker(view, owner, server) ?? [])
    const scope = info.scope.createScope('health_check')
    this.#totals =
      this.#checkers.length === 1 ? undefined : { healthy: scope.gauge('healthy'), degraded: scope.gauge('degraded') }
    cluster.onNewHost.push((host) => this.#onNewHost(host))
  }

  start(callbacks: ClusterHealthCallbacks): void {
    this.#callbacks = callbacks
  }

  stop(): void {
    for (const checker of this.#checkers) checker.stop()
    for (const health of this.#hosts.values()) health.leave()
    this.#hosts.clear()
  }

  #onNewHost(host: Host): void {
    if (host.healthCheck?.isDisabled === true) return
    const { info, prioritySet } = this.#cluster
    const waitsForCheck = info.config.commonLbConfig?.ignoreNewHostsUntilFirstHc === true
    const [known] = prioritySet.hosts()
    if (this.#hostsKind === 'logical')
      this.#check(host, this.#hosts.get(known) ?? { isFailed: false, isPending: false })
    else this.#check(host, { isFailed: true, isPending: waitsForCheck && this.#hostsKind === 'listed' })
  }

  #check(host: Host, first: Pick<ActiveHealth, 'isFailed' | 'isPending'>): HostHealth {
    const health = new HostHealth(host, this.#checkers.length, first, this.#totals)
    this.#hosts.set(host, health)
    for (const check of health.checks) this.#healthOf.set(check, health)
    host.activeHealth = health
    return health
  }

  /** The cluster has the hosts of another list: their checks begin, go on or end. */
  onHosts(): void {
    const before = this.#hosts
    this.#hosts = new Map()
    for (const host of this.#cluster.prioritySet.hosts()) {
      const health = before.get(host)
      if (health?.isUpToDate === true) this.#hosts.set(host, health)
      else if (health !== undefined) this.#check(host, health)
    }
    for (const [host, health] of before) if (this.#hosts.get(host) !== health) health.leave()
    for (const [index, checker] of this.#checkers.entries())
      checker.setHosts([...this.#hosts.values()].map(({ checks }) => checks[index]))
  }

  /**
   * A list as it was discovered, with those of `previous` behind it that it has no more and whose checks still pass;
   * `previous` MUST be what the cluster's hosts were made of.
   */
  withRemaining(discovered: HostsUpdate, previous: HostsUpdate | undefined): HostsUpdate {
    if (this.#hostsKind !== 'listed' || this.#cluster.info.config.ignoreHealthOnHostRemoval) return discovered
    const listed = new Set(discovered.priorities.flatMap((hosts) => hosts.map(({ address }) => address.text)))
    const hosts = [...this.#cluster.prioritySet.hosts()]
    const remaining = (previous?.priorities.flat() ?? []).filter(
      ({ address }, index) => !listed.has(address.text) && this.#stays(hosts[index]),
    )
    if (remaining.length === 0) return discovered
    const priorities = discovered.priorities.map((each) => [...each])
    for (const snapshot of remaining) {
      while (priorities.length <= snapshot.priority) priorities.push([])
      priorities[snapshot.priority].push({ ...snapshot, isPendingRemoval: true })
    }
    return { ...discovered, priorities }
  }

  #stays(host: Host | undefined): boolean {
    if (host === undefined || !this.#hosts.has(host)) return false
    return !host.activeHealth.isFailed && host.healthStatus !== 'UNHEALTHY' && host.healthStatus !== 'TIMEOUT'
  }

  /** What workers are told of a host. */
  told(host: Host): Pick<HostSnapshot, 'activeHealth'> {
    const health = this.#hosts.get(host)
    return health === undefined ? {} : { activeHealth: plainHealth(health) }
  }

  /**
   * Resolves when the first hosts have been checked. As in Envoy they are not looked at one by one: so many checks MUST be
   * over as there are hosts.
   */
  firstRound(): Promise<void> {
    this.#awaited = this.#hosts.size
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#onFirstRound = () => {
      this.#onFirstRound = undefined
      this.#isInitialized = true
      resolve()
    }
    if (this.#awaited === 0) this.#onFirstRound()
    return promise
  }

  /** A response of that host has asked for no more traffic. */
  onImmediateFailure(host: Host): void {
    const health = this.#hosts.get(host)
    // Of several checks it is the last one that has to pass again, as in Envoy.
    if (health !== undefined) this.#checkers.at(-1)?.onImmediateFailure(health.checks[health.checks.length - 1])
  }

  #onChecked(check: CheckedHost, transition: HealthTransition, isPassed: boolean): void {
    const health = this.#healthOf.get(check)
    if (health === undefined) return
    health.onChecked(check)
    if (health.isKnown && this.#awaited > 0 && --this.#awaited === 0) this.#onFirstRound?.()
    else if (transition === 'changed' && this.#isInitialized) this.#tell(health)
    if (isPassed && !health.isFailed) this.#callbacks?.onPassed(health.host)
  }

  #tell({ host, isFailed }: HostHealth): void {
    if (isFailed && host.isPendingRemoval) {
      this.#callbacks?.onHostGone(host)
      return
    }
    this.#callbacks?.onChanged(host)
  }
}

/** Of something live. */
export function plainHealth({ isFailed, isDegraded, isPending, isExcluded, isTimedOut }: ActiveHealth): ActiveHealth {
  return { isFailed, isDegraded, isPending, isExcluded, isTimedOut }
}
