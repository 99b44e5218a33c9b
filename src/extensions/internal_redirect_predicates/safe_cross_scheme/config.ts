// envoy.internal_redirect_predicates.safe_cross_scheme: what came for http is not redirected to https.

import type { InternalRedirectPredicateFactory } from '../../../http/internal_redirect_predicate.ts'

export const safeCrossScheme: InternalRedirectPredicateFactory = {
  category: 'envoy.internal_redirect_predicates',
  name: 'envoy.internal_redirect_predicates.safe_cross_scheme',
  typeUrls: ['envoy.extensions.internal_redirect.safe_cross_scheme.v3.SafeCrossSchemeConfig'],
  createInternalRedirectPredicate() {
    return { acceptTargetRoute: ({ fromHttps, toHttps }) => fromHttps || !toHttps }
  },
}
