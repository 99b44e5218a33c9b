// envoy.http.stateful_session.cookie: the session's host in a cookie.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { decodeBase64 } from '../../../../common/base64.ts'
import { wallMs } from '../../../../common/clock.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import type { SessionState, SessionStateFactory } from '../../../../http/session_state.ts'
import { type CookieAttributes, setCookie } from '../../../../http/set_cookie.ts'
import { cookieValue } from '../../../../router/request_values.ts'
import { decodeSessionCookie, encodeSessionCookie } from './session_cookie.ts'

type CookieBasedSessionState = envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState

export const cookieSession: SessionStateFactory<CookieBasedSessionState> = {
  category: 'envoy.http.stateful_session',
  name: 'envoy.http.stateful_session.cookie',
  typeUrls: ['envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState'],
  createSessionStates({ cookie }) {
    const { name, path, ttl, attributes } = cookie!
    const ttlSeconds = Math.floor((ttl ?? 0) / 1000)
    const given: CookieAttributes = { maxAge: ttlSeconds === 0 ? undefined : ttlSeconds, path, attributes }
    const isInPath = pathMatcher(path)
    return (headers) => (isInPath(headers.path) ? sessionOf(headers, name, ttlSeconds, given) : undefined)
  },
}

function sessionOf(headers: HeaderMap, name: string, ttlSeconds: number, given: CookieAttributes): SessionState {
  const upstreamAddress = addressOf(cookieValue(headers, name))
  return {
    upstreamAddress,
    onUpdate(address, response) {
      if (address === upstreamAddress) return false
      const expires = ttlSeconds === 0 ? 0 : wallSeconds() + ttlSeconds
      const value = encodeSessionCookie({ address, expires }).toString('base64')
      response.add('set-cookie', setCookie(name, value, given))
      return true
    },
  }
}

/** Of old cookies, which are an address alone, too. */
function addressOf(value: string | undefined): string | undefined {
  const bytes = value === undefined ? undefined : decodeBase64(value)
  if (bytes === undefined) return undefined
  const cookie = decodeSessionCookie(bytes)
  if (cookie === undefined) return bytes.toString('latin1') || undefined
  const isExpired = cookie.expires !== 0 && wallSeconds() > cookie.expires
  return isExpired ? undefined : cookie.address || undefined
}

function wallSeconds(): number {
  return Math.floor(wallMs() / 1000)
}

/** RFC 6265, section 5.1.4, but for a query or fragment, which may follow too. */
function pathMatcher(path: string): (requestPath: string) => boolean {
  if (path === '' || path === '/') return () => true
  if (path.endsWith('/')) return (requestPath) => requestPath.startsWith(path)
  return (requestPath) => {
    if (!requestPath.startsWith(path)) return false
    return requestPath.length === path.length || '/?#'.includes(requestPath[path.length])
  }
}
