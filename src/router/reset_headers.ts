// Response headers by which an upstream says when to come back (`rate_limited_retry_back_off`).

import { wallMs } from '../common/clock.ts'
import type { HeaderMap } from '../common/header_map.ts'
import type { RateLimitedBackOff } from '../http/route.ts'

/** Milliseconds to wait, by the first header that says so; undefined where that is no time at all, or none does. */
export function rateLimitedDelayMs(settings: RateLimitedBackOff, headers: HeaderMap): number | undefined {
  for (const { name, format } of settings.resetHeaders) {
    const value = headers.get(name)
    if (value === undefined || !/^\+?\d{1,20}$/.test(value)) continue
    const seconds = Number(value)
    const delayMs = (format === 'SECONDS' ? seconds : seconds - Math.floor(wallMs() / 1000)) * 1000
    if (delayMs >= 0 && delayMs <= settings.maxMs) return delayMs === 0 ? undefined : delayMs
  }
  return undefined
}
