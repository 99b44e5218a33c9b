// What RBAC's permissions and principals are made of: tests of a request or a connection, and extensions that make more.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { compileHeaderMatcher } from '../../access_log/header_matcher.ts'
import { compileMetadataMatcher } from '../../access_log/metadata_matcher.ts'
import { parseIp } from '../../common/cidr.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { compileStringMatcher, matcherErrorMessage, type StringPredicate } from '../../common/string_matcher.ts'
import { readCidrSet } from '../../config/cidr_ranges.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { ExtensionFactory } from '../../config/registry.ts'
import type { Route } from '../../http/route.ts'
import type { AddressInfo, StreamInfo } from '../../stream_info/stream_info.ts'
import type { ServerContext } from '../../upstream/server_context.ts'
import { pathLength } from '../route_config/path_matcher.ts'

/** What is asked for access. A connection has no headers and no route. */
export interface RbacSubject {
  readonly headers: HeaderMap
  readonly streamInfo: StreamInfo
  readonly route: Route | undefined
}

export type RbacMatcher = (subject: RbacSubject) => boolean

/** What rules are compiled with; `filter` is the kind of filter that has them. */
export interface RbacContext extends Pick<ServerContext, 'errors' | 'registry' | 'runtime'> {
  readonly filter: 'HTTP' | 'network'
}

/** Category `envoy.rbac.matchers`: permissions of other kinds. */
export interface RbacMatcherFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.rbac.matchers'
  /** What is wrong goes to `errors`. */
  createMatcher(config: Config, errors: ConfigErrors): RbacMatcher
}

/** Category `envoy.rbac.principals`: principals of other kinds. */
export interface RbacPrincipalFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.rbac.principals'
  /** What is wrong goes to `errors`. */
  createPrincipal(config: Config, errors: ConfigErrors): RbacMatcher
}

export const always: RbacMatcher = () => true
export const never: RbacMatcher = () => false

export function allOf(matchers: readonly RbacMatcher[]): RbacMatcher {
  return (subject) => matchers.every((matches) => matches(subject))
}

export function anyOf(matchers: readonly RbacMatcher[]): RbacMatcher {
  return (subject) => matchers.some((matches) => matches(subject))
}

export function not(matches: RbacMatcher): RbacMatcher {
  return (subject) => !matches(subject)
}

/** `owner` has the field `header`. */
export function headerMatcher(
  owner: object,
  view: envoy.config.route.v3.HeaderMatcher,
  { errors, filter }: RbacContext,
): RbacMatcher {
  if (filter === 'network') {
    errors.add(owner, 'header', `Found header(${view.name}) rule,not supported by RBAC network filter`)
    return never
  }
  const matches = compileHeaderMatcher(view, errors)
  return ({ headers }) => matches(headers)
}

/** The path without query and fragment; what has no path matches nothing. */
export function pathMatcher(view: envoy.type.matcher.v3.PathMatcher, errors: ConfigErrors): RbacMatcher {
  const matches = view.path === undefined ? () => false : textMatcher(view, 'path', view.path, errors)
  return ({ headers: { path } }) => path !== '' && matches(path.slice(0, pathLength(path)))
}

export function addressMatcher(
  view: envoy.config.core.v3.CidrRange,
  errors: ConfigErrors,
  addressOf: (subject: RbacSubject) => AddressInfo,
): RbacMatcher {
  const range = readCidrSet([view], errors)
  return (subject) => {
    const address = parseIp(addressOf(subject).ip)
    return address !== undefined && range.contains(address)
  }
}

export function metadataMatcher(view: envoy.type.matcher.v3.MetadataMatcher, errors: ConfigErrors): RbacMatcher {
  const matches = compileMetadataMatcher(view, errors)
  return ({ streamInfo }) => (matches(streamInfo.dynamicMetadata) ?? false) !== view.invert
}

/** Without a route, that of a route matches nothing, inverted or not. */
export function sourcedMetadataMatcher(view: envoy.config.rbac.v3.SourcedMetadata, errors: ConfigErrors): RbacMatcher {
  if (view.metadataMatcher === undefined) return never
  if (view.metadataSource === 'DYNAMIC') return metadataMatcher(view.metadataMatcher, errors)
  const { invert } = view.metadataMatcher
  const matches = compileMetadataMatcher(view.metadataMatcher, errors)
  return ({ route }) => route !== undefined && (matches(route.metadata) ?? false) !== invert
}

/** `owner` has the matcher in `field`. */
export function textMatcher(
  owner: object,
  field: string,
  view: envoy.type.matcher.v3.StringMatcher,
  errors: ConfigErrors,
): StringPredicate {
  try {
    return compileStringMatcher(view)
  } catch (error) {
    errors.add(owner, field, matcherErrorMessage(error))
    return () => false
  }
}
