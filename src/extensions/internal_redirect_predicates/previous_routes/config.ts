// envoy.internal_redirect_predicates.previous_routes: redirects of one route lead a request to each route once at most.

import type { InternalRedirectPredicateFactory } from '../../../http/internal_redirect_predicate.ts'

const stateKey = 'envoy.internal_redirect.previous_routes_predicate_state'

export const previousRoutes: InternalRedirectPredicateFactory = {
  category: 'envoy.internal_redirect_predicates',
  name: 'envoy.internal_redirect_predicates.previous_routes',
  typeUrls: ['envoy.extensions.internal_redirect.previous_routes.v3.PreviousRoutesConfig'],
  createInternalRedirectPredicate(_config, currentRoute) {
    const key = `${stateKey}.${currentRoute}`
    return {
      acceptTargetRoute({ filterState, routeName }) {
        const seen = (filterState.get(key) as ReadonlySet<string> | undefined) ?? new Set()
        if (seen.has(routeName)) return false
        filterState.set(key, new Set([...seen, routeName]))
        return true
      },
    }
  },
}
