// An HTTPFault as the filter reads it: which requests are meant, and what happens to them.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { compileHeaderMatcher, type HeaderPredicate } from '../../../../access_log/header_matcher.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import type { ServerContext } from '../../../../upstream/server_context.ts'

type HTTPFault = envoy.extensions.filters.http.fault.v3.HTTPFault
type FractionalPercent = envoy.type.v3.FractionalPercent

/** One kind of fault: how often, and how much of it. Both may be what the request's headers ask for. */
export interface Fault {
  percentage(headers: HeaderMap): FractionalPercent
  /** Undefined where it is for the headers to say, and they do not. */
  value(headers: HeaderMap): number | undefined
}

export interface AbortFault extends Fault {
  /** For gRPC clients; `value` is the HTTP status, which goes first. */
  grpcStatus(headers: HeaderMap): number | undefined
}

export interface FaultSettings {
  /** Milliseconds. */
  readonly delay: Fault | undefined
  readonly abort: AbortFault | undefined
  readonly abortBody: string
  /** KiB a second. */
  readonly responseRateLimit: Fault | undefined
  /** The cluster that a request must be for; '' for any. */
  readonly upstreamCluster: string
  readonly headers: readonly HeaderPredicate[]
  /** Of x-envoy-downstream-service-node; empty for any. */
  readonly downstreamNodes: ReadonlySet<string>
  readonly maxActiveFaults: number
  readonly disableDownstreamClusterStats: boolean
  readonly filterMetadata: Readonly<Record<string, unknown>>
  readonly runtimeKeys: RuntimeKeys
}

/** Where runtime may say otherwise. */
interface RuntimeKeys {
  readonly delayPercent: string
  readonly abortPercent: string
  readonly delayDuration: string
  readonly abortHttpStatus: string
  readonly abortGrpcStatus: string
  readonly maxActiveFaults: string
  readonly responseRateLimitPercent: string
}

const never: FractionalPercent = { numerator: 0, denominator: 'HUNDRED' }
const maxUint32 = 2 ** 32 - 1
const maxUint64 = 2 ** 64 - 1

/** What is wrong goes to `context.errors`. */
export function compileFaultSettings(view: HTTPFault, { errors }: ServerContext): FaultSettings {
  return {
    delay: view.delay === undefined ? undefined : compileDelay(view.delay),
    abort: view.abort === undefined ? undefined : compileAbort(view.abort),
    abortBody: view.abort?.responseBody || 'fault filter abort',
    responseRateLimit: view.responseRateLimit === undefined ? undefined : compileRateLimit(view.responseRateLimit),
    upstreamCluster: view.upstreamCluster,
    headers: view.headers.map((header) => compileHeaderMatcher(header, errors)),
    downstreamNodes: new Set(view.downstreamNodes),
    maxActiveFaults: view.maxActiveFaults ?? Number.POSITIVE_INFINITY,
    disableDownstreamClusterStats: view.disableDownstreamClusterStats,
    filterMetadata: view.filterMetadata ?? {},
    runtimeKeys: {
      delayPercent: view.delayPercentRuntime || 'fault.http.delay.fixed_delay_percent',
      abortPercent: view.abortPercentRuntime || 'fault.http.abort.abort_percent',
      delayDuration: view.delayDurationRuntime || 'fault.http.delay.fixed_duration_ms',
      abortHttpStatus: view.abortHttpStatusRuntime || 'fault.http.abort.http_status',
      abortGrpcStatus: view.abortGrpcStatusRuntime || 'fault.http.abort.grpc_status',
      maxActiveFaults: view.maxActiveFaultsRuntime || 'fault.http.max_active_faults',
      responseRateLimitPercent: view.responseRateLimitPercentRuntime || 'fault.http.rate_limit.response_percent',
    },
  }
}

function compileDelay(view: envoy.extensions.filters.common.fault.v3.FaultDelay): Fault {
  const percentage = view.percentage ?? never
  if (view.fixedDelay === undefined) {
    return {
      percentage: headerPercentage('x-envoy-fault-delay-request-percentage', percentage),
      value: (headers) => headerNumber(headers, 'x-envoy-fault-delay-request', maxUint64),
    }
  }
  const delayMs = Math.floor(view.fixedDelay)
  return { percentage: () => percentage, value: () => delayMs }
}

function compileAbort(view: envoy.extensions.filters.http.fault.v3.FaultAbort): AbortFault {
  const percentage = view.percentage ?? never
  if (view.headerAbort === undefined) {
    const { httpStatus, grpcStatus } = view
    return { percentage: () => percentage, value: () => httpStatus, grpcStatus: () => grpcStatus }
  }
  return {
    percentage: headerPercentage('x-envoy-fault-abort-request-percentage', percentage),
    value(headers) {
      const status = headerNumber(headers, 'x-envoy-fault-abort-request', maxUint64)
      return status !== undefined && status >= 200 && status < 600 ? status : undefined
    },
    grpcStatus: (headers) => headerNumber(headers, 'x-envoy-fault-abort-grpc-request', maxUint64),
  }
}

function compileRateLimit(view: envoy.extensions.filters.common.fault.v3.FaultRateLimit): Fault {
  const percentage = view.percentage ?? never
  const limitKbps = view.fixedLimit?.limitKbps
  if (limitKbps !== undefined) return { percentage: () => percentage, value: () => limitKbps }
  return {
    percentage: headerPercentage('x-envoy-fault-throughput-response-percentage', percentage),
    value: (headers) => headerNumber(headers, 'x-envoy-fault-throughput-response', maxUint64) || undefined,
  }
}

/** Clients may ask for less than the configuration allows, never for more. */
function headerPercentage(name: string, most: FractionalPercent): Fault['percentage'] {
  return (headers) => {
    const numerator = headerNumber(headers, name, maxUint32)
    return numerator === undefined || numerator >= most.numerator ? most : { ...most, numerator }
  }
}

/** The first value counts. */
function headerNumber(headers: HeaderMap, name: string, max: number): number | undefined {
  const text = headers.get(name)
  if (text === undefined || !/^\s*\+?\d+\s*$/.test(text)) return undefined
  const number = Number(text)
  return number <= max ? number : undefined
}
