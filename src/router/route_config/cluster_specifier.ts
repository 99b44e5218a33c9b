// Extensions that name the clusters of a route's requests: in the route itself, or by name in its route configuration.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../common/header_map.ts'
import type { ExtensionFactory } from '../../config/registry.ts'
import type { RouteContext } from '../../http/factory.ts'
import type { StreamInfo } from '../../stream_info/stream_info.ts'

type ClusterSpecifierPlugin = envoy.config.route.v3.ClusterSpecifierPlugin

/** The cluster of a request; '' for none. */
export type ClusterSpecifier = (headers: HeaderMap, streamInfo: StreamInfo) => string

/** Category `envoy.router.cluster_specifier_plugin`. What is wrong goes to `context.errors`. */
export interface ClusterSpecifierFactory<Config = unknown> extends ExtensionFactory {
  readonly category: 'envoy.router.cluster_specifier_plugin'
  createClusterSpecifier(config: Config, context: RouteContext): ClusterSpecifier
}

/** Undefined where there is no such extension, which is an error unless it is optional: then its routes are no routes. */
export function compileClusterSpecifier(
  { extension, isOptional }: ClusterSpecifierPlugin,
  context: RouteContext,
): ClusterSpecifier | undefined {
  if (extension === undefined) return undefined
  const { registry, errors } = context
  const category = 'envoy.router.cluster_specifier_plugin'
  const factory = registry.lookup<ClusterSpecifierFactory>(category, extension, errors, isOptional)
  return factory?.createClusterSpecifier(extension.typedConfig!.value, context)
}

/** Those of a route configuration, by name. */
export function compileClusterSpecifiers(
  views: readonly ClusterSpecifierPlugin[],
  context: RouteContext,
): ReadonlyMap<string, ClusterSpecifier | undefined> {
  const specifiers = new Map<string, ClusterSpecifier | undefined>()
  for (const view of views) specifiers.set(view.extension?.name ?? '', compileClusterSpecifier(view, context))
  return specifiers
}
