// Which statuses of a check's answer are expected, and which of the others do not fail the host at once.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../../config/errors.ts'

type HttpHealthCheck = envoy.config.core.v3.HealthCheck.HttpHealthCheck
type Int64Range = envoy.type.v3.Int64Range

export interface StatusRanges {
  isExpected(status: number): boolean
  isRetriable(status: number): boolean
}

export function statusRanges(view: HttpHealthCheck, errors: ConfigErrors): StatusRanges {
  for (const range of view.expectedStatuses) checkRange(range, 'expected', errors)
  for (const range of view.retriableStatuses) checkRange(range, 'retriable', errors)
  const { expectedStatuses: expected, retriableStatuses: retriable } = view
  return {
    isExpected: (status) => (expected.length === 0 ? status === 200 : isIn(status, expected)),
    isRetriable: (status) => isIn(status, retriable),
  }
}

function checkRange(range: Int64Range, kind: string, errors: ConfigErrors): void {
  const { start, end } = range
  const prefix = `Invalid http ${kind} status range: expecting`
  if (start >= end) errors.add(range, 'start', `${prefix} start < end, but found start=${start} and end=${end}`)
  else if (start < 100) errors.add(range, 'start', `${prefix} start >= 100, but found start=${start}`)
  else if (end > 600) errors.add(range, 'end', `${prefix} end <= 600, but found end=${end}`)
}

function isIn(status: number, ranges: readonly Int64Range[]): boolean {
  return ranges.some(({ start, end }) => status >= start && status < end)
}
