// EDS: hosts from the load assignments that a control plane sends. The subscription itself is the server's.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../config/errors.ts'
import type { ResourceReference, WatchContext } from '../../config/watched_resources.ts'
import type { Scope } from '../../stats/store.ts'
import { assignmentPolicy } from '../assignment_policy.ts'
import { checkLocalCluster } from '../check_cluster.ts'
import { checkWeights } from '../check_weights.ts'
import type { ClusterStats } from '../cluster_stats.ts'
import { edsHosts } from '../endpoints.ts'
import type { AssignmentPolicy } from '../priority_set.ts'
import type { ClusterDiscovery, CountMatches, OnHosts, Priorities } from './discovery.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type ConfigSource = envoy.config.core.v3.ConfigSource
type ClusterLoadAssignment = envoy.config.endpoint.v3.ClusterLoadAssignment

/** Fed by a watch, or by `update`, `onEmpty` and `firstFetchOver`, in any order with `start`. */
export class EdsDiscovery implements ClusterDiscovery {
  /** The resource to subscribe to: `service_name`, or the cluster's name. */
  readonly serviceName: string
  readonly #view: ClusterView
  readonly #stats: ClusterStats
  readonly #countMatches: CountMatches
  readonly #isLocal: boolean
  readonly #initialized = Promise.withResolvers<void>()
  #onHosts: OnHosts | undefined = undefined
  #priorities: Priorities | undefined = undefined
  #policy: AssignmentPolicy | undefined = undefined
  /** What was last given out, as text: the same again is no news. */
  #lastHosts = noHosts
  #lastPolicy = ''
  /** Confirms the last assignment. */
  #takeOver: () => void = () => {}
  #staleTimer: NodeJS.Timeout | undefined = undefined

  /** `isLocal`: it is the proxy's own cluster. */
  constructor(view: ClusterView, stats: ClusterStats, countMatches: CountMatches, isLocal: boolean) {
    this.#isLocal = isLocal
    this.serviceName = view.edsClusterConfig?.serviceName || view.name
    this.#view = view
    this.#stats = stats
    this.#countMatches = countMatches
  }

  start(onHosts: OnHosts): Promise<void> {
    this.#onHosts = onHosts
    if (this.#priorities !== undefined) onHosts(this.#priorities, this.#policy)
    return this.#initialized.promise
  }

  /** Subscribes to the assignment. */
  watch(source: ConfigSource, scope: Scope, context: WatchContext): void {
    const reference: ResourceReference = {
      source,
      typeUrl: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
      name: this.serviceName,
      scope,
      initTarget: `ClusterLoadAssignment ${this.serviceName}`,
      mainOnly: true,
      onMissing: () => this.onEmpty(),
      onUnchanged: () => this.#takeOver(),
    }
    const prepare = (view: object | undefined, errors: ConfigErrors): (() => void) =>
      view === undefined ? () => {} : this.#prepare(view as ClusterLoadAssignment, errors)
    context.resources.watch(reference, prepare, context)
    void context.initManager.whenReady().then(() => this.firstFetchOver())
  }

  /** Takes an assignment over; false where it is refused: `errors` tells why, and the hosts stay as they are. */
  update(assignment: ClusterLoadAssignment, errors: ConfigErrors): boolean {
    const before = errors.errors.length
    const takeOver = this.#prepare(assignment, errors)
    if (errors.errors.length > before) return false
    takeOver()
    return true
  }

  #prepare(assignment: ClusterLoadAssignment, errors: ConfigErrors): () => void {
    const found = new ConfigErrors()
    this.#checkLeds(assignment, found)
    if (this.#isLocal) checkLocalCluster(this.#view.name, assignment, found)
    const policy = assignmentPolicy(assignment, found)
    const priorities = edsHosts(assignment, found)
    checkWeights(this.#view, priorities, assignment, found)
    errors.issues.push(...found.issues)
    return () => {
      this.#takeOver = () => {
        this.#armStaleTimer(assignment.policy?.endpointStaleAfter ?? 0)
        this.#apply(priorities, policy)
      }
      this.#countMatches(priorities.flat())
      this.#takeOver()
      this.#initialized.resolve()
    }
  }

  /** The control plane has answered without naming the cluster: the hosts stay. */
  onEmpty(): void {
    this.#stats.updateEmpty.inc()
    this.#initialized.resolve()
  }

  /** There is no more waiting for a first assignment: it was refused, or has not come in time. */
  firstFetchOver(): void {
    this.#initialized.resolve()
  }

  stop(): void {
    clearTimeout(this.#staleTimer)
    this.#onHosts = undefined
  }

  #checkLeds(assignment: ClusterLoadAssignment, errors: ConfigErrors): void {
    for (const group of assignment.endpoints) {
      const leds = group.ledsClusterLocalityConfig
      if (leds === undefined) continue
      const text =
        group.lbEndpoints.length > 0
          ? `A ClusterLoadAssignment for cluster ${this.serviceName} cannot include both LEDS (resource: ${leds.ledsCollectionName}) and a list of endpoints.`
          : 'endpoints by LEDS (leds_cluster_locality_config) are not supported'
      errors.add(group, 'ledsClusterLocalityConfig', text)
    }
  }

  #armStaleTimer(staleAfterMs: number): void {
    clearTimeout(this.#staleTimer)
    if (staleAfterMs <= 0) return
    this.#stats.assignmentTimeoutReceived.inc()
    this.#staleTimer = setTimeout(() => this.#onStale(), staleAfterMs).unref()
  }

  /** Hosts that nobody has confirmed for so long are used no more. */
  #onStale(): void {
    this.#apply([[]], undefined)
    this.#stats.assignmentStale.inc()
  }

  #apply(priorities: Priorities, policy: AssignmentPolicy | undefined): void {
    const hosts = JSON.stringify([
      priorities,
      policy?.overprovisioningFactor ?? null,
      policy?.weightedPriorityHealth ?? false,
    ])
    const policyText = JSON.stringify(policy)
    this.#stats.maxHostWeight.set(Math.max(1, ...priorities.map(maxWeight)))
    if (hosts === this.#lastHosts) this.#stats.updateNoRebuild.inc()
    if (hosts === this.#lastHosts && policyText === this.#lastPolicy) return
    this.#lastHosts = hosts
    this.#lastPolicy = policyText
    this.#priorities = priorities
    this.#policy = policy
    this.#onHosts?.(priorities, policy)
  }
}

/** A cluster that has heard nothing yet is as one that was told it has no hosts. */
const noHosts = JSON.stringify([[[]], null, false])

function maxWeight(hosts: Priorities[number]): number {
  return hosts.reduce((most, { weight }) => Math.max(most, weight), 1)
}
