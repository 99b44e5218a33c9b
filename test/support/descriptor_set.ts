/** Descriptor sets from .proto text, as `protoc --include_imports --descriptor_set_out` makes them. */
import { createRequire } from 'node:module'
import protobuf from 'protobufjs'

const require = createRequire(import.meta.url)

const httpRule = `
syntax = "proto3";
package google.api;
message HttpRule {
  string get = 2;
  string put = 3;
  string post = 4;
  string delete = 5;
  string patch = 6;
  string body = 7;
  CustomHttpPattern custom = 8;
  repeated HttpRule additional_bindings = 11;
  string response_body = 12;
}
message CustomHttpPattern {
  string kind = 1;
  string path = 2;
}
`

/** What the tests' messages may use without importing it. */
const library = ['any', 'duration', 'empty', 'field_mask', 'struct', 'timestamp', 'wrappers']

const types =
  ' double float int64 uint64 int32 fixed64 fixed32 bool string group message bytes uint32 enum sfixed32 sfixed64 sint32 sint64'.split(
    ' ',
  )

type Json = Record<string, unknown>

/** Each text is one file and may use what the texts before it declare. */
export function buildDescriptorSet(...protoTexts: readonly string[]): Buffer {
  const root = protoRoot(protoTexts)
  const files: Json[] = []
  const add = (name: string, packageName: string, members: readonly protobuf.ReflectionObject[]) => {
    const dependency = files.map((file) => file['name'])
    files.push({ name, package: packageName, syntax: 'proto3', dependency, ...contents(members) })
  }
  const google = root.lookup('google.protobuf') as protobuf.Namespace
  // Under their own names: Envoy adds files that import some of them.
  for (const name of library) add(`google/protobuf/${name}.proto`, 'google.protobuf', declaredIn(name, google))
  for (const text of protoTexts) {
    const name = /^package ([\w.]+);/m.exec(text)?.[1] ?? ''
    add(`${name}.proto`, name, (root.lookup(name) as protobuf.Namespace).nestedArray)
  }
  const set = setType()
  return Buffer.from(set.encode(set.fromObject({ file: files })).finish())
}

/** Messages of the texts, to make what a backend sends. */
export function messageTypes(...protoTexts: readonly string[]): (name: string) => protobuf.Type {
  const root = protoRoot(protoTexts)
  return (name) => root.lookupType(name)
}

function protoRoot(protoTexts: readonly string[]): protobuf.Root {
  const root = new protobuf.Root()
  for (const name of library) root.addJSON(protobuf.common.get(`google/protobuf/${name}.proto`)!.nested!)
  for (const text of protoTexts) protobuf.parse(text, root, { keepCase: true })
  return root.resolveAll() as protobuf.Root
}

/** The http option of methods is a field to this encoder; on the wire that is the same. */
function setType(): protobuf.Type {
  const root = protobuf.Root.fromJSON(require('protobufjs/google/protobuf/descriptor.json') as protobuf.INamespace)
  protobuf.parse(httpRule, root, { keepCase: true })
  const options = root.lookupType('google.protobuf.MethodOptions')
  options.add(new protobuf.Field('http', 72295728, 'google.api.HttpRule'))
  return root.lookupType('google.protobuf.FileDescriptorSet')
}

function declaredIn(file: string, google: protobuf.Namespace): protobuf.ReflectionObject[] {
  const own = new protobuf.Root().addJSON(protobuf.common.get(`google/protobuf/${file}.proto`)!.nested!)
  const names = (own.lookup('google.protobuf') as protobuf.Namespace).nestedArray.map(({ name }) => name)
  return google.nestedArray.filter(({ name }) => names.includes(name))
}

function contents(all: readonly protobuf.ReflectionObject[]): Json {
  return {
    messageType: all.filter((one) => one instanceof protobuf.Type).map(message),
    enumType: all.filter((one) => one instanceof protobuf.Enum).map(enumeration),
    service: all.filter((one) => one instanceof protobuf.Service).map(service),
  }
}

function message(type: protobuf.Type): Json {
  const { messageType, enumType } = contents(type.nestedArray)
  // The oneofs that `optional` makes come last.
  const oneofs = [...type.oneofsArray].sort((a, b) => Number(isSynthetic(a)) - Number(isSynthetic(b)))
  const maps = type.fieldsArray.filter((one) => one instanceof protobuf.MapField)
  return {
    name: type.name,
    field: type.fieldsArray.map((one) => field(one, oneofs)),
    nestedType: [...(messageType as Json[]), ...maps.map(mapEntry)],
    enumType,
    oneofDecl: oneofs.map(({ name }) => ({ name })),
  }
}

function isSynthetic(oneof: protobuf.OneOf): boolean {
  return oneof.name.startsWith('_')
}

function field(one: protobuf.Field, oneofs: readonly protobuf.OneOf[]): Json {
  const isMap = one instanceof protobuf.MapField
  const oneofIndex = one.partOf === null ? undefined : oneofs.indexOf(one.partOf)
  return {
    name: snakeCase(one.name),
    number: one.id,
    label: isMap || one.repeated ? 3 : 1,
    ...(isMap ? { type: 11, typeName: `${one.parent!.fullName}.${entryName(one)}` } : typeOf(one)),
    ...(oneofIndex === undefined ? {} : { oneofIndex, proto3Optional: isSynthetic(oneofs[oneofIndex]) }),
    jsonName: (one.options?.['json_name'] as string | undefined) ?? camelCase(one.name),
  }
}

function typeOf(one: protobuf.FieldBase): Json {
  const resolved = one.resolvedType
  if (resolved === null) return { type: types.indexOf(one.type) }
  return { type: types.indexOf(resolved instanceof protobuf.Enum ? 'enum' : 'message'), typeName: resolved.fullName }
}

function mapEntry(one: protobuf.FieldBase & { keyType: string }): Json {
  const keyType = types.indexOf(one.keyType)
  return {
    name: entryName(one),
    field: [
      { name: 'key', number: 1, label: 1, type: keyType, jsonName: 'key' },
      { name: 'value', number: 2, label: 1, ...typeOf(one), jsonName: 'value' },
    ],
    options: { mapEntry: true },
  }
}

function entryName(one: protobuf.FieldBase): string {
  const name = camelCase(one.name)
  return `${name[0].toUpperCase()}${name.slice(1)}Entry`
}

function camelCase(name: string): string {
  return name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
}

/** protobufjs has the names of its own library in camel case only. */
function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}

function enumeration(one: protobuf.Enum): Json {
  return { name: one.name, value: Object.entries(one.values).map(([name, number]) => ({ name, number })) }
}

function service(one: protobuf.Service): Json {
  return { name: one.name, method: one.methodsArray.map(method) }
}

function method(one: protobuf.Method): Json {
  one.resolve()
  const options = one.parsedOptions as Record<string, Json>[] | undefined
  const rule = options?.find((option) => option['(google.api.http)'] !== undefined)?.['(google.api.http)']
  return {
    name: one.name,
    inputType: one.resolvedRequestType!.fullName,
    outputType: one.resolvedResponseType!.fullName,
    clientStreaming: one.requestStream ?? false,
    serverStreaming: one.responseStream ?? false,
    ...(rule === undefined ? {} : { options: { http: asRule(rule) } }),
  }
}

/** One binding is not parsed as a list. */
function asRule(rule: Json): Json {
  const more = rule['additional_bindings']
  if (more === undefined) return rule
  return { ...rule, additional_bindings: (Array.isArray(more) ? more : [more]).map((one) => asRule(one as Json)) }
}
