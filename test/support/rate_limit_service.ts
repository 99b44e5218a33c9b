/** A rate limit service for tests: a real gRPC server that answers as it is told, and keeps what it was asked. */
import { type handleUnaryCall, Server, ServerCredentials } from '@grpc/grpc-js'
import type { JsonObject } from '../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../src/config/errors.ts'
import { toProtoJson } from '../../src/config/proto_json.ts'
import { messageSchema } from '../../src/config/schema.ts'
import { decodeView } from '../../src/config/wire.ts'
import { encodeMessage } from '../../src/config/wire_encode.ts'

const asIs = (bytes: Buffer): Buffer => bytes

const service = {
  ShouldRateLimit: {
    path: '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit',
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  },
} as const

/** `response` is a view of a RateLimitResponse, given when `after` has resolved; `silent` never answers. */
export type RateLimitReply =
  | { readonly response: object; readonly delayMs?: number; readonly after?: Promise<void> }
  | { readonly bytes: Buffer }
  | { readonly error: { readonly code: number; readonly details: string } }
  | { readonly silent: true }

const ok: RateLimitReply = { response: { overallCode: 'OK' } }

export class RateLimitService {
  readonly port: number
  readonly #server: Server
  readonly #requests: string[] = []
  #reply: RateLimitReply = ok

  private constructor(server: Server, port: number) {
    this.#server = server
    this.port = port
  }

  static async start(port = 0): Promise<RateLimitService> {
    const server = new Server()
    const opened: { by?: RateLimitService } = {}
    const handler: handleUnaryCall<Buffer, Buffer> = (call, answer) => opened.by!.#answer(call, answer)
    server.addService(service, { ShouldRateLimit: handler })
    const bound = await new Promise<number>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, actual) => {
        if (error === null) resolve(actual)
        else reject(error)
      })
    })
    opened.by = new RateLimitService(server, bound)
    return opened.by
  }

  /** From now on. */
  script(reply: RateLimitReply = ok): void {
    this.#reply = reply
    this.#requests.length = 0
  }

  /** What it was asked since the last script: who asks, and the request as JSON. */
  get requests(): readonly string[] {
    return this.#requests
  }

  stop(): void {
    this.#server.forceShutdown()
  }

  #answer(...[call, answer]: Parameters<handleUnaryCall<Buffer, Buffer>>): void {
    const hasTimeout = Number.isFinite(Number(call.getDeadline())) ? 'with timeout' : 'without timeout'
    this.#requests.push(`${headersOf(call.metadata.getMap())} ${hasTimeout} ${JSON.stringify(requestOf(call.request))}`)
    const reply = this.#reply
    if ('silent' in reply) return
    if ('error' in reply) answer(reply.error)
    else if ('bytes' in reply) answer(null, reply.bytes)
    else {
      const bytes = Buffer.from(encodeMessage('envoy.service.ratelimit.v3.RateLimitResponse', reply.response))
      const give = () => setTimeout(() => answer(null, bytes), reply.delayMs ?? 0)
      if (reply.after === undefined) give()
      else void reply.after.then(give)
    }
  }
}

function headersOf(metadata: Readonly<Record<string, unknown>>): string {
  return Object.entries(metadata)
    .filter(([name]) => name !== 'user-agent' && !name.startsWith('grpc-'))
    .map(([name, value]) => `${name}=${value}`)
    .sort()
    .join(' ')
}

function requestOf(bytes: Buffer): JsonObject {
  const name = 'envoy.service.ratelimit.v3.RateLimitRequest'
  return toProtoJson(name, decodeView(messageSchema(name)!, bytes, new ConfigErrors(name), 'ignore')) as JsonObject
}
