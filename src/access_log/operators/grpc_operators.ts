// gRPC status as logs and their filters see it: from trailers, else headers, else by the HTTP status.

import type { HeaderMap } from '../../common/header_map.ts'
import type { FormatterContext } from '../formatter_context.ts'
import { FormatError, numberOperator, type OperatorSpec, plainNumber, textOperator } from '../operator.ts'

/** CamelCase names by number; the SNAKE_CASE ones are the API's enum, where the second spells CANCELLED with two L. */
const camelNames = [
  'OK',
  'Canceled',
  'Unknown',
  'InvalidArgument',
  'DeadlineExceeded',
  'NotFound',
  'AlreadyExists',
  'PermissionDenied',
  'ResourceExhausted',
  'FailedPrecondition',
  'Aborted',
  'OutOfRange',
  'Unimplemented',
  'Internal',
  'Unavailable',
  'DataLoss',
  'Unauthenticated',
]
const snakeNames = camelNames.map((name) =>
  name === 'OK' ? 'OK' : name === 'Canceled' ? 'CANCELLED' : name.replace(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase(),
)

/** The HTTP statuses that stand for a gRPC status (gRPC's http-grpc-status-mapping); any other is Unknown. */
const httpMapping = new Map([
  [400, 13],
  [401, 16],
  [403, 7],
  [404, 12],
  [429, 14],
  [502, 14],
  [503, 14],
  [504, 14],
])
const unknownStatus = 2

/** The status; -1 for a grpc-status that is not a number; undefined without a response. */
export function grpcStatusOf(ctx: FormatterContext): number | undefined {
  const value = ctx.responseTrailers?.get('grpc-status') || ctx.responseHeaders?.get('grpc-status')
  if (value !== undefined && value !== '') return /^\d+$/.test(value) ? Number(value) : -1
  const code = ctx.streamInfo.responseCode
  return code === 0 ? undefined : (httpMapping.get(code) ?? unknownStatus)
}

function isGrpc(headers: HeaderMap | undefined): boolean {
  const type = headers?.get('content-type')
  if (type === undefined || !type.startsWith('application/grpc')) return false
  return type.length === 16 || type.charCodeAt(16) === 0x2b
}

function statusNumber(ctx: FormatterContext): number | undefined {
  return isGrpc(ctx.requestHeaders) ? grpcStatusOf(ctx) : undefined
}

const grpcStatus: OperatorSpec = {
  argument: 'optional',
  length: false,
  make: (argument) => {
    if (argument === 'NUMBER') return numberOperator(statusNumber)
    if (!['', 'CAMEL_STRING', 'SNAKE_STRING'].includes(argument)) {
      throw new FormatError(`GrpcStatusFormatter only supports CAMEL_STRING, SNAKE_STRING or NUMBER. Got: ${argument}`)
    }
    const names = argument === 'SNAKE_STRING' ? snakeNames : camelNames
    return textOperator((ctx) => {
      const status = statusNumber(ctx)
      return status === undefined ? undefined : (names[status] ?? String(status))
    })
  },
}

export const grpcOperators: readonly (readonly [string, OperatorSpec])[] = [
  ['GRPC_STATUS', grpcStatus],
  ['GRPC_STATUS_NUMBER', plainNumber(statusNumber)],
]
