// What both kinds of Connect calls have in common in their headers.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { grpcTimeout } from '../../../../http/stream_duration.ts'

const grpc = 'application/grpc+'

/** `connect-timeout-ms` becomes `grpc-timeout`; one that is no number stays as it is. */
export function convertTimeout(headers: HeaderMap): void {
  const said = headers.getAll('connect-timeout-ms').at(-1)
  if (said === undefined || !/^\d{1,15}$/.test(said)) return
  headers.add('grpc-timeout', grpcTimeout(Number(said)))
  headers.remove('connect-timeout-ms')
}

/** Every value moves to the end of the list, under the new name. */
export function renameHeader(headers: HeaderMap, from: string, to: string): void {
  const values = headers.getAll(from)
  if (values.length === 0) return
  headers.remove(from)
  headers.add(to, values.join(','))
}

/** The codec in a gRPC content type: `proto` where it names none. */
export function grpcCodec(headers: HeaderMap): string {
  const contentType = headers.get('content-type') ?? ''
  return contentType.startsWith(grpc) ? contentType.slice(grpc.length) : 'proto'
}

export function removeGrpcHeaders(headers: HeaderMap): void {
  for (let i = headers.length - 1; i >= 0; i--) if (headers.names[i].startsWith('grpc-')) headers.removeAt(i)
}
