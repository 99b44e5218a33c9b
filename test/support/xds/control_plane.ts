/** A control plane for tests: real gRPC and REST servers for all discovery services, with faults at every step. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import { type ConnectionInjector, Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js'
import { Condition } from '../condition.ts'
import { ControlPlaneConnection } from './connection.ts'
import { type DiscoveryCall, DiscoveryStream, type StreamPlace } from './discovery_stream.ts'
import { type DiscoveryRecord, describeRequest } from './requests.ts'
import { aggregatedService, resourceTypes, type TypeName, typeNames } from './resource_types.ts'
import { type ResourceInput, ResourceStore } from './resources.ts'
import { type RestAnswer, RestServer } from './rest_server.ts'

export interface ControlPlaneOptions {
  /** A unix socket instead of a port. */
  readonly path?: string
  /** A port to come back to; any by default. */
  readonly port?: number
  /** PEM; with `clientCa` clients must show a certificate of it. */
  readonly tls?: { readonly cert: Buffer; readonly key: Buffer; readonly clientCa?: Buffer }
  /** `control_plane.identifier` of the responses. */
  readonly identifier?: string
}

/** What a test does instead of the control plane; each may be left out and may be replaced at any time. */
export interface ControlPlaneScript {
  /** A request of a stream was recorded. True: it needs no answer but what the script has sent. */
  onRequest?: (record: DiscoveryRecord, stream: DiscoveryStream) => boolean | undefined
  onStream?: (stream: DiscoveryStream) => void
  onConnection?: (connection: ControlPlaneConnection) => void
  onRest?: (record: DiscoveryRecord) => RestAnswer | 'silence' | undefined
}

const asIs = (bytes: Buffer): Buffer => bytes
const defaultTimeoutMs = 10_000

export class ControlPlane {
  script: ControlPlaneScript = {}
  /** Answers are made of it: see `set`. */
  readonly store = new ResourceStore()
  readonly requests: DiscoveryRecord[] = []
  readonly streams: DiscoveryStream[] = []
  readonly connections: ControlPlaneConnection[] = []
  readonly controlPlane: string | undefined
  readonly #changed = new Condition()
  readonly #grpc = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
  readonly #injector: ConnectionInjector
  readonly #sockets: NetServer
  #rest: RestServer | undefined

  private constructor(options: ControlPlaneOptions) {
    this.controlPlane = options.identifier
    for (const [definition, handlers] of this.#services()) this.#grpc.addService(definition, handlers)
    this.#injector = this.#grpc.createConnectionInjector(credentialsOf(options))
    this.#sockets = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new ControlPlaneConnection(socket)
      this.connections.push(connection)
      this.script.onConnection?.(connection)
      if (!connection.closed) this.#injector.injectConnection(connection.inner)
      this.#changed.wake()
    })
  }

  static async start(options: ControlPlaneOptions = {}): Promise<ControlPlane> {
    const plane = new ControlPlane(options)
    if (options.path === undefined) plane.#sockets.listen(options.port ?? 0, '127.0.0.1')
    else plane.#sockets.listen(options.path)
    await once(plane.#sockets, 'listening')
    plane.#rest = await RestServer.start({
      store: plane.store,
      controlPlane: plane.controlPlane,
      restReceived: (record) => {
        plane.#record(record)
        return plane.script.onRest?.(record)
      },
    })
    return plane
  }

  /** Of gRPC; none with `path`. */
  get port(): number {
    return (this.#sockets.address() as AddressInfo).port
  }

  get restPort(): number {
    return this.#rest?.port ?? 0
  }

  /** Those that are open. */
  get openStreams(): DiscoveryStream[] {
    return this.streams.filter((stream) => !stream.closed)
  }

  /** Replaces all resources of a type and pushes what changed to whoever asked for it. */
  set(type: TypeName, resources: readonly ResourceInput[], version: string): void {
    this.store.set(type, resources, version)
    for (const stream of this.streams) stream.push(type)
  }

  /** The same for several types, pushed in this order when all are there. */
  setAll(version: string, types: Partial<Record<TypeName, readonly ResourceInput[]>>): void {
    const names = Object.keys(types) as TypeName[]
    for (const type of names) this.store.set(type, types[type]!, version)
    for (const type of names) for (const stream of this.streams) stream.push(type)
  }

  /** The open stream that a type is asked for on. */
  streamOf(type: TypeName): DiscoveryStream {
    const found = this.openStreams.find((stream) => stream.subscribed(type) !== undefined)
    if (found === undefined) throw new Error(`nobody asks for ${type}; requests so far:\n${this.lines().join('\n')}`)
    return found
  }

  /** Requests so far, one line each; of one type only, and from a position of `requests` on. */
  lines(type?: TypeName, from = 0): string[] {
    const records = this.requests.slice(from)
    return records.filter((record) => type === undefined || record.type === type).map(describeRequest)
  }

  waitForAck(type: TypeName, version: string, timeoutMs = defaultTimeoutMs): Promise<DiscoveryRecord> {
    return this.waitForRequest(
      (record) => record.type === type && record.kind === 'ack' && record.answeredVersion === version,
      `the ACK of ${type} ${version}`,
      timeoutMs,
    )
  }

  waitForNack(type: TypeName, version: string, timeoutMs = defaultTimeoutMs): Promise<DiscoveryRecord> {
    return this.waitForRequest(
      (record) => record.type === type && record.kind === 'nack' && record.answeredVersion === version,
      `the NACK of ${type} ${version}`,
      timeoutMs,
    )
  }

  /** The first of all requests, from position `from` on, for which `matches` says so, now or later. */
  async waitForRequest(
    matches: (record: DiscoveryRecord) => boolean,
    what: string,
    timeoutMs = defaultTimeoutMs,
    from = 0,
  ): Promise<DiscoveryRecord> {
    let at = from
    let found: DiscoveryRecord | undefined
    const look = () => {
      while (found === undefined && at < this.requests.length) {
        if (matches(this.requests[at])) found = this.requests[at]
        at += 1
      }
      return found !== undefined
    }
    await this.until(look, what, timeoutMs)
    return found!
  }

  /** Resolves when `holds` is true after some event of the control plane. */
  until(holds: () => boolean, what: string, timeoutMs = defaultTimeoutMs): Promise<void> {
    return this.#changed.until(
      holds,
      timeoutMs,
      () => `waited for ${what}; requests so far:\n${this.lines().join('\n')}`,
    )
  }

  /** Ends every connection without a word; the server goes on listening. */
  disconnect(): void {
    for (const connection of this.connections) if (!connection.closed) connection.reset()
  }

  async stop(): Promise<void> {
    const closed = once(this.#sockets, 'close')
    this.#sockets.close()
    this.disconnect()
    this.#injector.destroy()
    this.#grpc.forceShutdown()
    await Promise.all([closed, this.#rest?.stop()])
  }

  #record(record: DiscoveryRecord): void {
    this.requests.push(record)
    this.#changed.wake()
  }

  #services(): [ServiceDefinition, Record<string, (call: DiscoveryCall) => void>][] {
    return [...methodsByService()].map(([service, methods]) => {
      const definition: Record<string, ReturnType<typeof methodDefinition>> = {}
      const handlers: Record<string, (call: DiscoveryCall) => void> = {}
      for (const [name, place] of methods) {
        const path = `/${service}/${name}`
        definition[name] = methodDefinition(path)
        handlers[name] = (call) => this.#open(call, { ...place, method: path })
      }
      return [definition, handlers]
    })
  }

  #open(call: DiscoveryCall, place: Omit<StreamPlace, 'index'>): void {
    const stream = new DiscoveryStream(
      call,
      { ...place, index: this.streams.length + 1 },
      {
        store: this.store,
        controlPlane: this.controlPlane,
        received: (record, from) => {
          this.#record(record)
          return this.script.onRequest?.(record, from) ?? false
        },
        ended: () => this.#changed.wake(),
      },
    )
    this.streams.push(stream)
    this.script.onStream?.(stream)
    this.#changed.wake()
  }
}

type MethodPlace = Pick<StreamPlace, 'protocol' | 'type'>

function methodsByService(): Map<string, [string, MethodPlace][]> {
  const methods = new Map<string, [string, MethodPlace][]>()
  methods.set(aggregatedService, [
    ['StreamAggregatedResources', { protocol: 'sotw', type: undefined }],
    ['DeltaAggregatedResources', { protocol: 'delta', type: undefined }],
  ])
  for (const type of typeNames) {
    const { service, stream, delta } = resourceTypes[type]
    const list: [string, MethodPlace][] = [[delta, { protocol: 'delta', type }]]
    if (stream !== undefined) list.push([stream, { protocol: 'sotw', type }])
    methods.set(service, list)
  }
  return methods
}

function methodDefinition(path: string) {
  return {
    path,
    requestStream: true,
    responseStream: true,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  }
}

function credentialsOf({ tls }: ControlPlaneOptions): ServerCredentials {
  if (tls === undefined) return ServerCredentials.createInsecure()
  const pair = { cert_chain: tls.cert, private_key: tls.key }
  return ServerCredentials.createSsl(tls.clientCa ?? null, [pair], tls.clientCa !== undefined)
}
