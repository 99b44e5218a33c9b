// /clusters?format=json: envoy.admin.v3.ClusterStatus.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import type { HostNumbers } from '../../server/channel.ts'
import type { ClusterEntry } from '../../server/cluster_lifecycle.ts'
import type { ClusterOutliers } from '../../server/cluster_outliers.ts'
import type { Host } from '../../upstream/host.ts'
import type { SuccessRateThreshold } from '../../upstream/outlier_detection/success_rate.ts'
import type { ResourceManager } from '../../upstream/resource_manager.ts'
import { addressJson } from '../address_json.ts'
import type { HostNumbersOf } from './clusters.ts'

export function clusterStatusJson({ cluster, isStatic, outliers }: ClusterEntry, numbersOf: HostNumbersOf): JsonObject {
  const { info, prioritySet } = cluster
  const json: JsonObject = { name: info.name }
  if (!isStatic) json['added_via_api'] = true
  Object.assign(json, thresholdJson('success_rate_ejection_threshold', outliers?.thresholds.successRate))
  const hosts = [...prioritySet.hosts()]
  if (hosts.length > 0) json['host_statuses'] = hosts.map((host) => hostJson(host, numbersOf(host), outliers))
  const localOrigin = outliers?.thresholds.localOriginSuccessRate
  Object.assign(json, thresholdJson('local_origin_success_rate_ejection_threshold', localOrigin))
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

function thresholdJson(name: string, threshold: SuccessRateThreshold | undefined): JsonObject {
  return threshold === undefined || threshold.ejection <= 0 ? {} : { [name]: { value: threshold.ejection } }
}

/** envoy.type.v3.Percent; zero is left out. */
function rateJson(name: string, percent: number | undefined): JsonObject {
  if (percent === undefined || percent < 0) return {}
  return { [name]: percent === 0 ? {} : { value: percent } }
}

function limitsJson({ connections, pendingRequests, requests, retries }: ResourceManager): JsonObject {
  return {
    max_connections: connections.max,
    max_pending_requests: pendingRequests.max,
    max_requests: requests.max,
    max_retries: retries.max,
  }
}

function hostJson(host: Host, numbers: HostNumbers | undefined, outliers: ClusterOutliers | undefined): JsonObject {
  const rates = outliers?.ratesOf(host)
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
    ...rateJson('success_rate', rates?.successRate),
    weight: host.weight,
    ...(host.hostname === '' ? {} : { hostname: host.hostname }),
    ...(host.priority === 0 ? {} : { priority: host.priority }),
    ...rateJson('local_origin_success_rate', rates?.localOriginSuccessRate),
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
    ...(host.outlierHealth.isEjected ? { failed_outlier_check: true } : {}),
    eds_health_status: edsHealthStatus(host),
    ...(isDegraded ? { failed_active_degraded_check: true } : {}),
    ...(host.isPendingRemoval ? { pending_dynamic_removal: true } : {}),
    ...(isPending ? { pending_active_hc: true } : {}),
    ...(isExcluded ? { excluded_via_immediate_hc_fail: true } : {}),
    ...(isTimedOut ? { active_hc_timeout: true } : {}),
    ...(host.outlierHealth.isDegraded ? { failed_degraded_outlier_detection: true } : {}),
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
