/** A management server for health discovery (HDS): says what is to be checked and keeps what it is told of it. */
import type { envoy } from '../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../../src/config/errors.ts'
import { messageSchema } from '../../../src/config/schema.ts'
import { decodeView } from '../../../src/config/wire.ts'
import { encodeMessage } from '../../../src/config/wire_encode.ts'
import type { ControlPlaneConnection } from './connection.ts'
import { type ServerStream, StreamServer } from './stream_server.ts'

export type HealthReport = envoy.service.health.v3.HealthCheckRequestOrEndpointHealthResponse
type EndpointHealthResponse = envoy.service.health.v3.EndpointHealthResponse

const service = 'envoy.service.health.v3'
const path = `/${service}.HealthDiscoveryService/StreamHealthCheck`

export class HealthStream {
  readonly reports: HealthReport[] = []
  /** As they came. */
  readonly messages: Buffer[] = []
  readonly call: ServerStream

  constructor(call: ServerStream) {
    this.call = call
  }

  /** A HealthCheckSpecifier as a view. */
  specify(specifier: object): void {
    this.call.respondBytes(encodeMessage(`${service}.HealthCheckSpecifier`, specifier))
  }

  onMessage(bytes: Buffer): void {
    const schema = messageSchema(`${service}.HealthCheckRequestOrEndpointHealthResponse`)!
    this.messages.push(bytes)
    this.reports.push(decodeView(schema, bytes, new ConfigErrors(), 'ignore') as unknown as HealthReport)
  }
}

export class HealthDiscoveryServer {
  readonly streams: HealthStream[] = []
  #server!: StreamServer

  private constructor() {}

  static async start(): Promise<HealthDiscoveryServer> {
    const server = new HealthDiscoveryServer()
    server.#server = await StreamServer.start(path, {
      onStream: (opened) => {
        const stream = new HealthStream(opened)
        server.streams.push(stream)
        return (bytes) => stream.onMessage(bytes)
      },
    })
    return server
  }

  get port(): number {
    return this.#server.port
  }

  get connections(): readonly ControlPlaneConnection[] {
    return this.#server.connections
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

  until(holds: () => boolean, what: string, timeoutMs?: number): Promise<void> {
    const described = () => `waited for ${what}; told last: ${JSON.stringify(this.health)}`
    return this.#server.until(holds, described, timeoutMs)
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }
}
