// The kinds of configuration that /config_dump shows, in Envoy's order, as ProtoJSON.

import type { envoy, JsonObject } from '../../../proto/generated/api.d.ts'
import { timestampText, toAnyJson, toProtoJson } from '../../config/proto_json.ts'
import { serverNode } from '../../server/node.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { endpointConfigJson } from './endpoint_config.ts'

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

export function configDumps(
  control: ServerControl,
  includesName: (name: string) => boolean,
  includeEndpoints: boolean,
): ConfigDump[] {
  const lastUpdated = timestampText(control.startedAtWallMs)
  const { clusters, listeners, secrets } = staticResources(control)
  const named = <T extends { readonly name: string }>(resources: readonly T[]): T[] =>
    resources.filter(({ name }) => includesName(name))
  const list = (field: string, items: () => JsonObject[]) => (): JsonObject => {
    const json = items()
    return json.length === 0 ? {} : { [field]: json }
  }
  const dumps: ConfigDump[] = [
    { typeName: 'envoy.admin.v3.BootstrapConfigDump', json: () => bootstrapJson(control, lastUpdated) },
    {
      typeName: 'envoy.admin.v3.ClustersConfigDump',
      json: list('static_clusters', () =>
        named(clusters).map((view) => ({
          cluster: toAnyJson('envoy.config.cluster.v3.Cluster', view),
          last_updated: lastUpdated,
        })),
      ),
    },
    {
      typeName: 'envoy.admin.v3.ListenersConfigDump',
      json: list('static_listeners', () =>
        named(listeners).map((view) => ({
          listener: toAnyJson('envoy.config.listener.v3.Listener', view),
          last_updated: lastUpdated,
        })),
      ),
    },
    { typeName: 'envoy.admin.v3.ScopedRoutesConfigDump', json: () => ({}) },
    {
      typeName: 'envoy.admin.v3.RoutesConfigDump',
      json: list('static_route_configs', () =>
        named(routeConfigs(listeners)).map((view) => ({
          route_config: toAnyJson('envoy.config.route.v3.RouteConfiguration', view),
          last_updated: lastUpdated,
        })),
      ),
    },
    {
      typeName: 'envoy.admin.v3.SecretsConfigDump',
      json: list('static_secrets', () =>
        named(secrets).map((view) => ({
          name: view.name,
          last_updated: lastUpdated,
          secret: toAnyJson('envoy.extensions.transport_sockets.tls.v3.Secret', view),
        })),
      ),
    },
  ]
  if (includeEndpoints) {
    const json = list('static_endpoint_configs', () =>
      [...control.clusterManager.clusters()]
        .filter(({ info }) => includesName(info.name))
        .map((cluster) => ({ endpoint_config: endpointConfigJson(cluster) })),
    )
    dumps.splice(2, 0, { typeName: 'envoy.admin.v3.EndpointsConfigDump', json })
  }
  return dumps
}

function staticResources({ bootstrap }: ServerControl) {
  const { staticResources: resources } = bootstrap
  return {
    clusters: resources?.clusters ?? [],
    listeners: resources?.listeners ?? [],
    secrets: resources?.secrets ?? [],
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
