// The route of requests that the proxy makes itself: to a cluster, with a timeout, and nothing else.

import type { ForwardRoute, VirtualHostInfo } from '../http/route.ts'

const virtualHost: VirtualHostInfo = {
  name: '',
  routeConfigName: '',
  includeRequestAttemptCount: false,
  includeAttemptCountInResponse: false,
  includeIsTimeoutRetryHeader: false,
  metadata: {},
  rateLimits: [],
  virtualCluster: () => undefined,
}

const nothing = {
  kind: 'forward',
  name: '',
  virtualHost,
  metadata: {},
  decorator: undefined,
  requestStats: undefined,
  requestBodyBufferLimitBytes: undefined,
  idleTimeoutMs: undefined,
  clusterNotFoundStatus: 500,
  priority: 'DEFAULT',
  maxStreamDurationMs: undefined,
  grpcTimeoutHeaderMaxMs: undefined,
  grpcTimeoutHeaderOffsetMs: undefined,
  maxGrpcTimeoutMs: undefined,
  grpcTimeoutOffsetMs: undefined,
  flushTimeoutMs: undefined,
  upgrades: new Map(),
  appendXForwardedHost: false,
  autoHostRewrite: false,
  internalRedirect: undefined,
  metadataMatch: undefined,
  retryPolicy: undefined,
  hedgeOnPerTryTimeout: false,
  shadowPolicies: [],
  rateLimits: [],
  includeVhRateLimits: false,
  mostSpecificPerFilterConfig: () => undefined,
  perFilterConfigs: () => [],
  filterDisabled: () => undefined,
  hash: () => undefined,
  finalizeRequestHeaders: () => {},
  finalizeResponseHeaders: () => {},
} as const

/** `timeoutMs` as that of `ForwardRoute`. */
export function internalRoute(clusterName: string, timeoutMs: number): ForwardRoute {
  return { ...nothing, clusterName, timeoutMs }
}
