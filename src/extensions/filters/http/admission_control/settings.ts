// An AdmissionControl as the filter reads it: what a success is, and how likely a request is turned away.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterContext } from '../../../../http/factory.ts'
import type { Counter } from '../../../../stats/store.ts'
import { type RequestCounts, RequestHistory } from './request_history.ts'

type AdmissionControlView = envoy.extensions.filters.http.admission_control.v3.AdmissionControl
type SuccessCriteria = envoy.extensions.filters.http.admission_control.v3.AdmissionControl.SuccessCriteria

export interface AdmissionControlSettings {
  readonly enabled: () => boolean
  readonly rpsThreshold: () => number
  readonly history: RequestHistory
  /** NaN, which no draw is below, where there are more successes than the threshold asks for. */
  rejectionProbability(counts: RequestCounts): number
  isHttpSuccess(status: number): boolean
  isGrpcSuccess(status: number): boolean
  readonly stats: AdmissionControlStats
}

export interface AdmissionControlStats {
  readonly rejected: Counter
  readonly success: Counter
  readonly failure: Counter
}

const defaultWindowMs = 30_000
const defaultSuccessRatePercent = 95
const defaultRejectionPercent = 80
/** Those that say nothing of the upstream's load. */
const defaultGrpcSuccesses = [0, 1, 2, 3, 5, 6, 7, 9, 11, 12, 16]

/** What is wrong goes to `context.errors`. */
export function compileAdmissionControl(
  view: AdmissionControlView,
  context: HttpFilterContext,
): AdmissionControlSettings {
  const { runtime, errors, scope } = context
  if (view.srThreshold !== undefined && (view.srThreshold.defaultValue?.value ?? 0) < 1) {
    errors.add(view, 'srThreshold', 'Success rate threshold cannot be less than 1.0%.')
  }
  if (view.successCriteria === undefined) errors.add(view, undefined, 'Evaluation criteria not set')
  const prefix = `${context.statPrefix}admission_control.`
  return {
    enabled: view.enabled === undefined ? () => true : runtime.flag(view.enabled),
    rpsThreshold: view.rpsThreshold === undefined ? () => 0 : runtime.uint32(view.rpsThreshold),
    history: new RequestHistory(Math.floor((view.samplingWindow ?? defaultWindowMs) / 1000) * 1000),
    rejectionProbability: compileProbability(view, context),
    isHttpSuccess: compileHttpSuccess(view.successCriteria, context),
    isGrpcSuccess: compileGrpcSuccess(view.successCriteria, context),
    stats: {
      rejected: scope.counter(`${prefix}rq_rejected`),
      success: scope.counter(`${prefix}rq_success`),
      failure: scope.counter(`${prefix}rq_failure`),
    },
  }
}

/** The formula of Envoy's page on the filter. */
function compileProbability(
  view: AdmissionControlView,
  { runtime }: HttpFilterContext,
): AdmissionControlSettings['rejectionProbability'] {
  const { srThreshold, maxRejectionProbability } = view
  const successRate = srThreshold === undefined ? () => defaultSuccessRatePercent : runtime.percent(srThreshold)
  const most =
    maxRejectionProbability === undefined ? () => defaultRejectionPercent : runtime.percent(maxRejectionProbability)
  const aggression = view.aggression === undefined ? () => 1 : runtime.double(view.aggression)
  return ({ requests, successes }) => {
    const missing = (requests - successes / (successRate() / 100)) / (requests + 1)
    return Math.min(missing ** (1 / Math.max(1, aggression())), most() / 100)
  }
}

function compileHttpSuccess(
  criteria: SuccessCriteria | undefined,
  { errors }: HttpFilterContext,
): (status: number) => boolean {
  if (criteria?.httpCriteria === undefined) return (status) => status < 500
  const ranges = criteria.httpCriteria.httpSuccessStatus
  for (const range of ranges) {
    const { start, end } = range
    if (start <= end && start >= 100 && end <= 600) continue
    errors.add(range, undefined, `invalid HTTP range: [${start}, ${end})`)
  }
  return (status) => ranges.some(({ start, end }) => start <= status && status < end)
}

function compileGrpcSuccess(
  criteria: SuccessCriteria | undefined,
  { errors }: HttpFilterContext,
): (status: number) => boolean {
  const { grpcCriteria } = criteria ?? {}
  for (const status of grpcCriteria?.grpcSuccessStatus ?? []) {
    if (status > 16) errors.add(grpcCriteria ?? {}, 'grpcSuccessStatus', `invalid gRPC code ${status}`)
  }
  const successes = new Set(grpcCriteria?.grpcSuccessStatus ?? defaultGrpcSuccesses)
  return (status) => successes.has(status)
}
