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

/** Of the limit with the least left; the policy lists all. */
export function xRatelimitHeaders(statuses: readonly DescriptorStatus[]): readonly [name: string, value: string][] {
  let least: DescriptorStatus | undefined
  let policy = ''
  for (const status of statuses) {
    const { currentLimit, limitRemaining } = status
    if (currentLimit === undefined) continue
    if (least === undefined || limitRemaining < least.limitRemaining) least = status
    policy += policyOf(currentLimit)
  }
  if (least === undefined) return []
  return [
    ['x-ratelimit-limit', `${least.currentLimit?.requestsPerUnit}${policy}`],
    ['x-ratelimit-remaining', String(least.limitRemaining)],
    ['x-ratelimit-reset', String(secondsUntilReset(least))],
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
