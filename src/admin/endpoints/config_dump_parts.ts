// The kinds of configuration that /config_dump shows, in Envoy's order, as ProtoJSON.

import type { envoy, JsonObject } from '../../../proto/generated/api.d.ts'
import { timestampText, toAnyJson, toProtoJson } from '../../config/proto_json.ts'
import { serverNode } from '../../server/node.ts'
import type { ServerControl } from '../../server/server_control.ts'
import type { Cluster } from '../../upstream/cluster.ts'
import { endpointConfigJson } from './endpoint_config.ts'
import { extensionsDumps } from './extensions_dump.ts'
import { scopedRoutesDump } from './scoped_routes_dump.ts'
import { secretsDump } from './secrets_dump.ts'

type Listener = envoy.config.listener.v3.Listener
type RouteConfiguration = envoy.config.route.v3.RouteConfiguration
type HttpConnectionManager = envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager

const hcmType = 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager'

export interface ConfigDump {
  /** Of the message that envoy.admin.v3.ConfigDump holds. */
  readonly typeName: string
  /** Its fields, made when asked for. */
  json(): JsonObject
}

/** `includesName` says which clusters, listeners and the like to show, by their names. */
export function configDumps(
  control: ServerControl,
  includesName: (name: string) => boolean,
  includeEndpoints: boolean,
): ConfigDump[] {
  const lastUpdated = timestampText(control.startedAtWallMs)
  const { clusters, listeners } = staticResources(control)
  /** A dump of one list of resources, each in its wrapper: left out where it is empty. */
  const list = <T extends object>(
    kind: string,
    field: string,
    resources: readonly T[],
    nameOf: (resource: T) => string,
    wrap: (resource: T) => JsonObject,
  ): ConfigDump => ({
    typeName: `envoy.admin.v3.${kind}ConfigDump`,
    json: (): JsonObject => {
      const shown = resources.filter((resource) => includesName(nameOf(resource))).map(wrap)
      return shown.length === 0 ? {} : { [field]: shown }
    },
  })
  const name = (resource: { readonly name: string }): string => resource.name
  const endpoints = list(
    'Endpoints',
    'static_endpoint_configs',
    allClusters(control),
    ({ info }) => info.name,
    (each) => ({
      endpoint_config: endpointConfigJson(each),
    }),
  )
  return [
    { typeName: 'envoy.admin.v3.BootstrapConfigDump', json: () => bootstrapJson(control, lastUpdated) },
    list('Clusters', 'static_clusters', clusters, name, (view) => ({
      cluster: toAnyJson('envoy.config.cluster.v3.Cluster', view),
      last_updated: lastUpdated,
    })),
    ...extensionsDumps(control, includesName),
    ...(includeEndpoints ? [endpoints] : []),
    list('Listeners', 'static_listeners', listeners, name, (view) => ({
      listener: toAnyJson('envoy.config.listener.v3.Listener', view),
      last_updated: lastUpdated,
    })),
    { typeName: 'envoy.admin.v3.ScopedRoutesConfigDump', json: () => scopedRoutesDump(control, includesName) },
    list('Routes', 'static_route_configs', routeConfigs(listeners), name, (view) => ({
      route_config: toAnyJson('envoy.config.route.v3.RouteConfiguration', view),
      last_updated: lastUpdated,
    })),
    {
      typeName: 'envoy.admin.v3.SecretsConfigDump',
      json: () => secretsDump(control, includesName),
    },
  ]
}

function allClusters({ clusterManager }: ServerControl): Cluster[] {
  return [...clusterManager.clusters()].sort((a, b) => (a.info.name < b.info.name ? -1 : 1))
}

function staticResources({ bootstrap }: ServerControl) {
  const { staticResources: resources } = bootstrap
  return {
    // Envoy keeps them by their names.
    clusters: [...(resources?.clusters ?? [])].sort((a, b) => (a.name < b.name ? -1 : 1)),
    listeners: resources?.listeners ?? [],
  }
}

function bootstrapJson(control: ServerControl, lastUpdated: string): JsonObject {
  const view = { ...control.bootstrap, node: serverNode(control) }
  return {
    bootstrap: toProtoJson('envoy.config.bootstrap.v3.Bootstrap', view),
    last_updated: lastUpdated,
  }
}

/** Those that connection managers hold inline. */
function routeConfigs(listeners: readonly Listener[]): RouteConfiguration[] {
  const chains = listeners.flatMap(({ filterChains, defaultFilterChain }) => [
    ...filterChains,
    ...(defaultFilterChain === undefined ? [] : [defaultFilterChain]),
  ])
  return chains.flatMap(({ filters }) =>
    filters.flatMap(({ typedConfig }) => {
      if (typedConfig?.typeUrl !== hcmType) return []
      return (typedConfig.value as HttpConnectionManager).routeConfig ?? []
    }),
  )
}
