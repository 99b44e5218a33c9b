// Messages of the rate limit service in protobuf's binary form.
import type { envoy } from '../../proto/generated/api.d.ts'
import { ConfigErrors } from './errors.ts'
import { messageSchema } from './schema.ts'
import { decodeView } from './wire.ts'
import { encodeMessage } from './wire_encode.ts'

export type RateLimitResponse = envoy.service.ratelimit.v3.RateLimitResponse
type RateLimitOverride = envoy.extensions.common.ratelimit.v3.RateLimitDescriptor.RateLimitOverride

/** The fields of a RateLimitRequest that are sent. */
export interface RateLimitRequest {
  readonly domain: string
  readonly descriptors: readonly {
    readonly entries: readonly { readonly key: string; readonly value: string }[]
    readonly limit?: Pick<RateLimitOverride, 'requestsPerUnit' | 'unit'> | undefined
    readonly hitsAddend?: number | undefined
    readonly isNegativeHits?: boolean
  }[]
  readonly hitsAddend: number
}

const service = 'envoy.service.ratelimit.v3'

export function encodeRateLimitRequest(request: RateLimitRequest): Uint8Array {
  return encodeMessage(`${service}.RateLimitRequest`, request)
}

/** Throws on malformed bytes. */
export function decodeRateLimitResponse(bytes: Uint8Array): RateLimitResponse {
  const name = `${service}.RateLimitResponse`
  return decodeView(messageSchema(name)!, bytes, new ConfigErrors(name), 'ignore') as unknown as RateLimitResponse
}

/** Makes ready what the first call would wait for, which may be longer than its time. */
export function prepareRateLimitMessages(): void {
  const descriptor = { entries: [{ key: 'k', value: 'v' }], limit: { requestsPerUnit: 1, unit: 'DAY' as const } }
  encodeRateLimitRequest({ domain: 'd', descriptors: [{ ...descriptor, hitsAddend: 1 }], hitsAddend: 1 })
  const header = { key: 'k', value: 'v' }
  const status = { code: 'OK', currentLimit: { unit: 'DAY' }, durationUntilReset: 1 }
  const response = {
    overallCode: 'OK',
    statuses: [status],
    responseHeadersToAdd: [header],
    dynamicMetadata: { k: 'v' },
  }
  decodeRateLimitResponse(encodeMessage(`${service}.RateLimitResponse`, response))
}
