// The kinds of configuration that /config_dump shows, in Envoy's order, as ProtoJSON.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { timestampText, toProtoJson } from '../../config/proto_json.ts'
import { serverNode } from '../../server/node.ts'
import type { ServerControl } from '../../server/server_control.ts'
import { clustersDump, endpointsDump } from './clusters_dump.ts'
import type { IncludesName } from './dump_lists.ts'
import { extensionsDumps } from './extensions_dump.ts'
import { listenersDump } from './listeners_dump.ts'
import { routesDump } from './routes_dump.ts'
import { scopedRoutesDump } from './scoped_routes_dump.ts'
import { secretsDump } from './secrets_dump.ts'

export interface ConfigDump {
  /** Of the message that envoy.admin.v3.ConfigDump holds. */
  readonly typeName: string
  /** Its fields, made when asked for. */
  json(): JsonObject
}

/** `includesName` says which clusters, listeners and the like to show. */
export function configDumps(
  control: ServerControl,
  includesName: IncludesName,
  includeEndpoints: boolean,
): ConfigDump[] {
  const part = (kind: string, json: () => JsonObject): ConfigDump => ({
    typeName: `envoy.admin.v3.${kind}ConfigDump`,
    json,
  })
  return [
    part('Bootstrap', () => bootstrapDump(control)),
    part('Clusters', () => clustersDump(control, includesName)),
    ...extensionsDumps(control, includesName),
    ...(includeEndpoints ? [part('Endpoints', () => endpointsDump(control, includesName))] : []),
    part('Listeners', () => listenersDump(control, includesName)),
    part('ScopedRoutes', () => scopedRoutesDump(control, includesName)),
    part('Routes', () => routesDump(control, includesName)),
    part('Secrets', () => secretsDump(control, includesName)),
  ]
}

function bootstrapDump(control: ServerControl): JsonObject {
  const view = { ...control.bootstrap, node: serverNode(control) }
  return {
    bootstrap: toProtoJson('envoy.config.bootstrap.v3.Bootstrap', view),
    last_updated: timestampText(control.startedAtWallMs),
  }
}
