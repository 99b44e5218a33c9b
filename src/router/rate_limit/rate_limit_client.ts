// Asks a rate limit service (envoy.service.ratelimit.v3): one call for one request or connection.

import type { envoy } from '../../../proto/generated/api.d.ts'
import type { FormatterContext } from '../../access_log/formatter_context.ts'
import { decodeUtf8 } from '../../common/latin1.ts'
import {
  decodeRateLimitResponse,
  encodeRateLimitRequest,
  prepareRateLimitMessages,
  type RateLimitResponse,
} from '../../config/rate_limit_messages.ts'
import type { RateLimitDescriptor } from '../../http/rate_limit.ts'
import type { AsyncGrpcClient, GrpcCall } from '../../upstream/async_grpc_client.ts'
import type { ServerContext } from '../../upstream/server_context.ts'

const path = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit'
const defaultTimeoutMs = 20

export type LimitDescriptor = Omit<RateLimitDescriptor, 'xRatelimitOption'>

export interface LimitAnswer {
  readonly status: 'ok' | 'overLimit' | 'error'
  /** Undefined for an error. */
  readonly response: RateLimitResponse | undefined
}

interface RateLimitServiceView {
  readonly rateLimitService: envoy.config.ratelimit.v3.RateLimitServiceConfig | undefined
  readonly timeout: number | undefined
}

const failed: LimitAnswer = { status: 'error', response: undefined }

export class RateLimitClient {
  readonly #client: AsyncGrpcClient | undefined
  readonly #timeoutMs: number | undefined

  /** What is wrong goes to `context.errors`. */
  constructor({ rateLimitService, timeout = defaultTimeoutMs }: RateLimitServiceView, context: ServerContext) {
    const service = rateLimitService?.grpcService
    if (rateLimitService?.transportApiVersion === 'V2') {
      const message = 'V2 transport protocol version is deprecated in envoy.config.ratelimit.v3.RateLimitServiceConfig'
      context.errors.add(rateLimitService, 'transportApiVersion', message)
    }
    this.#client = service === undefined ? undefined : context.createGrpcClient(service, context)
    this.#timeoutMs = timeout === 0 ? undefined : timeout
    prepareRateLimitMessages()
  }

  /** `onAnswer` is called once, in a later turn, unless the call is cancelled. */
  limit(
    domain: string,
    descriptors: readonly LimitDescriptor[],
    onAnswer: (answer: LimitAnswer) => void,
    parent: FormatterContext,
  ): GrpcCall {
    const request = encodeRateLimitRequest({ domain, descriptors: descriptors.map(toMessage), hitsAddend: 0 })
    const callbacks = {
      onSuccess: (bytes: Uint8Array) => onAnswer(readAnswer(bytes)),
      onFailure: () => onAnswer(failed),
    }
    return this.#client!.unaryCall(path, request, callbacks, this.#timeoutMs, parent)
  }
}

function toMessage({ entries, ...descriptor }: LimitDescriptor) {
  return { ...descriptor, entries: entries.map(({ key, value }) => ({ key, value: decodeUtf8(value) })) }
}

function readAnswer(bytes: Uint8Array): LimitAnswer {
  try {
    const response = decodeRateLimitResponse(bytes)
    return { status: response.overallCode === 'OVER_LIMIT' ? 'overLimit' : 'ok', response }
  } catch {
    return failed
  }
}
