// gRPC services that filters ask, such as rate limit services: one message for one. What carries the calls is in grpc/.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { FormatterContext } from '../access_log/formatter_context.ts'
import type { ServerContext } from './server_context.ts'

type GrpcService = envoy.config.core.v3.GrpcService

export interface UnaryCallbacks {
  onSuccess(answer: Uint8Array): void
  /** `code` is gRPC's; its own for a service that cannot be reached. */
  onFailure(code: number, message: string): void
}

export interface GrpcCall {
  /** Nothing is called back any more. */
  cancel(): void
}

export interface AsyncGrpcClient {
  /**
   * `path` is `/package.Service/Method`. One of the callbacks is called once, in a later turn, unless the call is cancelled.
   * Milliseconds; undefined for no limit. `parent` is the request or connection that
   * asks, of which `initial_metadata` may speak.
   */
  unaryCall(
    path: string,
    message: Uint8Array,
    callbacks: UnaryCallbacks,
    timeoutMs: number | undefined,
    parent?: FormatterContext,
  ): GrpcCall
}

/** What is wrong with the service goes to `context.errors`; that its cluster exists is not asked, as in Envoy. */
export type CreateGrpcClient = (service: GrpcService, context: ServerContext) => AsyncGrpcClient
