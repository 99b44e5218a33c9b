// gRPC's status as Connect tells it: code names, HTTP statuses and JSON (https://connectrpc.com/docs/protocol).

import type { HeaderMap } from '../../../../common/header_map.ts'

export interface ConnectError {
  readonly code: number
  readonly message: string
}

/** By gRPC status. */
const codes: readonly (readonly [name: string, httpStatus: number])[] = [
  ['code_0', 500],
  ['canceled', 408],
  ['unknown', 500],
  ['invalid_argument', 400],
  ['deadline_exceeded', 408],
  ['not_found', 404],
  ['already_exists', 409],
  ['permission_denied', 403],
  ['resource_exhausted', 429],
  ['failed_precondition', 412],
  ['aborted', 409],
  ['out_of_range', 400],
  ['unimplemented', 404],
  ['internal', 500],
  ['unavailable', 503],
  ['data_loss', 500],
  ['unauthenticated', 401],
]
const unknown = 2
const invalidCode = -1
const greatestCode = codes.length - 1

/** The status and message of a call's last headers or trailers; undefined without a status. */
export function grpcEnd(headers: HeaderMap): ConnectError | undefined {
  const status = headers.get('grpc-status')
  if (status === undefined || status === '') return undefined
  const isKnown = /^\d{1,2}$/.test(status) && Number(status) <= greatestCode
  return { code: isKnown ? Number(status) : invalidCode, message: headers.get('grpc-message') ?? '' }
}

export function httpStatusOf({ code }: ConnectError): number {
  return codes[code]?.[1] ?? 500
}

export function errorJson({ code, message }: ConnectError): string {
  const name = codes[code]?.[0] ?? `code_${code}`
  return message === '' ? `{"code":"${name}"}` : `{"code":"${name}","message":${quoted(message)}}`
}

/**
 * The last message of a stream.
 *
 * @param last the headers or trailers that say how the call ended; without a status it has failed
 */
export function endStreamJson(last: HeaderMap, metadata: ReadonlyMap<string, readonly string[]>): string {
  const end = grpcEnd(last) ?? { code: unknown, message: last.get('grpc-message') ?? '' }
  const parts: string[] = []
  if (end.code !== 0) parts.push(`"error":${errorJson(end)}`)
  const entries = [...metadata].map(([name, values]) => `${quoted(name)}:[${values.map(quoted).join(',')}]`)
  if (entries.length > 0) parts.push(`"metadata":{${entries.join(',')}}`)
  return `{${parts.join(',')}}`
}

/** A JSON string of a header's bytes, which are UTF-8 where they are more than ASCII. */
function quoted(value: string): string {
  return Buffer.from(JSON.stringify(Buffer.from(value, 'latin1').toString('utf8'))).toString('latin1')
}
