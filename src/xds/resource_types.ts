// What the discovery protocol must know of each type of resource.

/** One type of resource. */
export interface ResourceType {
  /** Bare message name. */
  readonly name: string
  /** The view's field that is the resource's name. */
  readonly nameField: string
  /** Paths of its own services: state of the world, delta, and REST; '' where there is none. */
  readonly streamMethod: string
  readonly deltaMethod: string
  readonly restPath: string
  /** Requests of these types wait while an update of this one is applied, and then say what that has changed. */
  readonly pauses: readonly string[]
  /** A name that is asked for stands for all that have it before their last slash. */
  readonly namespaces: boolean
  /** The text of a NACK for what is wrong with some resources. */
  readonly rejection: (errors: readonly { readonly name: string; readonly message: string }[]) => string
}

export const clusterType = 'envoy.config.cluster.v3.Cluster'
export const clusterLoadAssignmentType = 'envoy.config.endpoint.v3.ClusterLoadAssignment'
export const lbEndpointType = 'envoy.config.endpoint.v3.LbEndpoint'
export const listenerType = 'envoy.config.listener.v3.Listener'
export const routeConfigurationType = 'envoy.config.route.v3.RouteConfiguration'
export const scopedRouteConfigurationType = 'envoy.config.route.v3.ScopedRouteConfiguration'
export const virtualHostType = 'envoy.config.route.v3.VirtualHost'
export const secretType = 'envoy.extensions.transport_sockets.tls.v3.Secret'
export const runtimeType = 'envoy.service.runtime.v3.Runtime'
export const extensionConfigType = 'envoy.config.core.v3.TypedExtensionConfig'

type Rejection = ResourceType['rejection']

const plainRejection: Rejection = (errors) => errors.map(({ message }) => message).join('\n')
/** Of what is refused as a whole. */
const wholeRejection: Rejection = (errors) => errors[0].message
const clusterRejection: Rejection = (errors) =>
  `Error adding/updating cluster(s) ${errors.map(({ name, message }) => `${name}: ${message}`).join(', ')}`
const listenerRejection: Rejection = (errors) =>
  `Error adding/updating listener(s) ${errors.map(({ name, message }) => `${name}: ${message}\n`).join('')}`

const types = [
  type(clusterType, 'cluster.v3.ClusterDiscoveryService', 'Clusters', 'clusters', {
    pauses: [clusterLoadAssignmentType, lbEndpointType],
    rejection: clusterRejection,
  }),
  type(clusterLoadAssignmentType, 'endpoint.v3.EndpointDiscoveryService', 'Endpoints', 'endpoints', {
    nameField: 'clusterName',
    pauses: [lbEndpointType],
  }),
  type(lbEndpointType, 'endpoint.v3.LocalityEndpointDiscoveryService', 'LocalityEndpoints', '', {
    nameField: '',
    isDeltaOnly: true,
    rejection: wholeRejection,
  }),
  type(listenerType, 'listener.v3.ListenerDiscoveryService', 'Listeners', 'listeners', {
    pauses: [routeConfigurationType],
    rejection: listenerRejection,
  }),
  type(routeConfigurationType, 'route.v3.RouteDiscoveryService', 'Routes', 'routes', {}),
  type(scopedRouteConfigurationType, 'route.v3.ScopedRoutesDiscoveryService', 'ScopedRoutes', 'scoped-routes', {
    pauses: [routeConfigurationType],
    rejection: wholeRejection,
  }),
  type(virtualHostType, 'route.v3.VirtualHostDiscoveryService', 'VirtualHosts', '', {
    namespaces: true,
    isDeltaOnly: true,
    rejection: wholeRejection,
  }),
  type(secretType, 'secret.v3.SecretDiscoveryService', 'Secrets', 'secrets', {}),
  type(runtimeType, 'runtime.v3.RuntimeDiscoveryService', 'Runtime', 'runtime', {}),
  type(
    extensionConfigType,
    'extension.v3.ExtensionConfigDiscoveryService',
    'ExtensionConfigs',
    'extension_configs',
    {},
  ),
]

function type(
  name: string,
  service: string,
  resources: string,
  rest: string,
  more: Partial<Pick<ResourceType, 'nameField' | 'pauses' | 'namespaces' | 'rejection'>> & { isDeltaOnly?: boolean },
): ResourceType {
  const { isDeltaOnly = false, ...traits } = more
  return {
    name,
    nameField: 'name',
    streamMethod: isDeltaOnly ? '' : `/envoy.service.${service}/Stream${resources}`,
    deltaMethod: `/envoy.service.${service}/Delta${resources}`,
    restPath: rest === '' ? '' : `/v3/discovery:${rest}`,
    pauses: [],
    namespaces: false,
    rejection: plainRejection,
    ...traits,
  }
}

const byName = new Map(types.map((each) => [each.name, each]))

/** By bare message name. Throws for types that no discovery service has. */
export function resourceType(name: string): ResourceType {
  const found = byName.get(name)
  if (found === undefined) throw new Error(`no discovery service has resources of type ${name}`)
  return found
}

export const aggregatedStreamMethod = '/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources'
export const aggregatedDeltaMethod = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources'

export function typeUrlOf(name: string): string {
  return `type.googleapis.com/${name}`
}
