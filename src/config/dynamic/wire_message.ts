// A protobuf message read by its descriptor: the values of each field, not yet interpreted further.

import { isUtf8 } from 'node:buffer'
import { type FieldDescriptor, fieldKinds, type MessageDescriptor } from './descriptors.ts'
import { WireType } from './wire_writer.ts'

/** Bytes that are no message of the type. The message is Envoy's. */
export class WireError extends Error {}

/** Strings as text, bytes as bytes, 64-bit integers as bigint, enums as their numbers. */
export type WireValue = number | bigint | boolean | string | Buffer | WireMessage

/** Messages within messages; protobuf's own limit. */
const maxDepth = 100

export class WireMessage {
  readonly descriptor: MessageDescriptor
  readonly #values = new Map<FieldDescriptor, WireValue[]>()

  constructor(descriptor: MessageDescriptor) {
    this.descriptor = descriptor
  }

  /** Every value of a field in order; none where it is not set. */
  all(field: FieldDescriptor): readonly WireValue[] {
    return this.#values.get(field) ?? noValues
  }

  /** The value of a field by its number; undefined where it is not set. */
  get(number: number): WireValue | undefined {
    const field = this.descriptor.fieldByNumber(number)
    return field === undefined ? undefined : this.#values.get(field)?.[0]
  }

  get isEmpty(): boolean {
    return this.#values.size === 0
  }

  insert(field: FieldDescriptor, value: WireValue): void {
    const values = this.#values.get(field)
    if (values === undefined) this.#values.set(field, [value])
    else if (field.repeated) values.push(value)
    else throw new WireError(`repeated entries for singular field number ${field.number}`)
  }
}

const noValues: readonly WireValue[] = []

/** Throws WireError. */
export function readWireMessage(descriptor: MessageDescriptor, bytes: Buffer, depth = 0): WireMessage {
  const reader = new WireReader(bytes, depth)
  const message = new WireMessage(descriptor)
  reader.fields(message, undefined)
  return message
}

class WireReader {
  readonly #bytes: Buffer
  readonly #depth: number
  #at = 0

  constructor(bytes: Buffer, depth: number) {
    if (depth > maxDepth) throw new WireError('allowed depth exceeded')
    this.#bytes = bytes
    this.#depth = depth
  }

  /** Up to the end, or to the end of the group. */
  fields(message: WireMessage, group: number | undefined): void {
    while (this.#at < this.#bytes.length) {
      const tag = this.#uint32()
      const number = tag >>> 3
      const wireType = tag & 7
      if (wireType === WireType.EndGroup) {
        if (group === undefined) throw new WireError(`attempted to close group ${number} before SGROUP tag`)
        if (number !== group) throw new WireError(`attempted to close group ${number} while inside group ${group}`)
        return
      }
      const field = message.descriptor.fieldByNumber(number)
      if (field === undefined) this.#skip(wireType, number)
      else this.#field(message, field, wireType)
    }
    if (group !== undefined) throw new WireError('unexpected EOF')
  }

  #field(message: WireMessage, field: FieldDescriptor, wireType: number): void {
    switch (wireType) {
      case WireType.Varint:
      case WireType.Fixed32:
      case WireType.Fixed64:
        message.insert(field, this.#number(field, wireType))
        return
      case WireType.Delimited:
        this.#delimited(message, field)
        return
      case WireType.StartGroup: {
        if (field.kind !== 'group') throw new WireError(`field number ${field.number} is not a group`)
        const group = new WireMessage(field.message!)
        this.fields(group, field.number)
        message.insert(field, group)
        return
      }
      default:
        throw new WireError(`unknown wire type: ${wireType}`)
    }
  }

  #number(field: FieldDescriptor, wireType: number): WireValue {
    if (wireTypeOf(field) !== wireType) {
      const what = wireType === WireType.Varint ? 'varint' : wireType === WireType.Fixed32 ? '32-bit' : 'type 64-bit'
      throw unsupported(field, `${what} fields`)
    }
    switch (field.kind) {
      case 'bool':
        return this.#bool()
      case 'int32':
      case 'enum':
        return this.#uint32() | 0
      case 'uint32':
        return this.#uint32()
      case 'sint32': {
        const value = this.#uint32()
        return (value >>> 1) ^ -(value & 1)
      }
      case 'int64':
        return BigInt.asIntN(64, this.#varint64())
      case 'uint64':
        return this.#varint64()
      case 'sint64': {
        const value = this.#varint64()
        return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
      }
      case 'fixed32':
        return this.#bytes.readUInt32LE(this.#take(4))
      case 'sfixed32':
        return this.#bytes.readInt32LE(this.#take(4))
      case 'float':
        return this.#bytes.readFloatLE(this.#take(4))
      case 'fixed64':
        return this.#bytes.readBigUInt64LE(this.#take(8))
      case 'sfixed64':
        return this.#bytes.readBigInt64LE(this.#take(8))
      default:
        return this.#bytes.readDoubleLE(this.#take(8))
    }
  }

  #delimited(message: WireMessage, field: FieldDescriptor): void {
    const length = this.#uint32()
    const start = this.#take(length)
    const data = this.#bytes.subarray(start, start + length)
    switch (field.kind) {
      case 'string':
        if (message.descriptor.isProto3 && !isUtf8(data)) throw new WireError('proto3 strings must be UTF-8')
        message.insert(field, data.toString('utf8'))
        return
      case 'bytes':
        message.insert(field, data)
        return
      case 'message':
        message.insert(field, readWireMessage(field.message!, data, this.#depth + 1))
        return
      case 'group':
        throw unsupported(field, 'type 2 records')
      default: {
        const packed = new WireReader(data, this.#depth)
        while (packed.#at < data.length) message.insert(field, packed.#number(field, wireTypeOf(field)))
      }
    }
  }

  #skip(wireType: number, number: number): void {
    switch (wireType) {
      case WireType.Varint:
        this.#varint64()
        return
      case WireType.Fixed64:
        this.#take(8)
        return
      case WireType.Fixed32:
        this.#take(4)
        return
      case WireType.Delimited:
        this.#take(this.#uint32())
        return
      case WireType.StartGroup:
        this.#skipGroup(number)
        return
      default:
        throw new WireError(`unknown wire type: ${wireType}`)
    }
  }

  #skipGroup(number: number): void {
    const open = [number]
    while (open.length > 0) {
      const tag = this.#uint32()
      const inner = tag >>> 3
      if ((tag & 7) === WireType.StartGroup) open.push(inner)
      else if ((tag & 7) !== WireType.EndGroup) this.#skip(tag & 7, inner)
      else if (open.pop() !== inner)
        throw new WireError(`attempted to close group ${inner} while inside group ${number}`)
    }
  }

  /** Passes so many bytes and tells where they begin. */
  #take(length: number): number {
    const start = this.#at
    if (start + length > this.#bytes.length) throw new WireError('unexpected EOF')
    this.#at += length
    return start
  }

  #bool(): boolean {
    const byte = this.#bytes[this.#take(1)]
    if (byte > 1) throw new WireError(`bad value for bool: \\x${byte.toString(16).padStart(2, '0')}`)
    return byte === 1
  }

  /** The lower 32 bits of a varint. */
  #uint32(): number {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#bytes[this.#take(1)]
      if (shift < 32) value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value >>> 0
    }
    throw new WireError('unexpected EOF')
  }

  #varint64(): bigint {
    let value = 0n
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#take(1)]
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asUintN(64, value)
    }
    throw new WireError('unexpected EOF')
  }
}

function unsupported(field: FieldDescriptor, what: string): WireError {
  return new WireError(`field type ${fieldKinds.indexOf(field.kind)} (number ${field.number}) does not support ${what}`)
}

/** How a single value of a field is written. */
function wireTypeOf(field: FieldDescriptor): number {
  switch (field.kind) {
    case 'double':
    case 'fixed64':
    case 'sfixed64':
      return WireType.Fixed64
    case 'float':
    case 'fixed32':
    case 'sfixed32':
      return WireType.Fixed32
    case 'string':
    case 'bytes':
    case 'message':
      return WireType.Delimited
    case 'group':
      return WireType.StartGroup
    default:
      return WireType.Varint
  }
}
