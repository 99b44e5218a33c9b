// Which retries a request asks for: by its route's policy, and by the x-envoy-* headers of trusted callers.

import { type HeaderMap, KnownHeader } from '../common/header_map.ts'
import type { RetryPolicy } from '../http/route.ts'

const defaultRetries = 1
const noStatusCodes: ReadonlySet<number> = new Set()

export interface AskedRetries {
  readonly retryOn: ReadonlySet<string>
  readonly numRetries: number
  readonly statusCodes: ReadonlySet<number>
  readonly headerNames: readonly string[]
}

/** What policy and x-envoy-* headers ask for together. */
export function takeAskedRetries(headers: HeaderMap, policy: RetryPolicy | undefined): AskedRetries {
  const byPolicy = {
    retryOn: policy?.retryOn ?? new Set<string>(),
    numRetries: policy?.numRetries ?? defaultRetries,
    statusCodes: policy?.retriableStatusCodes ?? noStatusCodes,
    headerNames: [],
  }
  if ((headers.known & KnownHeader.xEnvoyRetry) === 0) return byPolicy
  const words = [...takeList(headers, 'x-envoy-retry-on'), ...takeList(headers, 'x-envoy-retry-grpc-on')]
  const maxRetries = takeList(headers, 'x-envoy-max-retries')[0]
  const statusCodes = takeList(headers, 'x-envoy-retriable-status-codes').map(Number)
  const headerNames = takeList(headers, 'x-envoy-retriable-header-names')
  return {
    retryOn: new Set([...byPolicy.retryOn, ...words]),
    numRetries: maxRetries !== undefined && /^\d+$/.test(maxRetries) ? Number(maxRetries) : byPolicy.numRetries,
    statusCodes: new Set([...byPolicy.statusCodes, ...statusCodes]),
    headerNames: headerNames.map((name) => name.toLowerCase()),
  }
}

function takeList(headers: HeaderMap, name: string): string[] {
  const value = headers.get(name)
  if (value === undefined) return []
  headers.remove(name)
  return value
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')
}
