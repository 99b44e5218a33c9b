// What the names of collections say of the node: `node_context_params` of the bootstrap
// (https://www.envoyproxy.io/docs/envoy/v1.40.0/api-v3/config/bootstrap/v3/bootstrap.proto).

import type { envoy, JsonObject } from '../../proto/generated/api.d.ts'

type Node = envoy.config.core.v3.Node

const texts: Readonly<Record<string, (node: Node) => string | undefined>> = {
  id: (node) => node.id,
  cluster: (node) => node.cluster,
  user_agent_name: (node) => node.userAgentName,
  user_agent_version: (node) => node.userAgentVersion,
  'user_agent_build_version.version': ({ userAgentBuildVersion }) => {
    const { majorNumber = 0, minorNumber = 0, patch = 0 } = userAgentBuildVersion?.version ?? {}
    return `${majorNumber}.${minorNumber}.${patch}`
  },
  'locality.region': (node) => node.locality?.region,
  'locality.zone': (node) => node.locality?.zone,
  'locality.sub_zone': (node) => node.locality?.subZone,
}

/** One parameter for each of their members. */
const structs: Readonly<Record<string, (node: Node) => JsonObject | undefined>> = {
  metadata: (node) => node.metadata,
  'user_agent_build_version.metadata': (node) => node.userAgentBuildVersion?.metadata,
}

export function isNodeContextParam(field: string): boolean {
  return Object.hasOwn(texts, field) || Object.hasOwn(structs, field)
}

/** By key, such as `xds.node.id`. Fields that are no such parameters are left out. */
export function nodeContextParams(fields: readonly string[], node: Node): Record<string, string> {
  const params: Record<string, string> = {}
  for (const field of fields.filter(isNodeContextParam)) {
    const key = `xds.node.${field}`
    if (Object.hasOwn(texts, field)) params[key] = texts[field](node) ?? ''
    else
      for (const [name, value] of Object.entries(structs[field](node) ?? {}))
        params[`${key}.${name}`] = JSON.stringify(value)
  }
  return params
}
