// The endpoints of a load assignment as host snapshots.

import type { envoy } from '../../proto/generated/api.d.ts'
import { ConfigErrors } from '../config/errors.ts'
import { resolveAddress } from '../network/address.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import { checkTarget } from './health_checking/check_target.ts'
import type { HostSnapshot, Locality } from './host.ts'
import { localityKey } from './priority_set.ts'

type Endpoint = envoy.config.endpoint.v3.Endpoint
type LbEndpoint = envoy.config.endpoint.v3.LbEndpoint
type LocalityLbEndpoints = envoy.config.endpoint.v3.LocalityLbEndpoints
type ClusterLoadAssignment = envoy.config.endpoint.v3.ClusterLoadAssignment

/** One configured endpoint with what its locality says. */
export interface ConfiguredEndpoint {
  readonly view: LbEndpoint
  readonly priority: number
  readonly locality: Locality
  readonly localityWeight: number
  readonly localityMetadata: HostSnapshot['localityMetadata']
}

const noLocality: Locality = { region: '', zone: '', subZone: '' }

export function configuredEndpoints(assignment: ClusterLoadAssignment | undefined): ConfiguredEndpoint[] {
  const groups = assignment?.endpoints ?? []
  const weights = localityWeights(groups)
  return groups.flatMap((group) => {
    const { priority, lbEndpoints, metadata } = group
    const locality = group.locality === undefined ? noLocality : { ...group.locality }
    const localityWeight = weights.get(weightKey(group)) ?? 0
    return lbEndpoints.map((view) => ({
      view,
      priority,
      locality,
      localityWeight,
      localityMetadata: metadata?.filterMetadata,
    }))
  })
}

/** Where a locality stands several times in a priority the last weight counts; without a name a locality has none. */
function localityWeights(groups: readonly LocalityLbEndpoints[]): Map<string, number> {
  const weights = new Map<string, number>()
  for (const group of groups) {
    if (group.locality !== undefined && group.loadBalancingWeight !== undefined)
      weights.set(weightKey(group), group.loadBalancingWeight)
  }
  return weights
}

function weightKey({ priority, locality }: LocalityLbEndpoints): string {
  return `${priority}\0${localityKey(locality ?? noLocality)}`
}

/** A host of an endpoint, at an address that is its own or that its name resolved to. */
export function hostSnapshot(
  endpoint: ConfiguredEndpoint,
  address: AddressInfo,
  hostname: string,
  additionalAddresses: readonly AddressInfo[] = [],
  errors = new ConfigErrors(),
): HostSnapshot {
  const { view } = endpoint
  const healthCheckConfig = view.endpoint?.healthCheckConfig
  const healthCheck = healthCheckConfig && checkTarget(address, healthCheckConfig, errors)
  return {
    address,
    additionalAddresses,
    hostname,
    ...(view.endpoint?.observabilityName ? { observabilityName: view.endpoint.observabilityName } : {}),
    weight: view.loadBalancingWeight ?? 1,
    priority: endpoint.priority,
    locality: endpoint.locality,
    localityWeight: endpoint.localityWeight,
    metadata: view.metadata?.filterMetadata ?? {},
    ...(Object.keys(view.metadata?.typedFilterMetadata ?? {}).length === 0
      ? {}
      : { typedMetadata: view.metadata?.typedFilterMetadata }),
    ...(endpoint.localityMetadata === undefined ? {} : { localityMetadata: endpoint.localityMetadata }),
    healthStatus: view.healthStatus,
    ...(healthCheck === undefined ? {} : { healthCheck }),
  }
}

/** The hosts of a STATIC cluster by priority; reports endpoints whose address is no IP or pipe. */
export function staticHosts(assignment: ClusterLoadAssignment | undefined, errors: ConfigErrors): HostSnapshot[][] {
  return byPriority(resolvedHosts(assignment, errors))
}

/** The same of an EDS cluster: of endpoints at one address the first is the host, the others are left out. */
export function edsHosts(assignment: ClusterLoadAssignment, errors: ConfigErrors): HostSnapshot[][] {
  const seen = new Set<string>()
  const hosts = resolvedHosts(assignment, errors).filter(({ address }) => {
    const isNew = !seen.has(address.text)
    seen.add(address.text)
    return isNew
  })
  return byPriority(hosts)
}

const resolverHint = "Consider setting resolver_name or setting cluster type to 'STRICT_DNS' or 'LOGICAL_DNS'"

function resolvedHosts(assignment: ClusterLoadAssignment | undefined, errors: ConfigErrors): HostSnapshot[] {
  const found = new ConfigErrors()
  const hosts = configuredEndpoints(assignment).flatMap((endpoint) => {
    const view = endpoint.view.endpoint
    const address = resolveAddress(view?.address, endpoint.view, 'endpoint', found)
    const additional = additionalAddresses(view, address, found)
    return address === undefined ? [] : [hostSnapshot(endpoint, address, view?.hostname ?? '', additional, errors)]
  })
  for (const issue of found.issues) {
    // What the proxy lacks is not mended by another type.
    const isMended = issue.severity === 'error' && !issue.message.endsWith('not supported')
    errors.issues.push(isMended ? { ...issue, message: `${issue.message}. ${resolverHint}` } : issue)
  }
  return hosts
}

function additionalAddresses(
  view: Endpoint | undefined,
  main: AddressInfo | undefined,
  errors: ConfigErrors,
): AddressInfo[] {
  return (view?.additionalAddresses ?? []).flatMap((each) => {
    const address = resolveAddress(each.address, each, 'address', errors)
    if (address === undefined || main === undefined) return []
    if (address.port !== main.port || address.family === 'pipe') {
      const text = `an additional address is tried only with the port of the endpoint's own, ${main.port}`
      errors.warn(each, 'address', text)
    }
    return [address]
  })
}

/** Hosts grouped by priority, empty groups in between included. */
export function byPriority(hosts: readonly HostSnapshot[]): HostSnapshot[][] {
  const groups: HostSnapshot[][] = [[]]
  for (const host of hosts) {
    while (groups.length <= host.priority) groups.push([])
    groups[host.priority].push(host)
  }
  return groups
}
