// Zone aware routing: keeps traffic in the proxy's own locality as far as the upstream hosts there can take their share.

import type { ClusterStats } from '../cluster_stats.ts'
import { type HostSet, localityKey } from '../priority_set.ts'

/** Shares are counted in ten-thousandths. */
const whole = 10_000

export interface ZoneRoutingSettings {
  /** 0 to 100: how many requests are routed so at all. */
  readonly routingEnabled: () => number
  readonly minClusterSize: () => number
  /** Shares are taken by the weights of hosts, not by their number. */
  readonly byWeight: boolean
  /** Sends all to the own locality where it has a host, whatever its share. */
  readonly forceLocalityDirectRouting: boolean
}

/** Chooses an index of `localities` of priority 0. Made anew whenever upstream hosts or the proxy's own cluster change. */
export interface ZoneRouting {
  chooseLocality(): number
}

/** Undefined where requests go to all localities alike. See Envoy's page on zone aware routing. */
export function zoneRouting(
  upstream: HostSet,
  own: HostSet | undefined,
  settings: ZoneRoutingSettings,
  stats: ClusterStats,
): ZoneRouting | undefined {
  stats.lbRecalculateZoneStructures.inc()
  if (upstream.localities.length < 2) return undefined
  if (own === undefined || own.hosts.length === 0) {
    stats.lbLocalClusterNotOk.inc()
    return undefined
  }
  if (upstream.healthyHosts.length < settings.minClusterSize()) {
    stats.lbZoneClusterTooSmall.inc()
    return undefined
  }
  const ownShares = shares(own, settings.byWeight)
  const upstreamShares = shares(upstream, settings.byWeight)
  const pairs = upstream.localities.map(({ locality }) => {
    const key = localityKey(locality)
    return { own: ownShares.get(key) ?? 0, upstream: upstreamShares.get(key) ?? 0 }
  })
  if (upstream.hasLocalLocality && pairs[0].upstream > 0) {
    if (settings.forceLocalityDirectRouting || pairs[0].upstream >= pairs[0].own) return directRouting(stats)
  }
  return new ResidualRouting(pairs, upstream.hasLocalLocality, stats)
}

function directRouting(stats: ClusterStats): ZoneRouting {
  return {
    chooseLocality() {
      stats.lbZoneRoutingAllDirectly.inc()
      return 0
    },
  }
}

/** What the own locality cannot take goes to the others by the capacity that their own proxies leave. */
class ResidualRouting implements ZoneRouting {
  readonly #stats: ClusterStats
  /** Of `whole` requests, how many stay in the own locality. */
  readonly #staying: number
  /** Residual capacities, each with all before it added. */
  readonly #residuals: number[] = []

  constructor(pairs: readonly { own: number; upstream: number }[], hasLocal: boolean, stats: ClusterStats) {
    this.#stats = stats
    const local = pairs[0]
    this.#staying = hasLocal && local.own > 0 ? Math.floor((local.upstream * whole) / local.own) : 0
    let total = 0
    for (let i = 0; i < pairs.length; i++) {
      if (!(hasLocal && i === 0)) total += Math.max(0, pairs[i].upstream - pairs[i].own)
      this.#residuals.push(total)
    }
  }

  chooseLocality(): number {
    const stats = this.#stats
    if (Math.floor(Math.random() * whole) < this.#staying) {
      stats.lbZoneRoutingSampled.inc()
      return 0
    }
    stats.lbZoneRoutingCrossZone.inc()
    const residuals = this.#residuals
    const total = residuals[residuals.length - 1]
    if (total === 0) {
      // Only rounding leads here.
      stats.lbZoneNoCapacityLeft.inc()
      return Math.floor(Math.random() * residuals.length)
    }
    const point = Math.floor(Math.random() * total)
    let i = 0
    while (point >= residuals[i]) i++
    return i
  }
}

/** The share that each locality has of all healthy hosts. */
function shares(set: HostSet, byWeight: boolean): Map<string, number> {
  const measures = set.localities.map(({ healthyHosts }) =>
    byWeight ? healthyHosts.reduce((total, host) => total + host.weight, 0) : healthyHosts.length,
  )
  const total = measures.reduce((sum, each) => sum + each, 0)
  return new Map(
    set.localities.map(({ locality }, i) => [
      localityKey(locality),
      total === 0 ? 0 : Math.floor((whole * measures[i]) / total),
    ]),
  )
}
