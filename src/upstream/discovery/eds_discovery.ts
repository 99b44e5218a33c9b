// EDS: hosts from the load assignments that a control plane sends. The subscription itself is the server's.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../config/errors.ts'
import { noSource } from '../../config/no_source.ts'
import type { ResourceReference, WatchContext } from '../../config/watched_resources.ts'
import type { Scope } from '../../stats/store.ts'
import { assignmentPolicy } from '../assignment_policy.ts'
import { checkLocalCluster } from '../check_cluster.ts'
import { checkWeights } from '../check_weights.ts'
import type { ClusterStats } from '../cluster_stats.ts'
import { edsHosts } from '../endpoints.ts'
import type { AssignmentPolicy } from '../priority_set.ts'
import type { ClusterDiscovery, CountMatches, OnHosts, Priorities } from './discovery.ts'
import { LedsCollections } from './leds_collections.ts'

type ClusterView = envoy.config.cluster.v3.Cluster
type EdsClusterConfig = envoy.config.cluster.v3.Cluster.EdsClusterConfig
type ClusterLoadAssignment = envoy.config.endpoint.v3.ClusterLoadAssignment

interface AcceptedAssignment {
  readonly view: ClusterLoadAssignment
  readonly policy: AssignmentPolicy | undefined
  /** With the endpoints of its collections, as far as they have come. */
  priorities: Priorities
}

/** Fed by a watch, or by `update`, `onEmpty` and `firstFetchOver`, in any order with `start`. */
export class EdsDiscovery implements ClusterDiscovery {
  readonly hostsKind = 'listed'
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
  #accepted: AcceptedAssignment | undefined = undefined
  /** Undefined until an assignment names collections, and where nothing can be watched. */
  #leds: LedsCollections | undefined = undefined
  #createLeds: (() => LedsCollections) | undefined = undefined
  #isStale = false
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
  watch(config: EdsClusterConfig, scope: Scope, context: WatchContext): void {
    this.#createLeds = () =>
      new LedsCollections({
        clusterName: this.#view.name,
        scope: scope.createScope('leds'),
        context,
        check: (key, endpoints, errors) => {
          const view = this.#accepted?.view
          if (view !== undefined) this.#hostsOf(this.#leds!.fill(view, key, endpoints), errors)
        },
        onChange: () => this.#onCollection(),
      })
    const reference: ResourceReference = {
      source: config.edsConfig ?? noSource,
      at: config.edsConfig ?? config,
      typeUrl: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
      name: this.serviceName,
      scope,
      initTarget: `ClusterLoadAssignment ${this.serviceName}`,
      mainOnly: true,
      onMissing: () => this.onEmpty(),
      onUnchanged: () => this.#confirm(),
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
    if (assignment.endpoints.some(({ ledsClusterLocalityConfig }) => ledsClusterLocalityConfig !== undefined))
      this.#leds ??= this.#createLeds?.()
    const keepCollections = this.#leds?.prepare(assignment, found)
    if (this.#isLocal) checkLocalCluster(this.#view.name, assignment, found)
    const policy = assignmentPolicy(assignment, found)
    const priorities = this.#hostsOf(this.#leds?.fill(assignment) ?? assignment, found)
    if (found.hasErrors) this.#leds?.reset()
    errors.issues.push(...found.issues)
    return () => {
      keepCollections?.()
      this.#accepted = { view: assignment, policy, priorities }
      this.#confirm(true)
    }
  }

  #hostsOf(assignment: ClusterLoadAssignment, errors: ConfigErrors): Priorities {
    const priorities = edsHosts(assignment, errors)
    checkWeights(this.#view, priorities, assignment, errors)
    return priorities
  }

  /** The last assignment has come, as it was or in a new version. */
  #confirm(isNew = false): void {
    if (this.#accepted === undefined) return
    this.#isStale = false
    this.#armStaleTimer(this.#accepted.view.policy?.endpointStaleAfter ?? 0)
    this.#takeOver(isNew)
  }

  #onCollection(): void {
    if (this.#accepted === undefined || this.#leds === undefined) return
    this.#accepted.priorities = this.#hostsOf(this.#leds.fill(this.#accepted.view), new ConfigErrors())
    if (!this.#isStale) this.#takeOver(true)
  }

  /** The hosts stay as they are while a collection of the new ones is waited for. */
  #takeOver(isNew: boolean): void {
    if (this.#accepted === undefined || !this.#isSettled) return
    const { priorities, policy } = this.#accepted
    if (isNew) this.#countMatches(priorities.flat())
    this.#apply(priorities, policy)
    this.#initialized.resolve()
  }

  get #isSettled(): boolean {
    return this.#accepted === undefined || (this.#leds?.isSettled(this.#accepted.view) ?? true)
  }

  /** The control plane has answered without naming the cluster: the hosts stay. */
  onEmpty(): void {
    this.#stats.updateEmpty.inc()
    this.#initialized.resolve()
  }

  /** There is no more waiting for a first assignment: it was refused, or has not come in time. */
  firstFetchOver(): void {
    if (this.#isSettled) this.#initialized.resolve()
  }

  stop(): void {
    clearTimeout(this.#staleTimer)
    this.#onHosts = undefined
  }

  #checkLeds(assignment: ClusterLoadAssignment, errors: ConfigErrors): void {
    for (const group of assignment.endpoints) {
      const leds = group.ledsClusterLocalityConfig
      if (leds === undefined || group.lbEndpoints.length === 0) continue
      const text = `A ClusterLoadAssignment for cluster ${this.serviceName} cannot include both LEDS (resource: ${leds.ledsCollectionName}) and a list of endpoints.`
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
    this.#isStale = true
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
