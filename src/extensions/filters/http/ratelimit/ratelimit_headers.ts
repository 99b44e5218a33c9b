// What clients are told of their limits (draft-polli-ratelimit-headers-03).

import type { RateLimitResponse } from '../../../../config/rate_limit_messages.ts'

type DescriptorStatus = RateLimitResponse['statuses'][number]
type CurrentLimit = NonNullable<DescriptorStatus['currentLimit']>

const day = 86_400
const windowSeconds: Readonly<Record<CurrentLimit['unit'], number>> = {
  UNKNOWN: 0,
  SECOND: 1,
  MINUTE: 60,
  HOUR: 3600,
  DAY: day,
  WEEK: 7 * day,
  MONTH: 30 * day,
  YEAR: 365 * day,
}

/** Of the limit with the least left, if that is told; the policy lists all that are. */
export function xRatelimitHeaders(
  statuses: readonly DescriptorStatus[],
  isTold: (index: number) => boolean,
): readonly [name: string, value: string][] {
  let least: number | undefined
  let policy = ''
  for (const [index, { currentLimit, limitRemaining }] of statuses.entries()) {
    if (currentLimit === undefined) continue
    if (least === undefined || limitRemaining < statuses[least].limitRemaining) least = index
    if (isTold(index)) policy += policyOf(currentLimit)
  }
  if (least === undefined || !isTold(least)) return []
  const status = statuses[least]
  return [
    ['x-ratelimit-limit', `${status.currentLimit?.requestsPerUnit}${policy}`],
    ['x-ratelimit-remaining', String(status.limitRemaining)],
    ['x-ratelimit-reset', String(secondsUntilReset(status))],
  ]
}

function policyOf({ requestsPerUnit, unit, unitMultiplier = 1, name }: CurrentLimit): string {
  const window = (windowSeconds[unit] ?? 0) * unitMultiplier
  if (window === 0) return ''
  return `, ${requestsPerUnit};w=${window}${name === '' ? '' : `;name="${name}"`}`
}

function secondsUntilReset({ durationUntilReset = 0 }: DescriptorStatus): number {
  return Math.trunc(durationUntilReset / 1000)
}

/** Of the limits that are exceeded the longest; undefined for none. */
export function retryAfterSeconds(statuses: readonly DescriptorStatus[]): number | undefined {
  const exceeded = statuses.filter(({ code }) => code === 'OVER_LIMIT')
  return exceeded.length === 0 ? undefined : Math.max(1, ...exceeded.map(secondsUntilReset))
}
