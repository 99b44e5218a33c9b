// A server of the load reporting service (LRS): asks each proxy for reports on its clusters, and hands them on.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Server, type ServerDuplexStream, type ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** A part of envoy.config.endpoint.v3.ClusterStats. */
export interface ClusterLoad {
  readonly cluster_name: string
  readonly upstream_locality_stats: readonly {
    readonly locality: { readonly zone: string }
    readonly total_issued_requests: string
    readonly total_successful_requests: string
    readonly total_error_requests: string
  }[]
}

interface LoadStatsRequest {
  /** In the first request of a stream. */
  readonly node: { readonly id: string } | null
  readonly cluster_stats: readonly ClusterLoad[]
}

interface LoadStatsResponse {
  readonly clusters?: readonly string[]
  readonly send_all_clusters?: boolean
  readonly load_reporting_interval: { readonly seconds: number; readonly nanos: number }
}

const require = createRequire(import.meta.url)
const protoFolder = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps')
const protos = loadSync('envoy/service/load_stats/v3/lrs.proto', {
  keepCase: true,
  enums: String,
  longs: String,
  defaults: true,
  includeDirs: ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(protoFolder, name)),
})
const service = protos['envoy.service.load_stats.v3.LoadReportingService'] as ServiceDefinition

/** `onLoad` gets each report with the id of the proxy's node. Clusters without traffic since the last one are not in it. */
export function loadReportServer(onLoad: (node: string, clusters: readonly ClusterLoad[]) => void): Server {
  const server = new Server()
  server.addService(service, {
    StreamLoadStats: (stream: ServerDuplexStream<LoadStatsRequest, LoadStatsResponse>) => {
      let node = ''
      stream.on('data', (request: LoadStatsRequest) => {
        node = request.node?.id || node
        if (request.cluster_stats.length > 0) onLoad(node, request.cluster_stats)
      })
      stream.on('error', () => {})
      stream.on('end', () => stream.end())
      // Nothing is reported before this has been said.
      stream.write({ clusters: ['service'], load_reporting_interval: { seconds: 0, nanos: 200_000_000 } })
    },
  })
  return server
}
