// envoy.retry_host_predicates.omit_canary_hosts: a retry goes to no canary (`canary` of the `envoy.lb` metadata).

import type { RetryHostPredicate, RetryHostPredicateFactory } from '../../../upstream/retry.ts'

export const omitCanaryHosts: RetryHostPredicateFactory = {
  category: 'envoy.retry_host_predicates',
  name: 'envoy.retry_host_predicates.omit_canary_hosts',
  typeUrls: ['envoy.extensions.retry.host.omit_canary_hosts.v3.OmitCanaryHostsPredicate'],
  createHostPredicate() {
    return () => predicate
  },
}

const predicate: RetryHostPredicate = {
  shouldSelectAnotherHost: (host) => host.canary,
  onHostAttempted: () => {},
}
