// What a route's match asks of a request beside its path: headers, query parameters, cookies, metadata, a share.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../access_log/header_matcher.ts'
import { compileMetadataMatcher } from '../../access_log/metadata_matcher.ts'
import { parseIp } from '../../common/cidr.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { compileStringMatcher, matcherErrorMessage, type StringPredicate } from '../../common/string_matcher.ts'
import { readCidrSet } from '../../config/cidr_ranges.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { isGrpcRequest } from '../../http/grpc_status.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import type { ServerContext } from '../../upstream/server_context.ts'
import { cookieValue, queryParameter } from '../request_values.ts'

type RouteMatch = envoy.config.route.v3.RouteMatch
type StringMatcher = envoy.type.matcher.v3.StringMatcher

/** `random` is the stream's stable random number. */
export type MatchCriterion = (headers: HeaderMap, streamInfo: StreamInfo, random: number) => boolean

/** All must hold. What is wrong goes to `context.errors`. */
export function compileMatchCriteria(view: RouteMatch, context: ServerContext): readonly MatchCriterion[] {
  const { errors } = context
  const criteria: MatchCriterion[] = []
  if (view.runtimeFraction !== undefined) {
    const isEnabled = context.runtime.fraction(view.runtimeFraction)
    criteria.push((_headers, _streamInfo, random) => isEnabled(random))
  }
  if (view.grpc !== undefined) criteria.push(isGrpcRequest)
  for (const header of view.headers) criteria.push(compileHeaderMatcher(header, errors))
  for (const parameter of view.queryParameters) criteria.push(compileQueryParameter(parameter, errors))
  for (const cookie of view.cookies) criteria.push(compileCookie(cookie, errors))
  if (view.tlsContext !== undefined) criteria.push(compileTlsContext(view.tlsContext))
  for (const metadata of view.dynamicMetadata) {
    const matches = compileMetadataMatcher(metadata, errors)
    criteria.push((_headers, streamInfo) => (matches(streamInfo.dynamicMetadata) ?? false) !== metadata.invert)
  }
  for (const state of view.filterState) {
    const matches = compileFilterState(state, errors)
    criteria.push((_headers, streamInfo) => matches(streamInfo))
  }
  return criteria
}

function stringPredicate(owner: object, view: StringMatcher, errors: ConfigErrors): StringPredicate {
  try {
    return compileStringMatcher(view)
  } catch (error) {
    errors.add(owner, 'stringMatch', matcherErrorMessage(error))
    return () => false
  }
}

export function compileQueryParameter(
  view: envoy.config.route.v3.QueryParameterMatcher,
  errors: ConfigErrors,
  parameterOf = queryParameter,
): (headers: HeaderMap) => boolean {
  const { name } = view
  if (view.stringMatch !== undefined) {
    const matches = stringPredicate(view, view.stringMatch, errors)
    return (headers) => {
      const value = parameterOf(headers.path, name)
      return value !== undefined && matches(value)
    }
  }
  const wanted = view.presentMatch ?? true
  return (headers) => (parameterOf(headers.path, name) !== undefined) === wanted
}

/** A missing cookie does not match, and so matches inverted. */
function compileCookie(view: envoy.config.route.v3.CookieMatcher, errors: ConfigErrors): MatchCriterion {
  const { name, invertMatch } = view
  const matches = view.stringMatch === undefined ? () => true : stringPredicate(view, view.stringMatch, errors)
  return (headers) => {
    const value = cookieValue(headers, name)
    return (value !== undefined && matches(value)) !== invertMatch
  }
}

function compileTlsContext(view: envoy.config.route.v3.RouteMatch.TlsContextMatchOptions): MatchCriterion {
  const { presented, validated } = view
  return (_headers, streamInfo) => {
    const tls = streamInfo.downstream.tls
    if (presented !== undefined && presented !== (tls?.peerCertificatePresented ?? false)) return false
    return validated === undefined || validated === (tls?.peerCertificateValidated ?? false)
  }
}

/** Only state that is text (an address for address_match) can match. */
export function compileFilterState(
  view: envoy.type.matcher.v3.FilterStateMatcher,
  errors: ConfigErrors,
): (streamInfo: StreamInfo) => boolean {
  const { key } = view
  if (view.addressMatch !== undefined) {
    const { ranges, invertMatch } = view.addressMatch
    const set = readCidrSet(ranges, errors)
    return (streamInfo) => {
      const value = streamInfo.filterStateObject(key)
      const address = typeof value === 'string' ? parseIp(value) : undefined
      return address !== undefined && set.contains(address) !== invertMatch
    }
  }
  const matches = view.stringMatch === undefined ? () => false : stringPredicate(view, view.stringMatch, errors)
  return (streamInfo) => {
    const value = streamInfo.filterStateObject(key)
    return typeof value === 'string' && matches(value)
  }
}
