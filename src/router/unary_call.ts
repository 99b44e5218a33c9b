// A gRPC call of one message for one, as a request of the proxy's own. (Envoy's Grpc::AsyncRequestImpl.)

import type { HeaderMap } from '../common/header_map.ts'
import { grpcFrame } from '../http/grpc_frames.ts'
import { GrpcFrameError, GrpcMessageReader } from '../http/grpc_message_reader.ts'
import { grpcStatusOfHttp } from '../http/grpc_status.ts'
import type { LocalReply } from '../http/http_filter.ts'
import { gatherWrites } from '../network/write_batch.ts'
import type { GrpcCall, UnaryCallbacks } from '../upstream/async_grpc_client.ts'
import type { Cluster } from '../upstream/cluster.ts'
import type { AsyncClient, AsyncStream, AsyncStreamCallbacks, AsyncStreamOptions } from './async_client.ts'

const ok = 0
const unknown = 2
const internal = 13

/** What the router says of every answer of a host. */
const viaUpstream = 'via_upstream'

export class UnaryCall implements GrpcCall, AsyncStreamCallbacks {
  readonly #callbacks: UnaryCallbacks
  readonly #messages: GrpcMessageReader
  #stream: AsyncStream | undefined = undefined
  #answer: Buffer | undefined = undefined
  #isAnswered = false
  #isStarting = true
  #isOver = false
  #isCancelled = false

  constructor(callbacks: UnaryCallbacks, mostAnswerBytes: number | undefined) {
    this.#callbacks = callbacks
    this.#messages = new GrpcMessageReader(mostAnswerBytes)
  }

  start(
    client: AsyncClient,
    cluster: Cluster,
    headers: HeaderMap,
    message: Uint8Array,
    options: AsyncStreamOptions,
  ): void {
    const stream = client.start(cluster, headers, false, options, this)
    this.#stream = stream
    if (this.#isOver) stream.reset()
    stream.sendData(grpcFrame(message as Buffer), true)
    this.#isStarting = false
  }

  cancel(): void {
    this.#isCancelled = true
    this.#isOver = true
    this.#stream?.reset()
  }

  // ---- The answer ------------------------------------------------------------------------------------------------

  onHeaders(headers: HeaderMap, endStream: boolean): void {
    this.#isAnswered = true
    const status = headers.get('grpc-status')
    if (headers.status !== 200 && !(endStream && status !== undefined))
      this.#fail(grpcStatusOfHttp(headers.status), viaUpstream)
    else if (endStream) this.onTrailers(headers)
  }

  /** The last message counts, as in Envoy. */
  onData(data: Buffer, endStream: boolean): void {
    // The memory is read into again.
    this.#messages.push(Buffer.from(data))
    try {
      for (let next = this.#messages.next(); next !== undefined; next = this.#messages.next()) this.#answer = next
    } catch (error) {
      if (!(error instanceof GrpcFrameError)) throw error
      this.#fail(error.grpcStatus, viaUpstream)
      return
    }
    if (endStream) this.#fail(unknown, viaUpstream)
  }

  onTrailers(trailers: HeaderMap): void {
    const status = trailers.get('grpc-status')
    const code = status === undefined ? unknown : Number(status)
    const answer = this.#answer
    if (code !== ok) this.#fail(code, withDetails(trailers.get('grpc-message') ?? '', viaUpstream))
    else if (answer === undefined) this.#fail(internal, '')
    else this.#end(() => this.#callbacks.onSuccess(answer))
  }

  onLocalReply({ status, body, details }: LocalReply): void {
    if (this.#isAnswered) this.#fail(internal, details)
    else this.#fail(grpcStatusOfHttp(status), withDetails(body, details))
  }

  onReset(): void {
    this.#fail(internal, '')
  }

  /** Ends the call, too. */
  fail(code: number, message: string): void {
    this.#fail(code, message)
    this.#isStarting = false
  }

  #fail(code: number, message: string): void {
    this.#end(() => this.#callbacks.onFailure(code, message))
  }

  #end(tell: () => void): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#stream?.reset()
    if (!this.#isStarting) {
      tell()
      return
    }
    // Nothing is called back while whoever makes the call does not have it yet.
    setImmediate(() => {
      if (!this.#isCancelled) gatherWrites(tell)
    })
  }
}

function withDetails(message: string, details: string): string {
  return message === '' ? details : `${message}{${details}}`
}
