/**
 * /v3/discovery:client_status: what discovery has brought and what has become of it, in the words of the client status
 * discovery service (CSDS, envoy.service.status.v3), as its HTTP binding has it. Envoy itself serves no such thing.
 */
import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { timestampText, toAnyJson, toProtoJson } from '../../config/proto_json.ts'
import type { Collection } from '../../config/watched_resources.ts'
import type { RefusedResource } from '../../server/discovered_set.ts'
import { serverNode } from '../../server/node.ts'
import type { ServerControl } from '../../server/server_control.ts'
import type { ResourceState } from '../../xds/resource_state.ts'
import { clusterType, listenerType } from '../../xds/resource_types.ts'
import { type AdminEndpoint, jsonReply } from '../endpoint.ts'

/** envoy.admin.v3.ClientResourceStatus */
type ClientStatus = 'REQUESTED' | 'DOES_NOT_EXIST' | 'ACKED' | 'NACKED'

/** One version of one resource. */
interface Version {
  readonly name: string
  /** Undefined: nothing has come yet. */
  readonly view: object | undefined
  readonly version: string
  readonly lastUpdatedMs: number
  readonly isStatic?: boolean
}

export function clientStatusEndpoint(control: ServerControl): AdminEndpoint {
  return {
    path: '/v3/discovery:client_status',
    help: 'what discovery has brought and what has become of it (CSDS)',
    mutates: false,
    params: [{ name: 'exclude_resource_contents', kind: 'flag', help: 'names and states alone' }],
    answer: ({ query }) => {
      const excludesContents = query.has('exclude_resource_contents')
      const configs = resourceStates(control).map((state) => genericXdsConfig(state, excludesContents))
      const node = toProtoJson('envoy.config.core.v3.Node', serverNode(control))
      return jsonReply({ config: [{ node, generic_xds_configs: configs }] })
    },
  }
}

interface State {
  readonly typeUrl: string
  readonly current: Version
  readonly status: ClientStatus
  readonly refused?: RefusedResource | undefined
}

function resourceStates({ live }: ServerControl): State[] {
  const { clusters, listeners, discoveredClusters, discoveredListeners, discovery } = live
  const ofClusters = [...clusters.active(), ...clusters.warming()]
  return [
    ...statesOf(clusterType, ofClusters, ({ view }) => view.name, discoveredClusters.refused()),
    ...statesOf(listenerType, listeners.versions(), ({ key }) => key, discoveredListeners.refused()),
    ...[...discovery.resources()].flatMap(stateOfNamed),
  ]
}

/** Of one name the last version, with what was refused after it; what was refused of a name alone stands alone. */
function statesOf<V extends Omit<Version, 'name' | 'view'> & { view: object }>(
  typeUrl: string,
  versions: Iterable<V>,
  nameOf: (version: V) => string,
  refused: readonly RefusedResource[],
): State[] {
  const states = new Map<string, State>()
  for (const version of versions) {
    const name = nameOf(version)
    states.set(name, { typeUrl, current: { ...version, name }, status: 'ACKED' })
  }
  for (const each of refused) {
    const current = states.get(each.name)?.current ?? nothingOf(each)
    states.set(each.name, { typeUrl, current, status: 'NACKED', refused: each })
  }
  return [...states.values()]
}

function nothingOf({ name, atMs }: RefusedResource): Version {
  return { name, view: undefined, version: '', lastUpdatedMs: atMs }
}

function stateOfNamed({ resource, version, lastUpdatedMs }: ResourceState): State[] {
  const { reference, view, isSettled } = resource
  const { typeUrl, name } = reference
  const state = (named: string, found: object): State => ({
    typeUrl,
    current: { name: named, view: found, version, lastUpdatedMs },
    status: 'ACKED',
  })
  if (reference.collects !== undefined) {
    const { resources } = (view as Collection | undefined) ?? { resources: [] }
    // Endpoints have no names of their own.
    return resources.map((each) => state((each as { name?: string }).name ?? name, each))
  }
  if (view !== undefined) return [state(name, view)]
  // Nobody asks for what a request alone would need.
  if (!resource.isNeeded) return []
  const current = { name, view, version, lastUpdatedMs }
  return [{ typeUrl, current, status: isSettled ? 'DOES_NOT_EXIST' : 'REQUESTED' }]
}

/** envoy.service.status.v3.ClientConfig.GenericXdsConfig */
function genericXdsConfig({ typeUrl, current, status, refused }: State, excludesContents: boolean): JsonObject {
  const { name, view, version, lastUpdatedMs, isStatic = false } = current
  const json: JsonObject = { type_url: `type.googleapis.com/${typeUrl}`, name }
  if (version !== '') json['version_info'] = version
  if (view !== undefined && !excludesContents) json['xds_config'] = toAnyJson(typeUrl, view)
  json['last_updated'] = timestampText(lastUpdatedMs)
  if (!isStatic) json['client_status'] = status
  if (refused !== undefined) json['error_state'] = errorState(typeUrl, refused, excludesContents)
  if (isStatic) json['is_static_resource'] = true
  return json
}

/** envoy.admin.v3.UpdateFailureState */
function errorState(typeUrl: string, { view, message, atMs }: RefusedResource, excludesContents: boolean): JsonObject {
  const attempt: JsonObject = { last_update_attempt: timestampText(atMs), details: message }
  return excludesContents ? attempt : { failed_configuration: toAnyJson(typeUrl, view), ...attempt }
}
