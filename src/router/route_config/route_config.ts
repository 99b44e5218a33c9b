// A RouteConfiguration, compiled: from the host to the virtual host, from there to the route.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import { finish, type Steps } from '../../common/steps.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { RouteContext } from '../../http/factory.ts'
import type { Route, RouteConfig } from '../../http/route.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'
import { DomainError, DomainIndex, withoutPort } from './domain_index.ts'
import { VirtualHost } from './virtual_host.ts'
import { compileRouteConfigSettings, type RouteConfigSettings } from './virtual_host_settings.ts'

type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type VirtualHostView = envoy.config.route.v3.VirtualHost

/**
 * What is wrong goes to `context.errors` with its position, and the rest is built all the same. `validatesClusters` is for
 * where `validate_clusters` is not set.
 */
export function compileRouteConfig(
  view: RouteConfiguration,
  context: RouteContext,
  validatesClusters = true,
): RouteConfig {
  return finish(compileRouteConfigInSteps(view, context, validatesClusters))
}

/** The same, for configurations of any size that come while requests are served. */
export function* compileRouteConfigInSteps(
  view: RouteConfiguration,
  context: RouteContext,
  validatesClusters = true,
): Steps<RouteConfig> {
  const settings = compileRouteConfigSettings(view, context, validatesClusters)
  const table = new RouteTable(view, settings)
  for (const host of view.virtualHosts) {
    table.add(host, yield* VirtualHost.inSteps(host, settings, context), context.errors)
    yield
  }
  return table
}

class RouteTable implements RouteConfig {
  readonly name: string
  readonly maxDirectResponseBodySizeBytes: number
  readonly internalOnlyHeaders: readonly string[]
  readonly #domains = new DomainIndex<VirtualHost>()
  readonly #ignorePort: boolean
  /** Lower-case; '' for the request's authority. */
  readonly #vhostHeader: string

  constructor(view: RouteConfiguration, settings: RouteConfigSettings) {
    this.name = settings.name
    this.maxDirectResponseBodySizeBytes = settings.maxDirectResponseBodySizeBytes
    this.internalOnlyHeaders = view.internalOnlyHeaders.map((name) => name.toLowerCase())
    this.#ignorePort = view.ignorePortInHostMatching
    this.#vhostHeader = view.vhostHeader.toLowerCase()
  }

  add(view: VirtualHostView, virtualHost: VirtualHost, errors: ConfigErrors): void {
    view.domains.forEach((domain, index) => {
      try {
        this.#domains.add(domain, virtualHost, this.name)
      } catch (error) {
        if (!(error instanceof DomainError)) throw error
        errors.add(view, 'domains', error.message, { index })
      }
    })
  }

  route(headers: HeaderMap, streamInfo: StreamInfo, random: number): Route | undefined {
    return this.#virtualHostOf(headers)?.route(headers, streamInfo, random)
  }

  /** Without the header that vhost_header names there is no virtual host, not even that of `*`. */
  #virtualHostOf(headers: HeaderMap): VirtualHost | undefined {
    let host: string | undefined = headers.authority
    if (this.#vhostHeader !== '') {
      host = headers.get(this.#vhostHeader)
      if (host === undefined) return undefined
    }
    return this.#domains.find(this.#ignorePort ? withoutPort(host) : host)
  }
}
