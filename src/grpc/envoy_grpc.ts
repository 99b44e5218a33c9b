// `envoy_grpc` for streams that last: they go to a host of one of our clusters, which its load balancer chooses.

import type { Metadata } from '@grpc/grpc-js'
import type { envoy } from '../../proto/generated/api.d.ts'
import { codeStats } from '../router/code_stats.ts'
import type { ClusterInfo } from '../upstream/cluster_info.ts'
import type { ClusterManager } from '../upstream/cluster_manager.ts'
import { type ClusterChannel, channelTo } from './cluster_channel.ts'
import {
  type GrpcClient,
  type GrpcStatus,
  type GrpcStream,
  type GrpcStreamCallbacks,
  grpcResourceExhausted,
  grpcUnavailable,
} from './grpc_client.ts'

type EnvoyGrpc = envoy.config.core.v3.GrpcService.EnvoyGrpc

const noHostStatus = 503
const tooLarge: GrpcStatus = { code: grpcResourceExhausted, message: 'via_upstream' }
const noHost: GrpcStatus = { code: grpcUnavailable, message: 'no healthy upstream{no_healthy_upstream}' }

export class EnvoyGrpcClient implements GrpcClient {
  readonly destination: string
  readonly #clusterManager: ClusterManager
  readonly #metadata: Metadata
  readonly #authority: string
  readonly #mostMessageBytes: number
  readonly #streams = new Set<GrpcStream>()

  constructor(config: EnvoyGrpc, clusterManager: ClusterManager, metadata: Metadata) {
    this.destination = config.clusterName
    this.#clusterManager = clusterManager
    this.#metadata = metadata
    this.#mostMessageBytes = config.maxReceiveMessageLength ?? Number.POSITIVE_INFINITY
    this.#authority = config.authority === '' ? config.clusterName : config.authority
  }

  startStream(path: string, callbacks: GrpcStreamCallbacks): GrpcStream {
    const channel = this.#channel()
    if (channel === undefined) return failedStream(callbacks)
    const stream = channel.startStream(
      { path, metadata: this.#metadata.clone(), authority: this.#authority },
      {
        onMessage: (bytes) => {
          if (bytes.length <= this.#mostMessageBytes) callbacks.onMessage(bytes)
          else {
            this.#streams.delete(stream)
            stream.cancel()
            callbacks.onClose(tooLarge)
          }
        },
        onClose: (status) => {
          this.#streams.delete(stream)
          callbacks.onClose(status)
        },
      },
    )
    this.#streams.add(stream)
    return stream
  }

  #channel(): ClusterChannel | undefined {
    const cluster = this.#clusterManager.get(this.destination)
    const host = cluster?.chooseHost()
    if (host !== undefined) return channelTo(host)
    if (cluster !== undefined) countNoHost(cluster.info)
    return undefined
  }

  close(): void {
    for (const stream of this.#streams) stream.cancel()
    this.#streams.clear()
  }
}

/** As a request that no host could take. */
function countNoHost(info: ClusterInfo): void {
  info.stats.upstreamCxNoneHealthy.inc()
  const codes = codeStats(info)
  codes.all.charge(noHostStatus)
  codes.of('internal').charge(noHostStatus)
}

/** There is nowhere to send it; that is said in the next turn, as every other failure. */
function failedStream(callbacks: GrpcStreamCallbacks): GrpcStream {
  let isCancelled = false
  setImmediate(() => {
    if (!isCancelled) callbacks.onClose(noHost)
  })
  return {
    send: () => {},
    isConnected: () => false,
    end: () => {},
    cancel: () => {
      isCancelled = true
    },
  }
}
