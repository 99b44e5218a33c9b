// /clusters: limits of every cluster, and state and numbers of every host.

import { type CompiledRegex, compileRegex, RegexError } from '../../common/regex.ts'
import type { HostNumbers } from '../../server/channel.ts'
import type { ClusterEntry } from '../../server/cluster_lifecycle.ts'
import type { ClusterOutliers } from '../../server/cluster_outliers.ts'
import { hostKeys } from '../../server/host_keys.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { formatGeneral, formatShortest } from '../../stats/number_format.ts'
import type { Host } from '../../upstream/host.ts'
import { type AdminEndpoint, jsonReply, textReply } from '../endpoint.ts'
import { clusterStatusJson } from './clusters_json.ts'

/** What a request may ask of the regular expression engine: far more than any name filter needs. */
const filterProgramSize = 100_000

/** To be asked once for each host, in order. */
export type HostNumbersOf = (host: Host) => HostNumbers | undefined

export function clustersEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/clusters',
    help: 'upstream clusters and their hosts',
    mutates: false,
    params: [
      { name: 'filter', kind: 'text', help: 'only clusters whose name matches this regular expression (RE2)' },
      { name: 'format', kind: 'choice', choices: ['text', 'json'], help: 'output format' },
    ],
    answer: async ({ query }) => {
      const pattern = query.nonEmpty('filter')
      const filter = pattern === undefined ? undefined : filterOf(pattern)
      if (filter === 'invalid') return textReply('Invalid re2 regex', 400)
      const clusters = control.live.clusters.inUse().filter(({ view }) => filter?.find(view.name) ?? true)
      const numbers = await control.reports.hostNumbers()
      const keyOf = hostKeys()
      const numbersOf: HostNumbersOf = (host) => numbers.get(keyOf(host.cluster.name, host.address.text))
      if (query.get('format') === 'json')
        return jsonReply({ cluster_statuses: clusters.map((each) => clusterStatusJson(each, numbersOf)) })
      return textReply(clusterTexts(clusters, numbersOf))
    },
  }
}

function filterOf(pattern: string): CompiledRegex | 'invalid' {
  try {
    return compileRegex(pattern, filterProgramSize)
  } catch (error) {
    if (error instanceof RegexError) return 'invalid'
    throw error
  }
}

function* clusterTexts(clusters: readonly ClusterEntry[], numbersOf: HostNumbersOf): Iterable<string> {
  for (const entry of clusters) {
    yield clusterText(entry)
    for (const host of entry.cluster.prioritySet.hosts()) yield hostText(host, numbersOf(host), entry.outliers)
  }
}

function clusterText({ cluster: { info }, isStatic, outliers }: ClusterEntry): string {
  const lines = [`observability_name::${info.observabilityName}`, ...outlierLines(outliers)]
  for (const [priority, key] of [
    ['DEFAULT', 'default_priority'],
    ['HIGH', 'high_priority'],
  ] as const) {
    const { connections, pendingRequests, requests, retries } = info.resourceManager(priority)
    lines.push(
      `${key}::max_connections::${connections.max}`,
      `${key}::max_pending_requests::${pendingRequests.max}`,
      `${key}::max_requests::${requests.max}`,
      `${key}::max_retries::${retries.max}`,
    )
  }
  lines.push(`added_via_api::${!isStatic}`)
  const serviceName = info.config.edsClusterConfig?.serviceName ?? ''
  if (serviceName !== '') lines.push(`eds_service_name::${serviceName}`)
  return lines.map((line) => `${info.name}::${line}\n`).join('')
}

function outlierLines(outliers: ClusterOutliers | undefined): string[] {
  if (outliers === undefined) return []
  const { successRate, localOriginSuccessRate } = outliers.thresholds
  return [
    `outlier::success_rate_average::${formatGeneral(successRate.average, 6)}`,
    `outlier::success_rate_ejection_threshold::${formatGeneral(successRate.ejection, 6)}`,
    `outlier::local_origin_success_rate_average::${formatGeneral(localOriginSuccessRate.average, 6)}`,
    `outlier::local_origin_success_rate_ejection_threshold::${formatGeneral(localOriginSuccessRate.ejection, 6)}`,
  ]
}

function hostText(host: Host, numbers: HostNumbers | undefined, outliers: ClusterOutliers | undefined): string {
  const rates = outliers?.ratesOf(host)
  const values: [key: string, value: string | number][] = [
    ['cx_active', numbers?.cxActive ?? 0],
    ['cx_connect_fail', numbers?.cxConnectFail ?? 0],
    ['cx_total', numbers?.cxTotal ?? 0],
    ['rq_active', numbers?.rqActive ?? 0],
    ['rq_error', numbers?.rqError ?? 0],
    // Pools do not count who waits by host.
    ['rq_pending_active', 0],
    ['rq_success', numbers?.rqSuccess ?? 0],
    ['rq_timeout', numbers?.rqTimeout ?? 0],
    ['rq_total', numbers?.rqTotal ?? 0],
    ['hostname', host.hostname],
    ['health_flags', healthFlags(host)],
    ['weight', host.weight],
    ['region', host.locality.region],
    ['zone', host.locality.zone],
    ['sub_zone', host.locality.subZone],
    ['canary', String(host.metadata['envoy.lb']?.['canary'] === true)],
    ['priority', host.priority],
    // -1 is Envoy's word for no rate.
    ['success_rate', formatShortest(rates?.successRate ?? -1)],
    ['local_origin_success_rate', formatShortest(rates?.localOriginSuccessRate ?? -1)],
  ]
  const prefix = `${host.cluster.name}::${host.address.text}`
  return values.map(([key, value]) => `${prefix}::${key}::${value}\n`).join('')
}

/** In the order of Envoy's flags. */
function healthFlags({ activeHealth, outlierHealth, healthStatus, isPendingRemoval }: Host): string {
  const { isFailed, isDegraded, isPending, isExcluded, isTimedOut } = activeHealth
  const flags = [
    isFailed && '/failed_active_hc',
    outlierHealth.isEjected && '/failed_outlier_check',
    (healthStatus === 'UNHEALTHY' || healthStatus === 'TIMEOUT') && '/failed_eds_health',
    isDegraded && '/degraded_active_hc',
    healthStatus === 'DEGRADED' && '/degraded_eds_health',
    isPendingRemoval && '/pending_dynamic_removal',
    isPending && '/pending_active_hc',
    isExcluded && '/excluded_via_immediate_hc_fail',
    isTimedOut && '/active_hc_timeout',
    healthStatus === 'DRAINING' && '/eds_status_draining',
    outlierHealth.isDegraded && '/degraded_outlier_detection',
  ]
  return flags.filter((flag) => flag !== false).join('') || 'healthy'
}
