// envoy.internal_redirect_predicates.filter_state: redirects go where an object of the filter state says so.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { InternalRedirectPredicateFactory } from '../../../http/internal_redirect_predicate.ts'

type FilterStateConfig = envoy.extensions.internal_redirect.filter_state.v3.FilterStateConfig

export const filterStateRedirects: InternalRedirectPredicateFactory<FilterStateConfig> = {
  category: 'envoy.internal_redirect_predicates',
  name: 'envoy.internal_redirect_predicates.filter_state',
  typeUrls: ['envoy.extensions.internal_redirect.filter_state.v3.FilterStateConfig'],
  createInternalRedirectPredicate({ redirectEnabledKey, redirectIfAbsent }) {
    return {
      // Only a boolean counts: the text `true` does not.
      acceptTargetRoute: (target) => (target.filterStateObject(redirectEnabledKey) ?? redirectIfAbsent) === true,
    }
  },
}
