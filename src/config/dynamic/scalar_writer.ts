// Writes one scalar of JSON as a protobuf field.

import type { FieldDescriptor, FieldKind } from './descriptors.ts'
import type { JsonScalar } from './json_reader.ts'
import * as scalars from './json_scalars.ts'
import { WireType, type WireWriter } from './wire_writer.ts'

type ScalarForm = (writer: WireWriter, number: number, value: JsonScalar) => void

/** The value is read before the tag is written: one that does not fit leaves nothing behind. */
function form<T>(
  wireType: (typeof WireType)[keyof typeof WireType],
  read: (value: JsonScalar) => T,
  write: (writer: WireWriter, value: T) => void,
): ScalarForm {
  return (writer, number, value) => {
    const converted = read(value)
    writer.tag(number, wireType)
    write(writer, converted)
  }
}

const toInt64 = (value: JsonScalar): bigint => scalars.toInteger(value, 64, true)
const toUint64 = (value: JsonScalar): bigint => scalars.toInteger(value, 64, false)

const { Varint, Fixed32, Fixed64, Delimited } = WireType

const forms: Readonly<Partial<Record<FieldKind, ScalarForm>>> = {
  int32: form(Varint, scalars.toInt32, (writer, value) => writer.int32(value)),
  sint32: form(Varint, scalars.toInt32, (writer, value) => writer.sint32(value)),
  uint32: form(Varint, scalars.toUint32, (writer, value) => writer.uint32(value)),
  fixed32: form(Fixed32, scalars.toUint32, (writer, value) => writer.fixed32(value)),
  sfixed32: form(Fixed32, scalars.toInt32, (writer, value) => writer.fixed32(value)),
  int64: form(Varint, toInt64, (writer, value) => writer.varint64(value)),
  sint64: form(Varint, toInt64, (writer, value) => writer.sint64(value)),
  uint64: form(Varint, toUint64, (writer, value) => writer.varint64(value)),
  fixed64: form(Fixed64, toUint64, (writer, value) => writer.fixed64(value)),
  sfixed64: form(Fixed64, toInt64, (writer, value) => writer.fixed64(value)),
  double: form(Fixed64, scalars.toDouble, (writer, value) => writer.double(value)),
  float: form(Fixed32, scalars.toFloat, (writer, value) => writer.float(value)),
  bool: form(Varint, scalars.toBool, (writer, value) => writer.uint32(value ? 1 : 0)),
  string: form(Delimited, scalars.toText, (writer, value) => writer.byteString(value)),
  bytes: form(Delimited, scalars.toBytes, (writer, value) => writer.bytes(value)),
}

/** Writes a field of a scalar or enum type. Throws ScalarError, with nothing written, where the value does not fit. */
export function writeScalar(
  writer: WireWriter,
  field: FieldDescriptor,
  value: JsonScalar,
  caseInsensitiveEnums: boolean,
): void {
  if (field.kind === 'enum') {
    const number = scalars.toEnum(value, field.enum!, caseInsensitiveEnums)
    writer.tag(field.number, Varint)
    writer.int32(number)
    return
  }
  const write = forms[field.kind]
  if (write === undefined) throw new scalars.ScalarError(scalars.showScalar(value))
  write(writer, field.number, value)
}
