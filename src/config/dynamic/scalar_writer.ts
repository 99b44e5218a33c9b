// Writes one scalar of JSON as a protobuf field.

import type { FieldDescriptor } from './descriptors.ts'
import type { JsonScalar } from './json_reader.ts'
import * as scalars from './json_scalars.ts'
import { WireType, type WireWriter } from './wire_writer.ts'

/** Writes a field of a scalar or enum type. Throws ScalarError, with nothing written, where the value does not fit. */
export function writeScalar(
  writer: WireWriter,
  field: FieldDescriptor,
  value: JsonScalar,
  caseInsensitiveEnums: boolean,
): void {
  const { number, kind } = field
  switch (kind) {
    case 'int32': {
      const integer = scalars.toInt32(value)
      writer.tag(number, WireType.Varint)
      writer.int32(integer)
      return
    }
    case 'sint32': {
      const integer = scalars.toInt32(value)
      writer.tag(number, WireType.Varint)
      writer.sint32(integer)
      return
    }
    case 'uint32': {
      const integer = scalars.toUint32(value)
      writer.tag(number, WireType.Varint)
      writer.uint32(integer)
      return
    }
    case 'fixed32':
    case 'sfixed32': {
      const integer = kind === 'fixed32' ? scalars.toUint32(value) : scalars.toInt32(value)
      writer.tag(number, WireType.Fixed32)
      writer.fixed32(integer)
      return
    }
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      writeInteger64(writer, number, kind, scalars.toInteger(value, 64, kind !== 'uint64' && kind !== 'fixed64'))
      return
    case 'double': {
      const double = scalars.toDouble(value)
      writer.tag(number, WireType.Fixed64)
      writer.double(double)
      return
    }
    case 'float': {
      const float = scalars.toFloat(value)
      writer.tag(number, WireType.Fixed32)
      writer.float(float)
      return
    }
    case 'bool': {
      const bool = scalars.toBool(value)
      writer.tag(number, WireType.Varint)
      writer.uint32(bool ? 1 : 0)
      return
    }
    case 'string': {
      const text = scalars.toText(value)
      writer.tag(number, WireType.Delimited)
      writer.byteString(text)
      return
    }
    case 'bytes': {
      const bytes = scalars.toBytes(value)
      writer.tag(number, WireType.Delimited)
      writer.bytes(bytes)
      return
    }
    case 'enum': {
      const integer = scalars.toEnum(value, field.enum!, caseInsensitiveEnums)
      writer.tag(number, WireType.Varint)
      writer.int32(integer)
      return
    }
    default:
      throw new scalars.ScalarError(scalars.showScalar(value))
  }
}

function writeInteger64(writer: WireWriter, number: number, kind: string, value: bigint): void {
  const isFixed = kind === 'fixed64' || kind === 'sfixed64'
  writer.tag(number, isFixed ? WireType.Fixed64 : WireType.Varint)
  if (isFixed) writer.fixed64(value)
  else if (kind === 'sint64') writer.sint64(value)
  else writer.varint64(value)
}
