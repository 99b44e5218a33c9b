// What outlier detection is told of responses.

import type { HeaderMap } from '../common/header_map.ts'
import { httpStatusOfGrpc, isGrpcRequest } from '../http/grpc_status.ts'
import type { OutlierMonitor } from '../upstream/outlier_detection/outlier_monitor.ts'

/** A gRPC status counts where it stands in the headers; in trailers nobody looks for it, as in Envoy. */
export function reportResponse(monitor: OutlierMonitor, request: HeaderMap | undefined, response: HeaderMap): void {
  const isGrpc = request !== undefined && isGrpcRequest(request)
  const grpcStatus = isGrpc ? response.get('grpc-status') : undefined
  monitor.putResponse(response, grpcStatus === undefined ? response.status : httpStatusOfGrpc(Number(grpcStatus)))
}
