// Calls of one message for one, as filters make them, on the streams of a `GrpcClient`.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { AsyncGrpcClient, GrpcCall, UnaryCallbacks } from '../upstream/async_grpc_client.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import { type GrpcClient, grpcInternal, grpcOk } from './grpc_client.ts'
import { createGrpcClient } from './grpc_service.ts'

export function createAsyncGrpcClient(
  service: envoy.config.core.v3.GrpcService,
  context: ServerContext,
): AsyncGrpcClient {
  const client = createGrpcClient(service, context, context.errors)
  if (client === undefined) return noClient
  // Calls go on: whoever makes them ends them. Connections to clusters are for others, too.
  if (service.googleGrpc !== undefined) context.lifetime.onEnd(() => client.close())
  return { unaryCall: (...call) => startUnaryCall(client, ...call) }
}

/** Of a service that is refused. */
const noClient: AsyncGrpcClient = { unaryCall: () => ({ cancel: () => {} }) }

function startUnaryCall(
  client: GrpcClient,
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
    { timeoutMs },
  )
  stream.send(message)
  stream.end()
  return stream
}
