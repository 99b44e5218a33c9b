/** What a control plane was asked, in a form that a test compares: one line a request. */
import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../../src/config/errors.ts'
import { toProtoJson } from '../../../src/config/proto_json.ts'
import { messageSchema } from '../../../src/config/schema.ts'
import { decodeView } from '../../../src/config/wire.ts'
import { wireType } from '../../../src/config/wire_types.ts'
import { type TypeName, typeOfUrl } from './resource_types.ts'

/**
 * What a request does, by its nonce and error. `change`: it answers nothing that was not answered before. `stale`: its
 * nonce is not that of the stream's last response.
 */
export type RequestKind = 'initial' | 'change' | 'ack' | 'nack' | 'stale'

export interface DiscoveryRecord {
  readonly protocol: 'sotw' | 'delta' | 'rest'
  /** Position of the stream among those of the control plane; 0 for REST. */
  readonly stream: number
  /** Of gRPC the full path, of REST the URL's. */
  readonly method: string
  /** Undefined for a type that has no service. */
  readonly type: TypeName | undefined
  readonly typeUrl: string
  readonly kind: RequestKind
  /** State of the world and REST. */
  readonly versionInfo: string
  readonly nonce: string
  /** The version of the response that the nonce belongs to; empty where it belongs to none. */
  readonly answeredVersion: string
  /** `resource_names`, or those of `resource_names_subscribe`. */
  readonly names: readonly string[]
  readonly unsubscribed: readonly string[]
  readonly initialVersions: Readonly<Record<string, string>>
  readonly error: { readonly code: number; readonly message: string } | undefined
  /** As ProtoJSON; undefined where the request has none. */
  readonly node: JsonObject | undefined
  /** Headers of the stream. */
  readonly metadata: Readonly<Record<string, string>>
}

/** The fields of both kinds of requests, as they lie on the wire. */
export interface WireRequest {
  readonly type_url?: string
  readonly version_info?: string
  readonly response_nonce?: string
  readonly resource_names?: readonly string[]
  readonly resource_names_subscribe?: readonly string[]
  readonly resource_names_unsubscribe?: readonly string[]
  readonly initial_resource_versions?: Readonly<Record<string, string>>
  readonly error_detail?: { readonly code?: number; readonly message?: string }
  readonly node?: object
}

const requestMessages = {
  sotw: 'envoy.service.discovery.v3.DiscoveryRequest',
  delta: 'envoy.service.discovery.v3.DeltaDiscoveryRequest',
}

export function decodeRequest(protocol: 'sotw' | 'delta', bytes: Uint8Array): WireRequest {
  // Own properties alone: the prototype has null for messages that are absent.
  return { ...(wireType(requestMessages[protocol]).decode(bytes) as WireRequest) }
}

/** `node` of a decoded request as ProtoJSON. */
export function nodeJson(node: object | undefined): JsonObject | undefined {
  if (node === undefined) return undefined
  const name = 'envoy.config.core.v3.Node'
  const bytes = wireType(name).encode(node as Record<string, unknown>)
  return toProtoJson(name, decodeView(messageSchema(name)!, bytes, new ConfigErrors(name), 'ignore'), { redact: false })
}

export interface RecordContext {
  readonly protocol: DiscoveryRecord['protocol']
  readonly stream: number
  readonly method: string
  readonly type: TypeName | undefined
  readonly kind: RequestKind
  readonly answeredVersion: string
  readonly node: JsonObject | undefined
  readonly metadata: Readonly<Record<string, string>>
}

export function recordOf(request: WireRequest, context: RecordContext): DiscoveryRecord {
  const { error_detail: error, type_url: typeUrl = '' } = request
  return {
    ...context,
    type: context.type ?? typeOfUrl(typeUrl),
    typeUrl,
    versionInfo: request.version_info ?? '',
    nonce: request.response_nonce ?? '',
    names: [...(request.resource_names ?? request.resource_names_subscribe ?? [])].sort(),
    unsubscribed: [...(request.resource_names_unsubscribe ?? [])].sort(),
    initialVersions: request.initial_resource_versions ?? {},
    error: error === undefined ? undefined : { code: error.code ?? 0, message: error.message ?? '' },
  }
}

/**
 * One line: `CDS ack v2 names=[a,b]`. `stale` names no version, `initial` the one that the client has; a version that
 * differs from the answered one is told. Names are sorted.
 */
export function describeRequest(record: DiscoveryRecord): string {
  const { kind, versionInfo, answeredVersion, names, unsubscribed, initialVersions, error } = record
  const parts = [record.type ?? record.typeUrl, kind]
  if (record.protocol !== 'delta' || kind === 'ack' || kind === 'nack') parts.push(answeredVersion || versionInfo)
  if (answeredVersion !== '' && record.protocol !== 'delta' && versionInfo !== answeredVersion)
    parts.push(`has=${versionInfo}`)
  if (names.length > 0) parts.push(`names=[${names.join(',')}]`)
  if (unsubscribed.length > 0) parts.push(`without=[${unsubscribed.join(',')}]`)
  const known = Object.entries(initialVersions).map(([name, version]) => `${name}:${version}`)
  if (known.length > 0) parts.push(`known={${known.sort().join(',')}}`)
  if (record.node !== undefined) parts.push('node')
  if (error !== undefined) parts.push(`error=${error.code} ${JSON.stringify(error.message)}`)
  return parts.filter((part) => part !== '').join(' ')
}
