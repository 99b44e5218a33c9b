// The filters in /config_dump whose configuration is discovered (ECDS): a part of the dump for each kind of filter.

import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { timestampText, toAnyJson } from '../../config/proto_json.ts'
import type { DiscoveredKind } from '../../network/discovered_filter.ts'
import type { ServerControl } from '../../server/server_control.ts'
import type { ResourceState } from '../../xds/resource_state.ts'
import { extensionConfigType } from '../../xds/resource_types.ts'
import type { ConfigDump } from './config_dump_parts.ts'

const kinds: readonly DiscoveredKind[] = ['http_filter', 'network_filter', 'tcp_listener_filter']

/** None of a kind that no configuration asks for. */
export function extensionsDumps({ live }: ServerControl, includesName: (name: string) => boolean): ConfigDump[] {
  const states = [...live.discovery.resources()].filter(
    ({ resource }) => resource.reference.typeUrl === extensionConfigType,
  )
  return kinds.flatMap((kind) => {
    const ofKind = states.filter(({ resource }) => resource.reference.usedAs === kind)
    if (ofKind.length === 0) return []
    const json = (): JsonObject => {
      const shown = ofKind.filter(
        ({ resource }) => resource.view !== undefined && includesName(resource.reference.name),
      )
      return shown.length === 0 ? {} : { ecds_filters: shown.map(filterJson) }
    }
    return { typeName: 'envoy.admin.v3.EcdsConfigDump', json }
  })
}

function filterJson({ resource, version, lastUpdatedMs }: ResourceState): JsonObject {
  return {
    ...(version === '' ? {} : { version_info: version }),
    ecds_filter: toAnyJson(extensionConfigType, resource.view ?? {}),
    last_updated: timestampText(lastUpdatedMs),
  }
}
