// Views as ProtoJSON in the form of Envoy's admin interface: snake_case names, defaults left out, secrets redacted.
import type { JsonObject, JsonValue } from '../../proto/generated/api.d.ts'
import { type FieldSchema, type MessageSchema, messageSchema } from './schema.ts'
import { originOf } from './view_origin.ts'
import { timeToWire } from './wire_encode.ts'

export interface ProtoJsonOptions {
  /** Replaces what Envoy's API marks as sensitive; the default. */
  redact?: boolean
}

type View = Readonly<Record<string, unknown>>

const redactedText = '[redacted]'

/** The JSON of a message; `view` may be partial. Fields come in the order of their numbers, as protobuf prints them. */
export function toProtoJson(typeName: string, view: object, options: ProtoJsonOptions = {}): JsonObject {
  const schema = messageSchema(typeName)
  if (schema === undefined) throw new Error(`unknown message type ${typeName}`)
  return new JsonWriter(options.redact ?? true).message(schema, view as View, false)
}

/** The JSON of a message as a google.protobuf.Any holds it, `@type` first. */
export function toAnyJson(typeName: string, view: object, options: ProtoJsonOptions = {}): JsonObject {
  return { '@type': `type.googleapis.com/${typeName}`, ...toProtoJson(typeName, view, options) }
}

class JsonWriter {
  #redact: boolean

  constructor(redact: boolean) {
    this.#redact = redact
  }

  message(schema: MessageSchema, view: View, isSecret: boolean): JsonObject {
    const json: JsonObject = {}
    for (const field of fieldsByNumber(schema)) {
      const value = view[field.viewName]
      if (field.isSet(value)) {
        const written = this.#field(field, value, isSecret || (this.#redact && field.sensitive))
        if (written !== undefined) json[field.name] = written
      }
    }
    return json
  }

  #field(field: FieldSchema, value: unknown, isSecret: boolean): JsonValue | undefined {
    if (field.repeated) return (value as unknown[]).map((item) => this.#element(field, item, isSecret) ?? null)
    if (field.mapKey === undefined) return this.#element(field, value, isSecret)
    const entries = Object.entries(value as View).map(([key, item]) => [
      key,
      this.#element(field, item, isSecret) ?? null,
    ])
    return Object.fromEntries(entries) as JsonObject
  }

  #element(field: FieldSchema, value: unknown, isSecret: boolean): JsonValue | undefined {
    if (field.kind === 'enum') return isSecret ? undefined : enumJson(field, value)
    if (field.kind === 'scalar') return scalarJson(field.type, value, isSecret)
    const schema = field.message()
    return schema.wellKnown === undefined
      ? this.message(schema, value as View, isSecret)
      : this.#wellKnown(schema, value, isSecret)
  }

  #wellKnown(schema: MessageSchema, value: unknown, isSecret: boolean): JsonValue | undefined {
    switch (schema.wellKnown) {
      case 'any':
        return this.#any(value as { typeUrl: string; value: unknown }, isSecret)
      case 'wrapper':
        return scalarJson(schema.wrapped!, value, isSecret)
      case 'duration':
        return isSecret ? undefined : durationText(value as number)
      case 'timestamp':
        return isSecret ? undefined : timestampText(value as number)
      case 'empty':
        return {}
      default:
        return isSecret ? redactJson(value as JsonValue) : (value as JsonValue)
    }
  }

  #any(typed: { typeUrl: string; value: unknown }, isSecret: boolean): JsonObject {
    if (typed.typeUrl === '') return {}
    const origin = originOf(typed)
    const url = origin?.anyTypeUrl ?? `type.googleapis.com/${typed.typeUrl}`
    const struct = origin?.typedStruct
    if (struct !== undefined) {
      const value = isSecret ? redactJson(struct.value as JsonValue) : (struct.value as JsonValue)
      return { '@type': url, type_url: struct.typeUrl, value }
    }
    const schema = messageSchema(typed.typeUrl)
    if (schema === undefined) return { '@type': url }
    if (schema.wellKnown === undefined) return { '@type': url, ...this.message(schema, typed.value as View, isSecret) }
    return { '@type': url, value: this.#wellKnown(schema, typed.value, isSecret) ?? null }
  }
}

const sortedFields = new WeakMap<MessageSchema, readonly FieldSchema[]>()

function fieldsByNumber(schema: MessageSchema): readonly FieldSchema[] {
  let fields = sortedFields.get(schema)
  if (fields === undefined) {
    fields = schema.fields.toSorted((a, b) => a.number - b.number)
    sortedFields.set(schema, fields)
  }
  return fields
}

function enumJson(field: FieldSchema, value: unknown): JsonValue {
  if (value === null) return null
  const name = String(value)
  return field.enum().numberOf.has(name) ? name : Number(name)
}

/** Secret strings and bytes become a marker, other secret scalars are left out. */
function scalarJson(type: string, value: unknown, isSecret: boolean): JsonValue | undefined {
  if (type === 'bytes')
    return Buffer.from(isSecret ? Buffer.from(redactedText) : (value as Uint8Array)).toString('base64')
  if (type === 'string') return isSecret ? redactedText : (value as string)
  if (isSecret) return undefined
  if (type === 'bool') return value as boolean
  if (type.endsWith('64')) return String(value)
  const number = value as number
  if (Number.isNaN(number)) return 'NaN'
  if (!Number.isFinite(number)) return number > 0 ? 'Infinity' : '-Infinity'
  return type === 'float' ? shortestFloat(number) : number
}

/** The fewest digits that read back as the same 32-bit float. */
function shortestFloat(value: number): number {
  const float = Math.fround(value)
  for (let digits = 6; digits < 9; digits++) {
    const shorter = Number(float.toPrecision(digits))
    if (Math.fround(shorter) === float) return shorter
  }
  return Number(float.toPrecision(9))
}

function redactJson(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(redactJson)
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redactJson(item)]))
  }
  return redactedText
}

/** Milliseconds as `5s`, `0.250s`, `1.000000001s`: with 0, 3, 6 or 9 digits of a fraction. */
export function durationText(ms: number): string {
  const { seconds, nanos } = timeToWire(ms)
  const sign = ms < 0 ? '-' : ''
  return `${sign}${Math.abs(seconds)}${fractionText(Math.abs(nanos))}s`
}

function fractionText(nanos: number): string {
  if (nanos === 0) return ''
  const digits = String(nanos).padStart(9, '0')
  if (digits.endsWith('000000')) return `.${digits.slice(0, 3)}`
  return digits.endsWith('000') ? `.${digits.slice(0, 6)}` : `.${digits}`
}

/** Milliseconds since the epoch as `2026-11-21T04:43:18.334Z`. */
export function timestampText(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const nanos = Math.round((ms - seconds * 1000) * 1e6)
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}${fractionText(nanos)}Z`
}

// What protobuf's JSON printer escapes beyond JSON's own needs.
const escaped =
  /[<>\u007f-\u009f\u00ad\u0600-\u0604\u06dd\u070f\u17b4\u17b5\u200b-\u200f\u2028-\u202e\u2060-\u2064\u206a-\u206f\ufeff\ufff9-\ufffb]/g

/** Text as Envoy's admin interface prints it: one space of indent, `<` and `>` escaped. */
export function printJson(value: JsonValue): string {
  const text = JSON.stringify(value, undefined, 1)
  return text.replace(escaped, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
