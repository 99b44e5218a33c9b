/** A real gRPC server of one method, a stream in both directions, for tests: its messages are bytes, its connections can be cut. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server as NetServer } from 'node:net'
import { type ConnectionInjector, Server, ServerCredentials, type ServerDuplexStream, type status } from '@grpc/grpc-js'
import { Condition } from '../condition.ts'
import { ControlPlaneConnection } from './connection.ts'

type Call = ServerDuplexStream<Buffer, Buffer>

const asIs = (bytes: Buffer): Buffer => bytes

/** One stream, as the server has it. */
export class ServerStream {
  readonly metadata: Readonly<Record<string, unknown>>
  readonly #call: Call

  constructor(call: Call) {
    this.#call = call
    this.metadata = call.metadata.getMap()
  }

  respondBytes(bytes: Uint8Array): void {
    this.#call.write(Buffer.from(bytes))
  }

  end(): void {
    this.#call.end()
  }

  fail(code: status, details: string): void {
    this.#call.emit('error', { code, details })
  }
}

export interface StreamHandlers {
  /** Gives what is to be done with each message. */
  onStream(stream: ServerStream): (bytes: Buffer) => void
}

export class StreamServer {
  readonly connections: ControlPlaneConnection[] = []
  readonly #changed = new Condition()
  readonly #grpc = new Server()
  readonly #injector: ConnectionInjector
  readonly #sockets: NetServer

  private constructor(path: string, handlers: StreamHandlers) {
    const method = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: asIs,
      requestDeserialize: asIs,
      responseSerialize: asIs,
      responseDeserialize: asIs,
    }
    this.#grpc.addService({ method }, { method: (call: Call) => this.#open(call, handlers) })
    this.#injector = this.#grpc.createConnectionInjector(ServerCredentials.createInsecure())
    this.#sockets = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new ControlPlaneConnection(socket)
      this.connections.push(connection)
      this.#injector.injectConnection(connection.inner)
    })
  }

  static async start(path: string, handlers: StreamHandlers): Promise<StreamServer> {
    const server = new StreamServer(path, handlers)
    server.#sockets.listen(0, '127.0.0.1')
    await once(server.#sockets, 'listening')
    return server
  }

  get port(): number {
    return (this.#sockets.address() as AddressInfo).port
  }

  /** Looks again with every stream and every message. */
  until(holds: () => boolean, describe: () => string, timeoutMs = 10_000): Promise<void> {
    return this.#changed.until(holds, timeoutMs, describe)
  }

  async stop(): Promise<void> {
    const closed = once(this.#sockets, 'close')
    this.#sockets.close()
    for (const connection of this.connections) if (!connection.closed) connection.reset()
    this.#injector.destroy()
    this.#grpc.forceShutdown()
    await closed
  }

  #open(call: Call, { onStream }: StreamHandlers): void {
    const onMessage = onStream(new ServerStream(call))
    call.on('error', () => {})
    call.on('data', (bytes: Buffer) => {
      onMessage(bytes)
      this.#changed.wake()
    })
    this.#changed.wake()
  }
}
