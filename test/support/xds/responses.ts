/** Responses of both protocols as bytes. */
import { wireType } from '../../../src/config/wire_types.ts'
import type { AnyMessage, StoredResource } from './resources.ts'

const resourceMessage = 'envoy.service.discovery.v3.Resource'

export interface ResponseFields {
  readonly typeUrl: string
  readonly version: string
  readonly nonce: string
  readonly resources: readonly StoredResource[]
  /** Delta only. */
  readonly removed?: readonly string[]
  readonly controlPlane?: string
  /** Heartbeats: the resources without their bodies, which keeps those that have a TTL. */
  readonly withoutBodies?: boolean
}

export function sotwResponse(fields: ResponseFields): Buffer {
  return encode('envoy.service.discovery.v3.DiscoveryResponse', {
    version_info: fields.version,
    resources: fields.resources.map((resource) => sotwResource(resource, fields.withoutBodies ?? false)),
    type_url: fields.typeUrl,
    nonce: fields.nonce,
    ...controlPlane(fields),
  })
}

export function deltaResponse(fields: ResponseFields): Buffer {
  return encode('envoy.service.discovery.v3.DeltaDiscoveryResponse', {
    system_version_info: fields.version,
    resources: fields.resources.map((resource) => wrapped(resource, fields.withoutBodies ?? false)),
    type_url: fields.typeUrl,
    removed_resources: fields.removed ?? [],
    nonce: fields.nonce,
    ...controlPlane(fields),
  })
}

/** Resources with a TTL come in a wrapper, others bare. */
function sotwResource(resource: StoredResource, withoutBody: boolean): AnyMessage {
  if (resource.ttlMs === undefined && resource.body !== undefined && !withoutBody) return resource.body
  return {
    type_url: `type.googleapis.com/${resourceMessage}`,
    value: encode(resourceMessage, wrapped(resource, withoutBody)),
  }
}

function wrapped(resource: StoredResource, withoutBody: boolean): Record<string, unknown> {
  const { name, aliases, version, body, ttlMs } = resource
  return {
    name,
    aliases,
    version,
    ...(body === undefined || withoutBody ? {} : { resource: body }),
    ...(ttlMs === undefined ? {} : { ttl: { seconds: Math.floor(ttlMs / 1000), nanos: (ttlMs % 1000) * 1e6 } }),
  }
}

function controlPlane({ controlPlane: identifier }: ResponseFields): Record<string, unknown> {
  return identifier === undefined ? {} : { control_plane: { identifier } }
}

function encode(message: string, fields: Record<string, unknown>): Buffer {
  return Buffer.from(wireType(message).encode(fields))
}
