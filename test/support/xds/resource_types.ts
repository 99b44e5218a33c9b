/** What each discovery service serves and where: gRPC methods of both protocols and the path of REST. */

export interface ResourceType {
  /** Full name of the message. */
  readonly message: string
  /** Where each type has a service of its own. */
  readonly service: string
  /** State of the world; undefined where the service has no such method. */
  readonly stream: string | undefined
  readonly delta: string
  /** Of REST; undefined where there is none. */
  readonly restPath: string | undefined
}

export const aggregatedService = 'envoy.service.discovery.v3.AggregatedDiscoveryService'
export const typePrefix = 'type.googleapis.com/'

export const resourceTypes = {
  LDS: {
    message: 'envoy.config.listener.v3.Listener',
    service: 'envoy.service.listener.v3.ListenerDiscoveryService',
    stream: 'StreamListeners',
    delta: 'DeltaListeners',
    restPath: '/v3/discovery:listeners',
  },
  RDS: {
    message: 'envoy.config.route.v3.RouteConfiguration',
    service: 'envoy.service.route.v3.RouteDiscoveryService',
    stream: 'StreamRoutes',
    delta: 'DeltaRoutes',
    restPath: '/v3/discovery:routes',
  },
  SRDS: {
    message: 'envoy.config.route.v3.ScopedRouteConfiguration',
    service: 'envoy.service.route.v3.ScopedRoutesDiscoveryService',
    stream: 'StreamScopedRoutes',
    delta: 'DeltaScopedRoutes',
    restPath: '/v3/discovery:scoped-routes',
  },
  VHDS: {
    message: 'envoy.config.route.v3.VirtualHost',
    service: 'envoy.service.route.v3.VirtualHostDiscoveryService',
    stream: undefined,
    delta: 'DeltaVirtualHosts',
    restPath: undefined,
  },
  CDS: {
    message: 'envoy.config.cluster.v3.Cluster',
    service: 'envoy.service.cluster.v3.ClusterDiscoveryService',
    stream: 'StreamClusters',
    delta: 'DeltaClusters',
    restPath: '/v3/discovery:clusters',
  },
  EDS: {
    message: 'envoy.config.endpoint.v3.ClusterLoadAssignment',
    service: 'envoy.service.endpoint.v3.EndpointDiscoveryService',
    stream: 'StreamEndpoints',
    delta: 'DeltaEndpoints',
    restPath: '/v3/discovery:endpoints',
  },
  LEDS: {
    message: 'envoy.config.endpoint.v3.LbEndpoint',
    service: 'envoy.service.endpoint.v3.LocalityEndpointDiscoveryService',
    stream: undefined,
    delta: 'DeltaLocalityEndpoints',
    restPath: undefined,
  },
  SDS: {
    message: 'envoy.extensions.transport_sockets.tls.v3.Secret',
    service: 'envoy.service.secret.v3.SecretDiscoveryService',
    stream: 'StreamSecrets',
    delta: 'DeltaSecrets',
    restPath: '/v3/discovery:secrets',
  },
  RTDS: {
    message: 'envoy.service.runtime.v3.Runtime',
    service: 'envoy.service.runtime.v3.RuntimeDiscoveryService',
    stream: 'StreamRuntime',
    delta: 'DeltaRuntime',
    restPath: '/v3/discovery:runtime',
  },
  ECDS: {
    message: 'envoy.config.core.v3.TypedExtensionConfig',
    service: 'envoy.service.extension.v3.ExtensionConfigDiscoveryService',
    stream: 'StreamExtensionConfigs',
    delta: 'DeltaExtensionConfigs',
    restPath: '/v3/discovery:extension_configs',
  },
} as const satisfies Record<string, ResourceType>

export type TypeName = keyof typeof resourceTypes

export const typeNames = Object.keys(resourceTypes) as TypeName[]

const byMessage = new Map(typeNames.map((name) => [resourceTypes[name].message as string, name]))

export function typeUrlOf(type: TypeName): string {
  return typePrefix + resourceTypes[type].message
}

/** Undefined for a type that no service serves. */
export function typeOfUrl(url: string): TypeName | undefined {
  return byMessage.get(url.slice(url.lastIndexOf('/') + 1))
}
