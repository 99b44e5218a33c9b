// Where a redirect route leads: the `location` of its response.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { FormatterContext } from '../../access_log/formatter.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { utf8ByteString } from '../../common/string_matcher.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { type PathMatcher, pathLength } from './path_matcher.ts'
import { formattedRedirect, type PathRewrite, prefixRewrite, regexRewrite } from './path_rewrite.ts'

type RedirectAction = envoy.config.route.v3.RedirectAction

export type LocationOf = (headers: HeaderMap, ctx: FormatterContext | undefined) => string

export const redirectStatus: Readonly<Record<RedirectAction['responseCode'], number>> = {
  MOVED_PERMANENTLY: 301,
  FOUND: 302,
  SEE_OTHER: 303,
  TEMPORARY_REDIRECT: 307,
  PERMANENT_REDIRECT: 308,
}

export function compileRedirect(view: RedirectAction, matcher: PathMatcher, errors: ConfigErrors): LocationOf {
  const scheme = view.httpsRedirect ? 'https' : (view.schemeRedirect ?? '')
  const host = utf8ByteString(view.hostRedirect)
  const port = view.portRedirect === 0 ? '' : `:${view.portRedirect}`
  const rewrite = compilePath(view, matcher, errors)
  const { stripQuery } = view
  return (headers, ctx) => {
    const newScheme = scheme === '' ? headers.scheme : scheme
    const newHost = host === '' ? requestHost(headers, newScheme, port) : host
    const path = redirectPath(headers.path, ctx, rewrite, stripQuery)
    return `${newScheme}://${newHost}${port}${path.startsWith('/') ? '' : '/'}${path}`
  }
}

/** The whole location of a request on its own host with https, for require_tls. */
export function httpsLocation(headers: HeaderMap): string {
  return `https://${headers.authority}${headers.path}`
}

/** The location of a direct response that is a redirect by its status alone (and of 201): the request's own URL. */
export function ownLocation(headers: HeaderMap): string {
  return `${headers.scheme}://${headers.authority}${headers.path}`
}

/** How the path changes; `ownQuery` where the new path may bring a query, which strip_query leaves alone. */
interface RedirectPath {
  readonly rewrite: PathRewrite
  readonly ownQuery: boolean
}

function compilePath(view: RedirectAction, matcher: PathMatcher, errors: ConfigErrors): RedirectPath | undefined {
  switch (view.pathRewriteSpecifier) {
    case 'pathRedirect': {
      const path = utf8ByteString(view.pathRedirect ?? '')
      if (path === '') return undefined
      if (path.includes('?')) return { rewrite: () => path, ownQuery: true }
      return { rewrite: (old) => path + old.slice(pathLength(old)), ownQuery: false }
    }
    case 'prefixRewrite': {
      const rewrite = prefixRewrite(view, matcher, errors)
      return rewrite === undefined ? undefined : { rewrite, ownQuery: false }
    }
    case 'regexRewrite': {
      const rewrite = regexRewrite(view.regexRewrite!, errors)
      return rewrite === undefined ? undefined : { rewrite, ownQuery: false }
    }
    case 'pathRewrite': {
      const rewrite = formattedRedirect(view, view.pathRewrite ?? '', errors)
      return rewrite === undefined ? undefined : { rewrite, ownQuery: true }
    }
    default:
      return undefined
  }
}

function redirectPath(
  path: string,
  ctx: FormatterContext | undefined,
  redirect: RedirectPath | undefined,
  stripQuery: boolean,
): string {
  const rewritten = redirect === undefined ? '' : redirect.rewrite(path, ctx)
  const changed = rewritten === '' ? path : rewritten
  if (!stripQuery || (rewritten !== '' && redirect?.ownQuery === true)) return changed
  const query = changed.indexOf('?')
  return query < 0 ? changed : changed.slice(0, query)
}

/** The request's host, without its port where another one replaces it or a change of scheme makes it the wrong default. */
function requestHost(headers: HeaderMap, newScheme: string, newPort: string): string {
  const host = headers.authority
  const colon = host.startsWith('[') ? host.indexOf(']:') + 1 : host.lastIndexOf(':')
  if (colon <= 0) return host
  let remove = newPort !== ''
  const scheme = headers.get('x-forwarded-proto') ?? headers.scheme
  if (newScheme !== scheme) {
    const port = host.slice(colon)
    remove ||= (scheme === 'https' && port === ':443') || (scheme === 'http' && port === ':80')
  }
  return remove ? host.slice(0, colon) : host
}
