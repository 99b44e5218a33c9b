// A GrpcService to the client that calls it.

import type { envoy } from '../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../config/errors.ts'
import type { Scope } from '../stats/store.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import type { LocalInfo } from '../upstream/server_context.ts'
import { EnvoyGrpcClient } from './envoy_grpc.ts'
import { GoogleGrpcClient } from './google_grpc.ts'
import type { GrpcClient } from './grpc_client.ts'
import { callMetadata } from './metadata.ts'

type GrpcService = envoy.config.core.v3.GrpcService

/** What clients use of the server. */
export interface GrpcContext {
  readonly clusterManager: ClusterManager
  readonly localInfo: LocalInfo
  readonly scope: Scope
}

/** Undefined, with an error, where the service says of nowhere to go; that its cluster exists is for the caller to ask. */
export function createGrpcClient(
  service: GrpcService,
  context: GrpcContext,
  errors: ConfigErrors,
): GrpcClient | undefined {
  const { envoyGrpc, initialMetadata } = service
  if (service.googleGrpc !== undefined) return createGoogleGrpcClient(service, service.googleGrpc, context, errors)
  if (envoyGrpc === undefined) {
    refuseTarget(service, errors)
    return undefined
  }
  const ownHeaders = { 'x-envoy-internal': 'true', 'x-forwarded-for': context.localInfo.address }
  const metadata = callMetadata(initialMetadata, envoyGrpc.skipEnvoyHeaders ? {} : ownHeaders, errors)
  return new EnvoyGrpcClient(envoyGrpc, context.clusterManager, metadata)
}

export function createGoogleGrpcClient(
  { initialMetadata }: GrpcService,
  googleGrpc: NonNullable<GrpcService['googleGrpc']>,
  { scope }: Pick<GrpcContext, 'scope'>,
  errors: ConfigErrors,
): GoogleGrpcClient {
  return new GoogleGrpcClient(googleGrpc, callMetadata(initialMetadata, {}, errors), scope, errors)
}

export function refuseTarget(service: GrpcService, errors: ConfigErrors): void {
  errors.add(service, undefined, 'gRPC service has no target', { expected: 'envoy_grpc or google_grpc' })
}
