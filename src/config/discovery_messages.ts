// Requests and responses of the discovery services in protobuf's binary form; the resources stay as the bytes they are.
import type { envoy } from '../../proto/generated/api.d.ts'
import { encodeMessage } from './wire_encode.ts'
import { type WireMessage, wireType } from './wire_types.ts'

export type DiscoveryRequest = envoy.service.discovery.v3.DiscoveryRequest
export type DeltaDiscoveryRequest = envoy.service.discovery.v3.DeltaDiscoveryRequest

/** One resource as a response carries it. */
export interface RawResource {
  /** '' in the state of the world, but for resources that a `Resource` wraps: the name is in the message itself. */
  readonly name: string
  readonly aliases: readonly string[]
  /** '' where it has none of its own. */
  readonly version: string
  /** As sent, with its host part. */
  readonly typeUrl: string
  /** Undefined for a heartbeat, which only renews the TTL. */
  readonly bytes: Uint8Array | undefined
  readonly ttlMs: number | undefined
}

/** A DiscoveryResponse, or a DeltaDiscoveryResponse. */
export interface RawResponse {
  readonly versionInfo: string
  /** As sent, with its host part. */
  readonly typeUrl: string
  readonly nonce: string
  readonly controlPlane: string
  readonly resources: readonly RawResource[]
  /** Delta only. */
  readonly removedResources: readonly string[]
}

const discovery = 'envoy.service.discovery.v3'
const wrapperUrl = `type.googleapis.com/${discovery}.Resource`

/** Bytes of a request of which some fields are set. */
export function encodeDiscoveryRequest(request: Partial<DiscoveryRequest>): Uint8Array {
  return encodeMessage(`${discovery}.DiscoveryRequest`, request)
}

export function encodeDeltaRequest(request: Partial<DeltaDiscoveryRequest>): Uint8Array {
  return encodeMessage(`${discovery}.DeltaDiscoveryRequest`, request)
}

/** Throws on malformed bytes. */
export function decodeDiscoveryResponse(bytes: Uint8Array): RawResponse {
  const wire = wireType(`${discovery}.DiscoveryResponse`).decode(bytes)
  const resources = (wire['resources'] ?? []) as WireMessage[]
  return {
    ...commonFields(wire),
    versionInfo: text(wire, 'version_info'),
    resources: resources.map(unwrapResource),
    removedResources: [],
  }
}

/** Throws on malformed bytes. */
export function decodeDeltaResponse(bytes: Uint8Array): RawResponse {
  const wire = wireType(`${discovery}.DeltaDiscoveryResponse`).decode(bytes)
  const resources = (wire['resources'] ?? []) as WireMessage[]
  return {
    ...commonFields(wire),
    versionInfo: text(wire, 'system_version_info'),
    resources: resources.map(readResource),
    removedResources: (wire['removed_resources'] ?? []) as string[],
  }
}

function commonFields(wire: WireMessage): Pick<RawResponse, 'typeUrl' | 'nonce' | 'controlPlane'> {
  const controlPlane = message(wire, 'control_plane')
  return {
    typeUrl: text(wire, 'type_url'),
    nonce: text(wire, 'nonce'),
    controlPlane: controlPlane === undefined ? '' : text(controlPlane, 'identifier'),
  }
}

/** An Any that holds the resource, or a `Resource` around it, which is how the state of the world carries a TTL. */
function unwrapResource(any: WireMessage): RawResource {
  const typeUrl = text(any, 'type_url')
  const bytes = (any['value'] ?? new Uint8Array(0)) as Uint8Array
  if (typeUrl === wrapperUrl) return readResource(wireType(`${discovery}.Resource`).decode(bytes))
  return { name: '', aliases: [], version: '', typeUrl, bytes, ttlMs: undefined }
}

function readResource(wire: WireMessage): RawResource {
  const body = message(wire, 'resource')
  const ttl = message(wire, 'ttl')
  return {
    name: text(wire, 'name'),
    aliases: (wire['aliases'] ?? []) as string[],
    version: text(wire, 'version'),
    typeUrl: body === undefined ? '' : text(body, 'type_url'),
    bytes: body === undefined ? undefined : ((body['value'] ?? new Uint8Array(0)) as Uint8Array),
    ttlMs: ttl === undefined ? undefined : Number(String(ttl['seconds'] ?? 0)) * 1000 + Number(ttl['nanos'] ?? 0) / 1e6,
  }
}

function text(wire: WireMessage, field: string): string {
  return String(wire[field] ?? '')
}

function message(wire: WireMessage, field: string): WireMessage | undefined {
  const value = wire[field]
  return value === undefined || value === null ? undefined : (value as WireMessage)
}
