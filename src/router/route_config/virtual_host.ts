// A virtual host: its TLS requirement, and its routes as an ordered list or as a matcher tree.

import type { envoy, xds } from '../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import type { Steps } from '../../common/steps.ts'
import { type CompiledMatcher, compileMatcherTree, type MatchInput } from '../../config/matcher_tree.ts'
import type { RouteContext } from '../../http/factory.ts'
import type { DirectResponseRoute, Route } from '../../http/route.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { compileRoutes, compileRoutesInSteps, findRoute, type RouteResult } from './compile_route.ts'
import { tlsRedirectRoute } from './local_routes.ts'
import type { RouteList } from './route_index.ts'
import { type RouteConfigSettings, VirtualHostSettings } from './virtual_host_settings.ts'

type VirtualHostView = envoy.config.route.v3.VirtualHost
type RouteView = envoy.config.route.v3.Route
type ExtensionView = xds.core.v3.TypedExtensionConfig
type RouteMatcher = CompiledMatcher<HeaderMap, RouteList<RouteResult>>

export class VirtualHost {
  readonly settings: VirtualHostSettings
  readonly #routes: RouteList<RouteResult>
  readonly #matcher: RouteMatcher | undefined
  readonly #requireTls: VirtualHostView['requireTls']
  readonly #tlsRedirect: DirectResponseRoute | undefined

  /** Many routes are compiled some at a time. */
  static *inSteps(view: VirtualHostView, routeConfig: RouteConfigSettings, context: RouteContext): Steps<VirtualHost> {
    // Envoy does not look for the clusters of routes below a matcher.
    const given = view.matcher === undefined ? routeConfig : { ...routeConfig, validateClusters: false }
    const settings = new VirtualHostSettings(view, given, context)
    return new VirtualHost(view, settings, yield* compileRoutesInSteps(view.routes, settings, context), context)
  }

  private constructor(
    view: VirtualHostView,
    settings: VirtualHostSettings,
    routes: RouteList<RouteResult>,
    context: RouteContext,
  ) {
    this.settings = settings
    if (view.matcher !== undefined && view.routes.length > 0) {
      context.errors.add(view, 'matcher', 'cannot set both matcher and routes on virtual host')
    }
    this.#routes = routes
    this.#matcher = view.matcher === undefined ? undefined : compileRouteMatcher(view.matcher, this.settings, context)
    this.#requireTls = view.requireTls
    this.#tlsRedirect = view.requireTls === 'NONE' ? undefined : tlsRedirectRoute(this.settings)
  }

  route(headers: HeaderMap, streamInfo: StreamInfo, random: number): Route | undefined {
    if (this.#tlsRedirect !== undefined && this.#needsTls(headers)) return this.#tlsRedirect
    const routes = this.#matcher === undefined ? this.#routes : this.#matcher(headers)
    return routes === undefined ? undefined : findRoute(routes, headers, streamInfo, random)
  }

  #needsTls(headers: HeaderMap): boolean {
    if ((headers.get('x-forwarded-proto') ?? '') === 'https') return false
    return this.#requireTls === 'ALL' || headers.get('x-envoy-internal') !== 'true'
  }
}

const headerInput = 'envoy.type.matcher.v3.HttpRequestHeaderMatchInput'
const routeAction = 'envoy.config.route.v3.Route'
const routeListAction = 'envoy.config.route.v3.RouteList'

/** A tree whose leaves are routes: a leaf's own `match` must hold too, else the request has no route. */
function compileRouteMatcher(
  view: xds.type.matcher.v3.Matcher,
  settings: VirtualHostSettings,
  context: RouteContext,
): RouteMatcher {
  const { errors, runtime } = context
  return compileMatcherTree<HeaderMap, RouteList<RouteResult>>(view, {
    errors,
    runtime,
    compileInput(input: ExtensionView): MatchInput<HeaderMap> | undefined {
      const typeUrl = input.typedConfig?.typeUrl ?? ''
      if (typeUrl !== headerInput) {
        const message = `Route table can only match on request headers, saw type.googleapis.com/${typeUrl}`
        errors.add(input, 'typedConfig', message)
        return undefined
      }
      const { headerName } = input.typedConfig!.value as envoy.type.matcher.v3.HttpRequestHeaderMatchInput
      return requestHeaderInput(headerName.toLowerCase())
    },
    compileAction(action: ExtensionView): RouteList<RouteResult> | undefined {
      const { typeUrl, value } = action.typedConfig ?? { typeUrl: '', value: undefined }
      if (typeUrl === routeAction) return compileRoutes([value as RouteView], settings, context)
      if (typeUrl === routeListAction) {
        return compileRoutes((value as envoy.config.route.v3.RouteList).routes, settings, context)
      }
      const message = `Didn't find a registered implementation for '${action.name}' with type URL: '${typeUrl}'`
      errors.add(action, 'typedConfig', message, { expected: `${routeAction} or ${routeListAction}` })
      return undefined
    },
  })
}

/** Repeated headers are one value, joined with commas. */
function requestHeaderInput(name: string): MatchInput<HeaderMap> {
  return (headers) => {
    const values = headers.getAll(name)
    return values.length === 0 ? undefined : values.length === 1 ? values[0] : values.join(',')
  }
}
