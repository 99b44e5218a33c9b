// JSON trees to protobuf's wire format by a descriptor, field by field in the order of the text, as Envoy's transcoder does.

import {
  type DescriptorPool,
  type FieldDescriptor,
  type MessageDescriptor,
  messageOfUrl,
  typeUrl,
} from './descriptors.ts'
import type { JsonEntry, JsonList, JsonNode, JsonObject, JsonScalar } from './json_reader.ts'
import * as scalars from './json_scalars.ts'
import { writeScalar } from './scalar_writer.ts'
import { parseDuration, parseFieldMask, parseTimestamp, type SecondsNanos } from './well_known_text.ts'
import { hasOwnForm, hasTextForm, unknownTypeUrl } from './well_known_types.ts'
import { WireType, WireWriter } from './wire_writer.ts'

export interface EncodeOptions {
  /** Names of enum values may be written in lower case, and with `-` for `_`. */
  readonly caseInsensitiveEnums: boolean
}

/** What does not fit the message. The message says where (`a.b[0]: invalid value "x" for type TYPE_INT32`). */
export class EncodeError extends Error {}

/**
 * The bytes of a message. What the descriptor does not know is left out. Throws EncodeError: of several mistakes the last
 * one is named, as Envoy does.
 */
export function encodeJson(
  pool: DescriptorPool,
  message: MessageDescriptor,
  node: JsonNode,
  options: EncodeOptions,
): Buffer {
  const encoder = new JsonEncoder(pool, options, message.fullName)
  encoder.root(message, node)
  if (encoder.complaint !== undefined) throw new EncodeError(encoder.complaint)
  return encoder.writer.finish()
}

/** One step of the path to where the encoder is: a field, or a list whose elements it counts. */
interface Step {
  readonly field: FieldDescriptor
  readonly isList: boolean
  /** Of a list: how many elements were counted. */
  count: number
}

class JsonEncoder {
  readonly #pool: DescriptorPool
  readonly #options: EncodeOptions
  /** The outermost message. */
  readonly #rootName: string
  writer = new WireWriter()
  complaint: string | undefined = undefined
  readonly #path: Step[] = []

  constructor(pool: DescriptorPool, options: EncodeOptions, rootName: string) {
    this.#pool = pool
    this.#options = options
    this.#rootName = rootName
  }

  root(message: MessageDescriptor, node: JsonNode): void {
    const name = message.fullName
    if (node.kind === 'object' && name !== 'google.protobuf.ListValue') this.#object(message, node)
    else if (node.kind === 'list' && (name === 'google.protobuf.Value' || name === 'google.protobuf.ListValue'))
      this.#listInside(message, node)
    else if (node.kind !== 'object' && node.kind !== 'list' && hasTextForm(name)) this.#textForm(message, '', node)
    else this.#complain('Root element must be a message.')
  }

  /** The fields of a message from an object, special messages included. */
  #object(message: MessageDescriptor, node: JsonObject): void {
    switch (message.fullName) {
      case 'google.protobuf.Any':
        this.#any(node)
        return
      case 'google.protobuf.Struct':
        this.#map(message.fieldByNumber(1)!, node)
        return
      case 'google.protobuf.Value': {
        const struct = message.fieldByNumber(5)!
        const start = this.#begin(struct)
        this.#map(struct.message!.fieldByNumber(1)!, node)
        this.#end(struct, start)
        return
      }
      default:
        this.#fields(message, node.entries)
    }
  }

  #fields(message: MessageDescriptor, entries: readonly JsonEntry[]): void {
    let oneofs: Set<string> | undefined
    for (const { name, value } of entries) {
      const field = message.field(name)
      if (field === undefined) continue
      if (field.oneof !== undefined && isWritten(field, value)) {
        oneofs ??= new Set()
        if (oneofs.has(field.oneof)) {
          this.#invalid(`oneof field '${field.oneof}' is already set. Cannot set '${name}'`, 'oneof')
          continue
        }
        oneofs.add(field.oneof)
      }
      this.#field(message, field, name, value)
    }
    for (const field of message.fields) {
      if (field.required && !entries.some(({ name }) => message.field(name) === field))
        this.#complain(`missing field ${field.name}`)
    }
  }

  #field(message: MessageDescriptor, field: FieldDescriptor, name: string, value: JsonNode): void {
    if (field.isMap && value.kind !== 'null') {
      if (value.kind === 'object') this.#map(field, value)
      else if (value.kind === 'list') this.#invalid(`Cannot bind a list to map for field '${name}'.`, 'Map')
      else this.#scalar(message, field, value)
    } else if (value.kind === 'list' && !isListMessage(field)) {
      if (field.repeated) this.#list(message, field, value)
      else this.#complain('Proto field is not repeating, cannot start list.')
    } else if (value.kind === 'list' && field.repeated) this.#list(message, field, value)
    else this.#element(message, field, name, value)
  }

  /** The elements of a repeated field; lists within the list are taken apart. */
  #list(message: MessageDescriptor, field: FieldDescriptor, list: JsonList): void {
    this.#path.push({ field, isList: true, count: 0 })
    for (const item of list.items) {
      if (item.kind === 'list' && !isListMessage(field)) this.#list(message, field, item)
      else this.#element(message, field, '', item)
    }
    this.#path.pop()
  }

  /** One value: of a field that is not repeated, or one of several. */
  #element(message: MessageDescriptor, field: FieldDescriptor, name: string, value: JsonNode): void {
    const inner = field.message
    if (value.kind === 'object' && inner === undefined) {
      this.#invalid('Starting an object on a scalar field', field.name)
    } else if (value.kind === 'object' || value.kind === 'list') {
      const start = this.#begin(field)
      if (value.kind === 'object') this.#object(inner!, value)
      else this.#listInside(inner!, value)
      this.#end(field, start)
    } else if (inner !== undefined && hasTextForm(inner.fullName)) {
      if (value.kind !== 'null' || inner.fullName === 'google.protobuf.Value') this.#textField(field, name, value)
    } else if (value.kind !== 'null' || field.typeName === 'google.protobuf.NullValue') {
      this.#scalar(message, field, value)
    }
  }

  #textField(field: FieldDescriptor, name: string, value: JsonScalar): void {
    const start = this.#begin(field)
    this.#textForm(field.message!, name, value)
    this.#end(field, start)
  }

  /** A list for a Value or a ListValue. */
  #listInside(message: MessageDescriptor, list: JsonList): void {
    if (message.fullName === 'google.protobuf.Value') {
      const inner = message.fieldByNumber(6)!
      const start = this.#begin(inner)
      this.#listInside(inner.message!, list)
      this.#end(inner, start)
      return
    }
    const values = message.fieldByNumber(1)!
    this.#list(message, values, list)
  }

  #map(field: FieldDescriptor, node: JsonObject): void {
    const entry = field.message!
    const key = entry.fieldByNumber(1)!
    const value = entry.fieldByNumber(2)!
    const seen = new Set<string>()
    this.#path.push({ field, isList: true, count: 0 })
    for (const { name, value: item } of node.entries) {
      if (seen.has(name)) {
        this.#complain(`Repeated map key: '${name}' is already set.`)
        continue
      }
      seen.add(name)
      const start = this.#begin(field)
      this.#scalar(entry, key, { kind: 'string', text: name })
      if (item.kind === 'list' && !isListMessage(value)) this.#listInMap(value, name, item)
      else if (item.kind === 'null' && value.message !== undefined && hasTextForm(value.message.fullName))
        this.#textField(value, name, item)
      else this.#element(entry, value, name, item)
      this.#end(field, start)
    }
    this.#path.pop()
  }

  #listInMap(field: FieldDescriptor, name: string, list: JsonList): void {
    this.#path.push({ field, isList: false, count: 0 })
    if (list.items.length > 0) this.#complain('Proto fields must have a name.')
    else this.#invalid(`Cannot have repeated items ('${name}') within a map.`, 'Map')
    this.#path.pop()
  }

  /** `@type` may stand anywhere in the object; what comes before it waits. */
  #any(node: JsonObject): void {
    const typed = node.entries.find(({ name }) => name === '@type')?.value
    if (typed === undefined) {
      if (node.entries.length > 0) this.#invalid(`Missing @type for any field in ${this.#rootName}`, 'Any')
      return
    }
    if (typed.kind !== 'string') {
      const shown = typed.kind === 'object' || typed.kind === 'list' ? '' : scalars.showScalar(typed)
      this.#invalid(shown, 'String')
      return
    }
    const inner = messageOfUrl(this.#pool, typed.text)
    if (inner === undefined) {
      this.#invalid(unknownTypeUrl(typed.text), 'Any')
      return
    }
    const rest = node.entries.filter(({ name }) => name !== '@type')
    const value = this.#anyValue(inner, rest)
    this.writer.tag(1, WireType.Delimited)
    this.writer.byteString(typed.text)
    if (value.length === 0) return
    this.writer.tag(2, WireType.Delimited)
    this.writer.bytes(value)
  }

  #anyValue(inner: MessageDescriptor, entries: readonly JsonEntry[]): Buffer {
    const encoder = new JsonEncoder(this.#pool, this.#options, inner.fullName)
    if (!hasOwnForm(inner.fullName)) encoder.#fields(inner, entries)
    else {
      for (const { name, value } of entries) {
        // It is named, and taken all the same: what is wrong with it in turn is named instead.
        if (name !== 'value') this.#invalid('Expect a "value" field for well-known types.', 'Any')
        if (value.kind === 'object' || value.kind === 'list') encoder.root(inner, value)
        else if (hasTextForm(inner.fullName)) encoder.#textInAny(inner, value)
        else if (value.kind !== 'null') this.#invalid('Expect a JSON object.', 'Any')
      }
    }
    if (encoder.complaint !== undefined) this.complaint = encoder.complaint
    return encoder.writer.finish()
  }

  #textInAny(message: MessageDescriptor, value: JsonScalar): void {
    try {
      this.#writeText(message, value)
    } catch (error) {
      if (!(error instanceof scalars.ScalarError)) throw error
      this.#invalid(error.message, 'Any')
    }
  }

  /** Messages for which JSON has a scalar. */
  #textForm(message: MessageDescriptor, name: string, value: JsonScalar): void {
    try {
      this.#writeText(message, value)
    } catch (error) {
      if (!(error instanceof scalars.ScalarError)) throw error
      this.#invalid(`Field '${name}', ${error.message}`, typeUrl(message.fullName))
    }
  }

  /** Throws ScalarError where the text is wrong. */
  #writeText(message: MessageDescriptor, value: JsonScalar): void {
    if (value.kind === 'null' && message.fullName !== 'google.protobuf.Value') return
    switch (message.fullName) {
      case 'google.protobuf.Timestamp':
        this.#secondsNanos(message, parseTimestamp(textOf(value, 'timestamp')))
        return
      case 'google.protobuf.Duration':
        this.#secondsNanos(message, parseDuration(textOf(value, 'duration')))
        return
      case 'google.protobuf.FieldMask': {
        const paths = message.fieldByNumber(1)!
        for (const text of parseFieldMask(textOf(value, 'field mask')))
          this.#scalar(message, paths, { kind: 'string', text })
        return
      }
      case 'google.protobuf.Value':
        this.#scalar(message, message.fieldByNumber(valueMember(value))!, value)
        return
      default:
        this.#scalar(message, message.fieldByNumber(1)!, value)
    }
  }

  #secondsNanos(message: MessageDescriptor, { seconds, nanos }: SecondsNanos): void {
    const node = (value: bigint | number): JsonScalar => ({ kind: 'integer', text: String(value) })
    this.#scalar(message, message.fieldByNumber(1)!, node(seconds))
    this.#scalar(message, message.fieldByNumber(2)!, node(nanos))
  }

  #scalar(message: MessageDescriptor, field: FieldDescriptor, value: JsonScalar): void {
    // A proto2 message counts every element of its lists, a proto3 message only those that are wrong.
    if (!message.isProto3) this.#count(field)
    try {
      if (field.message !== undefined) throw new scalars.ScalarError(scalars.showScalar(value))
      writeScalar(this.writer, field, value, this.#options.caseInsensitiveEnums)
    } catch (error) {
      if (!(error instanceof scalars.ScalarError)) throw error
      if (message.isProto3) this.#count(field)
      this.#path.push({ field, isList: false, count: 0 })
      this.#invalid(error.message, field.typeName === '' ? `TYPE_${field.kind.toUpperCase()}` : typeUrl(field.typeName))
      this.#path.pop()
    }
  }

  #count(field: FieldDescriptor): void {
    const parent = this.#path.at(-1)
    if (field.repeated && parent?.isList === true) parent.count++
  }

  /** Opens a message within a field. The answer is for `#end`. */
  #begin(field: FieldDescriptor): number {
    this.#count(field)
    this.#path.push({ field, isList: false, count: 0 })
    this.writer.tag(field.number, field.kind === 'group' ? WireType.StartGroup : WireType.Delimited)
    return this.writer.length
  }

  #end(field: FieldDescriptor, start: number): void {
    if (field.kind === 'group') this.writer.tag(field.number, WireType.EndGroup)
    else this.writer.insertLength(start)
    this.#path.pop()
  }

  #invalid(value: string, type: string): void {
    this.#complain(`invalid value ${value} for type ${type}`)
  }

  #complain(message: string): void {
    this.complaint = `${this.#location()}: ${message}`
  }

  /** Where the encoder is, such as `shelf.books[2].title`. */
  #location(): string {
    let text = ''
    let outer: Step | undefined
    for (const step of this.#path) {
      if (!step.field.repeated || outer?.field !== step.field)
        text += text === '' ? step.field.name : `.${step.field.name}`
      if (step.isList && step.count > 0) text += `[${step.count - 1}]`
      outer = step
    }
    return text
  }
}

/** Messages that JSON may write as a list. */
function isListMessage(field: FieldDescriptor): boolean {
  return field.typeName === 'google.protobuf.Value' || field.typeName === 'google.protobuf.ListValue'
}

/** Whether a value makes the field set: null does only where the field can hold it. */
function isWritten(field: FieldDescriptor, value: JsonNode): boolean {
  if (value.kind !== 'null') return true
  return field.typeName === 'google.protobuf.Value' || field.typeName === 'google.protobuf.NullValue'
}

/** The number of the Value's field for a scalar. */
function valueMember(value: JsonScalar): number {
  switch (value.kind) {
    case 'null':
      return 1
    case 'string':
      return 3
    case 'bool':
      return 4
    default:
      return 2
  }
}

function textOf(value: JsonScalar, what: string): string {
  if (value.kind === 'string') return value.text
  throw new scalars.ScalarError(`Invalid data type for ${what}, value is ${scalars.showScalar(value)}`)
}
