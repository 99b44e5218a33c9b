// Calls of one message for one, as filters make them: over a cluster, or beside them to a target of their own.

import type { envoy } from '../../proto/generated/api.d.ts'
import { createClusterGrpcClient } from '../router/cluster_grpc_client.ts'
import type { AsyncGrpcClient, GrpcCall, UnaryCallbacks } from '../upstream/async_grpc_client.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import type { GoogleGrpcClient } from './google_grpc.ts'
import { grpcInternal, grpcOk } from './grpc_client.ts'
import { createGoogleGrpcClient, refuseTarget } from './grpc_service.ts'

export function createAsyncGrpcClient(
  service: envoy.config.core.v3.GrpcService,
  context: ServerContext,
): AsyncGrpcClient {
  const { envoyGrpc, googleGrpc } = service
  if (envoyGrpc !== undefined) return createClusterGrpcClient(service, envoyGrpc, context)
  if (googleGrpc === undefined) {
    refuseTarget(service, context.errors)
    return { unaryCall: () => ({ cancel: () => {} }) }
  }
  const client = createGoogleGrpcClient(service, googleGrpc, context, context.errors)
  // Calls go on: whoever makes them ends them.
  context.lifetime.onEnd(() => client.close())
  return {
    unaryCall: (path, message, callbacks, timeoutMs) => startUnaryCall(client, path, message, callbacks, timeoutMs),
  }
}

function startUnaryCall(
  client: GoogleGrpcClient,
  path: string,
  message: Uint8Array,
  callbacks: UnaryCallbacks,
  timeoutMs: number | undefined,
): GrpcCall {
  let answer: Uint8Array | undefined
  const stream = client.startStream(
    path,
    {
      onMessage: (bytes) => {
        answer ??= bytes
      },
      onClose: ({ code, message: reason }) => {
        if (code !== grpcOk) callbacks.onFailure(code, reason)
        else if (answer === undefined) callbacks.onFailure(grpcInternal, 'no answer')
        else callbacks.onSuccess(answer)
      },
    },
    timeoutMs,
  )
  stream.send(message)
  stream.end()
  return stream
}
