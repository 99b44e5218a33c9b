/** The resources that a control plane has, by type, with the version in which each last changed. */
import type { JsonObject } from '../../../proto/generated/api.d.ts'
import { SourceText } from '../../../src/config/config_node.ts'
import { ConfigErrors } from '../../../src/config/errors.ts'
import { toAnyJson } from '../../../src/config/proto_json.ts'
import { messageSchema } from '../../../src/config/schema.ts'
import { ViewReader } from '../../../src/config/view_reader.ts'
import { decodeView } from '../../../src/config/wire.ts'
import { encodeMessage } from '../../../src/config/wire_encode.ts'
import { parseYaml } from '../../../src/config/yaml_source.ts'
import { type TypeName, typeUrlOf } from './resource_types.ts'

export interface ResourceInput {
  readonly name: string
  /** YAML text, or the JSON object that such a text stands for; undefined for a name without a resource. */
  readonly resource: string | object | undefined
  /** Instead of the bytes that `resource` has: for what cannot be said by JSON. */
  readonly bytes?: Uint8Array
  /** Instead of the type that it is given to. */
  readonly typeUrl?: string
  /** Other names that ask for it (delta only). */
  readonly aliases?: readonly string[]
  readonly ttlMs?: number
}

export interface StoredResource {
  readonly name: string
  readonly aliases: readonly string[]
  /** Undefined where the control plane says that it has no such resource (delta only). */
  readonly body: AnyMessage | undefined
  readonly ttlMs: number | undefined
  /** Of the `set` that changed it last. */
  readonly version: string
}

/** A google.protobuf.Any as protobufjs takes it. */
export interface AnyMessage {
  readonly type_url: string
  readonly value: Uint8Array
}

export interface TypeState {
  readonly version: string
  readonly resources: ReadonlyMap<string, StoredResource>
}

export class ResourceStore {
  readonly #states = new Map<TypeName, TypeState>()

  /** Undefined for a type that nothing was set of. */
  state(type: TypeName): TypeState | undefined {
    return this.#states.get(type)
  }

  set(type: TypeName, inputs: readonly ResourceInput[], version: string): void {
    const before = this.#states.get(type)?.resources
    const resources = new Map<string, StoredResource>()
    for (const input of inputs) {
      const next = storedResource(type, input, version)
      const last = before?.get(input.name)
      resources.set(input.name, last !== undefined && isSame(last, next) ? last : next)
    }
    this.#states.set(type, { version, resources })
  }
}

function storedResource(type: TypeName, input: ResourceInput, version: string): StoredResource {
  const { name, resource, typeUrl = typeUrlOf(type), aliases = [], ttlMs } = input
  const value = input.bytes ?? (resource === undefined ? undefined : encodeText(messageOf(typeUrl), resource))
  return { name, aliases, body: value && { type_url: typeUrl, value }, ttlMs, version }
}

function messageOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1)
}

function isSame(a: StoredResource, b: StoredResource): boolean {
  if (a.ttlMs !== b.ttlMs || a.aliases.join() !== b.aliases.join()) return false
  if (a.body === undefined || b.body === undefined) return a.body === b.body
  return a.body.type_url === b.body.type_url && Buffer.compare(a.body.value, b.body.value) === 0
}

/** As REST sends it. */
export function resourceJson({ body }: StoredResource): JsonObject {
  if (body === undefined) return {}
  const message = messageOf(body.type_url)
  const view = decodeView(messageSchema(message)!, body.value, new ConfigErrors(message), 'ignore')
  return toAnyJson(message, view, { redact: false })
}

/**
 * The bytes of a message given as YAML or as a JSON object. Limits of fields are not checked: proxies are to refuse what
 * breaks them.
 */
export function encodeText(message: string, text: string | object): Uint8Array {
  const schema = messageSchema(message)
  if (schema === undefined) throw new Error(`unknown message type ${message}`)
  const errors = new ConfigErrors(message)
  const source = new SourceText(message, typeof text === 'string' ? text : JSON.stringify(text, undefined, 1))
  const view = new ViewReader(errors, false).readDocument(schema, parseYaml(source))
  if (view === undefined || errors.errors.length > 0) {
    throw new Error(`${message}: ${errors.errors.map((issue) => issue.message).join('; ')}\n${source.text}`)
  }
  return encodeMessage(message, view)
}
