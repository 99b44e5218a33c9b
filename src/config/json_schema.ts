// A JSON Schema (draft 2020-12) of the bootstrap, so that editors complete and check Envoy's YAML.
import type { JsonObject, JsonValue } from '../../proto/generated/api.d.ts'
import type { Rules } from './bundle.ts'
import { type FieldSchema, type MessageSchema, messageNames, messageSchema, type ScalarType } from './schema.ts'

/**
 * Every message is a definition by its full name; both spellings of each field are allowed, and what an Any holds goes
 * by its `@type`. The schema is as lenient as the loader: a single value may stand for a list, numbers may be quoted.
 */
export function bootstrapJsonSchema(): JsonObject {
  const builder = new SchemaBuilder()
  const root = builder.reference('envoy.config.bootstrap.v3.Bootstrap')
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Envoy bootstrap, v3',
    ...root,
    $defs: builder.definitions(),
  }
}

const anyName = 'google.protobuf.Any'

class SchemaBuilder {
  #definitions: Record<string, JsonObject> = {}
  #pending: string[] = []

  reference(name: string): JsonObject {
    if (this.#definitions[name] === undefined) {
      this.#definitions[name] = {}
      this.#pending.push(name)
    }
    return { $ref: `#/$defs/${name}` }
  }

  definitions(): JsonObject {
    for (let name = this.#pending.pop(); name !== undefined; name = this.#pending.pop()) {
      this.#definitions[name] = name === anyName ? this.#any() : this.#message(messageSchema(name)!)
    }
    return Object.fromEntries(Object.entries(this.#definitions).sort(([a], [b]) => (a < b ? -1 : 1)))
  }

  #message(schema: MessageSchema): JsonObject {
    // `@type` is there where the message lies in an Any.
    const properties: JsonObject = { '@type': true }
    for (const field of schema.fields) {
      const property = this.#property(field)
      properties[field.name] = property
      properties[field.jsonName] = property
    }
    return { type: 'object', title: schema.fullName, properties, additionalProperties: false }
  }

  #property(field: FieldSchema): JsonObject {
    const element = this.#element(field)
    const property: JsonObject = this.#shape(field, element)
    if (field.deprecated) property['deprecated'] = true
    return property
  }

  #shape(field: FieldSchema, element: JsonObject): JsonObject {
    if (field.mapKey !== undefined) return { type: ['object', 'null'], additionalProperties: element }
    if (!field.repeated) return { anyOf: [element, { type: 'null' }] }
    const list: JsonObject = { type: 'array', items: element }
    const rules = field.rules?.['repeated']
    if (rules?.['min_items'] !== undefined) list['minItems'] = Number(rules['min_items'])
    if (rules?.['max_items'] !== undefined) list['maxItems'] = Number(rules['max_items'])
    return { anyOf: [list, element, { type: 'null' }] }
  }

  #element(field: FieldSchema): JsonObject {
    if (field.kind === 'enum') return enumSchema(field)
    if (field.kind === 'scalar') return scalarSchema(field.type as ScalarType, field.rules?.[field.type])
    const schema = field.message()
    if (schema.wellKnown === 'wrapper') return scalarSchema(schema.wrapped!, field.rules?.[schema.wrapped!])
    if (schema.wellKnown === undefined || schema.wellKnown === 'any') return this.reference(schema.fullName)
    return wellKnownSchema(schema.wellKnown)
  }

  /** One branch for each extension's message: its fields hold where `@type` names it. */
  #any(): JsonObject {
    const names = messageNames().filter(isExtensionConfig)
    const branches = names.map((name) => ({
      if: { properties: { '@type': { const: `type.googleapis.com/${name}` } }, required: ['@type'] },
      // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
      then: this.reference(name),
    }))
    const known: JsonValue[] = names.map((name) => `type.googleapis.com/${name}`)
    const type: JsonObject = { type: 'string', pattern: '^.+/.+$', examples: known }
    return { type: 'object', properties: { '@type': type }, allOf: branches }
  }
}

/** Messages that a typed_config may hold: those of the extensions, and a few older ones under envoy.config. */
function isExtensionConfig(name: string): boolean {
  if (!/\.v3(alpha)?\.[A-Z]\w*$/.test(name)) return name === 'udpa.type.v1.TypedStruct'
  return (
    /^envoy\.(extensions|config\.(trace|metrics|cluster|listener|route))\./.test(name) ||
    name === 'xds.type.v3.TypedStruct'
  )
}

/** A name in any letter case, or the number. */
function enumSchema(field: FieldSchema): JsonObject {
  const names = field.enum().names
  const pattern = `^(?:${names.map(anyCasePattern).join('|')}|-?[0-9]+)$`
  return { anyOf: [{ enum: [...names] }, { type: 'string', pattern }, { type: 'integer' }] }
}

function anyCasePattern(name: string): string {
  return name.replace(/[A-Za-z]/g, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`)
}

function scalarSchema(type: ScalarType, rules: Rules | undefined): JsonObject {
  if (type === 'bool')
    return { anyOf: [{ type: 'boolean' }, { type: 'string', pattern: '^(?:[Tt]rue|[Ff]alse|yes|no|y|n|on|off|1|0)$' }] }
  if (type === 'bytes') return { type: 'string', contentEncoding: 'base64' }
  if (type === 'string') return stringSchema(rules)
  const number: JsonObject = { type: type === 'double' || type === 'float' ? 'number' : 'integer' }
  if (type.startsWith('u') || type.startsWith('fixed')) number['minimum'] = 0
  for (const [rule, keyword] of numberKeywords) if (rules?.[rule] !== undefined) number[keyword] = Number(rules[rule])
  return { anyOf: [number, { type: 'string', pattern: '^[+-]?[0-9A-Za-z.]+$' }] }
}

const numberKeywords = [
  ['gt', 'exclusiveMinimum'],
  ['gte', 'minimum'],
  ['lt', 'exclusiveMaximum'],
  ['lte', 'maximum'],
] as const

function stringSchema(rules: Rules | undefined): JsonObject {
  const schema: JsonObject = { type: 'string' }
  if (rules === undefined || rules['ignore_empty'] === true) return schema
  if (rules['min_len'] !== undefined) schema['minLength'] = Number(rules['min_len'])
  if (rules['max_len'] !== undefined) schema['maxLength'] = Number(rules['max_len'])
  if (rules['pattern'] !== undefined) schema['pattern'] = String(rules['pattern'])
  if (Array.isArray(rules['in'])) schema['enum'] = rules['in'].map(String)
  return schema
}

function wellKnownSchema(kind: string): JsonObject {
  if (kind === 'duration') {
    const parts = { seconds: { type: ['integer', 'string'] }, nanos: { type: ['integer', 'string'] } }
    const text: JsonObject = { type: 'string', pattern: '^[0-9]+(?:\\.[0-9]{0,9})?s$', examples: ['0.25s', '5s'] }
    return { anyOf: [text, { type: 'object', properties: parts, additionalProperties: false }] }
  }
  if (kind === 'timestamp') return { type: 'string', format: 'date-time' }
  if (kind === 'fieldMask') return { type: 'string' }
  if (kind === 'listValue') return { type: 'array' }
  return kind === 'value' ? {} : { type: 'object' }
}
