// The JSON body of one request, with what its URL binds, to gRPC messages.

import type { DescriptorPool, MessageDescriptor } from '../../../../config/dynamic/descriptors.ts'
import { EncodeError, encodeJson } from '../../../../config/dynamic/json_encoder.ts'
import { type JsonNode, JsonReader } from '../../../../config/dynamic/json_reader.ts'
import { grpcFrame } from './grpc_frames.ts'
import { type ResolvedBinding, weave } from './request_weaver.ts'

export interface RequestTranslation {
  readonly pool: DescriptorPool
  readonly message: MessageDescriptor
  readonly isStreaming: boolean
  /** Declared names of the fields that lead to what the body holds; none where it is the message itself. */
  readonly bodyPath: readonly string[]
  readonly bindings: readonly ResolvedBinding[]
  readonly caseInsensitiveEnums: boolean
  readonly rejectCollisions: boolean
}

/** Methods throw JsonSyntaxError and EncodeError; the request is lost then. */
export class RequestTranslator {
  readonly #translation: RequestTranslation
  readonly #reader: JsonReader
  #bindings: readonly ResolvedBinding[]
  #complete: JsonNode[] = []
  #finished = false
  #hasInput = false

  constructor(translation: RequestTranslation) {
    this.#translation = translation
    this.#bindings = translation.bindings
    this.#reader = new JsonReader(translation.isStreaming ? 'elements' : 'whole', (node) => this.#complete.push(node))
  }

  /** The messages that became complete by this data, framed. */
  write(data: Buffer): Buffer[] {
    // What follows a complete message in data of its own is not looked at.
    if (data.length === 0 || this.#finished) return noMessages
    this.#hasInput = true
    this.#reader.write(data)
    return this.#messages()
  }

  /** The rest. A request without a body is an empty object. */
  end(): Buffer[] {
    if (this.#finished) return noMessages
    if (!this.#hasInput) return this.write(Buffer.from('{}'))
    this.#reader.end()
    return this.#messages()
  }

  #messages(): Buffer[] {
    const { isStreaming } = this.#translation
    const { rootKind } = this.#reader
    if (isStreaming && rootKind !== undefined && rootKind !== 'list') {
      const what = rootKind === 'object' ? 'an object' : 'a scalar value.'
      throw new EncodeError(`Expected an array instead of ${what}`)
    }
    if (this.#complete.length === 0) return noMessages
    const messages = this.#complete.map((node) => grpcFrame(this.#encode(node)))
    this.#complete = []
    this.#finished = !isStreaming
    return messages
  }

  #encode(body: JsonNode): Buffer {
    const { pool, message, bodyPath, isStreaming, caseInsensitiveEnums, rejectCollisions } = this.#translation
    const node = weave(within(bodyPath, body), this.#bindings, rejectCollisions && !isStreaming)
    // They belong to the first message alone.
    this.#bindings = noBindings
    return encodeJson(pool, message, node, { caseInsensitiveEnums: caseInsensitiveEnums && !isStreaming })
  }
}

const noMessages: Buffer[] = []
const noBindings: readonly ResolvedBinding[] = []

/** The body in the fields that lead to it. */
function within(bodyPath: readonly string[], body: JsonNode): JsonNode {
  return bodyPath.reduceRight<JsonNode>((value, name) => ({ kind: 'object', entries: [{ name, value }] }), body)
}

/** The message that the bindings make around an empty body, without a frame. Throws EncodeError. */
export function encodeBindings(translation: RequestTranslation): Buffer {
  const { pool, message, bodyPath, bindings, caseInsensitiveEnums, rejectCollisions } = translation
  const node = weave(within(bodyPath, { kind: 'object', entries: [] }), bindings, rejectCollisions)
  return encodeJson(pool, message, node, { caseInsensitiveEnums })
}
