// Clients of gRPC services in a worker.

import { createClusterGrpcClient } from '../router/cluster_grpc_client.ts'
import type { AsyncGrpcClient, CreateGrpcClient, GrpcCall } from '../upstream/async_grpc_client.ts'

/**
 * grpc-js is loaded for the first client that goes beside our clusters, and calls wait for it: most workers never need it, and it costs each a fifth of a
 * second and 22 MB. What can be wrong with the service has been told where main has built the same.
 */
export const loadedGrpcClient: CreateGrpcClient = (service, context) => {
  if (service.envoyGrpc !== undefined) return createClusterGrpcClient(service, service.envoyGrpc, context)
  let client: AsyncGrpcClient | undefined
  const loading = import('../grpc/async_grpc_client.ts').then(({ createAsyncGrpcClient }) => {
    client = createAsyncGrpcClient(service, context)
    return client
  })
  return {
    unaryCall(...parts): GrpcCall {
      if (client !== undefined) return client.unaryCall(...parts)
      let call: GrpcCall | undefined
      let isCancelled = false
      void loading.then((loaded) => {
        if (!isCancelled) call = loaded.unaryCall(...parts)
      })
      return {
        cancel: () => {
          isCancelled = true
          call?.cancel()
        },
      }
    },
  }
}
