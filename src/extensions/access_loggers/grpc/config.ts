// envoy.access_loggers.http_grpc and envoy.access_loggers.tcp_grpc: access logs sent to an access log service.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { AccessLog, AccessLogFactory } from '../../../access_log/access_log.ts'
import { compileCustomTags } from '../../../access_log/custom_tags.ts'
import type { FormatterContext } from '../../../access_log/formatter_context.ts'
import type { CommonSettings } from '../../../access_log/grpc/common_properties.ts'
import type { CommonGrpcAccessLogConfig, GrpcAccessLogger } from '../../../access_log/grpc/grpc_access_logger.ts'
import { httpEntry, tcpEntry } from '../../../access_log/grpc/log_entries.ts'
import type { AccessLogEntryKind } from '../../../config/access_log_messages.ts'
import type { ServerContext } from '../../../upstream/server_context.ts'

type HttpGrpcAccessLogConfig = envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig
type TcpGrpcAccessLogConfig = envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig

export const httpGrpcAccessLogFactory: AccessLogFactory<HttpGrpcAccessLogConfig, ServerContext> = {
  category: 'envoy.access_loggers',
  name: 'envoy.access_loggers.http_grpc',
  typeUrls: ['envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig'],
  createAccessLog(config, context) {
    const settings = {
      ...commonSettings(config.commonConfig, context),
      requestHeaders: lowerCase(config.additionalRequestHeadersToLog),
      responseHeaders: lowerCase(config.additionalResponseHeadersToLog),
      responseTrailers: lowerCase(config.additionalResponseTrailersToLog),
    }
    return createLog('http', config.commonConfig, context, (ctx) => httpEntry(ctx, settings))
  },
}

export const tcpGrpcAccessLogFactory: AccessLogFactory<TcpGrpcAccessLogConfig, ServerContext> = {
  category: 'envoy.access_loggers',
  name: 'envoy.access_loggers.tcp_grpc',
  typeUrls: ['envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig'],
  createAccessLog(config, context) {
    const settings = commonSettings(config.commonConfig, context)
    return createLog('tcp', config.commonConfig, context, (ctx) => tcpEntry(ctx, settings))
  },
}

function lowerCase(names: readonly string[]): string[] {
  return names.map((name) => name.toLowerCase())
}

function commonSettings(config: CommonGrpcAccessLogConfig | undefined, { errors }: ServerContext): CommonSettings {
  return {
    filterStateObjects: config?.filterStateObjectsToLog ?? [],
    customTags: compileCustomTags(config?.customTags ?? [], errors),
  }
}

function createLog(
  kind: AccessLogEntryKind,
  config: CommonGrpcAccessLogConfig | undefined,
  context: ServerContext,
  entryOf: (ctx: FormatterContext) => Uint8Array,
): AccessLog | undefined {
  if (config === undefined || !checkService(config, context)) return undefined
  const { logger, release } = context.accessLogManager.grpcLoggers.acquire(kind, config)
  context.lifetime.onEnd(release)
  return new GrpcAccessLog(logger, entryOf)
}

/** In main alone: its cluster may be gone again when a worker is started later. */
function checkService({ grpcService }: CommonGrpcAccessLogConfig, context: ServerContext): boolean {
  const { clusterManager, errors, workerIndex } = context
  const envoyGrpc = grpcService?.envoyGrpc
  if (envoyGrpc === undefined || workerIndex >= 0) return true
  if (clusterManager.get(envoyGrpc.clusterName) !== undefined) return true
  errors.add(envoyGrpc, 'clusterName', `Unknown gRPC client cluster '${envoyGrpc.clusterName}'`)
  return false
}

class GrpcAccessLog implements AccessLog {
  readonly #logger: GrpcAccessLogger
  readonly #entryOf: (ctx: FormatterContext) => Uint8Array

  constructor(logger: GrpcAccessLogger, entryOf: (ctx: FormatterContext) => Uint8Array) {
    this.#logger = logger
    this.#entryOf = entryOf
  }

  log(ctx: FormatterContext): void {
    if (this.#logger.hasRoom()) this.#logger.log(this.#entryOf(ctx))
  }
}
