// Compiles one action of a rate limit: what it makes of a request is one entry of its descriptor.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../access_log/header_matcher.ts'
import { byteString } from '../../access_log/json_text.ts'
import { metadataAtPath } from '../../access_log/metadata_matcher.ts'
import { CidrRange, parseIp } from '../../common/cidr.ts'
import { readCidrSet } from '../../config/cidr_ranges.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { DescriptorEntry, RateLimitedRequest } from '../../http/rate_limit.ts'
import { compileRequestMatchInput, decodedQueryParameter } from '../../http/request_match_inputs.ts'
import type { ServerContext } from '../../upstream/server_context.ts'
import { compileQueryParameter } from '../route_config/match_criteria.ts'

type ActionView = envoy.config.route.v3.RateLimit.Action

/** `skipped`: no entry, and the descriptor does without it. Undefined: the request is none for this descriptor. */
export type RateLimitAction = (request: RateLimitedRequest) => DescriptorEntry | 'skipped' | undefined

/** What is wrong goes to `context.errors`. */
export function compileRateLimitAction(view: ActionView, context: ServerContext): RateLimitAction {
  const { errors } = context
  switch (view.actionSpecifier) {
    case 'sourceCluster':
      return fixed('source_cluster', context.localInfo.clusterName)
    case 'destinationCluster':
      return ({ route }) =>
        route?.kind === 'forward' ? { key: 'destination_cluster', value: route.clusterName } : undefined
    case 'requestHeaders': {
      const { headerName, descriptorKey, skipIfAbsent } = view.requestHeaders!
      const name = headerName.toLowerCase()
      return ({ headers }) => entryOf(descriptorKey, headers.get(name), skipIfAbsent)
    }
    case 'queryParameters': {
      const { queryParameterName, descriptorKey, skipIfAbsent } = view.queryParameters!
      return ({ headers }) =>
        entryOf(descriptorKey, decodedQueryParameter(headers.path, queryParameterName), skipIfAbsent)
    }
    case 'remoteAddress':
      return ({ streamInfo }) => entryOf('remote_address', streamInfo.remoteAddress.ip || undefined, false)
    case 'maskedRemoteAddress':
      return maskedAddress(view.maskedRemoteAddress!)
    case 'genericKey': {
      const { descriptorKey, descriptorValue } = view.genericKey!
      return fixed(descriptorKey || 'generic_key', descriptorValue)
    }
    case 'metadata':
      return metadataValue(view.metadata!)
    case 'headerValueMatch':
      return headerValueMatch(view.headerValueMatch!, errors)
    case 'queryParameterValueMatch':
      return queryParameterValueMatch(view.queryParameterValueMatch!, errors)
    case 'remoteAddressMatch':
      return remoteAddressMatch(view.remoteAddressMatch!, errors)
    case 'extension':
      return matchInput(view.extension!, errors)
    default:
      errors.add(view, view.actionSpecifier, 'Unsupported rate limit action')
      return () => undefined
  }
}

function entryOf(
  key: string,
  value: string | undefined,
  skipIfAbsent: boolean,
): DescriptorEntry | 'skipped' | undefined {
  if (value !== undefined) return { key, value }
  return skipIfAbsent ? 'skipped' : undefined
}

function fixed(key: string, value: string): RateLimitAction {
  const entry: DescriptorEntry = { key, value: byteString(value) }
  return () => entry
}

/** The network of the client's address; without lengths, the address as a network of its own. */
function maskedAddress(view: envoy.config.route.v3.RateLimit.Action.MaskedRemoteAddress): RateLimitAction {
  const { v4PrefixMaskLen = 32, v6PrefixMaskLen = 128 } = view
  return ({ streamInfo }) => {
    const { ip, family } = streamInfo.remoteAddress
    const range = CidrRange.create(ip, family === 'ipv6' ? v6PrefixMaskLen : v4PrefixMaskLen)
    return range === undefined ? undefined : { key: 'masked_remote_address', value: range.toString() }
  }
}

/** Only text counts; what is none, or empty, is as good as absent. */
function metadataValue(view: envoy.config.route.v3.RateLimit.Action.MetaData): RateLimitAction {
  const { descriptorKey: key, metadataKey, defaultValue, source, skipIfAbsent } = view
  const path = [metadataKey?.key ?? '', ...(metadataKey?.path ?? []).map((segment) => segment.key ?? '')]
  return (request) => {
    const value = metadataAtPath(metadataOf(request, source), path)
    if (typeof value === 'string' && value !== '') return { key, value: byteString(value) }
    return entryOf(key, defaultValue === '' ? undefined : byteString(defaultValue), skipIfAbsent)
  }
}

function metadataOf(
  { streamInfo, route }: RateLimitedRequest,
  source: envoy.config.route.v3.RateLimit.Action.MetaData['source'],
): Readonly<Record<string, unknown>> | undefined {
  switch (source) {
    case 'ROUTE_ENTRY':
      return route?.metadata
    case 'CLUSTER_ENTRY':
      return streamInfo.upstreamCluster?.metadata
    case 'CLUSTER_LOCALITY_ENTRY':
      // There is no host before the request goes on.
      return undefined
    default:
      return streamInfo.dynamicMetadata
  }
}

function headerValueMatch(
  view: envoy.config.route.v3.RateLimit.Action.HeaderValueMatch,
  errors: ConfigErrors,
): RateLimitAction {
  const matchers = view.headers.map((header) => compileHeaderMatcher(header, errors))
  return whereMatching(view, 'header_match', ({ headers }) => matchers.every((matches) => matches(headers)))
}

function queryParameterValueMatch(
  view: envoy.config.route.v3.RateLimit.Action.QueryParameterValueMatch,
  errors: ConfigErrors,
): RateLimitAction {
  const matchers = view.queryParameters.map((each) => compileQueryParameter(each, errors, decodedQueryParameter))
  return whereMatching(view, 'query_match', ({ headers }) => matchers.every((matches) => matches(headers)))
}

function remoteAddressMatch(
  view: envoy.config.route.v3.RateLimit.Action.RemoteAddressMatch,
  errors: ConfigErrors,
): RateLimitAction {
  const { ranges = [], invertMatch = false } = view.addressMatcher ?? {}
  const set = readCidrSet(ranges, errors)
  const entry = fixed(view.descriptorKey || 'remote_address_match', view.descriptorValue)
  return (request) => {
    const address = parseIp(request.streamInfo.remoteAddress.ip)
    return address !== undefined && set.contains(address) !== invertMatch ? entry(request) : undefined
  }
}

function whereMatching(
  view: { readonly descriptorKey: string; readonly descriptorValue: string; readonly expectMatch: boolean | undefined },
  usualKey: string,
  matches: (request: RateLimitedRequest) => boolean,
): RateLimitAction {
  const expected = view.expectMatch ?? true
  const entry = fixed(view.descriptorKey || usualKey, view.descriptorValue)
  return (request) => (matches(request) === expected ? entry(request) : undefined)
}

/** What matchers may look at, under the extension's name; an empty value makes no entry. */
function matchInput(view: NonNullable<ActionView['extension']>, errors: ConfigErrors): RateLimitAction {
  const input = compileRequestMatchInput(view, errors)
  return (request) => {
    const value = input?.(request)
    if (value === undefined) return undefined
    return value === '' ? 'skipped' : { key: view.name, value }
  }
}
