// LEDS: endpoints of localities that a load assignment does not list, but names as collections.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { fingerprint } from '../../common/fingerprint.ts'
import { Lifetime } from '../../common/lifetime.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { noSource } from '../../config/no_source.ts'
import type { Collection, ResourceReference, WatchContext } from '../../config/watched_resources.ts'
import type { Scope } from '../../stats/store.ts'

type LedsConfig = envoy.config.endpoint.v3.LedsClusterLocalityConfig
type LbEndpoint = envoy.config.endpoint.v3.LbEndpoint
type ClusterLoadAssignment = envoy.config.endpoint.v3.ClusterLoadAssignment

export interface LedsParts {
  /** Whose subscriptions they are: those of other clusters are others. */
  readonly clusterName: string
  /** `cluster.<name>.leds.` */
  readonly scope: Scope
  readonly context: WatchContext
  /** Reports what is wrong with the hosts, were these the endpoints of a collection. */
  readonly check: (key: string, endpoints: readonly LbEndpoint[], errors: ConfigErrors) => void
  /** A collection has changed, or is waited for no more. */
  readonly onChange: () => void
}

interface LedsCollection {
  endpoints: readonly LbEndpoint[]
  /** It has come, or is waited for no more. */
  isSettled: boolean
  readonly lifetime: Lifetime
}

/** The collections of one cluster. Localities that name the same one by the same source share it. */
export class LedsCollections {
  readonly #parts: LedsParts
  readonly #collections = new Map<string, LedsCollection>()
  /** Keys of those that the assignment in force names. */
  #inForce: ReadonlySet<string> = new Set()

  constructor(parts: LedsParts) {
    this.#parts = parts
    parts.context.lifetime.onEnd((graceMs) => {
      for (const { lifetime } of this.#collections.values()) lifetime.end(graceMs)
    })
  }

  /**
   * Watches the collections that the assignment names; what is wrong with them goes to `errors`. What is returned gives up
   * all others.
   */
  prepare(assignment: ClusterLoadAssignment, errors: ConfigErrors): () => void {
    this.reset()
    const named = new Set<string>()
    for (const { ledsClusterLocalityConfig: config, lbEndpoints } of assignment.endpoints) {
      if (config === undefined || lbEndpoints.length > 0) continue
      const key = fingerprint(config)
      named.add(key)
      if (!this.#collections.has(key)) this.#watch(key, config, errors)
    }
    return () => {
      this.#inForce = named
      this.reset()
    }
  }

  /** Gives up what was watched for an assignment that was refused. */
  reset(): void {
    for (const [key, { lifetime }] of this.#collections) {
      if (this.#inForce.has(key)) continue
      this.#collections.delete(key)
      lifetime.end()
    }
  }

  /** Whether each collection that the assignment names has come, or is waited for no more. */
  isSettled(assignment: ClusterLoadAssignment): boolean {
    return assignment.endpoints.every(
      ({ ledsClusterLocalityConfig: config }) =>
        config === undefined || this.#collections.get(fingerprint(config))?.isSettled === true,
    )
  }

  /** The assignment with the endpoints of its collections; those of the one at `key` may be others. */
  fill(assignment: ClusterLoadAssignment, key?: string, endpoints?: readonly LbEndpoint[]): ClusterLoadAssignment {
    const { endpoints: groups } = assignment
    if (!groups.some((group) => group.ledsClusterLocalityConfig !== undefined)) return assignment
    const filled = groups.map((group) => {
      if (group.ledsClusterLocalityConfig === undefined) return group
      const own = fingerprint(group.ledsClusterLocalityConfig)
      const found = own === key ? endpoints : this.#collections.get(own)?.endpoints
      return { ...group, lbEndpoints: [...(found ?? [])] }
    })
    return { ...assignment, endpoints: filled }
  }

  #watch(key: string, config: LedsConfig, errors: ConfigErrors): void {
    const { clusterName, scope, context, check, onChange } = this.#parts
    const collection: LedsCollection = { endpoints: [], isSettled: false, lifetime: new Lifetime() }
    this.#collections.set(key, collection)
    const settle = () => {
      collection.isSettled = true
      onChange()
    }
    const prepare = (view: object | undefined, found: ConfigErrors): (() => void) => {
      const endpoints = ((view as Collection | undefined)?.resources ?? []) as LbEndpoint[]
      check(key, endpoints, found)
      return () => {
        collection.endpoints = endpoints
        settle()
      }
    }
    const reference: ResourceReference = {
      source: config.ledsConfig ?? noSource,
      at: config,
      typeUrl: 'envoy.config.endpoint.v3.LbEndpoint',
      name: config.ledsCollectionName,
      scope,
      initTarget: `LbEndpoint ${config.ledsCollectionName}`,
      usedAs: clusterName,
      mainOnly: true,
      collects: 'locator',
      onUnchanged: settle,
    }
    const { isSettled } = context.resources.watch(reference, prepare, {
      ...context,
      lifetime: collection.lifetime,
      errors,
    })
    collection.isSettled ||= isSettled
  }
}
