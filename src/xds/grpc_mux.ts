// The contract of a mux: all that is asked of one management server over one stream, type by type.

import type { envoy } from '../../proto/generated/api.d.ts'
import { grpcInternal } from '../grpc/grpc_client.ts'
import type { DiscoveryStreamSettings } from './discovery_stream.ts'
import type { ReadOptions } from './read_resource.ts'
import type { ResourceType } from './resource_types.ts'
import type { ConfigUpdate, ResourceError } from './subscription.ts'

export interface WatchCallbacks {
  /** MUST NOT reject. */
  onUpdate(update: ConfigUpdate): Promise<readonly ResourceError[]>
  /** A whole response was refused. */
  onRejected(message: string): void
  onConnectionFailure(message: string): void
}

/** One interest in resources of a type. */
export interface Watch {
  /** What is wanted from now on, all of it. */
  update(names: ReadonlySet<string>): void
  add(names: ReadonlySet<string>): void
  remove(): void
}

export interface GrpcMux {
  start(): void
  addWatch(type: ResourceType, names: ReadonlySet<string> | '*', callbacks: WatchCallbacks): Watch
  /** Until the returned function is called no request of the type is sent: what has changed is said then, at once. */
  pause(typeName: string): () => void
  stop(): void
}

export interface MuxSettings extends DiscoveryStreamSettings {
  readonly node: () => envoy.config.core.v3.Node
  /** `set_node_on_first_message_only`. */
  readonly skipSubsequentNode: boolean
  readonly readOptions: ReadOptions
}

const longestMessage = 4096

export type ErrorDetail = NonNullable<envoy.service.discovery.v3.DiscoveryRequest['errorDetail']>

export function errorDetail(message: string): ErrorDetail {
  const text = message.length > longestMessage ? `${message.slice(0, longestMessage)}...(truncated)` : message
  // Whatever is wrong, this is what Envoy says.
  return { code: grpcInternal, message: text, details: [] }
}
