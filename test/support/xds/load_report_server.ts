/** A management server for load reports (LRS): keeps what it is told and answers what a test wants. */
import type { envoy } from '../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../../src/config/errors.ts'
import { messageSchema } from '../../../src/config/schema.ts'
import { decodeView } from '../../../src/config/wire.ts'
import { encodeMessage } from '../../../src/config/wire_encode.ts'
import type { ControlPlaneConnection } from './connection.ts'
import { type ServerStream, StreamServer } from './stream_server.ts'

export type LoadStatsRequest = envoy.service.load_stats.v3.LoadStatsRequest
export type LoadStatsResponse = envoy.service.load_stats.v3.LoadStatsResponse

const service = 'envoy.service.load_stats.v3'
const path = `/${service}.LoadReportingService/StreamLoadStats`

export class LoadReportStream {
  readonly requests: LoadStatsRequest[] = []
  readonly call: ServerStream

  constructor(call: ServerStream) {
    this.call = call
  }

  respond(response: Partial<LoadStatsResponse>): void {
    this.call.respondBytes(encodeMessage(`${service}.LoadStatsResponse`, response))
  }

  onMessage(bytes: Buffer): void {
    const schema = messageSchema(`${service}.LoadStatsRequest`)!
    this.requests.push(decodeView(schema, bytes, new ConfigErrors(), 'ignore') as unknown as LoadStatsRequest)
  }
}

export class LoadReportServer {
  readonly streams: LoadReportStream[] = []
  #server!: StreamServer

  private constructor() {}

  static async start(): Promise<LoadReportServer> {
    const server = new LoadReportServer()
    server.#server = await StreamServer.start(path, {
      onStream: (opened) => {
        const stream = new LoadReportStream(opened)
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

  /** Of all streams, in their order. */
  get requests(): LoadStatsRequest[] {
    return this.streams.flatMap((stream) => stream.requests)
  }

  until(holds: () => boolean, what: string, timeoutMs?: number): Promise<void> {
    const described = () => `waited for ${what}; reports so far: ${JSON.stringify(this.requests.map(withoutNode))}`
    return this.#server.until(holds, described, timeoutMs)
  }

  stop(): Promise<void> {
    return this.#server.stop()
  }
}

function withoutNode({ clusterStats }: LoadStatsRequest): object {
  return clusterStats
}
