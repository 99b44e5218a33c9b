// Where an internal redirect leads: turns the request into one for the response's location, if the policy allows it.

import type { HeaderMap } from '../common/header_map.ts'
import type { RedirectTarget } from '../http/internal_redirect_predicate.ts'
import type { InternalRedirectPolicy } from '../http/route.ts'
import type { RequestCallbacks } from './request_callbacks.ts'
import type { RouterStats } from './router_settings.ts'

const countKey = 'envoy.internal_redirect.previous_count'

/**
 * Changes `request` in place and has its route found anew. False where the response goes to the client as it is: the
 * request is then as it was, and the reason is counted.
 */
export function applyInternalRedirect(
  policy: InternalRedirectPolicy,
  request: HeaderMap,
  response: HeaderMap,
  callbacks: RequestCallbacks,
  stats: RouterStats,
): boolean {
  const location = response.get('location')
  if (location === undefined) return false
  const target = absoluteTarget(location)
  if (target === undefined) {
    stats.passthroughInternalRedirectBadLocation.inc()
    return false
  }
  if (target.secure !== (request.scheme !== 'http') && !policy.allowCrossSchemeRedirect) {
    stats.passthroughInternalRedirectUnsafeScheme.inc()
    return false
  }
  const { filterState } = callbacks.streamInfo
  const filterStateObject = (key: string): unknown =>
    filterState.get(key) ?? callbacks.connection?.streamInfo?.filterStateObject(key)
  const count = Number(filterState.get(countKey) ?? 0)
  if (count >= policy.maxInternalRedirects) {
    stats.passthroughInternalRedirectTooManyRedirects.inc()
    return false
  }
  const before = request.clone()
  copyResponseHeaders(policy.responseHeadersToCopy, response, request)
  request.scheme = target.scheme
  request.authority = target.authority
  request.path = target.path
  // Where there is none, the route stays unknown from here on, as in Envoy.
  callbacks.clearRouteCache()
  const route = callbacks.route()
  const fromHttps = before.scheme !== 'http'
  if (route === undefined) stats.passthroughInternalRedirectNoRoute.inc()
  else if (
    !isAccepted(policy, { routeName: route.name, fromHttps, toHttps: target.secure, filterState, filterStateObject })
  )
    stats.passthroughInternalRedirectPredicate.inc()
  else {
    filterState.set(countKey, count + 1)
    request.set('x-envoy-original-url', `${before.scheme}://${before.authority}${before.path}`)
    return true
  }
  request.assign(before)
  return false
}

function isAccepted({ predicates }: InternalRedirectPolicy, target: RedirectTarget): boolean {
  return predicates.every((predicate) => predicate.acceptTargetRoute(target))
}

/** RFC 9110 15.4.4: 303 turns everything but GET and HEAD into GET, without a body. True where it did. */
export function becomesGet(request: HeaderMap, status: number): boolean {
  if (status !== 303 || request.method === 'GET' || request.method === 'HEAD') return false
  request.method = 'GET'
  request.remove('content-length')
  return true
}

/** A header that the response does not have is taken from the request too. */
function copyResponseHeaders(names: readonly string[], response: HeaderMap, request: HeaderMap): void {
  for (const name of names) {
    request.remove(name)
    for (const value of response.getAll(name)) request.add(name, value)
  }
}

interface Target {
  readonly scheme: string
  readonly secure: boolean
  readonly authority: string
  readonly path: string
}

/** Only absolute locations count; a fragment is meant for the client, and so is a user's name. */
function absoluteTarget(location: string): Target | undefined {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:[^/?#@]*@)?([^/?#@]+)([^#]*)/i.exec(location)
  if (match === null) return undefined
  const scheme = match[1].toLowerCase()
  const path = match[3].startsWith('/') ? match[3] : `/${match[3]}`
  return { scheme, secure: scheme !== 'http', authority: match[2], path }
}
