// An HTTP check: one request, and whether its answer is what it should be.

import { HeaderMap } from '../../../common/header_map.ts'
import type { StringPredicate } from '../../../common/string_matcher.ts'
import type { ResponseDecoder } from '../../../http/codec/codec.ts'
import { CodecConnection } from '../../../http/codec_connection.ts'
import type { HeaderParser } from '../../../router/header_parser.ts'
import { checkContext } from '../../../upstream/health_checking/check_context.ts'
import type { CheckedHost } from '../../../upstream/health_checking/checked_host.ts'
import type { HealthProbe, ProbeCallbacks, ProbeContext } from '../../../upstream/health_checking/health_probe.ts'
import { hasPayloads } from '../../../upstream/health_checking/payload.ts'
import type { StatusRanges } from './status_ranges.ts'

export interface HttpProbeSettings {
  readonly protocol: 'http1' | 'http2'
  readonly method: string
  readonly path: string
  /** '' for the cluster's name. */
  readonly host: string
  readonly body: Buffer
  readonly headers: HeaderParser | undefined
  readonly statuses: StatusRanges
  readonly receive: readonly Buffer[]
  /** How much of a response's body is looked at. */
  readonly responseBufferBytes: number
  /** Of `x-envoy-upstream-healthchecked-cluster`. */
  readonly serviceName: StringPredicate | undefined
}

type Result = 'succeeded' | 'degraded' | 'failed' | 'retriable'

export class HttpProbe implements HealthProbe, ResponseDecoder {
  readonly #host: CheckedHost
  readonly #settings: HttpProbeSettings
  readonly #context: ProbeContext
  readonly #callbacks: ProbeCallbacks
  #connection: CodecConnection | undefined = undefined
  #response: HeaderMap | undefined = undefined
  #body: Buffer[] = []
  #bodyBytes = 0

  constructor(host: CheckedHost, settings: HttpProbeSettings, context: ProbeContext, callbacks: ProbeCallbacks) {
    this.#host = host
    this.#settings = settings
    this.#context = context
    this.#callbacks = callbacks
  }

  start(): void {
    const { protocol, body } = this.#settings
    const { cluster, reuseConnection } = this.#context
    if (this.#connection === undefined || this.#connection.isClosed) {
      const kind = { protocol, isReused: reuseConnection }
      const onLost = (): void => this.#callbacks.onFailure('NETWORK', false)
      this.#connection = new CodecConnection(this.#context.connect(this.#host), kind, cluster, onLost)
    }
    this.#response = undefined
    this.#body = []
    this.#bodyBytes = 0
    const encoder = this.#connection.newStream(this)
    encoder.encodeHeaders(this.#requestHeaders(), body.length === 0)
    if (body.length > 0) encoder.encodeData(body, true)
  }

  #requestHeaders(): HeaderMap {
    const { method, path, host, body, headers: parser, protocol } = this.#settings
    const headers = new HeaderMap()
    headers.method = method
    headers.authority = this.#host.target.hostname || host || this.#context.cluster.name
    headers.path = path
    headers.scheme = this.#host.host.transportSocket.isSecure ? 'https' : 'http'
    // A cluster without a name has none to give; the header is there all the same.
    if (headers.authority === '' && protocol === 'http1') headers.add('host', '')
    headers.add('user-agent', 'Envoy/HC')
    parser?.evaluate(headers, checkContext(this.#host.host, protocol === 'http1' ? 'HTTP/1.1' : 'HTTP/2', headers))
    if (body.length > 0) headers.set('content-length', String(body.length))
    return headers
  }

  onTimeout(): void {
    this.close()
  }

  close(): void {
    this.#connection?.close()
  }

  // ---- The answer ------------------------------------------------------------------------------------------------

  decode1xxHeaders(): void {}

  decodeHeaders(headers: HeaderMap, endStream: boolean): void {
    this.#response = headers
    if (endStream) this.#onResponse(headers)
  }

  decodeData(data: Buffer, endStream: boolean): void {
    const { receive, responseBufferBytes } = this.#settings
    const room = responseBufferBytes - this.#bodyBytes
    if (receive.length > 0 && room > 0) {
      // Its memory is the connection's.
      const part = Buffer.from(data.subarray(0, Math.min(data.length, room)))
      this.#body.push(part)
      this.#bodyBytes += part.length
    }
    if (endStream) this.decodeTrailers()
  }

  decodeTrailers(): void {
    if (this.#response !== undefined) this.#onResponse(this.#response)
  }

  retainsData(): boolean {
    return false
  }

  #onResponse(headers: HeaderMap): void {
    this.#host.lastHttpStatus = headers.status
    const result = this.#result(headers)
    // Before anybody hears of it: whoever does may end the check for good.
    if (this.#connection?.mustClose === true) this.close()
    if (result === 'succeeded' || result === 'degraded') this.#callbacks.onSuccess(result === 'degraded')
    else this.#callbacks.onFailure('ACTIVE', result === 'retriable')
  }

  #result(headers: HeaderMap): Result {
    const { statuses, receive, serviceName } = this.#settings
    const { runtime } = this.#context.server
    const hasBody = receive.length === 0 || hasPayloads(Buffer.concat(this.#body), receive)
    if (!hasBody || !statuses.isExpected(headers.status)) {
      if (headers.has('x-envoy-immediate-health-check-fail')) this.#host.isExcluded = true
      return hasBody && statuses.isRetriable(headers.status) ? 'retriable' : 'failed'
    }
    if (serviceName !== undefined && runtime.featureEnabled('health_check.verify_cluster')) {
      this.#context.stats.verifyCluster.inc()
      if (!serviceName(headers.get('x-envoy-upstream-healthchecked-cluster') ?? '')) return 'failed'
    }
    return headers.has('x-envoy-degraded') ? 'degraded' : 'succeeded'
  }
}
