// `envoy_grpc` for filters that ask a service: calls of one message for one, sent as the router sends requests, so that the
// cluster's pools, load balancing, circuit breakers and counters are theirs, too.

import type { envoy } from '../../proto/generated/api.d.ts'
import { type FormatterContext, unansweredContext } from '../access_log/formatter_context.ts'
import { HeaderMap } from '../common/header_map.ts'
import { grpcTimeout } from '../http/stream_duration.ts'
import type { AsyncGrpcClient, GrpcCall, UnaryCallbacks } from '../upstream/async_grpc_client.ts'
import type { ServerContext } from '../upstream/server_context.ts'
import { type AsyncClient, bareStream, serverAsyncClient } from './async_client.ts'
import { compileRequestHeaderParser, type HeaderParser } from './header_parser.ts'
import { UnaryCall } from './unary_call.ts'

type GrpcService = envoy.config.core.v3.GrpcService
type EnvoyGrpc = envoy.config.core.v3.GrpcService.EnvoyGrpc

const unavailable = 14

/** What is wrong goes to `context.errors`. */
export function createClusterGrpcClient(
  { initialMetadata }: GrpcService,
  envoyGrpc: EnvoyGrpc,
  context: ServerContext,
): AsyncGrpcClient {
  const requestHeadersToAdd = initialMetadata.map((header) => ({
    header,
    append: undefined,
    appendAction: 'OVERWRITE_IF_EXISTS_OR_ADD' as const,
    keepEmptyValue: false,
  }))
  const metadata = compileRequestHeaderParser({ requestHeadersToAdd }, context.errors)
  const binaryNames = initialMetadata.map(({ key }) => key.toLowerCase()).filter((name) => name.endsWith('-bin'))
  return new ClusterGrpcClient(envoyGrpc, serverAsyncClient(context), metadata, new Set(binaryNames))
}

class ClusterGrpcClient implements AsyncGrpcClient {
  readonly #config: EnvoyGrpc
  readonly #client: AsyncClient
  readonly #metadata: HeaderParser | undefined
  readonly #binaryNames: ReadonlySet<string>

  constructor(
    config: EnvoyGrpc,
    client: AsyncClient,
    metadata: HeaderParser | undefined,
    binaryNames: ReadonlySet<string>,
  ) {
    this.#config = config
    this.#client = client
    this.#metadata = metadata
    this.#binaryNames = binaryNames
  }

  unaryCall(
    path: string,
    message: Uint8Array,
    callbacks: UnaryCallbacks,
    timeoutMs: number | undefined,
    parent: FormatterContext | undefined,
  ): GrpcCall {
    const { clusterName, skipEnvoyHeaders, maxReceiveMessageLength } = this.#config
    const call = new UnaryCall(callbacks, maxReceiveMessageLength)
    const cluster = this.#client.settings.clusterManager.get(clusterName)
    if (cluster === undefined) {
      call.fail(unavailable, 'Cluster not available')
      return call
    }
    // Whole milliseconds are told, and waited for; less than one is no limit.
    const wholeMs = Math.floor(timeoutMs ?? 0)
    const options = { timeoutMs: wholeMs, bufferLimitBytes: 0, sendsEnvoyHeaders: !skipEnvoyHeaders }
    call.start(this.#client, cluster, this.#headers(path, wholeMs, parent), message, options)
    return call
  }

  #headers(path: string, timeoutMs: number, parent: FormatterContext | undefined): HeaderMap {
    const { authority, clusterName } = this.#config
    const headers = new HeaderMap()
    headers.method = 'POST'
    headers.path = path
    headers.authority = authority || clusterName
    headers.add('te', 'trailers')
    if (timeoutMs > 0) headers.add('grpc-timeout', grpcTimeout(timeoutMs))
    headers.add('content-type', 'application/grpc')
    this.#addMetadata(headers, parent)
    return headers
  }

  #addMetadata(headers: HeaderMap, parent: FormatterContext | undefined): void {
    if (this.#metadata === undefined) return
    this.#metadata.evaluate(headers, parent ?? unansweredContext(bareStream()))
    for (const name of this.#binaryNames) {
      const value = headers.get(name)
      if (value === undefined) continue
      headers.remove(name)
      headers.add(name, Buffer.from(value, 'latin1').toString('base64'))
    }
  }
}
