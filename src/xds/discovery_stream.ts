// One stream to a management server, opened again whenever it ends: back-off, rate limit, and what operators see of it.

import type { envoy } from '../../proto/generated/api.d.ts'
import { JitteredBackOff } from '../common/backoff.ts'
import { monotonicMs } from '../common/clock.ts'
import { getLogger } from '../common/log.ts'
import { Timer } from '../common/timer.ts'
import { TokenBucket } from '../common/token_bucket.ts'
import {
  type GrpcClient,
  type GrpcStatus,
  type GrpcStream,
  grpcDeadlineExceeded,
  grpcOk,
  grpcUnavailable,
} from '../grpc/grpc_client.ts'
import type { ControlPlaneStats } from './control_plane_stats.ts'

type RateLimitSettings = envoy.config.core.v3.RateLimitSettings

const log = getLogger('config')

/** For failures that pass by themselves, so much time goes by before they are told above the debug level. */
const patienceMs = 30_000
const passingCodes: readonly number[] = [grpcDeadlineExceeded, grpcUnavailable]

const defaultMaxTokens = 100
const defaultFillRate = 10

export const defaultBackOff = { baseMs: 500, maxMs: 30_000 }

export interface DiscoveryStreamCallbacks {
  /** Whatever was sent before is forgotten by the other side. */
  onStreamEstablished(): void
  onMessage(bytes: Uint8Array): void
  onStreamClosed(message: string): void
  /** The rate limit allows to send again. */
  onWriteable(): void
}

export interface DiscoveryStreamSettings {
  readonly client: GrpcClient
  readonly method: string
  readonly backOff: { readonly baseMs: number; readonly maxMs: number }
  readonly rateLimit: RateLimitSettings | undefined
  readonly stats: ControlPlaneStats
}

export class DiscoveryStream {
  readonly #settings: DiscoveryStreamSettings
  readonly #callbacks: DiscoveryStreamCallbacks
  readonly #backOff: JitteredBackOff
  readonly #tokens: TokenBucket | undefined
  readonly #retryTimer = new Timer(() => this.start())
  readonly #drainTimer = new Timer(() => this.#callbacks.onWriteable())
  #stream: GrpcStream | undefined
  #lastFailure: (GrpcStatus & { readonly firstAtMs: number }) | undefined

  constructor(settings: DiscoveryStreamSettings, callbacks: DiscoveryStreamCallbacks) {
    this.#settings = settings
    this.#callbacks = callbacks
    this.#backOff = new JitteredBackOff(settings.backOff.baseMs, settings.backOff.maxMs)
    this.#tokens = tokenBucket(settings.rateLimit)
  }

  get isOpen(): boolean {
    return this.#stream !== undefined
  }

  start(): void {
    if (this.#stream !== undefined) return
    const { client, method, stats } = this.#settings
    const stream = client.startStream(method, {
      onMessage: (bytes) => this.#onMessage(bytes),
      onClose: (status) => this.#onClose(status),
    })
    this.#stream = stream
    stats.connectedState.set(1)
    this.#callbacks.onStreamEstablished()
  }

  send(bytes: Uint8Array): void {
    this.#stream?.send(bytes)
  }

  /** Whether one more request may leave now; else `onWriteable` says when. */
  checkRateLimitAllowsDrain(): boolean {
    if (this.#tokens === undefined || this.#tokens.tryConsume()) return true
    this.#settings.stats.rateLimitEnforced.inc()
    if (!this.#drainTimer.enabled) this.#drainTimer.enable(Math.max(1, Math.ceil(this.#tokens.nextTokenAvailableMs())))
    return false
  }

  /** The other side has broken the protocol. */
  fail(status: GrpcStatus): void {
    this.#stream?.cancel()
    this.#onClose(status)
  }

  stop(): void {
    this.#retryTimer.disable()
    this.#drainTimer.disable()
    this.#stream?.cancel()
    this.#stream = undefined
    this.#settings.stats.connectedState.set(0)
  }

  #onMessage(bytes: Uint8Array): void {
    this.#backOff.reset()
    this.#lastFailure = undefined
    // It is connected also where another stream, which counts on the same gauge, has ended since.
    this.#settings.stats.connectedState.set(1)
    this.#callbacks.onMessage(bytes)
  }

  #onClose(status: GrpcStatus): void {
    this.#stream = undefined
    this.#drainTimer.disable()
    this.#settings.stats.connectedState.set(0)
    this.#logClose(status)
    this.#retryTimer.enable(Math.max(1, this.#backOff.nextBackOffMs()))
    this.#callbacks.onStreamClosed(`${status.code}, ${status.message}`)
  }

  #logClose(status: GrpcStatus): void {
    const { client, method } = this.#settings
    const what = `${method.slice(method.lastIndexOf('/') + 1)} gRPC config stream to ${client.destination} closed`
    const how = `${status.code}, ${status.message}`
    if (status.code === grpcOk || !passingCodes.includes(status.code)) {
      if (status.code === grpcOk) log.debug(`${what}: ${how}`)
      else log.warn(`${what}: ${how}`)
      return
    }
    const before = this.#lastFailure
    const firstAtMs = before?.code === status.code ? before.firstAtMs : monotonicMs()
    this.#lastFailure = { ...status, firstAtMs }
    const seconds = Math.trunc((monotonicMs() - (before?.firstAtMs ?? firstAtMs)) / 1000)
    if (before !== undefined && before.code !== status.code)
      log.warn(`${what}: ${how} (previously ${before.code}, ${before.message} since ${seconds}s ago)`)
    else if (seconds * 1000 >= patienceMs) log.warn(`${what} since ${seconds}s ago: ${how}`)
    else log.debug(`${what}: ${how}`)
  }
}

function tokenBucket(settings: RateLimitSettings | undefined): TokenBucket | undefined {
  if (settings === undefined) return undefined
  const maxTokens = settings.maxTokens ?? defaultMaxTokens
  return new TokenBucket({ maxTokens, tokensPerFill: settings.fillRate ?? defaultFillRate, fillIntervalMs: 1000 })
}
