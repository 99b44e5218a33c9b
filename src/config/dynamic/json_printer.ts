// Protobuf messages to JSON by a descriptor: fields in the order of their numbers, as Envoy's transcoder prints them.

import { type DescriptorPool, type FieldDescriptor, type MessageDescriptor, messageOfUrl } from './descriptors.ts'
import { formatDouble, formatFloat, quoteString } from './json_text.ts'
import { formatDuration, formatFieldMask, formatTimestamp, PrintError } from './well_known_text.ts'
import { hasOwnForm, isTypeUrl, isWrapper, unknownTypeUrl } from './well_known_types.ts'
import { readWireMessage, type WireMessage, type WireValue } from './wire_message.ts'

/** `print_options` of the transcoder, as far as they are about one message. */
export interface PrintOptions {
  readonly addWhitespace: boolean
  readonly alwaysPrintPrimitiveFields: boolean
  readonly alwaysPrintEnumsAsInts: boolean
  readonly preserveProtoFieldNames: boolean
}

/** The JSON of a message's bytes. Throws WireError or PrintError. */
export function printJson(
  pool: DescriptorPool,
  message: MessageDescriptor,
  bytes: Buffer,
  options: PrintOptions,
): string {
  const printer = new JsonPrinter(pool, options)
  printer.message(readWireMessage(message, bytes))
  return options.addWhitespace ? `${printer.text}\n` : printer.text
}

class JsonPrinter {
  readonly #pool: DescriptorPool
  readonly #options: PrintOptions
  readonly #colon: string
  text = ''
  #depth = 0

  constructor(pool: DescriptorPool, options: PrintOptions) {
    this.#pool = pool
    this.#options = options
    this.#colon = options.addWhitespace ? ': ' : ':'
  }

  message(message: WireMessage): void {
    const { descriptor } = message
    if (!this.#wellKnown(message)) {
      this.#open('{')
      const isEmpty = this.#fields(message, true)
      this.#close('}', isEmpty)
      return
    }
    if (isWrapper(descriptor.fullName)) {
      const field = descriptor.fieldByNumber(1)!
      this.#value(field, message.get(1) ?? defaultOf(field))
    }
  }

  /** Prints what has a form of its own, wrappers excepted; false for ordinary messages. */
  #wellKnown(message: WireMessage): boolean {
    const { descriptor } = message
    if (!descriptor.fullName.startsWith('google.protobuf.')) return false
    switch (descriptor.fullName) {
      case 'google.protobuf.Any':
        this.#any(message)
        return true
      case 'google.protobuf.Timestamp':
        this.text += `"${formatTimestamp(secondsNanos(message))}"`
        return true
      case 'google.protobuf.Duration':
        this.text += `"${formatDuration(secondsNanos(message))}"`
        return true
      case 'google.protobuf.FieldMask':
        this.text += `"${formatFieldMask(message.all(descriptor.fieldByNumber(1)!) as string[])}"`
        return true
      case 'google.protobuf.Struct':
        this.#map(message, descriptor.fieldByNumber(1)!)
        return true
      case 'google.protobuf.ListValue':
        this.#list(message, descriptor.fieldByNumber(1)!)
        return true
      case 'google.protobuf.Value':
        this.#structValue(message)
        return true
      default:
        return isWrapper(descriptor.fullName)
    }
  }

  /** Prints the set fields. Answers whether nothing has been printed within the braces so far. */
  #fields(message: WireMessage, isEmpty: boolean): boolean {
    const { alwaysPrintPrimitiveFields, preserveProtoFieldNames } = this.#options
    for (const field of message.descriptor.fields) {
      const values = message.all(field)
      if (values.length === 0 && !(alwaysPrintPrimitiveFields && hasNoPresence(field))) continue
      if (!field.repeated && isEmptyValue(values[0])) continue
      this.#next(isEmpty)
      isEmpty = false
      this.text += quoteString(preserveProtoFieldNames ? field.name : printedJsonName(field)) + this.#colon
      if (field.isMap) this.#map(message, field)
      else if (field.repeated) this.#list(message, field)
      else this.#value(field, values.length === 0 ? defaultOf(field) : values[0])
    }
    return isEmpty
  }

  #list(message: WireMessage, field: FieldDescriptor): void {
    let isEmpty = true
    this.#open('[')
    for (const value of message.all(field)) {
      if (isEmptyValue(value)) continue
      this.#next(isEmpty)
      isEmpty = false
      this.#value(field, value)
    }
    this.#close(']', isEmpty)
  }

  #map(message: WireMessage, field: FieldDescriptor): void {
    const key = field.message!.fieldByNumber(1)!
    const value = field.message!.fieldByNumber(2)!
    let isEmpty = true
    this.#open('{')
    for (const entry of message.all(field) as WireMessage[]) {
      const item = entry.get(2) ?? absentMapValue(value)
      if (isEmptyValue(item)) continue
      this.#next(isEmpty)
      isEmpty = false
      this.text += quoteString(String(entry.get(1) ?? defaultOf(key))) + this.#colon
      if (item === undefined) this.#absentMessage(value.message!)
      else this.#value(value, item)
    }
    this.#close('}', isEmpty)
  }

  /** A map's value that was left out, as an encoder does with an empty message. */
  #absentMessage(descriptor: MessageDescriptor): void {
    this.message(readWireMessage(descriptor, Buffer.alloc(0)))
  }

  #value(field: FieldDescriptor, value: WireValue): void {
    switch (field.kind) {
      case 'message':
      case 'group':
        this.message(value as WireMessage)
        return
      case 'string':
        this.text += quoteString(value as string)
        return
      case 'bytes':
        this.text += `"${(value as Buffer).toString('base64')}"`
        return
      case 'double':
        this.text += specialNumber(value as number) ?? formatDouble(value as number)
        return
      case 'float':
        this.text += specialNumber(value as number) ?? formatFloat(value as number)
        return
      case 'enum':
        this.#enum(field, value as number)
        return
      default:
        this.text += typeof value === 'bigint' ? `"${value}"` : String(value)
    }
  }

  #enum(field: FieldDescriptor, value: number): void {
    if (field.typeName === 'google.protobuf.NullValue') {
      this.text += 'null'
      return
    }
    const name = this.#options.alwaysPrintEnumsAsInts ? undefined : field.enum?.nameOf.get(value)
    this.text += name === undefined ? String(value) : `"${name}"`
  }

  #structValue(message: WireMessage): void {
    const { descriptor } = message
    if (message.get(1) !== undefined) {
      this.text += 'null'
      return
    }
    for (let number = 2; number <= 6; number++) {
      const value = message.get(number)
      if (value === undefined) continue
      if (number === 2) refuseSpecialNumber(value as number)
      this.#value(descriptor.fieldByNumber(number)!, value)
      return
    }
  }

  #any(message: WireMessage): void {
    const url = message.get(1) as string | undefined
    const value = message.get(2) as Buffer | undefined
    if (url === undefined) {
      if (value !== undefined) throw new PrintError('broken Any: missing type URL')
      this.text += '{}'
      return
    }
    this.#open('{')
    this.#next(true)
    this.text += `"@type"${this.#colon}${quoteString(url)}`
    const descriptor = messageOfUrl(this.#pool, url)
    if (descriptor === undefined) throw new PrintError(unknownTypeUrl(url), isTypeUrl(url))
    const inner = readWireMessage(descriptor, value ?? Buffer.alloc(0))
    if (!hasOwnForm(descriptor.fullName)) this.#fields(inner, false)
    else {
      this.#next(false)
      this.text += `"value"${this.#colon}`
      this.message(inner)
    }
    this.#close('}', false)
  }

  #open(bracket: string): void {
    this.text += bracket
    this.#depth++
  }

  /** Before each entry. */
  #next(isFirst: boolean): void {
    if (!isFirst) this.text += ','
    this.#newLine()
  }

  #close(bracket: string, isEmpty: boolean): void {
    this.#depth--
    if (!isEmpty) this.#newLine()
    this.text += bracket
  }

  #newLine(): void {
    if (this.#options.addWhitespace) this.text += `\n${' '.repeat(this.#depth)}`
  }
}

/** Fields that are printed even where they are not set, if that is asked for. */
function hasNoPresence(field: FieldDescriptor): boolean {
  return field.repeated || !field.hasPresence
}

/** A google.protobuf.Value that holds nothing stands for no JSON at all. */
function isEmptyValue(value: WireValue | undefined): boolean {
  return (
    typeof value === 'object' &&
    'descriptor' in value &&
    value.descriptor.fullName === 'google.protobuf.Value' &&
    value.isEmpty
  )
}

/** A name in PascalCase keeps its first letter. */
function printedJsonName({ name, jsonName }: FieldDescriptor): string {
  return /^[A-Z]/.test(name) && !/^[A-Z]/.test(jsonName) ? name : jsonName
}

function absentMapValue(field: FieldDescriptor): WireValue | undefined {
  return field.kind === 'message' ? undefined : defaultOf(field)
}

function defaultOf(field: FieldDescriptor): WireValue {
  const declared = field.defaultValue
  switch (field.kind) {
    case 'string':
      return declared ?? ''
    case 'bytes':
      return Buffer.from(declared ?? '', 'latin1')
    case 'bool':
      return declared === 'true'
    case 'enum':
      return (declared === undefined ? undefined : field.enum?.numberOf.get(declared)) ?? field.enum?.firstNumber ?? 0
    case 'int64':
    case 'uint64':
    case 'sint64':
    case 'fixed64':
    case 'sfixed64':
      return BigInt(declared ?? 0)
    default:
      return Number(declared ?? 0)
  }
}

function secondsNanos(message: WireMessage): { seconds: bigint; nanos: number } {
  return { seconds: (message.get(1) as bigint | undefined) ?? 0n, nanos: (message.get(2) as number | undefined) ?? 0 }
}

function specialNumber(value: number): string | undefined {
  return Number.isFinite(value) ? undefined : `"${value}"`
}

function refuseSpecialNumber(value: number): void {
  if (Number.isFinite(value)) return
  const what = Number.isNaN(value) ? 'nan' : 'infinity'
  throw new PrintError(
    `google.protobuf.Value cannot encode double values for ${what}, because it would be parsed as a string`,
  )
}
