// Views from and to protobuf's binary form, and from its text form.
import { SourceText } from './config_node.ts'
import type { ConfigErrors } from './errors.ts'
import { parseJson } from './json_source.ts'
import { durationMs, scalarDefault } from './scalars.ts'
import { type FieldSchema, type MessageSchema, messageSchema } from './schema.ts'
import { setOrigin, type ViewOrigin } from './view_origin.ts'
import { ViewReader } from './view_reader.ts'
import { type WireMessage, wireType } from './wire_types.ts'

type View = Record<string, unknown>

/** Bytes have no places to point at. */
const noEntries: ViewOrigin['entries'] = new Map()

/** What to do with fields that the API lacks. */
export type UnknownFields = 'refuse' | 'warn' | 'ignore'

/** The view of a message's bytes. Throws where they are malformed; reports what Envoy refuses inside. */
export function decodeView(
  schema: MessageSchema,
  bytes: Uint8Array,
  errors: ConfigErrors,
  unknown: UnknownFields,
): View {
  return new WireReader(errors, unknown).message(schema, wireType(schema.fullName).decode(bytes), undefined)
}

/** The view of a text proto. Throws where it is malformed. */
export function parseTextProto(schema: MessageSchema, text: string, errors: ConfigErrors): View {
  return new WireReader(errors, 'refuse').message(schema, wireType(schema.fullName).fromText(text), undefined)
}

interface Place {
  readonly parent: ViewOrigin
  readonly field: FieldSchema
  readonly key: number | string | undefined
}

class WireReader {
  #errors: ConfigErrors
  #unknown: UnknownFields

  constructor(errors: ConfigErrors, unknown: UnknownFields) {
    this.#errors = errors
    this.#unknown = unknown
  }

  message(schema: MessageSchema, wire: WireMessage, place: Place | undefined): View {
    const view = schema.emptyView()
    const origin: ViewOrigin = {
      schema,
      node: undefined,
      entries: noEntries,
      parent: place?.parent,
      parentField: place?.field,
      key: place?.key,
    }
    setOrigin(view, origin)
    const unknown = wire['$unknowns'] as Uint8Array[] | undefined
    if (unknown !== undefined) this.#reportUnknown(view, schema, unknown)
    for (const field of schema.fields) {
      if (!Object.hasOwn(wire, field.name)) continue
      const value = wire[field.name]
      if (value === undefined || value === null) continue
      view[field.viewName] = this.#field({ parent: origin, field, key: undefined }, value)
      if (field.oneofName !== undefined) view[schema.oneof(field.oneofName).viewName] = field.viewName
    }
    return view
  }

  #reportUnknown(view: View, schema: MessageSchema, unknown: Uint8Array[]): void {
    if (this.#unknown === 'ignore' || unknown.length === 0) return
    const numbers = [...new Set(unknown.map(fieldNumber))].sort((a, b) => a - b)
    const message = `Protobuf message (type ${schema.fullName}) has unknown fields ${numbers.join(', ')}`
    if (this.#unknown === 'refuse') this.#errors.add(view, undefined, message)
    else this.#errors.warn(view, undefined, message)
  }

  #field(place: Place, value: unknown): unknown {
    if (place.field.repeated) return (value as unknown[]).map((item, key) => this.#element({ ...place, key }, item))
    if (place.field.mapKey === undefined) return this.#element(place, value)
    const entries = Object.entries(value as object).map(([key, item]) => [key, this.#element({ ...place, key }, item)])
    return Object.fromEntries(entries)
  }

  #element(place: Place, value: unknown): unknown {
    const { field } = place
    if (field.kind === 'enum') return field.enum().nameOf.get(value as number) ?? String(value)
    if (field.kind === 'scalar') return scalarFromWire(value)
    const schema = field.message()
    if (schema.wellKnown === 'any') return this.#any(place, value as WireMessage)
    return schema.wellKnown === undefined
      ? this.message(schema, value as WireMessage, place)
      : this.#wellKnown(place, schema, value as WireMessage)
  }

  #wellKnown(place: Place, schema: MessageSchema, wire: WireMessage): unknown {
    switch (schema.wellKnown) {
      case 'wrapper':
        return scalarFromWire(wire['value'] ?? scalarDefault(schema.wrapped!))
      case 'duration': {
        const result = durationMs(Number(scalarFromWire(wire['seconds'] ?? 0)), Number(wire['nanos'] ?? 0))
        if ('value' in result) return result.value
        this.#errors.addAt('error', undefined, place.field.name, result.message)
        return undefined
      }
      case 'timestamp':
        return Number(scalarFromWire(wire['seconds'] ?? 0)) * 1000 + Number(wire['nanos'] ?? 0) / 1e6
      case 'fieldMask':
        return ((wire['paths'] ?? []) as string[]).join(',')
      case 'empty':
        return {}
      default:
        return jsonFromWire(schema.wellKnown!, wire)
    }
  }

  #any(place: Place, wire: WireMessage): unknown {
    const url = String(wire['type_url'] ?? '')
    const name = url.slice(url.lastIndexOf('/') + 1)
    const typed: { typeUrl: string; value: unknown } = { typeUrl: name, value: undefined }
    const base: ViewOrigin = {
      schema: place.field.message(),
      node: undefined,
      entries: noEntries,
      parent: place.parent,
      parentField: place.field,
      key: place.key,
      anyTypeUrl: url,
    }
    setOrigin(typed, base)
    const schema = messageSchema(name)
    // What to do with a type that Envoy's API lacks, the extension registry decides.
    if (schema === undefined) return typed
    const inner = wireType(name).decode((wire['value'] ?? new Uint8Array(0)) as Uint8Array)
    if (name.endsWith('.type.v3.TypedStruct') || name.endsWith('.type.v1.TypedStruct'))
      return this.#typedStruct(typed, base, inner)
    if (schema.wellKnown === 'any') typed.value = this.#any(place, inner)
    else
      typed.value =
        schema.wellKnown === undefined ? this.message(schema, inner, place) : this.#wellKnown(place, schema, inner)
    return typed
  }

  #typedStruct(typed: { typeUrl: string; value: unknown }, base: ViewOrigin, wire: WireMessage): unknown {
    const typeName = typed.typeUrl
    const typeUrl = String(wire['type_url'] ?? '')
    const value =
      wire['value'] === undefined || wire['value'] === null ? {} : jsonFromWire('struct', wire['value'] as WireMessage)
    typed.typeUrl = typeUrl.slice(typeUrl.lastIndexOf('/') + 1)
    const inner = messageSchema(typed.typeUrl)
    typed.value = inner === undefined || inner.wellKnown !== undefined ? value : this.#readStruct(inner, value)
    setOrigin(typed, { ...base, typedStruct: { typeName, typeUrl, value } })
    return typed
  }

  /** Positions in it are those of the JSON made from it here. */
  #readStruct(schema: MessageSchema, value: unknown): View {
    const source = new SourceText(schema.fullName, JSON.stringify(value, undefined, 1))
    return new ViewReader(this.#errors, false).readDocument(schema, parseJson(source)) ?? schema.emptyView()
  }
}

/** The number in the tag that opens an encoded field. */
function fieldNumber(field: Uint8Array): number {
  let tag = 0
  for (let at = 0; at < field.length; at++) {
    tag += (field[at] & 0x7f) * 2 ** (7 * at)
    if (field[at] < 0x80) break
  }
  return Math.floor(tag / 8)
}

function scalarFromWire(value: unknown): unknown {
  if (typeof value === 'object' && value !== null && !(value instanceof Uint8Array)) return Number(String(value))
  return value instanceof Uint8Array ? new Uint8Array(value) : value
}

/** Struct, ListValue or Value to plain JSON. */
function jsonFromWire(kind: string, wire: WireMessage): unknown {
  if (kind === 'struct') {
    const fields = Object.entries((wire['fields'] ?? {}) as Record<string, WireMessage>)
    return Object.fromEntries(fields.map(([key, value]) => [key, jsonFromWire('value', value)]))
  }
  if (kind === 'listValue')
    return ((wire['values'] ?? []) as WireMessage[]).map((value) => jsonFromWire('value', value))
  if (Object.hasOwn(wire, 'structValue')) return jsonFromWire('struct', wire['structValue'] as WireMessage)
  if (Object.hasOwn(wire, 'listValue')) return jsonFromWire('listValue', wire['listValue'] as WireMessage)
  for (const name of ['numberValue', 'stringValue', 'boolValue']) if (Object.hasOwn(wire, name)) return wire[name]
  return null
}
