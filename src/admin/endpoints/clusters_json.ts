// /clusters?format=json: envoy.admin.v3.ClusterStatus.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import type { HostNumbers } from '../../server/channel.ts'
import type { ClusterEntry } from '../../server/cluster_lifecycle.ts'
import type { Host } from '../../upstream/host.ts'
import type { ResourceManager } from '../../upstream/resource_manager.ts'
import { addressJson } from '../address_json.ts'
import type { HostNumbersOf } from './clusters.ts'

export function clusterStatusJson({ cluster, isStatic }: ClusterEntry, numbersOf: HostNumbersOf): JsonObject {
  const { info, prioritySet } = cluster
  const json: JsonObject = { name: info.name }
  if (!isStatic) json['added_via_api'] = true
  const hosts = [...prioritySet.hosts()]
  if (hosts.length > 0) json['host_statuses'] = hosts.map((host) => hostJson(host, numbersOf(host)))
  json['circuit_breakers'] = {
    thresholds: [
      limitsJson(info.resourceManager('DEFAULT')),
      { priority: 'HIGH', ...limitsJson(info.resourceManager('HIGH')) },
    ],
  }
  json['observability_name'] = info.observabilityName
  const serviceName = info.config.edsClusterConfig?.serviceName ?? ''
  if (serviceName !== '') json['eds_service_name'] = serviceName
  return json
}

function limitsJson({ connections, pendingRequests, requests, retries }: ResourceManager): JsonObject {
  return {
    max_connections: connections.max,
    max_pending_requests: pendingRequests.max,
    max_requests: requests.max,
    max_retries: retries.max,
  }
}

function hostJson(host: Host, numbers: HostNumbers | undefined): JsonObject {
  const { region, zone, subZone } = host.locality
  return {
    address: addressJson(host.address),
    stats: [
      counterJson('cx_connect_fail', numbers?.cxConnectFail),
      counterJson('cx_total', numbers?.cxTotal),
      counterJson('rq_error', numbers?.rqError),
      counterJson('rq_success', numbers?.rqSuccess),
      counterJson('rq_timeout', numbers?.rqTimeout),
      counterJson('rq_total', numbers?.rqTotal),
      { type: 'GAUGE', ...counterJson('cx_active', numbers?.cxActive) },
      { type: 'GAUGE', ...counterJson('rq_active', numbers?.rqActive) },
      // Pools do not count who waits by host.
      { type: 'GAUGE', name: 'rq_pending_active' },
    ],
    health_status: healthStatusJson(host),
    weight: host.weight,
    ...(host.hostname === '' ? {} : { hostname: host.hostname }),
    ...(host.priority === 0 ? {} : { priority: host.priority }),
    locality: {
      ...(region === '' ? {} : { region }),
      ...(zone === '' ? {} : { zone }),
      ...(subZone === '' ? {} : { sub_zone: subZone }),
    },
  }
}

function healthStatusJson(host: Host): JsonObject {
  const { isFailed, isDegraded, isPending, isExcluded, isTimedOut } = host.activeHealth
  return {
    ...(isFailed ? { failed_active_health_check: true } : {}),
    eds_health_status: edsHealthStatus(host),
    ...(isDegraded ? { failed_active_degraded_check: true } : {}),
    ...(host.isPendingRemoval ? { pending_dynamic_removal: true } : {}),
    ...(isPending ? { pending_active_hc: true } : {}),
    ...(isExcluded ? { excluded_via_immediate_hc_fail: true } : {}),
    ...(isTimedOut ? { active_hc_timeout: true } : {}),
  }
}

/** Unknown ones are taken for healthy, timed out ones for unhealthy. */
function edsHealthStatus({ healthStatus }: Host): string {
  if (healthStatus === 'UNKNOWN') return 'HEALTHY'
  return healthStatus === 'TIMEOUT' ? 'UNHEALTHY' : healthStatus
}

/** 64-bit numbers are strings in ProtoJSON; zero is left out. */
function counterJson(name: string, value: number | undefined): JsonObject {
  return value === undefined || value === 0 ? { name } : { value: String(value), name }
}
