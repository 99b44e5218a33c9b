// The incremental ("delta") protocol: each response holds what has changed.

import {
  decodeDeltaResponse,
  encodeDeltaRequest,
  type RawResource,
  type RawResponse,
} from '../config/discovery_messages.ts'
import { DeltaState } from './delta_state.ts'
import { Delta, DeltaWatch } from './delta_watch.ts'
import type { DiscoveryProtocol, RequestFrame, TypeState, TypeStateEvents } from './discovery_protocol.ts'
import type { ErrorDetail, Watch, WatchCallbacks } from './grpc_mux.ts'
import { type ReadOptions, ResourceReader } from './read_resource.ts'
import type { ResourceType } from './resource_types.ts'
import type { ResourceError } from './subscription.ts'
import { TtlManager } from './ttl_manager.ts'
import { canonicalName } from './xdstp_name.ts'

export const deltaProtocol: DiscoveryProtocol<Delta> = {
  messageName: 'DeltaDiscoveryResponse',
  decode: decodeDeltaResponse,
  describeReceived: ({ typeUrl, versionInfo }) =>
    `Received DeltaDiscoveryResponse for ${typeUrl} at version ${versionInfo}`,
  describeUnknown: ({ typeUrl, versionInfo }) =>
    `Dropping received DeltaDiscoveryResponse (with version ${versionInfo}) for non-existent subscription ${typeUrl}.`,
  createState: (type, readOptions, events) => new DeltaTypeState(type, readOptions, events),
}

interface Acknowledgement {
  readonly nonce: string
  readonly detail: ErrorDetail | undefined
}

class DeltaTypeState implements TypeState<Delta> {
  readonly type: ResourceType
  readonly watches = new Set<DeltaWatch>()
  readonly #onChange: () => void
  readonly #state = new DeltaState()
  readonly #ttl: TtlManager
  readonly #reader: ResourceReader
  readonly #acknowledgements: Acknowledgement[] = []

  constructor(type: ResourceType, readOptions: ReadOptions, { onChange, onExpired }: TypeStateEvents) {
    this.type = type
    this.#onChange = onChange
    this.#ttl = new TtlManager(onExpired)
    this.#reader = new ResourceReader(type, readOptions)
  }

  addWatch(names: ReadonlySet<string> | '*', callbacks: WatchCallbacks): Watch {
    const watch = new DeltaWatch(this.#state, callbacks, {
      onChange: this.#onChange,
      onRemove: () => this.watches.delete(watch),
    })
    this.watches.add(watch)
    if (this.type.namespaces && names !== '*') watch.follow(names)
    else watch.update(names === '*' ? new Set(['*']) : names)
    return watch
  }

  onNewStream(): void {
    this.#acknowledgements.length = 0
    this.#state.onNewStream()
  }

  get isPending(): boolean {
    return this.#acknowledgements.length > 0 || this.#state.isPending
  }

  /** An acknowledgement takes along what has changed of the interest. */
  nextRequest(frame: RequestFrame): Uint8Array {
    const acknowledgement = this.#acknowledgements.shift()
    return encodeDeltaRequest({
      ...frame,
      ...this.#state.next(),
      responseNonce: acknowledgement?.nonce ?? '',
      errorDetail: acknowledgement?.detail,
    })
  }

  /** Also what nobody wants is acknowledged. */
  ignores(): boolean {
    return false
  }

  async read(response: RawResponse): Promise<Delta> {
    const names = new Set<string>()
    const bodies: RawResource[] = []
    /** Asked for by name below a namespace, and there is nothing. */
    const absent: string[] = []
    for (const raw of response.resources) {
      const name = canonicalName(raw.name)
      if (names.has(name)) throw new Error(`duplicate name ${raw.name} found among added/updated resources`)
      names.add(name)
      if (raw.bytes === undefined) {
        if (raw.version === this.#state.versionOf(name)) this.#ttl.update(name, raw.ttlMs)
        else if (this.type.namespaces) absent.push(name, ...raw.aliases.map(canonicalName))
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
    const added = await this.#reader.read(bodies, response.versionInfo)
    return new Delta(this.type, added, [...removed, ...absent], response)
  }

  async apply(delta: Delta): Promise<readonly ResourceError[]> {
    const errors = (await Promise.all([...this.watches].map((watch) => watch.onDelta(delta)))).flat()
    this.#remember(delta, errors)
    return errors
  }

  /** What was refused is not held. */
  #remember({ added, removed }: Delta, errors: readonly ResourceError[]): void {
    const refused = new Set(errors.map(({ name }) => name))
    for (const { name, version, ttlMs } of added) {
      if (refused.has(name)) continue
      this.#state.setVersion(name, version)
      this.#ttl.update(name, ttlMs)
    }
    for (const name of removed) {
      this.#state.setVersion(name, undefined)
      this.#ttl.update(name, undefined)
    }
  }

  acknowledge({ nonce }: RawResponse, detail: ErrorDetail | undefined): void {
    this.#acknowledgements.push({ nonce, detail })
  }

  async expire(names: readonly string[]): Promise<void> {
    for (const name of names) this.#state.setVersion(name, undefined)
    const delta = new Delta(this.type, [], names, { versionInfo: '', controlPlane: '' })
    for (const watch of [...this.watches]) await watch.onDelta(delta)
  }

  stop(): void {
    this.#ttl.clear()
  }
}
