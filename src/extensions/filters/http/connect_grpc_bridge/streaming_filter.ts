// Connect's streaming calls as gRPC ones: the frames are the same, the end comes in one of them instead of in trailers.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { connectEndStreamFlag, grpcFrame } from '../../../../http/grpc_frames.ts'
import { isGrpcResponse } from '../../../../http/grpc_status.ts'
import { FilterHeadersStatus, FilterTrailersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import { endStreamJson } from './connect_errors.ts'
import { convertTimeout, grpcCodec, removeGrpcHeaders, renameHeader } from './connect_headers.ts'

const connect = 'application/connect+'
const noTrailers = new Map<string, readonly string[]>()

export class ConnectStreamingFilter extends PassThroughFilter {
  #isConnect = false
  #isGrpcResponse = false

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const contentType = headers.get('content-type')
    if (contentType?.startsWith(connect) !== true) return FilterHeadersStatus.Continue
    this.#isConnect = true
    headers.set('content-type', `application/grpc+${contentType.slice(connect.length)}`)
    headers.remove('content-length')
    headers.remove('connect-protocol-version')
    convertTimeout(headers)
    headers.set('te', 'trailers')
    renameHeader(headers, 'connect-content-encoding', 'grpc-encoding')
    renameHeader(headers, 'connect-accept-encoding', 'grpc-accept-encoding')
    return FilterHeadersStatus.Continue
  }

  override encodeHeaders(headers: HeaderMap, endStream: boolean): FilterHeadersStatus {
    if (!this.#isConnect || !isGrpcResponse(headers, endStream)) return FilterHeadersStatus.Continue
    this.#isGrpcResponse = true
    headers.set('content-type', connect + grpcCodec(headers))
    headers.remove('content-length')
    headers.remove('connect-protocol-version')
    renameHeader(headers, 'grpc-encoding', 'connect-content-encoding')
    renameHeader(headers, 'grpc-accept-encoding', 'connect-accept-encoding')
    if (endStream) {
      this.#addEnd(headers, noTrailers)
      removeGrpcHeaders(headers)
    }
    return FilterHeadersStatus.Continue
  }

  override encodeTrailers(trailers: HeaderMap): FilterTrailersStatus {
    if (this.#isGrpcResponse) {
      this.#addEnd(trailers, metadataOf(trailers))
      trailers.clear()
    }
    return FilterTrailersStatus.Continue
  }

  #addEnd(last: HeaderMap, metadata: ReadonlyMap<string, readonly string[]>): void {
    const json = Buffer.from(endStreamJson(last, metadata), 'latin1')
    this.encoderCallbacks.addEncodedData(grpcFrame(json, connectEndStreamFlag))
  }
}

/** The trailers that are not gRPC's own. */
function metadataOf(trailers: HeaderMap): ReadonlyMap<string, readonly string[]> {
  const names = trailers.names.filter((name) => !name.startsWith('grpc-'))
  return new Map(names.map((name) => [name, trailers.getAll(name)]))
}
