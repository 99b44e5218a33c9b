// The endpoints of a load assignment as host snapshots.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import { resolveAddress } from '../network/address.ts'
import type { AddressInfo } from '../stream_info/stream_info.ts'
import type { HostSnapshot, Locality } from './host.ts'

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
  return (assignment?.endpoints ?? []).flatMap((group: LocalityLbEndpoints) =>
    group.lbEndpoints.map((view) => ({
      view,
      priority: group.priority,
      locality: group.locality === undefined ? noLocality : { ...group.locality },
      localityWeight: group.loadBalancingWeight ?? 0,
      localityMetadata: group.metadata?.filterMetadata,
    })),
  )
}

/** A host of an endpoint, at an address that is its own or that its name resolved to. */
export function hostSnapshot(
  endpoint: ConfiguredEndpoint,
  address: AddressInfo,
  hostname: string,
  additionalAddresses: readonly AddressInfo[] = [],
): HostSnapshot {
  const { view } = endpoint
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
  }
}

/** The hosts of a STATIC cluster by priority; reports endpoints whose address is no IP or pipe. */
export function staticHosts(assignment: ClusterLoadAssignment | undefined, errors: ConfigErrors): HostSnapshot[][] {
  const hosts = configuredEndpoints(assignment).flatMap((endpoint) => {
    const view = endpoint.view.endpoint
    const address = resolveAddress(view?.address, endpoint.view, 'endpoint', errors)
    const additional = additionalAddresses(view, address, errors)
    return address === undefined ? [] : [hostSnapshot(endpoint, address, view?.hostname ?? '', additional)]
  })
  return byPriority(hosts)
}

function additionalAddresses(
  view: Endpoint | undefined,
  main: AddressInfo | undefined,
  errors: ConfigErrors,
): AddressInfo[] {
  return (view?.additionalAddresses ?? []).flatMap((each) => {
    const address = resolveAddress(each.address, each, 'address', errors)
    if (address === undefined || main === undefined) return []
    if (address.port === main.port && address.family !== 'pipe') return [address]
    errors.add(each, 'address', `additional addresses need the port of the endpoint's own address, ${main.port}`)
    return []
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
