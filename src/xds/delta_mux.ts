// The incremental ("delta") protocol: each response holds what has changed.

import { getLogger } from '../common/log.ts'
import {
  decodeDeltaResponse,
  encodeDeltaRequest,
  type RawResource,
  type RawResponse,
} from '../config/discovery_messages.ts'
import { grpcInternal } from '../grpc/grpc_client.ts'
import { DeltaState } from './delta_state.ts'
import { Delta, DeltaWatch } from './delta_watch.ts'
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
import type { ResourceError } from './subscription.ts'
import { TtlManager } from './ttl_manager.ts'
import { canonicalName } from './xdstp_name.ts'

const log = getLogger('config')

interface Acknowledgement {
  readonly nonce: string
  readonly detail: ErrorDetail | undefined
}

/** What is known, and asked for, of one type. */
interface TypeState {
  readonly type: ResourceType
  readonly watches: Set<DeltaWatch>
  readonly state: DeltaState
  readonly ttl: TtlManager
  readonly reader: ResourceReader
  readonly acknowledgements: Acknowledgement[]
}

export class DeltaMux implements GrpcMux, DiscoveryStreamCallbacks {
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
    for (const each of this.#types.values()) each.ttl.clear()
  }

  addWatch(type: ResourceType, names: ReadonlySet<string> | '*', callbacks: WatchCallbacks): Watch {
    const each = this.#stateOf(type)
    const watch = new DeltaWatch(each.state, callbacks, {
      onChange: () => this.#queueInterest(each),
      onRemove: () => each.watches.delete(watch),
    })
    each.watches.add(watch)
    if (type.namespaces && names !== '*') watch.follow(names)
    else watch.update(names === '*' ? new Set(['*']) : names)
    return watch
  }

  pause(typeName: string): () => void {
    return this.#queue.pause(typeName)
  }

  #stateOf(type: ResourceType): TypeState {
    let each = this.#types.get(type.name)
    if (each === undefined) {
      const added: TypeState = {
        type,
        watches: new Set(),
        state: new DeltaState(),
        ttl: new TtlManager((names) => this.#onExpired(added, names)),
        reader: new ResourceReader(type, this.#settings.readOptions),
        acknowledgements: [],
      }
      each = added
      this.#types.set(type.name, each)
    }
    return each
  }

  #queueInterest({ type, state }: TypeState): void {
    if (state.isPending) this.#queue.add(type.name)
  }

  onStreamEstablished(): void {
    this.#streamNumber++
    this.#isFirstRequest = true
    this.#queue.clear()
    for (const each of this.#types.values()) {
      each.acknowledgements.length = 0
      each.state.onNewStream()
      this.#queueInterest(each)
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

  /** An acknowledgement takes along what has changed of the interest. */
  #sendRequests(typeName: string): void {
    const each = this.#types.get(typeName)
    if (each === undefined) return
    const { state, acknowledgements } = each
    do {
      const acknowledgement = acknowledgements.shift()
      if (acknowledgement === undefined && !state.isPending) return
      const sendsNode = this.#isFirstRequest || !this.#settings.skipSubsequentNode
      this.#isFirstRequest = false
      const request = {
        ...(sendsNode ? { node: this.#settings.node() } : {}),
        typeUrl: typeUrlOf(typeName),
        ...state.next(),
        responseNonce: acknowledgement?.nonce ?? '',
        errorDetail: acknowledgement?.detail,
      }
      this.#stream.send(encodeDeltaRequest(request))
    } while (acknowledgements.length > 0)
  }

  onMessage(bytes: Uint8Array): void {
    const streamNumber = this.#streamNumber
    let response: RawResponse
    try {
      response = decodeDeltaResponse(bytes)
    } catch (error) {
      this.#stream.fail({
        code: grpcInternal,
        message: `malformed DeltaDiscoveryResponse: ${(error as Error).message}`,
      })
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
    const each = this.#types.get(typeName)
    log.debug(`Received DeltaDiscoveryResponse for ${response.typeUrl} at version ${response.versionInfo}`)
    if (each === undefined) {
      log.warn(
        `Dropping received DeltaDiscoveryResponse (with version ${response.versionInfo}) for non-existent
        subscription ${response.typeUrl}.`.replace(/\s+/g, ' '),
      )
      return
    }
    const resumes = [typeName, ...each.type.pauses].map((paused) => this.#queue.pause(paused))
    const problem = await this.#apply(each, response)
    for (const resume of resumes.slice(1)) resume()
    if (streamNumber === this.#streamNumber) {
      const detail = problem === undefined ? undefined : errorDetail(problem)
      each.acknowledgements.push({ nonce: response.nonce, detail })
      this.#queue.add(typeName)
    }
    resumes[0]()
  }

  /** What was wrong with the response; undefined for nothing. */
  async #apply(each: TypeState, response: RawResponse): Promise<string | undefined> {
    let delta: Delta
    try {
      delta = await this.#read(each, response)
    } catch (error) {
      const { message } = error as Error
      for (const watch of [...each.watches]) watch.callbacks.onRejected(message)
      return message
    }
    const answers = [...each.watches].map((watch) => watch.onDelta(delta))
    const errors: ResourceError[] = (await Promise.all(answers)).flat()
    this.#remember(each, delta, errors)
    return errors.length === 0 ? undefined : each.type.rejection(errors)
  }

  /** What was refused is not held. */
  #remember({ state, ttl }: TypeState, { added, removed }: Delta, errors: readonly ResourceError[]): void {
    const refused = new Set(errors.map(({ name }) => name))
    for (const { name, version, ttlMs } of added) {
      if (refused.has(name)) continue
      state.setVersion(name, version)
      ttl.update(name, ttlMs)
    }
    for (const name of removed) {
      state.setVersion(name, undefined)
      ttl.update(name, undefined)
    }
  }

  async #read({ type, state, ttl, reader }: TypeState, response: RawResponse): Promise<Delta> {
    const names = new Set<string>()
    const bodies: RawResource[] = []
    /** Asked for by name below a namespace, and there is nothing. */
    const absent: string[] = []
    for (const raw of response.resources) {
      const name = canonicalName(raw.name)
      if (names.has(name)) throw new Error(`duplicate name ${raw.name} found among added/updated resources`)
      names.add(name)
      if (raw.bytes === undefined) {
        if (raw.version === state.versionOf(name)) ttl.update(name, raw.ttlMs)
        else if (type.namespaces) absent.push(name, ...raw.aliases.map(canonicalName))
        continue
      }
      if (raw.typeUrl !== response.typeUrl) {
        const rule = `does not match the message-wide type URL ${response.typeUrl} in DeltaDiscoveryResponse`
        throw new Error(`type URL ${raw.typeUrl} embedded in an individual Any ${rule} ${response.versionInfo}`)
      }
      bodies.push(raw)
    }
    const removed = response.removedResources.map(canonicalName)
    for (const name of removed) {
      if (names.has(name)) throw new Error(`duplicate name ${name} found in the union of added+removed resources`)
      names.add(name)
    }
    const added = await reader.read(bodies, response.versionInfo)
    return new Delta(type, added, [...removed, ...absent], response)
  }

  #onExpired(each: TypeState, names: readonly string[]): void {
    this.#responses.add(async () => {
      for (const name of names) each.state.setVersion(name, undefined)
      const delta = new Delta(each.type, [], names, { versionInfo: '', controlPlane: '' })
      for (const watch of [...each.watches]) await watch.onDelta(delta)
    })
  }
}
