// New authorities: host_rewrite_literal, host_rewrite_header, host_rewrite_path_regex and host_rewrite.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileFormat, FormatError, type FormatterContext } from '../../access_log/formatter.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { utf8ByteString } from '../../common/string_matcher.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { ForwardRoute } from '../../http/route.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { Host } from '../../upstream/host.ts'
import { pathLength } from './path_matcher.ts'
import { regexReplacement } from './path_rewrite.ts'

type RouteAction = envoy.config.route.v3.RouteAction

/** Gives the new authority; undefined keeps the old one. */
export type HostRewrite = (headers: HeaderMap, ctx: FormatterContext) => string | undefined

/** Undefined where the route keeps the host, or (auto_host_rewrite) takes that of the host chosen later. */
export function compileHostRewrite(view: RouteAction, errors: ConfigErrors): HostRewrite | undefined {
  switch (view.hostRewriteSpecifier) {
    case 'hostRewriteLiteral': {
      const host = utf8ByteString(view.hostRewriteLiteral ?? '')
      return host === '' ? undefined : () => host
    }
    case 'hostRewriteHeader': {
      const name = (view.hostRewriteHeader ?? '').toLowerCase()
      return name === '' ? undefined : (headers) => headers.get(name) || undefined
    }
    case 'hostRewritePathRegex': {
      const replace = regexReplacement(view.hostRewritePathRegex!, errors)
      if (replace === undefined) return undefined
      return (headers) => replace(headers.path.slice(0, pathLength(headers.path))) || undefined
    }
    case 'hostRewrite':
      return formattedHost(view, errors)
    default:
      return undefined
  }
}

function formattedHost(view: RouteAction, errors: ConfigErrors): HostRewrite | undefined {
  try {
    const formatter = compileFormat(view.hostRewrite ?? '')
    return (_headers, ctx) => formatter.format(ctx) || undefined
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    errors.add(view, 'hostRewrite', error.message)
    return undefined
  }
}

/** Changes the authority; the old one is kept in x-envoy-original-host and x-forwarded-host, each where asked for. */
export function rewriteAuthority(
  headers: HeaderMap,
  host: string,
  appendXForwardedHost: boolean,
  insertEnvoyOriginalHost: boolean,
): void {
  const old = headers.authority
  if (old !== '') {
    if (insertEnvoyOriginalHost) headers.set('x-envoy-original-host', old)
    if (appendXForwardedHost) appendForwardedHost(headers, old)
  }
  headers.authority = host
}

/** What depends on the host that was chosen: the scheme of its connections, and its name where the route asks for it. */
export function prepareForHost(
  headers: HeaderMap,
  route: ForwardRoute,
  host: Host,
  info: StreamInfo,
  suppressEnvoyHeaders: boolean,
): void {
  if (info.schemeMatchesUpstream) headers.scheme = host.transportSocket.isSecure ? 'https' : 'http'
  if (route.autoHostRewrite && host.hostname !== '')
    rewriteAuthority(headers, host.hostname, route.appendXForwardedHost, !suppressEnvoyHeaders)
}

/** Adds a host to x-forwarded-host unless it is the last one there. */
export function appendForwardedHost(headers: HeaderMap, host: string): void {
  const value = headers.get('x-forwarded-host')
  if (value !== undefined && value.slice(value.lastIndexOf(',') + 1).trim() === host) return
  headers.append('x-forwarded-host', host)
}
