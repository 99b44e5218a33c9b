// Looks at the first bytes of a connection for a TLS ClientHello, and notes what it asks for; takes nothing off.

import { lowerAscii } from '../../../../common/string_matcher.ts'
import type {
  ListenerFilter,
  ListenerFilterBuffer,
  ListenerFilterCallbacks,
} from '../../../../network/listener_filter.ts'
import { FilterStatus } from '../../../../network/network_filter.ts'
import { type ClientHello, isTlsVersion, offeredProtocols, serverNameOf } from '../../../../network/tls/client_hello.ts'
import { ClientHelloReader } from '../../../../network/tls/client_hello_reader.ts'
import { failureText, type TlsFailure } from '../../../../network/tls/failure_reason.ts'
import type { Counter, Histogram } from '../../../../stats/store.ts'
import { ja3Fingerprint, ja4Fingerprint } from './fingerprints.ts'

export interface TlsInspectorSettings {
  readonly ja3: boolean
  readonly ja4: boolean
  readonly closeOnParsingErrors: boolean
  readonly initialReadBytes: number
  readonly maxClientHelloBytes: number
  readonly stats: TlsInspectorStats
}

export interface TlsInspectorStats {
  readonly clientHelloTooLarge: Counter
  readonly tlsFound: Counter
  readonly tlsNotFound: Counter
  readonly alpnFound: Counter
  readonly alpnNotFound: Counter
  readonly sniFound: Counter
  readonly sniNotFound: Counter
  readonly bytesProcessed: Histogram
}

const metadataNamespace = 'envoy.filters.listener.tls_inspector'

export class TlsInspector implements ListenerFilter {
  readonly #settings: TlsInspectorSettings
  readonly #reader = new ClientHelloReader()
  #callbacks!: ListenerFilterCallbacks
  #wantedBytes: number

  constructor(settings: TlsInspectorSettings) {
    this.#settings = settings
    this.#wantedBytes = settings.initialReadBytes
  }

  onAccept(callbacks: ListenerFilterCallbacks): FilterStatus {
    this.#callbacks = callbacks
    return FilterStatus.StopIteration
  }

  maxReadBytes(): number {
    return this.#wantedBytes
  }

  onData(buffer: ListenerFilterBuffer): FilterStatus {
    const { maxClientHelloBytes } = this.#settings
    for (;;) {
      const data = buffer.data.subarray(0, this.#wantedBytes)
      const outcome = this.#reader.read(data)
      if (outcome === 'found') return this.#onHello(this.#reader.hello!, data.length)
      if (outcome === 'failed') return this.#onNoHello(this.#reader.failure, data.length)
      if (outcome === 'closed') return this.#close()
      if (data.length >= maxClientHelloBytes) {
        this.#settings.stats.clientHelloTooLarge.inc()
        this.#noteFailure('ClientHelloTooLarge')
        return this.#close()
      }
      if (data.length < this.#wantedBytes) return FilterStatus.StopIteration
      this.#wantedBytes = Math.min(2 * this.#wantedBytes, maxClientHelloBytes)
      if (buffer.data.length <= data.length) return FilterStatus.StopIteration
    }
  }

  #onHello(hello: ClientHello, dataBytes: number): FilterStatus {
    const { socket } = this.#callbacks
    const { stats, ja3, ja4 } = this.#settings
    const serverName = serverNameOf(hello)
    if (serverName === undefined) return this.#onNoHello('ERROR_PARSING_EXTENSION', dataBytes)
    if (ja3) socket.ja3Fingerprint = ja3Fingerprint(hello)
    if (ja4) socket.ja4Fingerprint = ja4Fingerprint(hello)
    const protocols = offeredProtocols(hello)
    if (protocols !== undefined) socket.requestedApplicationProtocols = protocols
    if (serverName === '') stats.sniNotFound.inc()
    else {
      stats.sniFound.inc()
      socket.requestedServerName = lowerAscii(serverName)
    }
    if (!isTlsVersion(hello.legacyVersion)) {
      stats.tlsNotFound.inc()
      this.#noteFailure('ClientHelloInvalidTlsVersion', 'CONNECTION_REJECTED')
      return this.#close()
    }
    stats.tlsFound.inc()
    if (protocols === undefined) stats.alpnNotFound.inc()
    else stats.alpnFound.inc()
    socket.detectedTransportProtocol = 'tls'
    stats.bytesProcessed.recordValue(this.#reader.consumedBytes)
    return FilterStatus.Continue
  }

  #onNoHello(failure: TlsFailure, dataBytes: number): FilterStatus {
    const { stats, closeOnParsingErrors, maxClientHelloBytes } = this.#settings
    if (closeOnParsingErrors && dataBytes >= maxClientHelloBytes) {
      stats.clientHelloTooLarge.inc()
      this.#noteFailure('ClientHelloTooLarge', failure)
      return this.#close()
    }
    stats.tlsNotFound.inc()
    this.#noteFailure('ClientHelloNotDetected', failure)
    if (closeOnParsingErrors) return this.#close()
    stats.bytesProcessed.recordValue(this.#reader.consumedBytes)
    return FilterStatus.Continue
  }

  #close(): FilterStatus {
    this.#settings.stats.bytesProcessed.recordValue(this.#reader.consumedBytes)
    this.#callbacks.close()
    return FilterStatus.StopIteration
  }

  #noteFailure(reason: string, failure?: TlsFailure): void {
    this.#callbacks.streamInfo.setDynamicMetadata(metadataNamespace, { failure_reason: reason })
    if (failure !== undefined) this.#callbacks.socket.transportFailureReason = failureText(failure)
  }
}
