// Where an internal redirect leads: the request with the response's location, if the policy allows it.

import type { HeaderMap } from '../common/header_map.ts'
import type { InternalRedirectPolicy } from '../http/route.ts'
import type { StreamInfo } from '../stream_info/stream_info.ts'

const countKey = 'envoy.internal_redirect.previous_count'

/** The headers of the request to start over with, or undefined where the response goes to the client as it is. */
export function internalRedirectTarget(
  policy: InternalRedirectPolicy,
  request: HeaderMap,
  response: HeaderMap,
  info: StreamInfo,
): HeaderMap | undefined {
  if (!policy.redirectResponseCodes.has(response.status)) return undefined
  const count = Number(info.filterState.get(countKey) ?? 0)
  if (count >= policy.maxInternalRedirects) return undefined
  const location = response.get('location') ?? ''
  const target = absoluteTarget(location, request)
  if (target === undefined) return undefined
  if (target.scheme !== request.scheme && !policy.allowCrossSchemeRedirect) return undefined
  const next = request.clone()
  next.set('x-envoy-original-url', `${request.scheme}://${request.authority}${request.path}`)
  next.scheme = target.scheme
  next.authority = target.authority
  next.path = target.path
  // RFC 9110 15.4.4: 303 turns everything but GET and HEAD into GET, without a body.
  if (response.status === 303 && request.method !== 'GET' && request.method !== 'HEAD') {
    next.method = 'GET'
    next.remove('content-length')
  }
  for (const name of policy.responseHeadersToCopy) {
    next.remove(name)
    for (const value of response.getAll(name)) next.add(name, value)
  }
  info.filterState.set(countKey, count + 1)
  return next
}

function absoluteTarget(
  location: string,
  request: HeaderMap,
): { scheme: string; authority: string; path: string } | undefined {
  if (location.startsWith('/')) return { scheme: request.scheme, authority: request.authority, path: location }
  const match = /^(https?):\/\/([^/?#]+)([^#]*)/i.exec(location)
  if (match === null) return undefined
  const path = match[3].startsWith('/') ? match[3] : `/${match[3]}`
  return { scheme: match[1].toLowerCase(), authority: match[2], path }
}
