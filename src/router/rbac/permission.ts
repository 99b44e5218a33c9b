// Compiles a Permission of RBAC: what is asked for.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { compilePathTemplate, matchesPath, pathLength } from '../route_config/path_matcher.ts'
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
  type RbacMatcherFactory,
  sourcedMetadataMatcher,
  textMatcher,
} from './rbac_matcher.ts'

type PermissionView = envoy.config.rbac.v3.Permission

const portsEnd = 65_536

/** What is wrong goes to `context.errors`. */
export function compilePermission(view: PermissionView, context: RbacContext): RbacMatcher {
  const { errors, registry } = context
  const compileAll = (views: readonly PermissionView[]) => views.map((each) => compilePermission(each, context))
  switch (view.rule) {
    case 'any':
      return always
    case 'andRules':
      return allOf(compileAll(view.andRules!.rules))
    case 'orRules':
      return anyOf(compileAll(view.orRules!.rules))
    case 'notRule':
      return not(compilePermission(view.notRule!, context))
    case 'header':
      return headerMatcher(view, view.header!, context)
    case 'urlPath':
      return pathMatcher(view.urlPath!, errors)
    case 'destinationIp':
      return addressMatcher(view.destinationIp!, errors, ({ streamInfo }) => streamInfo.downstream.localAddress)
    case 'destinationPort':
      return ({ streamInfo: { downstream } }) => downstream.localAddress.port === view.destinationPort
    case 'destinationPortRange':
      return portRange(view.destinationPortRange!, errors)
    case 'metadata':
      return metadataMatcher(view.metadata!, errors)
    case 'sourcedMetadata':
      return sourcedMetadataMatcher(view.sourcedMetadata!, errors)
    case 'requestedServerName': {
      const matches = textMatcher(view, 'requestedServerName', view.requestedServerName!, errors)
      return ({ streamInfo }) => matches(streamInfo.downstream.requestedServerName)
    }
    case 'uriTemplate': {
      const template = compilePathTemplate(view.uriTemplate!, errors)
      return ({ headers: { path } }) => matchesPath(template, path, path, pathLength(path))
    }
    case 'matcher': {
      const factory = registry.lookup<RbacMatcherFactory>('envoy.rbac.matchers', view.matcher!, errors)
      return factory?.createMatcher(view.matcher!.typedConfig?.value, errors) ?? never
    }
    case undefined:
      return never
  }
}

/** From `start` up to, but without, `end`. */
function portRange(view: envoy.type.v3.Int32Range, errors: ConfigErrors): RbacMatcher {
  const { start, end } = view
  const isPort = (value: number) => value >= 0 && value <= portsEnd
  if (!isPort(start)) errors.add(view, 'start', `range start ${start} is out of bounds`)
  else if (!isPort(end)) errors.add(view, 'end', `range end ${end} is out of bounds`)
  else if (start >= end) {
    errors.add(view, 'start', `range start ${start} cannot be greater or equal than range end ${end}`)
  }
  return ({ streamInfo: { downstream } }) => {
    const { family, port } = downstream.localAddress
    return family !== 'pipe' && port >= start && port < end
  }
}
