// A cluster's hosts as the ClusterLoadAssignment that /config_dump?include_eds shows.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import type { Host, Locality } from '../../upstream/host.ts'
import type { AssignmentPolicy, DropOverload } from '../../upstream/priority_set.ts'
import { addressJson } from '../address_json.ts'

const defaultOverprovisioningFactor = 140

export function assignmentName({ info }: Cluster): string {
  return info.config.edsClusterConfig?.serviceName || info.name
}

/** The server's own locality comes first. */
export function endpointConfigJson(cluster: Cluster, local: Locality): JsonObject {
  const { prioritySet, policy } = cluster
  const groups = prioritySet.hostSets.flatMap(({ hosts, priority }) =>
    byLocality(hosts, local).map(({ locality, members }) => ({
      locality: localityJson(locality),
      lb_endpoints: members.map(lbEndpointJson),
      load_balancing_weight: members[0].localityWeight,
      ...(priority === 0 ? {} : { priority }),
    })),
  )
  return {
    '@type': 'type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment',
    cluster_name: assignmentName(cluster),
    ...(groups.length === 0 ? {} : { endpoints: groups }),
    policy: policyJson(policy),
  }
}

function policyJson(policy: AssignmentPolicy | undefined): JsonObject {
  const drop = policy?.dropOverload
  return {
    ...(drop === undefined ? {} : { drop_overloads: [dropOverloadJson(drop)] }),
    overprovisioning_factor: policy?.overprovisioningFactor ?? defaultOverprovisioningFactor,
  }
}

function dropOverloadJson({ category, millionths }: DropOverload): JsonObject {
  return { category, drop_percentage: { numerator: millionths, denominator: 'MILLION' } }
}

function byLocality(hosts: readonly Host[], local: Locality): { locality: Locality; members: Host[] }[] {
  const groups = new Map<string, { locality: Locality; members: Host[] }>()
  for (const host of hosts) {
    const key = localityKey(host.locality)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, { locality: host.locality, members: [host] })
    else group.members.push(host)
  }
  const localKey = localityKey(local)
  const keys = [...groups.keys()].sort((a, b) => (b === localKey || (a !== localKey && a > b) ? 1 : -1))
  return keys.map((key) => groups.get(key)!)
}

/** In the order of the keys Envoy lists localities. */
function localityKey({ region, zone, subZone }: Locality): string {
  return [region, zone, subZone].join('\0')
}

function localityJson({ region, zone, subZone }: Locality): JsonObject {
  const json: JsonObject = {}
  if (region !== '') json['region'] = region
  if (zone !== '') json['zone'] = zone
  if (subZone !== '') json['sub_zone'] = subZone
  return json
}

function lbEndpointJson(host: Host): JsonObject {
  const endpoint: JsonObject = { address: addressJson(host.address), health_check_config: healthCheckJson(host) }
  if (host.additionalAddresses.length > 0)
    endpoint['additional_addresses'] = host.additionalAddresses.map((each) => ({ address: addressJson(each) }))
  if (host.hostname !== '') endpoint['hostname'] = host.hostname
  const json: JsonObject = { endpoint, health_status: healthStatus(host) }
  if (Object.keys(host.metadata).length > 0) json['metadata'] = { filter_metadata: host.metadata as JsonObject }
  json['load_balancing_weight'] = host.weight
  return json
}

/** Of an address of its own Envoy shows the port alone. */
function healthCheckJson({ address, healthCheck }: Host): JsonObject {
  if (healthCheck === undefined) return {}
  return {
    ...(healthCheck.address.text === address.text ? {} : { port_value: healthCheck.address.port }),
    ...(healthCheck.hostname === '' ? {} : { hostname: healthCheck.hostname }),
  }
}

/** What load balancing makes of it. */
function healthStatus(host: Host): string {
  if (host.healthy) return 'HEALTHY'
  return host.degraded ? 'DEGRADED' : 'UNHEALTHY'
}
