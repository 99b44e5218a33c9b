// What the router answers without an upstream: redirects and direct responses.

import type { HeaderMap } from '../common/header_map.ts'
import type { StreamDecoderFilterCallbacks } from '../http/http_filter.ts'
import type { DirectResponseRoute } from '../http/route.ts'

/** Answers as a route with `redirect` or `direct_response` says. */
export function answerDirectly(
  callbacks: StreamDecoderFilterCallbacks,
  route: DirectResponseRoute,
  headers: HeaderMap,
): void {
  const { streamInfo } = callbacks
  const location = route.location(headers, streamInfo)
  const formatted = route.formattedBody(headers, streamInfo)
  route.finalizeRequestHeaders(headers, streamInfo)
  callbacks.sendLocalReply({
    status: route.status,
    body: formatted?.body ?? route.body(),
    details: 'direct_response',
    modifyHeaders: (reply) => {
      if (location !== '') reply.add('location', location)
      if (formatted !== undefined && formatted.contentType !== '') reply.set('content-type', formatted.contentType)
      route.finalizeResponseHeaders(reply, headers, streamInfo)
    },
  })
}
