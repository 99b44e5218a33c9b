// Views to protobuf's binary form.
import { type FieldSchema, type MessageSchema, messageSchema } from './schema.ts'
import { originOf } from './view_origin.ts'
import { type WireMessage, wireType } from './wire_types.ts'

type View = Readonly<Record<string, unknown>>

/** The bytes of a message. `view` may be partial: fields it lacks are absent. Throws for a type that the API lacks. */
export function encodeMessage(typeName: string, view: object): Uint8Array {
  const schema = messageSchema(typeName)
  if (schema === undefined) throw new Error(`unknown message type ${typeName}`)
  return wireType(typeName).encode(toWire(schema, view as View))
}

function toWire(schema: MessageSchema, view: View): WireMessage {
  const wire: WireMessage = {}
  for (const field of schema.fields) {
    const value = view[field.viewName]
    if (!field.isSet(value)) continue
    if (field.repeated) wire[field.name] = (value as unknown[]).map((item) => elementToWire(field, item))
    else if (field.mapKey !== undefined) {
      wire[field.name] = Object.fromEntries(
        Object.entries(value as View).map(([key, item]) => [key, elementToWire(field, item)]),
      )
    } else wire[field.name] = elementToWire(field, value)
  }
  return wire
}

function elementToWire(field: FieldSchema, value: unknown): unknown {
  if (field.kind === 'scalar') return value
  if (field.kind === 'enum') return field.enum().numberOf.get(String(value)) ?? Number(value)
  return messageToWire(field.message(), value)
}

function messageToWire(schema: MessageSchema, value: unknown): WireMessage {
  switch (schema.wellKnown) {
    case undefined:
      return toWire(schema, value as View)
    case 'any':
      return anyToWire(value as { typeUrl: string; value: unknown })
    case 'wrapper':
      return { value }
    case 'duration':
    case 'timestamp':
      return timeToWire(value as number)
    case 'fieldMask':
      return { paths: (value as string).split(',').filter((path) => path !== '') }
    case 'empty':
      return {}
    default:
      return jsonToWire(schema.wellKnown, value)
  }
}

/** Milliseconds to seconds and nanoseconds, both of the same sign. */
export function timeToWire(ms: number): { seconds: number; nanos: number } {
  const seconds = Math.trunc(ms / 1000)
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) }
}

function anyToWire(typed: { typeUrl: string; value: unknown }): WireMessage {
  if (typed.typeUrl === '') return {}
  const wrapped = originOf(typed)?.typedStruct
  if (wrapped !== undefined) {
    const struct = { type_url: wrapped.typeUrl, value: jsonToWire('struct', wrapped.value) }
    return { type_url: `type.googleapis.com/${wrapped.typeName}`, value: wireType(wrapped.typeName).encode(struct) }
  }
  const schema = messageSchema(typed.typeUrl)
  if (schema === undefined) throw new Error(`unknown message type ${typed.typeUrl}`)
  const bytes = wireType(typed.typeUrl).encode(messageToWire(schema, typed.value))
  return { type_url: `type.googleapis.com/${typed.typeUrl}`, value: bytes }
}

function jsonToWire(kind: 'struct' | 'listValue' | 'value', value: unknown): WireMessage {
  if (kind === 'struct') {
    return {
      fields: Object.fromEntries(Object.entries(value as View).map(([key, item]) => [key, jsonToWire('value', item)])),
    }
  }
  if (kind === 'listValue') return { values: (value as unknown[]).map((item) => jsonToWire('value', item)) }
  if (value === null || value === undefined) return { nullValue: 0 }
  if (typeof value === 'number') return { numberValue: value }
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'boolean') return { boolValue: value }
  return Array.isArray(value)
    ? { listValue: jsonToWire('listValue', value) }
    : { structValue: jsonToWire('struct', value) }
}
