// Reads a FileDescriptorSet (`protoc --descriptor_set_out`) into descriptors.

import { createRequire } from 'node:module'
import type * as Protobuf from 'protobufjs'
import {
  type DescriptorPool,
  type EnumDescriptor,
  type FieldDescriptor,
  fieldKinds,
  type HttpRule,
  MessageDescriptor,
  type MethodDescriptor,
  type ServiceDescriptor,
} from './descriptors.ts'

/** The bytes are no FileDescriptorSet. */
export class DescriptorSyntaxError extends Error {}

/** The files do not fit together: a missing or misplaced import, or a type that no file declares. */
export class DescriptorLinkError extends Error {}

/** Throws DescriptorSyntaxError or DescriptorLinkError. */
export function readDescriptorSet(bytes: Uint8Array): DescriptorPool {
  const builder = new PoolBuilder()
  for (const file of decodeSet(bytes)) builder.addFile(file)
  return builder.link()
}

// What protobufjs makes of descriptor.proto: only what is used here, absent fields left out.
interface FileProto {
  name?: string
  package?: string
  dependency?: string[]
  messageType?: MessageProto[]
  enumType?: EnumProto[]
  service?: ServiceProto[]
  options?: { features?: Features }
  syntax?: string
}
interface Features {
  fieldPresence?: number
}
interface MessageProto {
  name: string
  field?: FieldProto[]
  nestedType?: MessageProto[]
  enumType?: EnumProto[]
  oneofDecl?: { name: string }[]
  options?: { mapEntry?: boolean }
}
interface FieldProto {
  name: string
  number: number
  label?: number
  type?: number
  typeName?: string
  defaultValue?: string
  oneofIndex?: number
  jsonName?: string
  proto3Optional?: boolean
  options?: { features?: Features }
}
interface EnumProto {
  name: string
  value?: { name: string; number: number }[]
}
interface ServiceProto {
  name: string
  method?: {
    name: string
    inputType: string
    outputType: string
    clientStreaming?: boolean
    serverStreaming?: boolean
    options?: { http?: RuleProto }
  }[]
}
interface RuleProto {
  get?: string
  put?: string
  post?: string
  delete?: string
  patch?: string
  custom?: { kind?: string; path?: string }
  body?: string
  responseBody?: string
  additionalBindings?: RuleProto[]
}

/** `google.api.HttpRule` by its field numbers; the option's own number among the options of a method. */
const httpRuleJson = {
  HttpRule: {
    fields: {
      get: { type: 'string', id: 2 },
      put: { type: 'string', id: 3 },
      post: { type: 'string', id: 4 },
      delete: { type: 'string', id: 5 },
      patch: { type: 'string', id: 6 },
      body: { type: 'string', id: 7 },
      custom: { type: 'CustomHttpPattern', id: 8 },
      additionalBindings: { rule: 'repeated', type: 'HttpRule', id: 11 },
      responseBody: { type: 'string', id: 12 },
    },
  },
  CustomHttpPattern: { fields: { kind: { type: 'string', id: 1 }, path: { type: 'string', id: 2 } } },
}
const httpOptionNumber = 72295728

let setType: Protobuf.Type | undefined

function decodeSet(bytes: Uint8Array): FileProto[] {
  if (setType === undefined) {
    const require = createRequire(import.meta.url)
    const protobuf = require('protobufjs') as typeof Protobuf
    const root = protobuf.Root.fromJSON(require('protobufjs/google/protobuf/descriptor.json') as Protobuf.INamespace)
    root.define('google.api').addJSON(httpRuleJson)
    const options = root.lookupType('google.protobuf.MethodOptions')
    options.add(new protobuf.Field('http', httpOptionNumber, 'google.api.HttpRule'))
    setType = root.lookupType('google.protobuf.FileDescriptorSet')
  }
  try {
    const set = setType.decode(bytes)
    return ((set as unknown as { file?: FileProto[] }).file ?? []).map((file) => file)
  } catch (error) {
    throw new DescriptorSyntaxError((error as Error).message)
  }
}

const labelRequired = 2
const labelRepeated = 3
const presenceImplicit = 2

class PoolBuilder {
  readonly #files = new Set<string>()
  readonly #messages = new Map<string, MessageDescriptor>()
  readonly #mapEntries = new Set<string>()
  readonly #enums = new Map<string, EnumDescriptor>()
  readonly #services: { prefix: string; proto: ServiceProto }[] = []

  addFile(file: FileProto): void {
    const name = file.name ?? ''
    // The same file twice does no harm: sets are joined by concatenating them.
    if (this.#files.has(name)) return
    for (const dependency of file.dependency ?? []) {
      if (!this.#files.has(dependency)) throw new DescriptorLinkError(`${name}: import "${dependency}" was not found`)
    }
    this.#files.add(name)
    const prefix = file.package === undefined || file.package === '' ? '' : `${file.package}.`
    for (const proto of file.messageType ?? []) this.#addMessage(prefix, proto, file)
    for (const proto of file.enumType ?? []) this.#addEnum(prefix, proto)
    for (const proto of file.service ?? []) this.#services.push({ prefix, proto })
  }

  link(): DescriptorPool {
    for (const message of this.#messages.values()) {
      for (const field of message.fields) this.#linkField(message, field)
    }
    const services = new Map<string, ServiceDescriptor>()
    for (const { prefix, proto } of this.#services) {
      const service = this.#service(prefix + proto.name, proto)
      services.set(service.fullName, service)
    }
    return { messages: this.#messages, enums: this.#enums, services }
  }

  #addMessage(prefix: string, proto: MessageProto, file: FileProto): void {
    const fullName = prefix + proto.name
    if (proto.options?.mapEntry === true) this.#mapEntries.add(fullName)
    for (const nested of proto.nestedType ?? []) this.#addMessage(`${fullName}.`, nested, file)
    for (const nested of proto.enumType ?? []) this.#addEnum(`${fullName}.`, nested)
    const fields = (proto.field ?? []).map((field) => this.#field(field, proto, file))
    if (this.#messages.has(fullName)) throw new DescriptorLinkError(`"${fullName}" is already defined`)
    this.#messages.set(fullName, new MessageDescriptor(fullName, file.syntax === 'proto3', fields))
  }

  #field(proto: FieldProto, message: MessageProto, file: FileProto): FieldDescriptor {
    const kind = fieldKinds[proto.type ?? 0]
    if (kind === undefined) throw new DescriptorLinkError(`${message.name}.${proto.name} has no type`)
    const repeated = proto.label === labelRepeated
    const typeName = (proto.typeName ?? '').replace(/^\./, '')
    const isOneofMember = Object.hasOwn(proto, 'oneofIndex')
    return {
      name: proto.name,
      jsonName: proto.jsonName ?? jsonNameOf(proto.name),
      number: proto.number,
      kind,
      repeated,
      required: proto.label === labelRequired,
      isMap: repeated && kind === 'message' && this.#mapEntries.has(typeName),
      hasPresence: !repeated && (kind === 'message' || isOneofMember || hasExplicitPresence(proto, file)),
      oneof: isOneofMember ? message.oneofDecl?.[proto.oneofIndex ?? 0]?.name : undefined,
      defaultValue: Object.hasOwn(proto, 'defaultValue') ? proto.defaultValue : undefined,
      typeName,
      message: undefined,
      enum: undefined,
    }
  }

  #addEnum(prefix: string, proto: EnumProto): void {
    const values = proto.value ?? []
    const nameOf = new Map<number, string>()
    for (const { name, number } of values) if (!nameOf.has(number)) nameOf.set(number, name)
    this.#enums.set(prefix + proto.name, {
      fullName: prefix + proto.name,
      numberOf: new Map(values.map(({ name, number }) => [name, number])),
      nameOf,
      firstNumber: values[0]?.number ?? 0,
    })
  }

  #linkField(message: MessageDescriptor, field: FieldDescriptor): void {
    if (field.kind === 'message' || field.kind === 'group') field.message = this.#messages.get(field.typeName)
    else if (field.kind === 'enum') field.enum = this.#enums.get(field.typeName)
    else return
    if (field.message === undefined && field.enum === undefined)
      throw new DescriptorLinkError(`${message.fullName}.${field.name}: "${field.typeName}" is not defined`)
  }

  #service(fullName: string, proto: ServiceProto): ServiceDescriptor {
    const methods = (proto.method ?? []).map((method): MethodDescriptor => {
      const rule = method.options?.http
      return {
        name: method.name,
        fullName: `${fullName}.${method.name}`,
        serviceName: fullName,
        input: this.#methodType(fullName, method.inputType),
        output: this.#methodType(fullName, method.outputType),
        clientStreaming: method.clientStreaming ?? false,
        serverStreaming: method.serverStreaming ?? false,
        httpRule: rule === undefined || rule === null ? undefined : httpRule(rule),
      }
    })
    return { fullName, methods }
  }

  #methodType(service: string, name: string): MessageDescriptor {
    const message = this.#messages.get(name.replace(/^\./, ''))
    if (message === undefined) throw new DescriptorLinkError(`${service}: "${name}" is not defined`)
    return message
  }
}

function hasExplicitPresence(field: FieldProto, file: FileProto): boolean {
  if (file.syntax === 'proto3') return field.proto3Optional ?? false
  const presence = field.options?.features?.fieldPresence || file.options?.features?.fieldPresence
  return presence !== presenceImplicit
}

/** lowerCamelCase, as the compiler derives it. */
function jsonNameOf(name: string): string {
  return name.replace(/_+(.?)/g, (_, next: string) => next.toUpperCase())
}

function httpRule(proto: RuleProto): HttpRule {
  const pattern = patternOf(proto)
  return {
    hasPattern: pattern !== undefined,
    method: pattern?.method ?? '',
    path: pattern?.path ?? '',
    body: proto.body ?? '',
    responseBody: proto.responseBody ?? '',
    additionalBindings: (proto.additionalBindings ?? []).map(httpRule),
  }
}

function patternOf(proto: RuleProto): { method: string; path: string } | undefined {
  for (const method of ['get', 'put', 'post', 'delete', 'patch'] as const) {
    if (Object.hasOwn(proto, method)) return { method: method.toUpperCase(), path: proto[method] ?? '' }
  }
  const { custom } = proto
  return custom === undefined || custom === null ? undefined : { method: custom.kind ?? '', path: custom.path ?? '' }
}
