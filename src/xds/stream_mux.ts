// A mux over a stream of its own: requests and responses of all types, one after the other.

import { getLogger } from '../common/log.ts'
import type { RawResponse } from '../config/discovery_messages.ts'
import { grpcInternal } from '../grpc/grpc_client.ts'
import type { DiscoveryProtocol, TypeState } from './discovery_protocol.ts'
import { DiscoveryStream, type DiscoveryStreamCallbacks } from './discovery_stream.ts'
import { errorDetail, type GrpcMux, type MuxSettings, type Watch, type WatchCallbacks } from './grpc_mux.ts'
import { RequestQueue } from './request_queue.ts'
import { type ResourceType, typeUrlOf } from './resource_types.ts'
import { SerialTasks } from './serial_tasks.ts'

const log = getLogger('config')

export class StreamMux<Received> implements GrpcMux, DiscoveryStreamCallbacks {
  readonly #settings: MuxSettings
  readonly #protocol: DiscoveryProtocol<Received>
  readonly #stream: DiscoveryStream
  readonly #queue: RequestQueue
  readonly #responses = new SerialTasks()
  /** In the order in which they were first asked for, which is that of the first requests on each stream. */
  readonly #types = new Map<string, TypeState<Received>>()
  #streamNumber = 0
  #isFirstRequest = true

  constructor(settings: MuxSettings, protocol: DiscoveryProtocol<Received>) {
    this.#settings = settings
    this.#protocol = protocol
    this.#stream = new DiscoveryStream(settings, this)
    this.#queue = new RequestQueue(this.#stream, settings.stats, (typeName) => this.#sendRequests(typeName))
  }

  start(): void {
    this.#stream.start()
  }

  stop(): void {
    this.#streamNumber++
    this.#stream.stop()
    this.#queue.clear()
    for (const state of this.#types.values()) state.stop()
  }

  addWatch(type: ResourceType, names: ReadonlySet<string> | '*', callbacks: WatchCallbacks): Watch {
    return this.#stateOf(type).addWatch(names, callbacks)
  }

  pause(typeName: string): () => void {
    return this.#queue.pause(typeName)
  }

  #stateOf(type: ResourceType): TypeState<Received> {
    const known = this.#types.get(type.name)
    if (known !== undefined) return known
    const state = this.#protocol.createState(type, this.#settings.readOptions, {
      onChange: () => this.#queueRequest(state),
      onExpired: (names) => this.#responses.add(() => state.expire(names)),
    })
    this.#types.set(type.name, state)
    return state
  }

  #queueRequest(state: TypeState<Received>): void {
    if (state.isPending) this.#queue.add(state.type.name)
  }

  onStreamEstablished(): void {
    this.#streamNumber++
    this.#isFirstRequest = true
    this.#queue.clear()
    for (const state of this.#types.values()) {
      state.onNewStream()
      this.#queueRequest(state)
    }
  }

  onStreamClosed(message: string): void {
    for (const { watches } of this.#types.values()) {
      for (const { callbacks } of [...watches]) callbacks.onConnectionFailure(message)
    }
  }

  onWriteable(): void {
    this.#queue.drain()
  }

  #sendRequests(typeName: string): void {
    const state = this.#types.get(typeName)
    const typeUrl = typeUrlOf(typeName)
    while (state?.isPending) {
      const sendsNode = this.#isFirstRequest || !this.#settings.skipSubsequentNode
      this.#isFirstRequest = false
      this.#stream.send(state.nextRequest(sendsNode ? { node: this.#settings.node(), typeUrl } : { typeUrl }))
    }
  }

  onMessage(bytes: Uint8Array): void {
    const streamNumber = this.#streamNumber
    let response: RawResponse
    try {
      response = this.#protocol.decode(bytes)
    } catch (error) {
      const message = `malformed ${this.#protocol.messageName}: ${(error as Error).message}`
      this.#stream.fail({ code: grpcInternal, message })
      return
    }
    if (response.controlPlane !== '') this.#settings.stats.identifier.set(response.controlPlane)
    // Those that were received on a stream that has ended will be sent again on the next.
    this.#responses.add(async () => {
      if (streamNumber === this.#streamNumber) await this.#onResponse(response, streamNumber)
    })
  }

  async #onResponse(response: RawResponse, streamNumber: number): Promise<void> {
    const typeName = response.typeUrl.slice(response.typeUrl.lastIndexOf('/') + 1)
    const state = this.#types.get(typeName)
    log.debug(this.#protocol.describeReceived(response))
    if (state === undefined) {
      log.warn(this.#protocol.describeUnknown(response))
      return
    }
    if (state.ignores(response)) {
      this.#queueRequest(state)
      return
    }
    const resumes = [typeName, ...state.type.pauses].map((paused) => this.#queue.pause(paused))
    const problem = await this.#apply(state, response)
    for (const resume of resumes.slice(1)) resume()
    if (streamNumber === this.#streamNumber) {
      state.acknowledge(response, problem === undefined ? undefined : errorDetail(problem))
      this.#queue.add(typeName)
    }
    resumes[0]()
  }

  /** What was wrong with the response; undefined for nothing. */
  async #apply(state: TypeState<Received>, response: RawResponse): Promise<string | undefined> {
    let received: Received
    try {
      received = await state.read(response)
    } catch (error) {
      const { message } = error as Error
      for (const { callbacks } of [...state.watches]) callbacks.onRejected(message)
      return message
    }
    const errors = await state.apply(received)
    return errors.length === 0 ? undefined : state.type.rejection(errors)
  }
}
