// gRPC messages of one response to JSON: one object, a list, lines or server-sent events.

import type { DescriptorPool, MessageDescriptor } from '../../../../config/dynamic/descriptors.ts'
import { type PrintOptions, printJson } from '../../../../config/dynamic/json_printer.ts'
import { GrpcMessageReader } from '../../../../http/grpc_message_reader.ts'

/** `print_options`. */
export interface ResponseFormat extends PrintOptions {
  readonly streamNewlineDelimited: boolean
  readonly streamSseStyleDelimited: boolean
}

export interface ResponseTranslation {
  readonly pool: DescriptorPool
  readonly message: MessageDescriptor
  readonly isStreaming: boolean
  readonly format: ResponseFormat
}

/** Methods throw GrpcFrameError, WireError and PrintError; the response is lost then. */
export class ResponseTranslator {
  readonly #translation: ResponseTranslation
  readonly #frames = new GrpcMessageReader()
  #hasWritten = false
  /** One message is all that a response without streaming has. */
  #finished = false

  constructor(translation: ResponseTranslation) {
    this.#translation = translation
  }

  /** Bytes that wait for the rest of their message. */
  get buffered(): number {
    return this.#frames.buffered
  }

  push(data: Buffer): void {
    this.#frames.push(data)
  }

  /** The JSON of the messages that are complete; '' for none. */
  read(): string {
    let text = ''
    while (!this.#finished) {
      const message = this.#frames.next()
      if (message === undefined) break
      text += this.#print(message)
      this.#hasWritten = true
      this.#finished = !this.#translation.isStreaming
    }
    if (this.#finished) this.#frames.discard()
    return text
  }

  /** As read(), and nothing more will come. */
  end(): string {
    const text = this.read()
    if (this.#finished) return text
    this.#frames.finish()
    this.#finished = true
    const { isStreaming, format } = this.#translation
    if (!isStreaming || format.streamNewlineDelimited || format.streamSseStyleDelimited) return text
    return text + (this.#hasWritten ? ']' : '[]')
  }

  #print(bytes: Buffer): string {
    const { pool, message, isStreaming, format } = this.#translation
    const json = printJson(pool, message, bytes, format)
    if (!isStreaming) return json
    if (format.streamSseStyleDelimited) return `data: ${json}\n\n`
    if (format.streamNewlineDelimited) return `${json}\n`
    return (this.#hasWritten ? ',' : '[') + json
  }
}
