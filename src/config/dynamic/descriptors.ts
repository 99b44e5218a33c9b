// What a descriptor set declares, as plain objects: the messages, enums and services that a configuration brings along.

import type { ScalarType } from '../schema.ts'

export type FieldKind = ScalarType | 'enum' | 'message' | 'group'

/** Every kind at the place of its number in FieldDescriptorProto.Type, which begins with 1. */
export const fieldKinds: readonly (FieldKind | undefined)[] = [
  undefined,
  'double',
  'float',
  'int64',
  'uint64',
  'int32',
  'fixed64',
  'fixed32',
  'bool',
  'string',
  'group',
  'message',
  'bytes',
  'uint32',
  'enum',
  'sfixed32',
  'sfixed64',
  'sint32',
  'sint64',
]

export interface EnumDescriptor {
  readonly fullName: string
  readonly numberOf: ReadonlyMap<string, number>
  /** The first name declared for a number. */
  readonly nameOf: ReadonlyMap<number, string>
  /** The number of the first value. */
  readonly firstNumber: number
}

export interface FieldDescriptor {
  readonly name: string
  readonly jsonName: string
  readonly number: number
  readonly kind: FieldKind
  readonly repeated: boolean
  readonly required: boolean
  /** A repeated message whose type is a map's entry: fields `key` and `value`. */
  readonly isMap: boolean
  /** "Absent" differs from "the default": messages, oneof members, `optional`. */
  readonly hasPresence: boolean
  /** Name of the oneof, `optional`'s own included; undefined for none. */
  readonly oneof: string | undefined
  /** proto2's `[default = ...]`, as the compiler writes it; undefined for none. */
  readonly defaultValue: string | undefined
  /** Full name of the message or enum; '' for scalars. */
  readonly typeName: string
  /** Linked once all files are read. */
  message: MessageDescriptor | undefined
  enum: EnumDescriptor | undefined
}

export class MessageDescriptor {
  readonly fullName: string
  readonly isProto3: boolean
  readonly fields: readonly FieldDescriptor[]
  readonly #byNumber = new Map<number, FieldDescriptor>()
  readonly #byName = new Map<string, FieldDescriptor>()

  constructor(fullName: string, isProto3: boolean, fields: readonly FieldDescriptor[]) {
    this.fullName = fullName
    this.isProto3 = isProto3
    this.fields = [...fields].sort((a, b) => a.number - b.number)
    for (const field of fields) {
      this.#byNumber.set(field.number, field)
      this.#byName.set(field.name, field)
    }
    // A JSON name wins over a declared name that reads the same; of two equal JSON names the first one counts.
    for (const field of [...fields].reverse()) this.#byName.set(field.jsonName, field)
  }

  /** By JSON name or declared name. */
  field(name: string): FieldDescriptor | undefined {
    return this.#byName.get(name)
  }

  fieldByNumber(number: number): FieldDescriptor | undefined {
    return this.#byNumber.get(number)
  }
}

/** `google.api.HttpRule`: how one method looks in HTTP. */
export interface HttpRule {
  /** False where the rule says neither method nor path. */
  readonly hasPattern: boolean
  readonly method: string
  readonly path: string
  readonly body: string
  readonly responseBody: string
  readonly additionalBindings: readonly HttpRule[]
}

export interface MethodDescriptor {
  readonly name: string
  readonly fullName: string
  readonly serviceName: string
  readonly input: MessageDescriptor
  readonly output: MessageDescriptor
  readonly clientStreaming: boolean
  readonly serverStreaming: boolean
  /** The `google.api.http` option; undefined where the method has none. */
  readonly httpRule: HttpRule | undefined
}

export interface ServiceDescriptor {
  readonly fullName: string
  readonly methods: readonly MethodDescriptor[]
}

/** All that a descriptor set declares, by full names without a leading dot. */
export interface DescriptorPool {
  readonly messages: ReadonlyMap<string, MessageDescriptor>
  readonly enums: ReadonlyMap<string, EnumDescriptor>
  readonly services: ReadonlyMap<string, ServiceDescriptor>
}

const urlPrefix = 'type.googleapis.com/'

/** The URL by which an Any names a type. */
export function typeUrl(fullName: string): string {
  return urlPrefix + fullName
}

/** The message that an Any's URL names; undefined where the pool has none, or the URL is of no known form. */
export function messageOfUrl(pool: DescriptorPool, url: string): MessageDescriptor | undefined {
  return url.startsWith(urlPrefix) ? pool.messages.get(url.slice(urlPrefix.length)) : undefined
}
