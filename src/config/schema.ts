// Envoy's API at run time: messages, fields and enums of the bundle, made ready one by one as they are first used.
import { readFileSync } from 'node:fs'
import type { Bundle, BundleField, BundleMessage, FieldRules } from './bundle.ts'
import { camelCase } from './names.ts'
import { scalarDefault } from './scalars.ts'

export type ScalarType =
  | 'double'
  | 'float'
  | 'int32'
  | 'int64'
  | 'uint32'
  | 'uint64'
  | 'sint32'
  | 'sint64'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64'
  | 'bool'
  | 'string'
  | 'bytes'

/** Messages whose view is not an object of their fields. */
export type WellKnownKind =
  | 'any'
  | 'duration'
  | 'timestamp'
  | 'struct'
  | 'value'
  | 'listValue'
  | 'fieldMask'
  | 'wrapper'
  | 'empty'

const scalarTypes = new Set<string>(
  'double float int32 int64 uint32 uint64 sint32 sint64 fixed32 fixed64 sfixed32 sfixed64 bool string bytes'.split(' '),
)

const wrapperTypes = new Map<string, ScalarType>(
  Object.entries({
    'google.protobuf.BoolValue': 'bool',
    'google.protobuf.BytesValue': 'bytes',
    'google.protobuf.DoubleValue': 'double',
    'google.protobuf.FloatValue': 'float',
    'google.protobuf.Int32Value': 'int32',
    'google.protobuf.Int64Value': 'int64',
    'google.protobuf.StringValue': 'string',
    'google.protobuf.UInt32Value': 'uint32',
    'google.protobuf.UInt64Value': 'uint64',
  } as const),
)

const wellKnownKinds = new Map<string, WellKnownKind>(
  Object.entries({
    'google.protobuf.Any': 'any',
    'google.protobuf.Duration': 'duration',
    'google.protobuf.Empty': 'empty',
    'google.protobuf.FieldMask': 'fieldMask',
    'google.protobuf.ListValue': 'listValue',
    'google.protobuf.Struct': 'struct',
    'google.protobuf.Timestamp': 'timestamp',
    'google.protobuf.Value': 'value',
  } as const),
)

export interface EnumSchema {
  readonly fullName: string
  readonly names: readonly string[]
  readonly numberOf: ReadonlyMap<string, number>
  /** The first name declared for a number. */
  readonly nameOf: ReadonlyMap<number, string>
  /** Upper-cased name to name: Envoy takes names in any letter case. */
  readonly byUpperCase: ReadonlyMap<string, string>
  readonly deprecated: ReadonlySet<string>
  readonly disallowed: ReadonlySet<string>
}

export interface OneofSchema {
  readonly name: string
  /** Name of the virtual property of a view that tells which member is set. */
  readonly viewName: string
  readonly required: boolean
  readonly members: readonly FieldSchema[]
}

/** One field. `type` is the scalar's name, or the full name of the enum or message (of a map: of its values). */
export class FieldSchema {
  readonly parent: MessageSchema
  readonly name: string
  readonly viewName: string
  readonly jsonName: string
  readonly number: number
  readonly type: string
  readonly kind: 'scalar' | 'enum' | 'message'
  readonly repeated: boolean
  readonly mapKey: ScalarType | undefined
  readonly oneofName: string | undefined
  readonly optional: boolean
  readonly deprecated: boolean
  readonly disallowed: boolean
  readonly sensitive: boolean
  readonly unpacked: boolean
  readonly rules: FieldRules | undefined

  constructor(parent: MessageSchema, source: BundleField, bundle: Bundle) {
    this.parent = parent
    this.name = source.name
    this.viewName = camelCase(source.name)
    this.jsonName = source.jsonName ?? this.viewName
    this.number = source.number
    this.type = source.type
    const isEnum = bundle.enums[source.type] !== undefined || source.type === 'google.protobuf.NullValue'
    this.kind = scalarTypes.has(source.type) ? 'scalar' : isEnum ? 'enum' : 'message'
    this.repeated = source.repeated ?? false
    this.mapKey = source.mapKey as ScalarType | undefined
    this.oneofName = source.oneof
    this.optional = source.optional ?? false
    this.deprecated = source.deprecated ?? false
    this.disallowed = source.disallowed ?? false
    this.sensitive = source.sensitive ?? false
    this.unpacked = source.unpacked ?? false
    this.rules = source.rules
  }

  /** The schema of the field's (or map values') message type; MUST only be asked of a message field. */
  message(): MessageSchema {
    return messageSchema(this.type)!
  }

  enum(): EnumSchema {
    return enumSchema(this.type)
  }

  /** Whether "absent" differs from "the default value": messages, oneof members and `optional` scalars. */
  get hasPresence(): boolean {
    if (this.repeated || this.mapKey !== undefined) return false
    return this.kind === 'message' || this.optional || this.oneofName !== undefined
  }

  /** Whether protobuf would say that the field is set: present, not empty, and not a plain scalar at its default. */
  isSet(value: unknown): boolean {
    if (value === undefined) return false
    if (this.repeated) return (value as unknown[]).length > 0
    if (this.mapKey !== undefined) return Object.keys(value as object).length > 0
    if (this.hasPresence) return true
    return this.type === 'bytes' ? (value as Uint8Array).length > 0 : value !== this.defaultValue()
  }

  /** What the view holds where the configuration does not set the field. A new array or object each time. */
  defaultValue(): unknown {
    if (this.repeated) return []
    if (this.mapKey !== undefined) return {}
    if (this.hasPresence) return undefined
    return this.kind === 'enum' ? this.enum().nameOf.get(0) : scalarDefault(this.type as ScalarType)
  }
}

export class MessageSchema {
  readonly fullName: string
  /** In declaration order; empty for well-known types. */
  readonly fields: readonly FieldSchema[]
  readonly oneofs: readonly OneofSchema[]
  readonly wellKnown: WellKnownKind | undefined
  /** The scalar inside a wrapper type. */
  readonly wrapped: ScalarType | undefined
  readonly validateDisabled: boolean
  #byName = new Map<string, FieldSchema>()
  #oneofByName = new Map<string, OneofSchema>()
  #constants: Record<string, unknown>
  #containers: FieldSchema[] = []

  constructor(fullName: string, source: BundleMessage, bundle: Bundle) {
    this.fullName = fullName
    this.wrapped = wrapperTypes.get(fullName)
    this.wellKnown = this.wrapped === undefined ? wellKnownKinds.get(fullName) : 'wrapper'
    this.validateDisabled = source.validateDisabled ?? false
    this.fields = source.fields.map((field) => new FieldSchema(this, field, bundle))
    for (const field of this.fields) {
      this.#byName.set(field.name, field)
      this.#byName.set(field.jsonName, field)
    }
    this.oneofs = (source.oneofs ?? []).map(({ name, required }) => ({
      name,
      viewName: camelCase(name),
      required: required ?? false,
      members: this.fields.filter((field) => field.oneofName === name),
    }))
    for (const oneof of this.oneofs) this.#oneofByName.set(oneof.name, oneof)
    const names = [...this.fields, ...this.oneofs].map((property) => property.viewName)
    this.#constants = fastObject(names)
    for (const field of this.fields) {
      this.#constants[field.viewName] = field.defaultValue()
      if (field.repeated || field.mapKey !== undefined) this.#containers.push(field)
    }
  }

  /** A field by either of its spellings, snake_case or lowerCamelCase. */
  field(name: string): FieldSchema | undefined {
    return this.#byName.get(name)
  }

  oneof(name: string): OneofSchema {
    return this.#oneofByName.get(name)!
  }

  /** A view with every field absent or at its default. */
  emptyView(): Record<string, unknown> {
    const view = { ...this.#constants }
    for (const field of this.#containers) view[field.viewName] = field.defaultValue()
    return view
  }
}

/**
 * An object of these properties, all undefined. Adding them one by one by computed names would make V8 keep a large
 * object, and all its copies, as a hash table: copying the route messages of 10,000 routes took four times as long.
 */
function fastObject(names: readonly string[]): Record<string, unknown> {
  const text = JSON.stringify(Object.fromEntries(names.map((name) => [name, null])))
  const result = JSON.parse(text) as Record<string, unknown>
  for (const name of names) result[name] = undefined
  return result
}

let loadedBundle: Bundle | undefined
const messages = new Map<string, MessageSchema>()
const enums = new Map<string, EnumSchema>()

/** The generated bundle; read at first use (about 10 ms). */
export function apiBundle(): Bundle {
  if (loadedBundle === undefined) {
    const path = new URL('../../proto/generated/api.json', import.meta.url)
    loadedBundle = JSON.parse(readFileSync(path, 'utf8')) as Bundle
  }
  return loadedBundle
}

/** The schema of a message by full name, or undefined where Envoy's API has no such message. */
export function messageSchema(fullName: string): MessageSchema | undefined {
  let schema = messages.get(fullName)
  if (schema === undefined) {
    const wellKnown = wellKnownKinds.has(fullName) || wrapperTypes.has(fullName)
    const bundle = apiBundle()
    const source = wellKnown ? { fields: [] } : ownProperty(bundle.messages, fullName)
    if (source === undefined) return undefined
    schema = new MessageSchema(fullName, source, bundle)
    messages.set(fullName, schema)
  }
  return schema
}

function ownProperty<T>(table: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined
}

const nullValue = { values: { NULL_VALUE: 0 } }

function enumSchema(fullName: string): EnumSchema {
  let schema = enums.get(fullName)
  if (schema === undefined) {
    const source = fullName === 'google.protobuf.NullValue' ? nullValue : apiBundle().enums[fullName]
    const entries = Object.entries(source.values)
    schema = {
      fullName,
      names: entries.map(([name]) => name),
      numberOf: new Map(entries),
      nameOf: new Map(entries.toReversed().map(([name, number]) => [number, name])),
      byUpperCase: new Map(entries.map(([name]) => [name.toUpperCase(), name])),
      deprecated: new Set('deprecated' in source ? source.deprecated : []),
      disallowed: new Set('disallowed' in source ? source.disallowed : []),
    }
    enums.set(fullName, schema)
  }
  return schema
}

/** Full names of all messages of the API. */
export function messageNames(): string[] {
  return Object.keys(apiBundle().messages)
}
