// What has a say in where an internal redirect may lead.

import type { ExtensionFactory } from '../config/registry.ts'

/** Where a redirect would lead. */
export interface RedirectTarget {
  readonly routeName: string
  /** The request came for https. */
  readonly fromHttps: boolean
  readonly toHttps: boolean
  /** Of the request; it stays over all of its redirects. */
  readonly filterState: Map<string, unknown>
  /** An object of the request's filter state, or of its connection's. */
  filterStateObject(key: string): unknown
}

export interface InternalRedirectPredicate {
  acceptTargetRoute(target: RedirectTarget): boolean
}

/** Category `envoy.internal_redirect_predicates`. */
export interface InternalRedirectPredicateFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.internal_redirect_predicates'
  /** `routeName`: of the route whose policy has it. */
  createInternalRedirectPredicate(config: Config, routeName: string): InternalRedirectPredicate
}
