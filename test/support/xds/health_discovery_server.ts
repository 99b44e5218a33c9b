/** A management server for health discovery (HDS): says what is to be checked and keeps what it is told of it. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import { type ConnectionInjector, Server, ServerCredentials, type ServerDuplexStream, type status } from '@grpc/grpc-js'
import type { envoy } from '../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../../src/config/errors.ts'
import { messageSchema } from '../../../src/config/schema.ts'
import { decodeView } from '../../../src/config/wire.ts'
import { encodeMessage } from '../../../src/config/wire_encode.ts'
import { Condition } from '../condition.ts'
import { ControlPlaneConnection } from './connection.ts'

export type HealthReport = envoy.service.health.v3.HealthCheckRequestOrEndpointHealthResponse
type EndpointHealthResponse = envoy.service.health.v3.EndpointHealthResponse

const service = 'envoy.service.health.v3'
const path = `/${service}.HealthDiscoveryService/StreamHealthCheck`
const asIs = (bytes: Buffer): Buffer => bytes

export class HealthStream {
  readonly reports: HealthReport[] = []
  /** As they came. */
  readonly messages: Buffer[] = []
  readonly metadata: Readonly<Record<string, unknown>>
  readonly #call: ServerDuplexStream<Buffer, Buffer>

  constructor(call: ServerDuplexStream<Buffer, Buffer>) {
    this.#call = call
    this.metadata = call.metadata.getMap()
  }

  /** A HealthCheckSpecifier as a view. */
  specify(specifier: object): void {
    this.#call.write(Buffer.from(encodeMessage(`${service}.HealthCheckSpecifier`, specifier)))
  }

  specifyBytes(bytes: Buffer): void {
    this.#call.write(bytes)
  }

  end(): void {
    this.#call.end()
  }

  fail(code: status, details: string): void {
    this.#call.emit('error', { code, details })
  }
}

export class HealthDiscoveryServer {
  readonly streams: HealthStream[] = []
  readonly connections: ControlPlaneConnection[] = []
  readonly #changed = new Condition()
  readonly #grpc = new Server()
  readonly #injector: ConnectionInjector
  readonly #sockets: NetServer

  private constructor() {
    const method = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    }
    this.#grpc.addService({ method }, { method: (call: ServerDuplexStream<Buffer, Buffer>) => this.#open(call) })
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure())
    this.#sockets = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new ControlPlaneConnection(socket)
      this.connections.push(connection)
      this.#injector.injectConnection(connection.inner)
    })
  }

  static async start(): Promise<HealthDiscoveryServer> {
    const server = new HealthDiscoveryServer()
    server.#sockets.listen(0, '127.0.0.1')
    await once(server.#sockets, 'listening')
    return server
  }

  get port(): number {
    return (this.#sockets.address() as AddressInfo).port
  }

  /** The stream that was opened last. */
  get stream(): HealthStream {
    const last = this.streams.at(-1)
    if (last === undefined) throw new Error('nobody has asked what to check')
    return last
  }

  /** The last answer of the last stream. */
  get health(): EndpointHealthResponse | undefined {
    return this.streams.at(-1)?.reports.at(-1)?.endpointHealthResponse
  }

  until(holds: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    return this.#changed.until(holds, timeoutMs, () => `waited for ${what}; told last: ${JSON.stringify(this.health)}`)
  }

  async stop(): Promise<void> {
    const closed = once(this.#sockets, 'close')
    this.#sockets.close()
    for (const connection of this.connections) if (!connection.closed) connection.reset()
    this.#injector.destroy()
    this.#grpc.forceShutdown()
    await closed
  }

  #open(call: ServerDuplexStream<Buffer, Buffer>): void {
    const stream = new HealthStream(call)
    this.streams.push(stream)
    call.on('error', () => {})
    call.on('data', (bytes: Buffer) => {
      const schema = messageSchema(`${service}.HealthCheckRequestOrEndpointHealthResponse`)!
      stream.messages.push(bytes)
      stream.reports.push(decodeView(schema, bytes, new ConfigErrors(), 'ignore') as unknown as HealthReport)
      this.#changed.wake()
    })
    this.#changed.wake()
  }
}
