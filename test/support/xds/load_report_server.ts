/** A management server for load reports (LRS): keeps what it is told and answers what a test wants. */
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

export type LoadStatsRequest = envoy.service.load_stats.v3.LoadStatsRequest
export type LoadStatsResponse = envoy.service.load_stats.v3.LoadStatsResponse

const service = 'envoy.service.load_stats.v3'
const path = `/${service}.LoadReportingService/StreamLoadStats`
const asIs = (bytes: Buffer): Buffer => bytes

export class LoadReportStream {
  readonly requests: LoadStatsRequest[] = []
  readonly metadata: Readonly<Record<string, unknown>>
  readonly #call: ServerDuplexStream<Buffer, Buffer>

  constructor(call: ServerDuplexStream<Buffer, Buffer>) {
    this.#call = call
    this.metadata = call.metadata.getMap()
  }

  respond(response: Partial<LoadStatsResponse>): void {
    this.#call.write(Buffer.from(encodeMessage(`${service}.LoadStatsResponse`, response)))
  }

  respondBytes(bytes: Buffer): void {
    this.#call.write(bytes)
  }

  end(): void {
    this.#call.end()
  }

  fail(code: status, details: string): void {
    this.#call.emit('error', { code, details })
  }
}

export class LoadReportServer {
  readonly streams: LoadReportStream[] = []
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

  static async start(): Promise<LoadReportServer> {
    const server = new LoadReportServer()
    server.#sockets.listen(0, '127.0.0.1')
    await once(server.#sockets, 'listening')
    return server
  }

  get port(): number {
    return (this.#sockets.address() as AddressInfo).port
  }

  /** Of all streams, in their order. */
  get requests(): LoadStatsRequest[] {
    return this.streams.flatMap((stream) => stream.requests)
  }

  until(holds: () => boolean, what: string, timeoutMs = 10_000): Promise<void> {
    const described = () => `waited for ${what}; reports so far: ${JSON.stringify(this.requests.map(withoutNode))}`
    return this.#changed.until(holds, timeoutMs, described)
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
    const stream = new LoadReportStream(call)
    this.streams.push(stream)
    call.on('error', () => {})
    call.on('data', (bytes: Buffer) => {
      const schema = messageSchema(`${service}.LoadStatsRequest`)!
      stream.requests.push(decodeView(schema, bytes, new ConfigErrors(), 'ignore') as unknown as LoadStatsRequest)
      this.#changed.wake()
    })
    this.#changed.wake()
  }
}

function withoutNode({ clusterStats }: LoadStatsRequest): object {
  return clusterStats
}
