// A gRPC check: grpc.health.v1.Health/Check, and whether the service is SERVING.

import { HeaderMap } from '../../../common/header_map.ts'
import type { RequestEncoder, ResponseDecoder } from '../../../http/codec/codec.ts'
import { CodecConnection } from '../../../http/codec_connection.ts'
import { isGrpcResponse } from '../../../http/grpc_status.ts'
import type { HeaderParser } from '../../../router/header_parser.ts'
import { checkContext } from '../../../upstream/health_checking/check_context.ts'
import type { CheckedHost } from '../../../upstream/health_checking/checked_host.ts'
import type { HealthProbe, ProbeCallbacks, ProbeContext } from '../../../upstream/health_checking/health_probe.ts'
import { HealthResponse } from './health_messages.ts'

export interface GrpcProbeSettings {
  /** '' for the cluster's name. */
  readonly authority: string
  readonly headers: HeaderParser | undefined
  /** The frame of a HealthCheckRequest. */
  readonly request: Buffer
}

export class GrpcProbe implements HealthProbe, ResponseDecoder {
  readonly #host: CheckedHost
  readonly #settings: GrpcProbeSettings
  readonly #context: ProbeContext
  readonly #callbacks: ProbeCallbacks
  #connection: CodecConnection | undefined = undefined
  /** Of the check that is under way. */
  #encoder: RequestEncoder | undefined = undefined
  #response = new HealthResponse()

  constructor(host: CheckedHost, settings: GrpcProbeSettings, context: ProbeContext, callbacks: ProbeCallbacks) {
    this.#host = host
    this.#settings = settings
    this.#context = context
    this.#callbacks = callbacks
  }

  start(): void {
    const { cluster, reuseConnection } = this.#context
    if (this.#connection === undefined || this.#connection.isClosed) {
      const kind = { protocol: 'http2', isReused: reuseConnection } as const
      this.#connection = new CodecConnection(this.#context.connect(this.#host), kind, cluster, () => this.#onLost())
    }
    this.#response = new HealthResponse()
    const encoder = this.#connection.newStream(this)
    this.#encoder = encoder
    encoder.encodeHeaders(this.#requestHeaders(), false)
    encoder.encodeData(this.#settings.request, true)
  }

  #requestHeaders(): HeaderMap {
    const headers = new HeaderMap()
    headers.method = 'POST'
    headers.path = '/grpc.health.v1.Health/Check'
    headers.authority = this.#host.target.hostname || this.#settings.authority || this.#context.cluster.name
    headers.scheme = this.#host.host.transportSocket.isSecure ? 'https' : 'http'
    headers.add('te', 'trailers')
    headers.add('content-type', 'application/grpc')
    headers.add('user-agent', 'Envoy/HC')
    this.#settings.headers?.evaluate(headers, checkContext(this.#host.host, 'HTTP/2', headers))
    headers.set('grpc-timeout', `${this.#context.timeoutMs}m`)
    return headers
  }

  onTimeout(): void {
    if (this.#connection?.mustClose === true) this.close()
    else this.#endStream()
  }

  close(): void {
    this.#encoder = undefined
    this.#connection?.close()
  }

  /** Nothing more of this answer is wanted; the connection stays. */
  #endStream(): void {
    const encoder = this.#encoder
    this.#encoder = undefined
    encoder?.resetStream('localReset')
  }

  // ---- The answer ------------------------------------------------------------------------------------------------

  decode1xxHeaders(): void {}

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    // Whatever else it is, an answer of headers alone brings no message.
    if (endStream) this.#over(false)
    else if (!isGrpcResponse(headers, false)) this.#refuse()
  }

  decodeData(data: Buffer, endStream: boolean): void {
    if (this.#encoder === undefined) return
    if (endStream) this.#over(false)
    else if (!this.#response.add(data)) this.#refuse()
  }

  decodeTrailers(trailers: HeaderMap): void {
    if (this.#encoder !== undefined) this.#over(trailers.get('grpc-status') === '0' && this.#response.isServing)
  }

  retainsData(): boolean {
    return false
  }

  #refuse(): void {
    this.#endStream()
    this.#over(false)
  }

  #over(isServing: boolean): void {
    this.#encoder = undefined
    if (this.#connection?.mustClose === true) this.close()
    if (isServing) this.#callbacks.onSuccess(false)
    else this.#callbacks.onFailure('ACTIVE', false)
  }

  #onLost(): void {
    this.#encoder = undefined
    this.#callbacks.onFailure('NETWORK', false)
  }
}
