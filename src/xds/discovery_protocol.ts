// The contract of the two variants of the protocol, state of the world and delta: what a mux leaves to them.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { RawResponse } from '../config/discovery_messages.ts'
import type { ErrorDetail, Watch, WatchCallbacks } from './grpc_mux.ts'
import type { ReadOptions } from './read_resource.ts'
import type { ResourceType } from './resource_types.ts'
import type { ResourceError } from './subscription.ts'

/** `Received` is what a response holds once its resources are read. */
export interface DiscoveryProtocol<Received> {
  /** Of the response. */
  readonly messageName: string
  /** Throws on what is not such a message. */
  decode(bytes: Uint8Array): RawResponse
  /** What the log says of a response, and of one for a type that nobody asked for. */
  describeReceived(response: RawResponse): string
  describeUnknown(response: RawResponse): string
  createState(type: ResourceType, readOptions: ReadOptions, events: TypeStateEvents): TypeState<Received>
}

export interface TypeStateEvents {
  /** What is wanted may have changed. */
  onChange(): void
  /** The server has not renewed these in time. */
  onExpired(names: readonly string[]): void
}

/** The part of a request that does not depend on the variant. */
export interface RequestFrame {
  readonly node?: envoy.config.core.v3.Node
  readonly typeUrl: string
}

/** What is known, and asked for, of one type. */
export interface TypeState<Received> {
  readonly type: ResourceType
  /** In the order in which they were added. */
  readonly watches: ReadonlySet<{ readonly callbacks: WatchCallbacks }>
  addWatch(names: ReadonlySet<string> | '*', callbacks: WatchCallbacks): Watch
  /** Whatever was said before is forgotten by the other side. */
  onNewStream(): void
  /** There is something to say. */
  readonly isPending: boolean
  /** What is to be said now, encoded; it is said by that. */
  nextRequest(frame: RequestFrame): Uint8Array
  /** Takes note of a response that is for nobody, and needs no answer of its own. */
  ignores(response: RawResponse): boolean
  /** Throws where the whole response is refused. */
  read(response: RawResponse): Promise<Received>
  /** Tells the watches; what they refuse. */
  apply(received: Received): Promise<readonly ResourceError[]>
  /** The next request answers the response; `detail` is what was wrong with it. */
  acknowledge(response: RawResponse, detail: ErrorDetail | undefined): void
  expire(names: readonly string[]): Promise<void>
  stop(): void
}
