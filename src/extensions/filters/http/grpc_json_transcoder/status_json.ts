// google.rpc.Status as JSON, from what a gRPC server says of an error (`convert_grpc_status`).

import type { HeaderMap } from '../../../../common/header_map.ts'
import { type DescriptorPool, type FieldDescriptor, MessageDescriptor } from '../../../../config/dynamic/descriptors.ts'
import { type PrintOptions, printJson } from '../../../../config/dynamic/json_printer.ts'
import { PrintError } from '../../../../config/dynamic/well_known_text.ts'
import { readWireMessage, WireError } from '../../../../config/dynamic/wire_message.ts'
import { WireType, WireWriter } from '../../../../config/dynamic/wire_writer.ts'
import { urlUnescape } from './url_unescape.ts'

/** Undefined where the status cannot be printed: its details may be of a type that the descriptor set lacks. */
export function statusJson(
  pool: DescriptorPool,
  options: PrintOptions,
  code: number,
  trailers: HeaderMap,
): string | undefined {
  const descriptor = pool.messages.get('google.rpc.Status') ?? builtInStatus
  const details = trailers.get('grpc-status-details-bin')
  try {
    const bytes = details === undefined ? undefined : readable(descriptor, details)
    return printJson(pool, descriptor, bytes ?? plainStatus(code, trailers.get('grpc-message')), options)
  } catch (error) {
    if (error instanceof WireError || error instanceof PrintError) return undefined
    throw error
  }
}

/** The bytes of a header in base64; undefined where they are no Status. */
function readable(descriptor: MessageDescriptor, base64: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]*=*$/.test(base64)) return undefined
  const bytes = Buffer.from(base64, 'base64')
  try {
    readWireMessage(descriptor, bytes)
    return bytes
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}

function plainStatus(code: number, message: string | undefined): Buffer {
  const writer = new WireWriter()
  writer.tag(1, WireType.Varint)
  writer.int32(code)
  if (message !== undefined && message !== '') {
    writer.tag(2, WireType.Delimited)
    writer.byteString(urlUnescape(message, 'ALL_CHARACTERS'))
  }
  return writer.finish()
}

function field(number: number, name: string, more: Partial<FieldDescriptor>): FieldDescriptor {
  return {
    name,
    jsonName: name,
    number,
    kind: 'string',
    repeated: false,
    required: false,
    isMap: false,
    hasPresence: false,
    oneof: undefined,
    defaultValue: undefined,
    typeName: '',
    message: undefined,
    enum: undefined,
    ...more,
  }
}

const builtInAny = new MessageDescriptor('google.protobuf.Any', true, [
  field(1, 'type_url', { jsonName: 'typeUrl' }),
  field(2, 'value', { kind: 'bytes' }),
])

/** For descriptor sets without google/rpc/status.proto. */
const builtInStatus = new MessageDescriptor('google.rpc.Status', true, [
  field(1, 'code', { kind: 'int32' }),
  field(2, 'message', {}),
  field(3, 'details', { kind: 'message', repeated: true, typeName: 'google.protobuf.Any', message: builtInAny }),
])
