// One Route of a configuration, compiled: what it matches, and what comes of it.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { finish, type Steps } from '../../common/steps.ts'
import type { RouteContext } from '../../http/factory.ts'
import type { Route } from '../../http/route.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { type ChooseCluster, compileClusterChoice } from './cluster_choice.ts'
import { directResponseRoute, nonForwardingRoute, redirectRoute } from './local_routes.ts'
import { compileMatchCriteria } from './match_criteria.ts'
import { compilePathMatcher, type PathMatcher } from './path_matcher.ts'
import { compileRedirect, redirectStatus } from './redirect.ts'
import { compileForwardSettings } from './route_action.ts'
import { type IndexedRoute, RouteList } from './route_index.ts'
import { compileRouteSettings } from './route_settings.ts'
import type { VirtualHostSettings } from './virtual_host_settings.ts'

type RouteView = envoy.config.route.v3.Route

/** What a matched route gives: itself, or one chosen for the request. */
export type RouteResult = Route | ChooseCluster

/** The ordered list of routes. What is wrong goes to `context.errors`, and such routes are left out. */
export function compileRoutes(
  views: readonly RouteView[],
  virtualHost: VirtualHostSettings,
  context: RouteContext,
): RouteList<RouteResult> {
  return finish(compileRoutesInSteps(views, virtualHost, context))
}

/** Of a long list; some tenths of a millisecond. */
const routesInStep = 16

export function* compileRoutesInSteps(
  views: readonly RouteView[],
  virtualHost: VirtualHostSettings,
  context: RouteContext,
): Steps<RouteList<RouteResult>> {
  const routes: IndexedRoute<RouteResult>[] = []
  for (const [index, view] of views.entries()) {
    if (index % routesInStep === routesInStep - 1) yield
    routes.push(...compileRoute(view, virtualHost, context))
  }
  return new RouteList(routes, virtualHost.routeConfig.ignorePathParameters)
}

export function findRoute(
  routes: RouteList<RouteResult>,
  headers: HeaderMap,
  streamInfo: StreamInfo,
  random: number,
): Route | undefined {
  const found = routes.find(headers, streamInfo, random)
  return typeof found === 'function' ? found(headers, streamInfo, random) : found
}

function compileRoute(
  view: RouteView,
  virtualHost: VirtualHostSettings,
  context: RouteContext,
): IndexedRoute<RouteResult>[] {
  if (view.match === undefined) {
    context.errors.add(view, undefined, 'RouteValidationError.Match: value is required')
    return []
  }
  const path = compilePathMatcher(view.match, context.errors)
  const criteria = compileMatchCriteria(view.match, context)
  const value = compileAction(view, path, virtualHost, context)
  return value === undefined ? [] : [{ path, criteria, value }]
}

function compileAction(
  view: RouteView,
  path: PathMatcher,
  virtualHost: VirtualHostSettings,
  context: RouteContext,
): RouteResult | undefined {
  const settings = compileRouteSettings(view, virtualHost, context)
  switch (view.action) {
    case 'route': {
      const action = view.route!
      return compileClusterChoice(action, compileForwardSettings(action, path, settings, context), context)
    }
    case 'redirect': {
      const redirect = view.redirect!
      return redirectRoute(
        settings,
        redirectStatus[redirect.responseCode],
        compileRedirect(redirect, path, context.errors),
      )
    }
    case 'directResponse':
      return directResponseRoute(settings, view.directResponse!, context)
    case 'nonForwardingAction':
      return nonForwardingRoute(settings)
    case 'filterAction':
      context.errors.add(view, 'filterAction', 'filter_action is not supported', {
        expected: 'route, redirect, direct_response or non_forwarding_action',
      })
      return undefined
    default:
      context.errors.add(view, undefined, 'field: "action", reason: is required')
      return undefined
  }
}
