// A control plane: gives every proxy that connects one set of resources over the aggregated discovery service (ADS, state
// of the world), and what changes in it as soon as it does. What a proxy does not accept is told by the callback.
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { Server, type ServerDuplexStream, type ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

/** As in Envoy's API reference, with an `@type`: durations are `{ seconds, nanos }`, wrappers `{ value }`. */
export interface Resource {
  readonly '@type': string
  readonly [field: string]: unknown
}

/** A proxy has refused a response, and goes on with what it had. */
export type OnRefused = (typeUrl: string, version: string, message: string) => void

interface DiscoveryRequest {
  readonly type_url: string
  readonly resource_names: readonly string[]
  /** Of the response that this is about; empty in the first request for a type. */
  readonly response_nonce: string
  readonly error_detail: { readonly message: string } | null
}

interface DiscoveryResponse {
  readonly type_url: string
  readonly version_info: string
  readonly nonce: string
  readonly resources: readonly Resource[]
}

/** All resources of a type. */
type Find = (typeUrl: string) => { readonly version: string; readonly resources: readonly Resource[] }
type Stream = ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>

const prefix = 'type.googleapis.com/envoy.config.'
export const types = {
  cluster: `${prefix}cluster.v3.Cluster`,
  endpoints: `${prefix}endpoint.v3.ClusterLoadAssignment`,
  listener: `${prefix}listener.v3.Listener`,
  routes: `${prefix}route.v3.RouteConfiguration`,
} as const
/** What is used goes before what uses it. */
const pushOrder: readonly string[] = [types.cluster, types.endpoints, types.listener, types.routes]

/** The .proto files come with @grpc/grpc-js-xds; each type that a resource holds must be among these or what they import. */
const require = createRequire(import.meta.url)
const protoFolder = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps')
const protos = loadSync(
  [
    'envoy/service/discovery/v3/ads.proto',
    'envoy/config/cluster/v3/cluster.proto',
    'envoy/config/endpoint/v3/endpoint.proto',
    'envoy/config/listener/v3/listener.proto',
    'envoy/config/route/v3/route.proto',
    'envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager.proto',
    'envoy/extensions/filters/http/router/v3/router.proto',
  ],
  {
    keepCase: true,
    enums: String,
    defaults: true,
    includeDirs: ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(protoFolder, name)),
  },
)
const service = protos['envoy.service.discovery.v3.AggregatedDiscoveryService'] as ServiceDefinition

export class ControlPlane {
  /** Bind it to an address: `controlPlane.grpc.bindAsync('0.0.0.0:18000', ServerCredentials.createInsecure(), callback)`. */
  readonly grpc = new Server()
  readonly #clients = new Set<Client>()
  readonly #onRefused: OnRefused
  #resources: readonly Resource[] = []
  /** Of each type: grows when its resources change. */
  readonly #versions = new Map<string, number>()

  constructor(onRefused: OnRefused) {
    this.#onRefused = onRefused
    this.grpc.addService(service, { StreamAggregatedResources: (stream: Stream) => this.#onStream(stream) })
  }

  /** Replaces all resources; every proxy is sent what has changed of those it has asked for. */
  set(resources: readonly Resource[]): void {
    const before = this.#resources
    this.#resources = resources
    for (const typeUrl of pushOrder) {
      if (JSON.stringify(ofType(before, typeUrl)) === JSON.stringify(ofType(resources, typeUrl))) continue
      this.#versions.set(typeUrl, (this.#versions.get(typeUrl) ?? 0) + 1)
      for (const client of this.#clients) client.push(typeUrl)
    }
  }

  #onStream(stream: Stream): void {
    const find: Find = (typeUrl) => ({
      version: String(this.#versions.get(typeUrl) ?? 0),
      resources: ofType(this.#resources, typeUrl),
    })
    const client = new Client(stream, find, this.#onRefused)
    this.#clients.add(client)
    stream.on('close', () => this.#clients.delete(client))
    stream.on('error', () => this.#clients.delete(client))
    stream.on('end', () => stream.end())
  }
}

/** What a proxy has asked for of one type. */
interface Subscription {
  /** None: all there are. */
  names: readonly string[]
  /** Of the last response. */
  nonce: string
  version: string
  isAnswered: boolean
}

/** One proxy's stream. */
class Client {
  readonly #stream: Stream
  readonly #find: Find
  readonly #subscriptions = new Map<string, Subscription>()
  #nonces = 0

  constructor(stream: Stream, find: Find, onRefused: OnRefused) {
    this.#stream = stream
    this.#find = find
    stream.on('data', (request: DiscoveryRequest) => this.#onRequest(request, onRefused))
  }

  push(typeUrl: string): void {
    const subscription = this.#subscriptions.get(typeUrl)
    if (subscription !== undefined) this.#send(typeUrl, subscription)
  }

  #onRequest({ type_url, resource_names, response_nonce, error_detail }: DiscoveryRequest, onRefused: OnRefused): void {
    const known = this.#subscriptions.get(type_url)
    if (known === undefined) {
      const subscription = { names: resource_names, nonce: '', version: '', isAnswered: true }
      this.#subscriptions.set(type_url, subscription)
      this.#send(type_url, subscription)
      return
    }
    // It crossed a newer response on its way: the answer to that will come, with the same names.
    if (response_nonce !== known.nonce) return
    if (error_detail !== null) onRefused(type_url, known.version, error_detail.message)
    const wasAnswered = known.isAnswered
    const asksForMore = resource_names.some((name) => !known.names.includes(name))
    known.isAnswered = true
    known.names = resource_names
    // The first request with a nonce says that the response was taken or refused; a second one asks for it again.
    if (wasAnswered || asksForMore) this.#send(type_url, known)
  }

  #send(typeUrl: string, subscription: Subscription): void {
    const { version, resources } = this.#find(typeUrl)
    subscription.nonce = String(++this.#nonces)
    subscription.version = version
    subscription.isAnswered = false
    this.#stream.write({
      type_url: typeUrl,
      version_info: version,
      nonce: subscription.nonce,
      resources: resources.filter((resource) => isAskedFor(resource, subscription.names)),
    })
  }
}

function ofType(resources: readonly Resource[], typeUrl: string): Resource[] {
  return resources.filter((resource) => resource['@type'] === typeUrl)
}

function isAskedFor(resource: Resource, names: readonly string[]): boolean {
  return names.length === 0 || names.includes(String(resource['name'] ?? resource['cluster_name']))
}
