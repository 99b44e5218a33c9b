// Why a host is an outlier, in the words of `envoy.data.cluster.v3.OutlierEjectionType`.

import type { envoy } from '../../../proto/generated/api.d.ts'

type EjectionType = envoy.data.cluster.v3.OutlierEjectionType

/** What hosts are ejected for. */
export type OutlierType = Exclude<EjectionType, 'DEGRADED'>

/** What is noticed by the process that sends the requests. */
export type ConsecutiveType = 'CONSECUTIVE_5XX' | 'CONSECUTIVE_GATEWAY_FAILURE' | 'CONSECUTIVE_LOCAL_ORIGIN_FAILURE'

export type ReportedType = ConsecutiveType | 'DEGRADED'
