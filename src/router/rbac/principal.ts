// Compiles a Principal of RBAC: who asks.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { compileFilterState } from '../route_config/match_criteria.ts'
import {
  addressMatcher,
  allOf,
  always,
  anyOf,
  headerMatcher,
  metadataMatcher,
  never,
  not,
  pathMatcher,
  type RbacContext,
  type RbacMatcher,
  type RbacPrincipalFactory,
  sourcedMetadataMatcher,
  textMatcher,
} from './rbac_matcher.ts'

type PrincipalView = envoy.config.rbac.v3.Principal

/** What is wrong goes to `context.errors`. */
export function compilePrincipal(view: PrincipalView, context: RbacContext): RbacMatcher {
  const { errors, registry } = context
  const compileAll = (views: readonly PrincipalView[]) => views.map((each) => compilePrincipal(each, context))
  switch (view.identifier) {
    case 'any':
      return always
    case 'andIds':
      return allOf(compileAll(view.andIds!.ids))
    case 'orIds':
      return anyOf(compileAll(view.orIds!.ids))
    case 'notId':
      return not(compilePrincipal(view.notId!, context))
    case 'authenticated':
      return authenticated(view.authenticated!, errors)
    case 'sourceIp':
      return addressMatcher(view.sourceIp!, errors, ({ streamInfo }) => streamInfo.downstream.remoteAddress)
    case 'directRemoteIp':
      return addressMatcher(view.directRemoteIp!, errors, ({ streamInfo }) => streamInfo.downstream.directRemoteAddress)
    case 'remoteIp':
      return addressMatcher(view.remoteIp!, errors, ({ streamInfo }) => streamInfo.remoteAddress)
    case 'header':
      return headerMatcher(view, view.header!, context)
    case 'urlPath':
      return pathMatcher(view.urlPath!, errors)
    case 'metadata':
      return metadataMatcher(view.metadata!, errors)
    case 'sourcedMetadata':
      return sourcedMetadataMatcher(view.sourcedMetadata!, errors)
    case 'filterState': {
      const matches = compileFilterState(view.filterState!, errors)
      return ({ streamInfo }) => matches(streamInfo)
    }
    case 'custom': {
      const factory = registry.lookup<RbacPrincipalFactory>('envoy.rbac.principals', view.custom!, errors)
      return factory?.createPrincipal(view.custom!.typedConfig?.value, errors) ?? never
    }
    case undefined:
      return never
  }
}

/** Without a name any TLS will do, even of a client that has shown no certificate. */
function authenticated(view: envoy.config.rbac.v3.Principal.Authenticated, errors: ConfigErrors): RbacMatcher {
  const { principalName } = view
  if (principalName === undefined) return ({ streamInfo }) => streamInfo.downstream.tls !== undefined
  const matches = textMatcher(view, 'principalName', principalName, errors)
  return ({ streamInfo: { downstream } }) => {
    if (downstream.tls === undefined) return false
    const [leaf] = downstream.tls.peerChain
    if (leaf === undefined) return matches('')
    return leaf.uriSans.some(matches) || leaf.dnsSans.some(matches) || matches(leaf.subject)
  }
}
