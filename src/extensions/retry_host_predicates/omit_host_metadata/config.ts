// envoy.retry_host_predicates.omit_host_metadata: a retry goes to no host with all of some `envoy.lb` metadata.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import { valueText } from '../../../upstream/load_balancers/subset_criteria.ts'
import type { RetryHostPredicate, RetryHostPredicateFactory } from '../../../upstream/retry.ts'

type OmitHostMetadata = envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig

const namespace = 'envoy.lb'

export const omitHostMetadata: RetryHostPredicateFactory<OmitHostMetadata> = {
  category: 'envoy.retry_host_predicates',
  name: 'envoy.retry_host_predicates.omit_host_metadata',
  typeUrls: ['envoy.extensions.retry.host.omit_host_metadata.v3.OmitHostMetadataConfig'],
  createHostPredicate({ metadataMatch }) {
    const wanted = Object.entries(metadataMatch?.filterMetadata[namespace] ?? {})
    const labels = wanted.map(([key, value]) => [key, valueText(value)] as const)
    const predicate: RetryHostPredicate = {
      shouldSelectAnotherHost: ({ metadata }) => {
        const own = metadata[namespace]
        // No labels are none to omit.
        return (
          labels.length > 0 &&
          labels.every(([key, text]) => own !== undefined && key in own && hasValue(own[key], text))
        )
      },
      onHostAttempted: () => {},
    }
    return () => predicate
  },
}

/** Any one of a list will do. */
function hasValue(own: unknown, text: string): boolean {
  return Array.isArray(own) ? own.some((each) => valueText(each) === text) : valueText(own) === text
}
