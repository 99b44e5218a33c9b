// The state-of-the-world protocol: each response holds all resources of a type that were asked for.

import { getLogger } from '../common/log.ts'
import {
  decodeDiscoveryResponse,
  encodeDiscoveryRequest,
  type RawResource,
  type RawResponse,
} from '../config/discovery_messages.ts'
import { grpcInternal } from '../grpc/grpc_client.ts'
import { DiscoveryStream, type DiscoveryStreamCallbacks } from './discovery_stream.ts'
import {
  type ErrorDetail,
  errorDetail,
  type GrpcMux,
  type MuxSettings,
  type Watch,
  type WatchCallbacks,
} from './grpc_mux.ts'
import { ResourceReader } from './read_resource.ts'
import { RequestQueue } from './request_queue.ts'
import { type ResourceType, typeUrlOf } from './resource_types.ts'
import { SerialTasks } from './serial_tasks.ts'
import { type ReceivedResources, SotwWatch } from './sotw_watch.ts'
import { TtlManager } from './ttl_manager.ts'
import { canonicalName } from './xdstp_name.ts'

const log = getLogger('config')

/** What is known, and asked for, of one type. */
interface TypeState {
  readonly type: ResourceType
  /** In the order in which they were added. */
  readonly watches: Set<SotwWatch>
  readonly ttl: TtlManager
  readonly reader: ResourceReader
  /** Of the last response that was accepted. */
  versionInfo: string
  nonce: string
  /** On this stream. */
  isAskedFor: boolean
  /** Responses that are to be answered, one request each. */
  readonly acknowledgements: Acknowledgement[]
}

interface Acknowledgement {
  readonly versionInfo: string
  readonly nonce: string
  /** What was wrong with it. */
  readonly detail: ErrorDetail | undefined
}

export class SotwMux implements GrpcMux, DiscoveryStreamCallbacks {
  readonly #settings: MuxSettings
  readonly #stream: DiscoveryStream
  readonly #queue: RequestQueue
  readonly #responses = new SerialTasks()
  /** In the order in which they were first asked for, which is that of the first requests on each stream. */
  readonly #types = new Map<string, TypeState>()
  #streamNumber = 0
  #isFirstRequest = true

  constructor(settings: MuxSettings) {
    this.#settings = settings
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
    for (const state of this.#types.values()) state.ttl.clear()
  }

  addWatch(type: ResourceType, names: ReadonlySet<string> | '*', callbacks: WatchCallbacks): Watch {
    const state = this.#stateOf(type)
    const watch = new SotwWatch(names, callbacks, {
      onChange: () => this.#queue.add(type.name),
      onRemove: () => state.watches.delete(watch),
    })
    state.watches.add(watch)
    this.#queue.add(type.name)
    return watch
  }

  pause(typeName: string): () => void {
    return this.#queue.pause(typeName)
  }

  #stateOf(type: ResourceType): TypeState {
    let state = this.#types.get(type.name)
    if (state === undefined) {
      const added: TypeState = {
        type,
        watches: new Set(),
        ttl: new TtlManager((names) => this.#onExpired(added, names)),
        reader: new ResourceReader(type, this.#settings.readOptions),
        versionInfo: '',
        nonce: '',
        isAskedFor: false,
        acknowledgements: [],
      }
      state = added
      this.#types.set(type.name, state)
    }
    return state
  }

  onStreamEstablished(): void {
    this.#streamNumber++
    this.#isFirstRequest = true
    this.#queue.clear()
    for (const [typeName, state] of this.#types) {
      state.nonce = ''
      state.isAskedFor = false
      state.acknowledgements.length = 0
      this.#queue.add(typeName)
    }
  }

  onStreamClosed(message: string): void {
    for (const { watches } of this.#types.values()) {
      for (const watch of [...watches]) watch.callbacks.onConnectionFailure(message)
    }
  }

  onWriteable(): void {
    this.#queue.drain()
  }

  #sendRequests(typeName: string): void {
    const state = this.#types.get(typeName)
    // To ask for nothing would mean everything in a first request.
    if (state === undefined || (!state.isAskedFor && state.watches.size === 0)) return
    state.isAskedFor = true
    do {
      const { versionInfo, nonce, detail } = state.acknowledgements.shift() ?? { ...state, detail: undefined }
      const sendsNode = this.#isFirstRequest || !this.#settings.skipSubsequentNode
      this.#isFirstRequest = false
      const request = {
        ...(sendsNode ? { node: this.#settings.node() } : {}),
        versionInfo,
        resourceNames: wantedNames(state),
        typeUrl: typeUrlOf(typeName),
        responseNonce: nonce,
        errorDetail: detail,
      }
      this.#stream.send(encodeDiscoveryRequest(request))
    } while (state.acknowledgements.length > 0)
  }

  onMessage(bytes: Uint8Array): void {
    const streamNumber = this.#streamNumber
    let response: RawResponse
    try {
      response = decodeDiscoveryResponse(bytes)
    } catch (error) {
      this.#stream.fail({ code: grpcInternal, message: `malformed DiscoveryResponse: ${(error as Error).message}` })
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
    log.debug(`Received gRPC message for ${response.typeUrl} at version ${response.versionInfo}`)
    if (state === undefined) {
      log.warn(`Ignoring the message for type URL ${response.typeUrl} as it has no current subscribers.`)
      return
    }
    if (state.watches.size === 0) {
      this.#onUnwatched(state, response)
      return
    }
    const resumes = [typeName, ...state.type.pauses].map((each) => this.#queue.pause(each))
    const problem = await this.#apply(state, response)
    if (problem === undefined) state.versionInfo = response.versionInfo
    for (const resume of resumes.slice(1)) resume()
    if (streamNumber === this.#streamNumber) {
      const detail = problem === undefined ? undefined : errorDetail(problem)
      state.nonce = response.nonce
      state.acknowledgements.push({ versionInfo: state.versionInfo, nonce: response.nonce, detail })
      this.#queue.add(typeName)
    }
    resumes[0]()
  }

  /** Nobody wants the type any longer: what the server says of it is taken for an answer to that, unless it is more. */
  #onUnwatched(state: TypeState, response: RawResponse): void {
    state.nonce = response.nonce
    if (response.resources.length === 0) {
      state.versionInfo = response.versionInfo
      return
    }
    log.warn(`Ignoring unwatched type URL ${response.typeUrl}`)
    this.#queue.add(state.type.name)
  }

  /** What was wrong with the response; undefined for nothing. */
  async #apply(state: TypeState, response: RawResponse): Promise<string | undefined> {
    let resources: ReceivedResources
    try {
      resources = await this.#read(state, response)
    } catch (error) {
      const { message } = error as Error
      for (const watch of [...state.watches]) watch.callbacks.onRejected(message)
      return message
    }
    const answers = [...state.watches].map((watch) => watch.onResources(resources))
    const errors = (await Promise.all(answers)).flat()
    return errors.length === 0 ? undefined : state.type.rejection(errors)
  }

  async #read(state: TypeState, response: RawResponse): Promise<ReceivedResources> {
    const bodies: RawResource[] = []
    let isComplete = true
    for (const raw of response.resources) {
      if (raw.bytes === undefined) {
        // It says that the resource is still there, without the resource.
        isComplete = false
        if (raw.version === state.versionInfo) state.ttl.update(canonicalName(raw.name), raw.ttlMs)
        continue
      }
      if (raw.typeUrl !== response.typeUrl) {
        const rule = `does not match the message-wide type URL ${response.typeUrl} in DiscoveryResponse`
        throw new Error(`${raw.typeUrl} ${rule} ${response.versionInfo}`)
      }
      bodies.push(raw)
    }
    const resources = await state.reader.read(bodies, response.versionInfo)
    for (const { name, ttlMs } of resources) state.ttl.update(name, ttlMs)
    const { versionInfo, controlPlane } = response
    const byName = new Map(resources.map((resource) => [resource.name, resource]))
    return { versionInfo, controlPlane, all: resources, byName, isComplete }
  }

  #onExpired(state: TypeState, names: readonly string[]): void {
    this.#responses.add(async () => {
      for (const watch of [...state.watches]) await watch.onExpired(names)
    })
  }
}

/** Those of all watches, the newest first, each once. */
function wantedNames(state: TypeState): string[] {
  const names = new Set<string>()
  for (const watch of [...state.watches].reverse()) for (const name of watch.sortedNames()) names.add(name)
  return [...names]
}
