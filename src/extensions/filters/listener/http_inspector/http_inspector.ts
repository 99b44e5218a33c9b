// Looks at the first line of a plain connection for HTTP, and notes which version it is; takes nothing off.

import { latin1Slice } from '../../../../common/latin1.ts'
import type {
  ListenerFilter,
  ListenerFilterBuffer,
  ListenerFilterCallbacks,
} from '../../../../network/listener_filter.ts'
import { FilterStatus } from '../../../../network/network_filter.ts'
import type { Counter } from '../../../../stats/store.ts'
import { detectHttp1, mayBeRequest } from './request_line.ts'

export interface HttpInspectorStats {
  readonly readError: Counter
  readonly http10Found: Counter
  readonly http11Found: Counter
  readonly http2Found: Counter
  readonly httpNotFound: Counter
}

const http2Preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1')
const firstReadBytes = 8 * 1024
const readLimitBytes = 64 * 1024
/** Longer methods are looked at when the line is there. */
const methodLimitBytes = 1024
const carriageReturn = 0x0d
const lineFeed = 0x0a

export class HttpInspector implements ListenerFilter {
  readonly #stats: HttpInspectorStats
  #callbacks!: ListenerFilterCallbacks
  #wantedBytes = firstReadBytes
  #searched = 0
  #methodSeen = false

  constructor(stats: HttpInspectorStats) {
    this.#stats = stats
  }

  onAccept(callbacks: ListenerFilterCallbacks): FilterStatus {
    this.#callbacks = callbacks
    const { detectedTransportProtocol } = callbacks.socket
    const isPlain = detectedTransportProtocol === '' || detectedTransportProtocol === 'raw_buffer'
    return isPlain ? FilterStatus.StopIteration : FilterStatus.Continue
  }

  maxReadBytes(): number {
    return this.#wantedBytes
  }

  onData(buffer: ListenerFilterBuffer): FilterStatus {
    const { data } = buffer
    const prefaceBytes = Math.min(data.length, http2Preface.length)
    if (data.compare(http2Preface, 0, prefaceBytes, 0, prefaceBytes) === 0) {
      if (data.length < http2Preface.length) return FilterStatus.StopIteration
      return this.#found(this.#stats.http2Found, 'h2c')
    }
    if (data[0] === carriageReturn || data[0] === lineFeed) return this.#notFound()
    const lineEnd = data.indexOf(lineFeed, this.#searched)
    if (lineEnd >= 0 && lineEnd < readLimitBytes) return this.#onLine(latin1Slice(data, 0, lineEnd))
    if (!this.#methodSeen && !this.#checkMethod(data)) return this.#notFound()
    this.#searched = data.length
    if (data.length >= readLimitBytes) {
      this.#stats.readError.inc()
      this.#callbacks.close()
      return FilterStatus.StopIteration
    }
    while (this.#wantedBytes <= data.length) this.#wantedBytes = Math.min(2 * this.#wantedBytes, readLimitBytes)
    return FilterStatus.StopIteration
  }

  /** What begins otherwise need not be waited for. */
  #checkMethod(data: Buffer): boolean {
    const start = latin1Slice(data, 0, Math.min(data.length, methodLimitBytes))
    this.#methodSeen = data.length >= methodLimitBytes || start.includes(' ')
    return mayBeRequest(start)
  }

  #onLine(line: string): FilterStatus {
    const version = detectHttp1(line)
    if (version === undefined) return this.#notFound()
    return this.#found(version === 'http/1.1' ? this.#stats.http11Found : this.#stats.http10Found, version)
  }

  #found(counter: Counter, protocol: string): FilterStatus {
    counter.inc()
    this.#callbacks.socket.requestedApplicationProtocols = [protocol]
    return FilterStatus.Continue
  }

  #notFound(): FilterStatus {
    this.#stats.httpNotFound.inc()
    return FilterStatus.Continue
  }
}
