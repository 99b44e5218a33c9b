// envoy.internal_redirect_predicates.allow_listed_routes: redirects lead to routes of these names alone.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { InternalRedirectPredicateFactory } from '../../../http/internal_redirect_predicate.ts'

type AllowListedRoutes = envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig

export const allowListedRoutes: InternalRedirectPredicateFactory<AllowListedRoutes> = {
  category: 'envoy.internal_redirect_predicates',
  name: 'envoy.internal_redirect_predicates.allow_listed_routes',
  typeUrls: ['envoy.extensions.internal_redirect.allow_listed_routes.v3.AllowListedRoutesConfig'],
  createInternalRedirectPredicate({ allowedRouteNames }) {
    const allowed = new Set(allowedRouteNames)
    return { acceptTargetRoute: ({ routeName }) => allowed.has(routeName) }
  },
}
