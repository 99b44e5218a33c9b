// Makes the bundle of messages and enums from resolved protobufjs types.
import protobuf from 'protobufjs'
import type {
  Bundle,
  BundleEnum,
  BundleField,
  BundleMessage,
  FieldRules,
  Rules,
  RuleValue,
} from '../src/config/bundle.ts'

type Options = Record<string, RuleValue>

/** All options of a declaration as one nested object; later statements add to earlier ones. */
function optionsOf(object: protobuf.ReflectionObject): Options {
  const merged: Options = {}
  for (const option of (object.parsedOptions ?? []) as Options[]) mergeInto(merged, option)
  return merged
}

function mergeInto(target: Options, source: Options): void {
  for (const [key, value] of Object.entries(source)) {
    const old = target[key]
    if (isObject(old) && isObject(value)) mergeInto(old as Options, value as Options)
    else target[key] = isObject(value) ? structuredClone(value) : value
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function fullNameOf(object: protobuf.ReflectionObject): string {
  return object.fullName.slice(1)
}

/** The bundle of everything under a root, except the descriptor language and rule declarations themselves. */
export function buildBundle(root: protobuf.Root): Bundle {
  const bundle: Bundle = { messages: {}, enums: {} }
  visit(root, bundle)
  return bundle
}

const skippedNamespaces = new Set(['validate', 'google.protobuf'])

function visit(namespace: protobuf.NamespaceBase, bundle: Bundle): void {
  for (const nested of namespace.nestedArray) {
    if (nested instanceof protobuf.Enum) bundle.enums[fullNameOf(nested)] = enumOf(nested)
    else if (nested instanceof protobuf.Type) bundle.messages[fullNameOf(nested)] = messageOf(nested)
    if (nested instanceof protobuf.Namespace && !skippedNamespaces.has(fullNameOf(nested))) visit(nested, bundle)
  }
}

function enumOf(source: protobuf.Enum): BundleEnum {
  const result: BundleEnum = { values: { ...source.values } }
  const valueOptions = Object.entries(source.valuesOptions ?? {}) as [string, Options | undefined][]
  const deprecated = valueOptions.filter(([, options]) => options?.['deprecated'] === true).map(([name]) => name)
  const disallowed = valueOptions
    .filter(([, options]) => options?.['(envoy.annotations.disallowed_by_default_enum)'] === true)
    .map(([name]) => name)
  if (deprecated.length > 0) result.deprecated = deprecated
  if (disallowed.length > 0) result.disallowed = disallowed
  return result
}

function messageOf(source: protobuf.Type): BundleMessage {
  const options = optionsOf(source)
  const result: BundleMessage = { fields: source.fieldsArray.map(fieldOf) }
  const oneofs = source.oneofsArray.filter((oneof) => !oneof.isProto3Optional)
  if (oneofs.length > 0) {
    result.oneofs = oneofs.map((oneof) => {
      const required = optionsOf(oneof)['(validate.required)'] === true
      return required ? { name: oneof.name, required } : { name: oneof.name }
    })
  }
  if (options['(validate.disabled)'] === true) result.validateDisabled = true
  if (options['deprecated'] === true) result.deprecated = true
  return result
}

function fieldOf(source: protobuf.Field): BundleField {
  const options = optionsOf(source)
  const type = source.resolvedType === null ? source.type : fullNameOf(source.resolvedType)
  const field: BundleField = { name: source.name, number: source.id, type }
  if (source.repeated) field.repeated = true
  if (source instanceof protobuf.MapField) field.mapKey = source.keyType
  if (source.partOf !== null && !source.partOf.isProto3Optional) field.oneof = source.partOf.name
  if (hasPresence(source)) field.optional = true
  if (options['json_name'] !== undefined) field.jsonName = String(options['json_name'])
  if (options['deprecated'] === true) field.deprecated = true
  if (options['(envoy.annotations.disallowed_by_default)'] === true) field.disallowed = true
  if (options['(udpa.annotations.sensitive)'] === true) field.sensitive = true
  if (options['packed'] === false) field.unpacked = true
  const rules = options['(validate.rules)']
  if (rules !== undefined) field.rules = rulesOf(rules as Rules)
  return field
}

function hasPresence(source: protobuf.Field): boolean {
  if (source.repeated || source instanceof protobuf.MapField) return false
  if (source.resolvedType instanceof protobuf.Type || source.partOf !== null)
    return source.partOf?.isProto3Optional === true
  return source.hasPresence
}

/** `cidr: { ... }` and repeated keys arrive as objects or arrays already; numbers may arrive as text. */
function rulesOf(rules: Rules): FieldRules {
  return structuredClone(rules) as FieldRules
}
