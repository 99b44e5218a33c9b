// A client of a service that the server can do without.

import { ConfigErrors } from '../config/errors.ts'
import type { GrpcClient } from '../grpc/grpc_client.ts'
import { createGrpcClient } from '../grpc/grpc_service.ts'
import { type ApiConfigSource, checkApiConfigSource } from './config_source.ts'
import type { XdsContext } from './xds_manager.ts'

/** Where its configuration stands, and what there is not where it is of no use. */
export interface OptionalService {
  readonly owner: object
  readonly field: string
  readonly without: string
}

/** Undefined where it cannot be asked: that is no error, in Envoy neither, but a warning. */
export function createOptionalClient(
  config: ApiConfigSource,
  { owner, field, without }: OptionalService,
  context: XdsContext,
  errors: ConfigErrors,
): GrpcClient | undefined {
  const found = new ConfigErrors()
  const isUsable = checkApiConfigSource(config, context.clusterManager, true, found)
  const client = isUsable ? createGrpcClient(config.grpcServices[0], context, found) : undefined
  if (!found.hasErrors) return client
  errors.warn(owner, field, `${without}: ${found.errors[0].message}`)
  return undefined
}
