/** One gRPC stream of a control plane: reads requests, remembers what each type subscribes to, answers and pushes. */
import type { ServerDuplexStream } from '@grpc/grpc-js'
import type { JsonObject } from '../../../proto/generated/api.d.ts'
import {
  type DiscoveryRecord,
  decodeRequest,
  nodeJson,
  type RequestKind,
  recordOf,
  type WireRequest,
} from './requests.ts'
import { type TypeName, typeOfUrl, typeUrlOf } from './resource_types.ts'
import type { ResourceStore, StoredResource } from './resources.ts'
import { deltaResponse, sotwResponse } from './responses.ts'

export type DiscoveryCall = ServerDuplexStream<Buffer, Buffer>

/** What the control plane is to its streams. */
export interface StreamOwner {
  readonly store: ResourceStore
  readonly controlPlane: string | undefined
  /** True where the test's script answers by itself. */
  received(record: DiscoveryRecord, stream: DiscoveryStream): boolean
  ended(stream: DiscoveryStream): void
}

export interface StreamPlace {
  readonly index: number
  readonly method: string
  readonly protocol: 'sotw' | 'delta'
  /** Undefined for ADS. */
  readonly type: TypeName | undefined
}

/** What one type of a stream is at. */
interface Subscription {
  wildcard: boolean
  readonly names: Set<string>
  nonceCount: number
  lastNonce: string
  /** Delta: nonces of the responses that the client has not answered; state of the world: the last one, until then. */
  readonly unanswered: Set<string>
  /** Of what was sent last, or of what the client said that it has. */
  version: string | undefined
  /** Delta: versions of the resources that the client has. */
  readonly known: Map<string, string>
  readonly versionOfNonce: Map<string, string>
}

/** What is sent instead of what a push would say. */
export interface ResponseOverrides {
  readonly version?: string
  readonly nonce?: string
  readonly typeUrl?: string
  readonly resources?: readonly StoredResource[]
  readonly removed?: readonly string[]
  readonly withoutBodies?: boolean
}

/** A request without names asks for all of these. */
const wildcardTypes: ReadonlySet<TypeName> = new Set(['LDS', 'CDS', 'SRDS'])

export class DiscoveryStream {
  readonly place: StreamPlace
  readonly metadata: Readonly<Record<string, string>>
  /** Of the first request. */
  node: JsonObject | undefined
  closed = false
  readonly #call: DiscoveryCall
  readonly #owner: StreamOwner
  readonly #subscriptions = new Map<TypeName, Subscription>()

  constructor(call: DiscoveryCall, place: StreamPlace, owner: StreamOwner) {
    this.#call = call
    this.place = place
    this.#owner = owner
    this.metadata = Object.fromEntries(
      Object.keys(call.metadata.getMap()).map((name) => [name, call.metadata.get(name).map(String).join(',')]),
    )
    call.on('data', (bytes: Buffer) => this.#request(bytes))
    call.on('end', () => this.end())
    for (const event of ['cancelled', 'error', 'close']) call.on(event, () => this.#closed())
  }

  /** What a type subscribes to: names in order, `*` for all; undefined where it never asked. */
  subscribed(type: TypeName): string[] | undefined {
    const subscription = this.#subscriptions.get(type)
    if (subscription === undefined) return undefined
    return [...(subscription.wildcard ? ['*'] : []), ...[...subscription.names].sort()]
  }

  /** Sends what is new of a type to a client that asked for it. */
  push(type: TypeName): void {
    const subscription = this.#subscriptions.get(type)
    if (subscription === undefined || this.closed) return
    if (this.place.protocol === 'sotw') {
      if (this.#owner.store.state(type)?.version !== subscription.version) this.#answer(type, subscription)
    } else this.#pushDelta(type, subscription, [])
  }

  /** Sends a response of the test's own; returns its nonce. */
  respond(type: TypeName, overrides: ResponseOverrides = {}): string {
    const subscription = this.#subscriptions.get(type) ?? this.#subscribe(type)
    const state = this.#owner.store.state(type)
    const version = overrides.version ?? state?.version ?? ''
    subscription.nonceCount += 1
    const nonce = overrides.nonce ?? `${this.place.index}-${type}-${subscription.nonceCount}`
    const resources = overrides.resources ?? this.#asked(type, subscription)
    const fields = {
      typeUrl: typeUrlOf(type),
      controlPlane: this.#owner.controlPlane,
      ...overrides,
      ...{ version, nonce, resources },
    }
    subscription.version = version
    subscription.lastNonce = nonce
    if (this.place.protocol === 'sotw') subscription.unanswered.clear()
    subscription.unanswered.add(nonce)
    subscription.versionOfNonce.set(nonce, version)
    if (overrides.withoutBodies !== true)
      for (const resource of resources) subscription.known.set(resource.name, resource.version)
    for (const name of overrides.removed ?? []) subscription.known.delete(name)
    this.sendBytes(this.place.protocol === 'sotw' ? sotwResponse(fields) : deltaResponse(fields))
    return nonce
  }

  /** A gRPC message of any bytes. */
  sendBytes(bytes: Uint8Array): void {
    if (!this.closed) this.#call.write(Buffer.from(bytes))
  }

  end(): void {
    if (this.closed) return
    this.#call.end()
    this.#closed()
  }

  /** Ends the stream with a gRPC status that is not OK. */
  fail(code: number, details: string): void {
    if (this.closed) return
    this.#call.emit('error', { code, details })
    this.#closed()
  }

  #closed(): void {
    if (this.closed) return
    this.closed = true
    this.#owner.ended(this)
  }

  #subscribe(type: TypeName): Subscription {
    const subscription: Subscription = {
      wildcard: false,
      names: new Set(),
      nonceCount: 0,
      lastNonce: '',
      unanswered: new Set(),
      version: undefined,
      known: new Map(),
      versionOfNonce: new Map(),
    }
    this.#subscriptions.set(type, subscription)
    return subscription
  }

  #request(bytes: Buffer): void {
    const request = decodeRequest(this.place.protocol, bytes)
    const node = nodeJson(request.node)
    this.node ??= node
    const type = this.place.type ?? typeOfUrl(request.type_url ?? '')
    const before = type === undefined ? undefined : this.#subscriptions.get(type)
    const subscription = before ?? (type === undefined ? undefined : this.#subscribe(type))
    const kind = requestKind(request, before)
    subscription?.unanswered.delete(request.response_nonce ?? '')
    const record = recordOf(request, {
      ...{ protocol: this.place.protocol, stream: this.place.index, method: this.place.method },
      ...{ type, kind, node, metadata: this.metadata },
      answeredVersion: subscription?.versionOfNonce.get(request.response_nonce ?? '') ?? '',
    })
    // Who asks so has not seen the last response yet: the answer to that will say what is wanted.
    const isOverdue = kind === 'stale' && this.place.protocol === 'sotw'
    const news = subscription && type && !isOverdue ? this.#applyNames(type, subscription, request, kind) : undefined
    if (this.#owner.received(record, this) || news === undefined) return
    if (this.place.protocol === 'delta') this.#pushDelta(type!, subscription!, kind === 'initial' ? [] : news.added)
    else if (kind === 'initial') this.#answerInitial(type!, subscription!, request)
    else if (kind === 'stale' || kind === 'nack') return
    else if (news.added.length > 0 || (kind === 'change' && !news.changed)) this.#answer(type!, subscription!)
  }

  /** Takes over the names of a request; returns those that are new. */
  #applyNames(
    type: TypeName,
    subscription: Subscription,
    request: WireRequest,
    kind: RequestKind,
  ): { added: string[]; changed: boolean } {
    const { names } = subscription
    const before = new Set(names)
    if (this.place.protocol === 'sotw') {
      names.clear()
      for (const name of request.resource_names ?? []) names.add(name)
      subscription.wildcard = names.delete('*') || (names.size === 0 && wildcardTypes.has(type))
    } else {
      const subscribe = request.resource_names_subscribe ?? []
      if (kind === 'initial') {
        subscription.wildcard = subscribe.length === 0 && wildcardTypes.has(type)
        for (const [name, version] of Object.entries(request.initial_resource_versions ?? {}))
          subscription.known.set(name, version)
      }
      for (const name of subscribe) names.add(name)
      for (const name of request.resource_names_unsubscribe ?? []) {
        names.delete(name)
        subscription.known.delete(name)
        if (name === '*') subscription.wildcard = false
      }
      if (names.delete('*')) subscription.wildcard = true
      return { added: subscribe.filter((name) => name !== '*'), changed: true }
    }
    const added = [...names].filter((name) => !before.has(name))
    return { added, changed: added.length > 0 || before.size !== names.size }
  }

  /** A client that comes back with the version that is current has all of it. */
  #answerInitial(type: TypeName, subscription: Subscription, request: WireRequest): void {
    const version = this.#owner.store.state(type)?.version
    if (version !== undefined && request.version_info === version) subscription.version = version
    else this.#answer(type, subscription)
  }

  /** Says nothing where there is nothing to say: a client that waits for a resource goes on waiting. */
  #answer(type: TypeName, subscription: Subscription): void {
    if (this.#owner.store.state(type) === undefined) return
    if (subscription.wildcard || this.#asked(type, subscription).length > 0) this.respond(type)
  }

  #asked(type: TypeName, subscription: Subscription): StoredResource[] {
    const resources = [...(this.#owner.store.state(type)?.resources.values() ?? [])]
    if (subscription.wildcard) return resources
    return resources.filter(({ name, aliases }) =>
      [name, ...aliases, collectionOf(name)].some((each) => subscription.names.has(each)),
    )
  }

  /** What the client lacks, what changed, and of `asked` also what it has. */
  #pushDelta(type: TypeName, subscription: Subscription, asked: readonly string[]): void {
    const state = this.#owner.store.state(type)
    if (state === undefined) return
    const all = this.#asked(type, subscription)
    const resources = all.filter(
      ({ name, aliases, version }) =>
        subscription.known.get(name) !== version || [name, ...aliases].some((each) => asked.includes(each)),
    )
    const present = new Set(all.map(({ name }) => name))
    const removed = [...subscription.known.keys()].filter((name) => !present.has(name))
    const isNew = subscription.nonceCount === 0 && subscription.known.size === 0
    if (resources.length > 0 || removed.length > 0 || (isNew && subscription.wildcard))
      this.respond(type, { resources, removed })
  }
}

/** The name that asks for all resources beside this one: `xdstp://authority/type/path/*?context`. */
function collectionOf(name: string): string {
  return name.startsWith('xdstp://') ? name.replace(/[^/?]*(\?.*)?$/, '*$1') : name
}

function requestKind(request: WireRequest, before: Subscription | undefined): RequestKind {
  const { response_nonce: nonce = '', error_detail: error } = request
  if (before === undefined) return 'initial'
  if (nonce === '') return 'change'
  if (before.unanswered.has(nonce)) return error === undefined ? 'ack' : 'nack'
  return nonce === before.lastNonce && error === undefined ? 'change' : 'stale'
}
