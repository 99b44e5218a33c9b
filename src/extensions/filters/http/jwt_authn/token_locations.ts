// Where tokens stand in a request: headers, query parameters and cookies, each for the issuers that name it.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import { utf8ByteString } from '../../../../common/string_matcher.ts'
import { decodedQueryParameter, percentDecoded } from '../../../../http/request_match_inputs.ts'
import { cookieValue } from '../../../../router/request_values.ts'

type ProviderView = envoy.extensions.filters.http.jwt_authn.v3.JwtProvider

/** '' stands for any. */
type Issuers = Set<string>

export interface Token {
  readonly text: string
  isIssuerAllowed(issuer: string): boolean
  /** Takes it out of the request; one in a cookie stays, as in Envoy. */
  remove(headers: HeaderMap): void
}

interface HeaderLocation {
  readonly name: string
  readonly valuePrefix: string
  readonly issuers: Issuers
}

export class TokenLocations {
  readonly #headers: readonly HeaderLocation[]
  readonly #parameters: readonly (readonly [name: string, issuers: Issuers])[]
  readonly #cookies: readonly (readonly [name: string, issuers: Issuers])[]

  /** Of one provider, or of all that a token may be of. */
  constructor(providers: readonly ProviderView[]) {
    const headers = new Map<string, HeaderLocation>()
    const parameters = new Map<string, Issuers>()
    const cookies = new Map<string, Issuers>()
    for (const provider of providers) {
      const { issuer, fromHeaders, fromParams, fromCookies } = withDefaults(provider)
      for (const { name, valuePrefix } of fromHeaders) {
        const lower = name.toLowerCase()
        const key = lower + valuePrefix
        const known = headers.get(key) ?? { name: lower, valuePrefix: utf8ByteString(valuePrefix), issuers: new Set() }
        known.issuers.add(issuer)
        headers.set(key, known)
      }
      for (const name of fromParams) addIssuer(parameters, name, issuer)
      for (const name of fromCookies) addIssuer(cookies, name, issuer)
    }
    this.#headers = sorted(headers).map(([, location]) => location)
    this.#parameters = sorted(parameters)
    this.#cookies = sorted(cookies)
  }

  /** In the order headers, parameters, cookies. */
  extract(headers: HeaderMap): Token[] {
    const tokens: Token[] = []
    for (const { name, valuePrefix, issuers } of this.#headers) {
      for (const value of headers.getAll(name)) {
        const text = valuePrefix === '' ? value : behindPrefix(value, valuePrefix)
        if (text !== undefined) tokens.push(tokenOf(text, issuers, (from) => from.remove(name)))
      }
    }
    for (const [name, issuers] of this.#parameters) {
      const text = decodedQueryParameter(headers.path, name)
      if (text !== undefined) tokens.push(tokenOf(text, issuers, (from) => removeParameter(from, name)))
    }
    for (const [name, issuers] of this.#cookies) {
      const text = cookieValue(headers, name)
      if (text !== undefined) tokens.push(tokenOf(text, issuers, () => {}))
    }
    return tokens
  }
}

function withDefaults(
  provider: ProviderView,
): Pick<ProviderView, 'issuer' | 'fromHeaders' | 'fromParams' | 'fromCookies'> {
  const { issuer, fromHeaders, fromParams, fromCookies } = provider
  if (fromHeaders.length + fromParams.length + fromCookies.length > 0) return provider
  const bearer = { name: 'authorization', valuePrefix: 'Bearer ' }
  return { issuer, fromHeaders: [bearer], fromParams: ['access_token'], fromCookies: [] }
}

function addIssuer(locations: Map<string, Issuers>, name: string, issuer: string): void {
  const issuers = locations.get(name) ?? new Set()
  locations.set(name, issuers.add(issuer))
}

/** By name, in the order of bytes. */
function sorted<T>(locations: ReadonlyMap<string, T>): [string, T][] {
  return [...locations].sort(([a], [b]) => (utf8ByteString(a) < utf8ByteString(b) ? -1 : 1))
}

function tokenOf(text: string, issuers: Issuers, remove: (headers: HeaderMap) => void): Token {
  return { text, remove, isIssuerAllowed: (issuer) => issuers.has('') || issuers.has(issuer) }
}

/** What follows the prefix, wherever that stands, from the first character on that a token may have. */
function behindPrefix(value: string, prefix: string): string | undefined {
  const position = value.indexOf(prefix)
  if (position < 0) return undefined
  const rest = value.slice(position + prefix.length)
  const start = rest.search(/[A-Za-z0-9_.-]/)
  return start < 0 ? value : rest.slice(start)
}

/** What is left of the query is written anew: decoded, and by name. */
function removeParameter(headers: HeaderMap, name: string): void {
  const question = headers.path.indexOf('?')
  const parameters = new Map<string, string[]>()
  for (const pair of headers.path.slice(question + 1).split('&')) {
    const [key, value = ''] = splitPair(pair)
    if (key !== name) parameters.set(key, [...(parameters.get(key) ?? []), value])
  }
  const query = sorted(parameters).flatMap(([key, values]) => values.map((value) => `${key}=${value}`))
  headers.path = headers.path.slice(0, question) + (query.length === 0 ? '' : `?${query.join('&')}`)
}

function splitPair(pair: string): string[] {
  const equals = pair.indexOf('=')
  const parts = equals < 0 ? [pair] : [pair.slice(0, equals), pair.slice(equals + 1)]
  return parts.map(percentDecoded)
}
