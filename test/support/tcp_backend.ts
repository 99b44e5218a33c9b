/** A TCP server for tests that records each connection's bytes and lets the test drive it. */
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { RawClient } from './raw_client.ts'

/** The server's end of one accepted connection; the same calls as the client's end. */
export type TcpBackendConnection = RawClient

export class TcpBackend {
  readonly connections: TcpBackendConnection[] = []
  readonly server: Server
  onConnection: (connection: TcpBackendConnection) => void = () => {}
  #waiters: (() => void)[] = []

  constructor() {
    this.server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = new RawClient(socket)
      connection.localPort = socket.remotePort ?? 0
      this.connections.push(connection)
      this.onConnection(connection)
      for (const wake of this.#waiters.splice(0)) wake()
    })
  }

  /** Listens on a free port of 127.0.0.1, or on the address given. */
  static async start(onConnection?: (connection: TcpBackendConnection) => void, host = '127.0.0.1', port = 0) {
    const backend = new TcpBackend()
    if (onConnection !== undefined) backend.onConnection = onConnection
    backend.server.listen(port, host)
    await once(backend.server, 'listening')
    return backend
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  /** The connection of that index, when it has come. */
  async connection(index: number, timeoutMs = 5000): Promise<TcpBackendConnection> {
    const deadline = performance.now() + timeoutMs
    while (this.connections.length <= index) {
      const left = deadline - performance.now()
      if (left <= 0) throw new Error(`no connection ${index} in ${timeoutMs} ms; ${this.connections.length} came`)
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left)
        this.#waiters.push(() => {
          clearTimeout(timer)
          resolve()
        })
      })
    }
    return this.connections[index]
  }

  async stop(): Promise<void> {
    for (const connection of this.connections) connection.close()
    this.server.close()
    if (this.server.listening) await once(this.server, 'close')
  }
}
