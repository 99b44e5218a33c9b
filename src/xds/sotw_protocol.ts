// The state-of-the-world protocol: each response holds all resources of a type that were asked for.

import { getLogger } from '../common/log.ts'
import {
  decodeDiscoveryResponse,
  encodeDiscoveryRequest,
  type RawResource,
  type RawResponse,
} from '../config/discovery_messages.ts'
import type { DiscoveryProtocol, RequestFrame, TypeState, TypeStateEvents } from './discovery_protocol.ts'
import type { ErrorDetail, Watch, WatchCallbacks } from './grpc_mux.ts'
import { type ReadOptions, ResourceReader } from './read_resource.ts'
import type { ResourceType } from './resource_types.ts'
import { type ReceivedResources, SotwWatch } from './sotw_watch.ts'
import type { ResourceError } from './subscription.ts'
import { TtlManager } from './ttl_manager.ts'
import { canonicalName } from './xdstp_name.ts'

const log = getLogger('config')

export const sotwProtocol: DiscoveryProtocol<ReceivedResources> = {
  messageName: 'DiscoveryResponse',
  decode: decodeDiscoveryResponse,
  describeReceived: ({ typeUrl, versionInfo }) => `Received gRPC message for ${typeUrl} at version ${versionInfo}`,
  describeUnknown: ({ typeUrl }) => `Ignoring the message for type URL ${typeUrl} as it has no current subscribers.`,
  createState: (type, readOptions, events) => new SotwTypeState(type, readOptions, events),
}

interface Acknowledgement {
  readonly versionInfo: string
  readonly nonce: string
  readonly detail: ErrorDetail | undefined
}

class SotwTypeState implements TypeState<ReceivedResources> {
  readonly type: ResourceType
  readonly watches = new Set<SotwWatch>()
  readonly #onChange: () => void
  readonly #ttl: TtlManager
  readonly #reader: ResourceReader
  /** Of the last response that was accepted. */
  #versionInfo = ''
  #nonce = ''
  /** On this stream. */
  #isAskedFor = false
  #isChanged = false
  readonly #acknowledgements: Acknowledgement[] = []

  constructor(type: ResourceType, readOptions: ReadOptions, events: TypeStateEvents) {
    this.type = type
    this.#onChange = () => {
      this.#isChanged = true
      events.onChange()
    }
    this.#ttl = new TtlManager(events.onExpired)
    this.#reader = new ResourceReader(type, readOptions)
  }

  addWatch(names: ReadonlySet<string> | '*', callbacks: WatchCallbacks): Watch {
    const watch = new SotwWatch(names, callbacks, {
      onChange: this.#onChange,
      onRemove: () => this.watches.delete(watch),
    })
    this.watches.add(watch)
    this.#onChange()
    return watch
  }

  onNewStream(): void {
    this.#nonce = ''
    this.#isAskedFor = false
    this.#isChanged = true
    this.#acknowledgements.length = 0
  }

  get isPending(): boolean {
    // To ask for nothing would mean everything in a first request.
    const mayAsk = this.#isAskedFor || this.watches.size > 0
    return this.#acknowledgements.length > 0 || (this.#isChanged && mayAsk)
  }

  nextRequest(frame: RequestFrame): Uint8Array {
    const acknowledgement = this.#acknowledgements.shift()
    this.#isAskedFor = true
    this.#isChanged = false
    return encodeDiscoveryRequest({
      ...frame,
      versionInfo: acknowledgement?.versionInfo ?? this.#versionInfo,
      resourceNames: this.#wantedNames(),
      responseNonce: acknowledgement?.nonce ?? this.#nonce,
      errorDetail: acknowledgement?.detail,
    })
  }

  /** Those of all watches, the newest first, each once. */
  #wantedNames(): string[] {
    const names = new Set<string>()
    for (const watch of [...this.watches].reverse()) for (const name of watch.sortedNames()) names.add(name)
    return [...names]
  }

  /** Nobody wants the type any longer: what the server says of it is taken for an answer to that, unless it is more. */
  ignores(response: RawResponse): boolean {
    if (this.watches.size > 0) return false
    this.#nonce = response.nonce
    if (response.resources.length === 0) {
      this.#versionInfo = response.versionInfo
    } else {
      log.warn(`Ignoring unwatched type URL ${response.typeUrl}`)
      this.#isChanged = true
    }
    return true
  }

  async read(response: RawResponse): Promise<ReceivedResources> {
    const bodies: RawResource[] = []
    let isComplete = true
    for (const raw of response.resources) {
      if (raw.bytes === undefined) {
        // It says that the resource is still there, without the resource.
        isComplete = false
        if (raw.version === this.#versionInfo) this.#ttl.update(canonicalName(raw.name), raw.ttlMs)
        continue
      }
      if (raw.typeUrl !== response.typeUrl) {
        const rule = `does not match the message-wide type URL ${response.typeUrl} in DiscoveryResponse`
        throw new Error(`${raw.typeUrl} ${rule} ${response.versionInfo}`)
      }
      bodies.push(raw)
    }
    const resources = await this.#reader.read(bodies, response.versionInfo)
    for (const { name, ttlMs } of resources) this.#ttl.update(name, ttlMs)
    const { versionInfo, controlPlane } = response
    const byName = new Map(resources.map((resource) => [resource.name, resource]))
    return { versionInfo, controlPlane, all: resources, byName, isComplete }
  }

  async apply(received: ReceivedResources): Promise<readonly ResourceError[]> {
    const errors = (await Promise.all([...this.watches].map((watch) => watch.onResources(received)))).flat()
    if (errors.length === 0) this.#versionInfo = received.versionInfo
    return errors
  }

  acknowledge({ nonce }: RawResponse, detail: ErrorDetail | undefined): void {
    this.#nonce = nonce
    this.#acknowledgements.push({ versionInfo: this.#versionInfo, nonce, detail })
  }

  async expire(names: readonly string[]): Promise<void> {
    for (const watch of [...this.watches]) await watch.onExpired(names)
  }

  stop(): void {
    this.#ttl.clear()
  }
}
