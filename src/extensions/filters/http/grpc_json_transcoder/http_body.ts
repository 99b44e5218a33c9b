// google.api.HttpBody: bytes with a content type that pass through as they are.

import type { FieldDescriptor, MessageDescriptor } from '../../../../config/dynamic/descriptors.ts'
import { readWireMessage, type WireMessage } from '../../../../config/dynamic/wire_message.ts'
import { WireType, WireWriter } from '../../../../config/dynamic/wire_writer.ts'

export const httpBodyName = 'google.api.HttpBody'
const contentTypeField = 1
const dataField = 2
const extensionsField = 3
const unknownParamsUrl = 'type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.UnknownQueryParams'

/** Query parameters that bind no field, with all of their values. */
export type UnknownQueryParams = ReadonlyMap<string, readonly string[]>

/** The bytes that make a message which holds, at `path`, an HttpBody. `data` and the parameters are byte strings. */
export function encodeHttpBody(
  path: readonly FieldDescriptor[],
  contentType: string,
  data: Buffer,
  unknownParams: UnknownQueryParams,
): Buffer {
  const writer = new WireWriter()
  const starts = path.map((field) => {
    writer.tag(field.number, WireType.Delimited)
    return writer.length
  })
  if (contentType !== '') {
    writer.tag(contentTypeField, WireType.Delimited)
    writer.byteString(contentType)
  }
  if (unknownParams.size > 0) writeUnknownParams(writer, unknownParams)
  writer.tag(dataField, WireType.Delimited)
  writer.bytes(data)
  for (const start of starts.reverse()) writer.insertLength(start)
  return writer.finish()
}

function writeUnknownParams(writer: WireWriter, params: UnknownQueryParams): void {
  const message = new WireWriter()
  for (const [name, values] of params) {
    message.tag(1, WireType.Delimited)
    const entry = message.length
    message.tag(1, WireType.Delimited)
    message.byteString(name)
    message.tag(2, WireType.Delimited)
    const list = message.length
    for (const value of values) {
      message.tag(1, WireType.Delimited)
      message.byteString(value)
    }
    message.insertLength(list)
    message.insertLength(entry)
  }
  writer.tag(extensionsField, WireType.Delimited)
  const any = writer.length
  writer.tag(1, WireType.Delimited)
  writer.byteString(unknownParamsUrl)
  writer.tag(2, WireType.Delimited)
  writer.bytes(message.finish())
  writer.insertLength(any)
}

export interface HttpBody {
  readonly contentType: string
  readonly data: Buffer
}

/** The HttpBody at `path` of a message. Throws WireError. */
export function decodeHttpBody(message: MessageDescriptor, path: readonly FieldDescriptor[], bytes: Buffer): HttpBody {
  let inner: WireMessage | undefined = readWireMessage(message, bytes)
  for (const field of path) inner = inner?.get(field.number) as WireMessage | undefined
  return {
    contentType: (inner?.get(contentTypeField) as string | undefined) ?? '',
    data: (inner?.get(dataField) as Buffer | undefined) ?? Buffer.alloc(0),
  }
}
