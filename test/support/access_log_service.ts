/** An access log service for tests: a real gRPC server that keeps what proxies send it. */
import { type handleClientStreamingCall, Server, ServerCredentials } from '@grpc/grpc-js'
import type { JsonObject, JsonValue } from '../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../src/config/errors.ts'
import { toProtoJson } from '../../src/config/proto_json.ts'
import { messageSchema } from '../../src/config/schema.ts'
import { decodeView } from '../../src/config/wire.ts'
import { Condition } from './condition.ts'

const messageName = 'envoy.service.accesslog.v3.StreamAccessLogsMessage'
const defaultTimeoutMs = 10_000
const asIs = (bytes: Buffer): Buffer => bytes

const service = {
  StreamAccessLogs: {
    path: '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs',
    requestStream: true,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
} as const

type Handler = handleClientStreamingCall<Buffer, Buffer>

export interface LogStream {
  /** As ProtoJSON; of the first message. */
  identifier: JsonObject | undefined
  readonly metadata: Readonly<Record<string, string>>
  /** One for each message, in order. */
  readonly messages: LogMessage[]
  closed: boolean
  /** Ends it with a gRPC status. */
  fail(code: number, details: string): void
}

export interface LogMessage {
  readonly kind: 'http' | 'tcp' | 'none'
  readonly hasIdentifier: boolean
  readonly entries: readonly JsonObject[]
}

export class AccessLogService {
  readonly streams: LogStream[] = []
  /** All entries of all streams, in the order of their coming. */
  readonly entries: JsonObject[] = []
  readonly port: number
  /** A test may have it read nothing more. */
  readsNothing = false
  readonly #server: Server
  readonly #changed: Condition

  private constructor(server: Server, port: number, changed: Condition) {
    this.#server = server
    this.port = port
    this.#changed = changed
  }

  static async start(port = 0): Promise<AccessLogService> {
    const server = new Server({ 'grpc.max_receive_message_length': -1 })
    const opened: { by?: AccessLogService } = {}
    const handler: Handler = (call, done) => opened.by!.#open(call, done)
    server.addService(service, { StreamAccessLogs: handler })
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, actual) => {
        if (error === null) resolve(actual)
        else reject(error)
      })
    })
    opened.by = new AccessLogService(server, bound, new Condition())
    return opened.by
  }

  until(holds: () => boolean, what: string, timeoutMs = defaultTimeoutMs): Promise<void> {
    return this.#changed.until(
      holds,
      timeoutMs,
      () => `waited for ${what}; so far: ${JSON.stringify(this.streams, undefined, 1)}`,
    )
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  #open(...[call, done]: Parameters<Handler>): void {
    const stream: LogStream = {
      identifier: undefined,
      metadata: Object.fromEntries(
        Object.entries(call.metadata.getMap()).map(([name, value]) => [name, String(value)]),
      ),
      messages: [],
      closed: false,
      fail: (code, details) => done({ code, details }),
    }
    this.streams.push(stream)
    call.on('data', (bytes: Buffer) => {
      this.#take(stream, bytes)
      if (this.readsNothing) call.pause()
    })
    call.on('end', () => {
      stream.closed = true
      done(null, Buffer.alloc(0))
      this.#changed.wake()
    })
    call.on('cancelled', () => {
      stream.closed = true
      this.#changed.wake()
    })
    call.on('error', () => {})
    this.#changed.wake()
  }

  #take(stream: LogStream, bytes: Buffer): void {
    const schema = messageSchema(messageName)!
    const json = toProtoJson(messageName, decodeView(schema, bytes, new ConfigErrors(messageName), 'ignore'))
    const { identifier, http_logs: http, tcp_logs: tcp } = json as Record<string, JsonObject | undefined>
    stream.identifier ??= identifier
    const logs = http ?? tcp
    const entries = (logs?.['log_entry'] ?? []) as JsonObject[]
    stream.messages.push({
      kind: http === undefined ? (tcp === undefined ? 'none' : 'tcp') : 'http',
      hasIdentifier: identifier !== undefined,
      entries,
    })
    this.entries.push(...entries)
    this.#changed.wake()
  }
}

const moments = /^(start_time|time_to_.*|duration)$/

/** An entry for comparisons: keys in order, moments masked, addresses as `ip:port`. */
export function comparableEntry(entry: JsonValue, key = ''): JsonValue {
  if (moments.test(key)) return '<time>'
  if (Array.isArray(entry)) return entry.map((each) => comparableEntry(each))
  if (typeof entry !== 'object' || entry === null) return entry
  const { socket_address: socket } = entry as { socket_address?: { address: string; port_value?: number } }
  if (socket !== undefined) return `${socket.address}:${socket.port_value ?? 0}`
  const members = Object.entries(entry).map(([name, value]): [string, JsonValue] => [
    name,
    comparableEntry(value, name),
  ])
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)))
}
