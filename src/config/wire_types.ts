// protobufjs types of Envoy's messages, built from the schema one by one as bytes or text protos of them are met.
import { createRequire } from 'node:module'
import type * as Protobuf from 'protobufjs'
import type * as TextFormat from 'protobufjs/ext/textformat.js'
import { type FieldSchema, messageSchema } from './schema.ts'

interface Wire {
  readonly protobuf: typeof Protobuf
  readonly root: Protobuf.Root
}

let wire: Wire | undefined

/** Loads protobufjs at first use: a proxy that runs from a YAML file needs none of it, and it takes 30 ms. */
function loadWire(): Wire {
  if (wire !== undefined) return wire
  const require = createRequire(import.meta.url)
  const protobuf = require('protobufjs') as typeof Protobuf
  const textformat = require('protobufjs/ext/textformat.js') as typeof TextFormat
  textformat.install()
  const root = new protobuf.Root()
  for (const name of ['any', 'duration', 'empty', 'field_mask', 'struct', 'timestamp', 'wrappers']) {
    root.addJSON(protobuf.common.get(`google/protobuf/${name}.proto`)!.nested!)
  }
  wire = { protobuf, root }
  return wire
}

/** What protobufjs decodes to: own properties for the fields that are set, by their declared names. */
export type WireMessage = Record<string, unknown>

export interface WireType {
  /** Throws on malformed bytes. */
  decode(bytes: Uint8Array): WireMessage
  encode(message: WireMessage): Uint8Array
  /** Throws on malformed text, with line and column where protobufjs knows them. */
  fromText(text: string): WireMessage
}

const wireTypes = new Map<string, WireType>()

/** MUST be asked for known messages only. */
export function wireType(fullName: string): WireType {
  let type = wireTypes.get(fullName)
  if (type === undefined) {
    type = createWireType(fullName)
    wireTypes.set(fullName, type)
  }
  return type
}

function createWireType(fullName: string): WireType {
  const { protobuf, root } = loadWire()
  ensureType(fullName)
  const type = root.lookupType(`.${fullName}`)
  return {
    decode: (bytes) => {
      const reader = protobuf.Reader.create(bytes)
      // They are kept in `$unknowns`, to be reported.
      reader.discardUnknown = false
      return type.decode(reader) as unknown as WireMessage
    },
    encode: (message) => type.encode(message).finish(),
    fromText: (text) => {
      // The types named in `[type.googleapis.com/...] { }` must be there before the text is read.
      for (const [, name] of text.matchAll(/\[[\w.-]+\/([\w.]+)\]/g)) ensureType(name)
      return type.fromText(text) as unknown as WireMessage
    },
  }
}

/** Adds a message and all that its fields refer to. */
function ensureType(fullName: string): void {
  const { protobuf, root } = loadWire()
  if (root.lookup(`.${fullName}`) instanceof protobuf.Type) return
  const schema = messageSchema(fullName)
  if (schema === undefined) return
  const type = new protobuf.Type(shortName(fullName))
  for (const field of schema.fields) type.add(wireField(field))
  for (const oneof of schema.oneofs)
    type.add(
      new protobuf.OneOf(
        oneof.name,
        oneof.members.map((member) => member.name),
      ),
    )
  root.define(namespaceOf(fullName)).add(type)
  for (const field of schema.fields) {
    if (field.kind === 'message') ensureType(field.type)
    else if (field.kind === 'enum') ensureEnum(field)
  }
}

function ensureEnum(field: FieldSchema): void {
  const { protobuf, root } = loadWire()
  if (root.lookup(`.${field.type}`) instanceof protobuf.Enum) return
  const values = Object.fromEntries(field.enum().numberOf)
  root.define(namespaceOf(field.type)).add(new protobuf.Enum(shortName(field.type), values, { allow_alias: true }))
}

function wireField(field: FieldSchema): Protobuf.Field | Protobuf.MapField {
  const { protobuf } = loadWire()
  const type = field.kind === 'scalar' ? field.type : `.${field.type}`
  if (field.mapKey !== undefined) return new protobuf.MapField(field.name, field.number, field.mapKey, type)
  const isPackable = field.repeated && field.kind !== 'message' && field.type !== 'string' && field.type !== 'bytes'
  const options = isPackable ? { packed: !field.unpacked } : {}
  return new protobuf.Field(field.name, field.number, type, field.repeated ? 'repeated' : 'optional', options)
}

function namespaceOf(fullName: string): string {
  return fullName.slice(0, fullName.lastIndexOf('.'))
}

function shortName(fullName: string): string {
  return fullName.slice(fullName.lastIndexOf('.') + 1)
}
