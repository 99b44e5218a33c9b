// Takes a PROXY protocol header off the front of a connection; the addresses in it become the connection's.

import type {
  ListenerFilter,
  ListenerFilterBuffer,
  ListenerFilterCallbacks,
} from '../../../../network/listener_filter.ts'
import { FilterStatus } from '../../../../network/network_filter.ts'
import {
  type ProxyProtocolTlv,
  proxyProtocolState,
  proxyProtocolV1Signature,
  proxyProtocolV2Signature,
} from '../../../../network/proxy_protocol.ts'
import type { Counter } from '../../../../stats/store.ts'
import { firstReadBytes, isUnicast, type ProxyHeader, ProxyHeaderReader, parseTlvs, startsLike } from './header.ts'

export interface ProxyProtocolSettings {
  readonly allowWithout: boolean
  readonly allowV1: boolean
  readonly allowV2: boolean
  /** Whether a TLV is kept for the upstream connection. */
  readonly passesOn: (type: number) => boolean
  /** What is kept of TLVs for filters and logs. */
  readonly keep: (tlvs: readonly ProxyProtocolTlv[], callbacks: ListenerFilterCallbacks) => void
  readonly stats: ProxyProtocolStats
}

interface VersionStats {
  readonly found: Counter
  readonly disallowed: Counter
  readonly error: Counter
}

export interface ProxyProtocolStats {
  readonly notFoundAllowed: Counter
  readonly notFoundDisallowed: Counter
  readonly v1: VersionStats
  readonly v2: VersionStats
  /** All errors in one, by a name that older dashboards know. */
  readonly error: Counter
}

export class ProxyProtocolFilter implements ListenerFilter {
  readonly #settings: ProxyProtocolSettings
  readonly #reader = new ProxyHeaderReader()
  #callbacks!: ListenerFilterCallbacks
  #wantedBytes = firstReadBytes

  constructor(settings: ProxyProtocolSettings) {
    this.#settings = settings
  }

  onAccept(callbacks: ListenerFilterCallbacks): FilterStatus {
    this.#callbacks = callbacks
    return FilterStatus.StopIteration
  }

  maxReadBytes(): number {
    return this.#wantedBytes
  }

  onData(buffer: ListenerFilterBuffer): FilterStatus {
    if (this.#reader.header === undefined) {
      const data = buffer.data.subarray(0, firstReadBytes)
      if (this.#isOtherProtocol(data)) {
        this.#settings.stats.notFoundAllowed.inc()
        return FilterStatus.Continue
      }
      const outcome = this.#reader.detect(data)
      if (outcome === 'more') return FilterStatus.StopIteration
      if (outcome === 'refused') return this.#refuse()
      if (!this.#isAllowed()) return this.#deny()
      const parsed = this.#reader.parse(data)
      if (parsed === 'more') return FilterStatus.StopIteration
      if (parsed === 'refused') return this.#refuse()
    }
    return this.#takeHeader(this.#reader.header!, buffer)
  }

  #takeHeader(header: ProxyHeader, buffer: ListenerFilterBuffer): FilterStatus {
    this.#wantedBytes = Math.max(this.#wantedBytes, header.lengthBytes)
    if (buffer.data.length < header.lengthBytes) return FilterStatus.StopIteration
    const { tlvs, whole } = parseTlvs(buffer.data.subarray(header.tlvStart, header.lengthBytes))
    // Those in front of a wrong one too: the log of the refused connection shows them.
    this.#settings.keep(tlvs, this.#callbacks)
    if (!whole) return this.#refuse()
    const { socket, streamInfo } = this.#callbacks
    const { addresses } = header
    if (!streamInfo.filterState.has(proxyProtocolState)) {
      streamInfo.filterState.set(proxyProtocolState, {
        source: addresses?.source ?? socket.remoteAddress,
        destination: addresses?.destination ?? socket.localAddress,
        tlvs: tlvs.filter((tlv) => this.#settings.passesOn(tlv.type)),
      })
    }
    if (addresses !== undefined) {
      const { source, destination } = addresses
      if (!isUnicast(source) || !isUnicast(destination)) return this.#refuse()
      if (destination.text !== socket.localAddress.text) socket.restoreLocalAddress(destination)
      socket.replaceRemoteAddress(source, streamInfo)
    }
    buffer.drain(header.lengthBytes)
    this.#versionStats()?.found.inc()
    return FilterStatus.Continue
  }

  /** Bytes that are no header of a version that is allowed, where connections may come without. */
  #isOtherProtocol(data: Buffer): boolean {
    const { allowWithout, allowV1, allowV2 } = this.#settings
    if (!allowWithout || this.#reader.version !== 0) return false
    const mayBeV2 = allowV2 && startsLike(data, proxyProtocolV2Signature)
    const mayBeV1 = allowV1 && startsLike(data, proxyProtocolV1Signature)
    return !mayBeV2 && !mayBeV1
  }

  #isAllowed(): boolean {
    return this.#reader.version === 1 ? this.#settings.allowV1 : this.#settings.allowV2
  }

  #deny(): FilterStatus {
    const stats = this.#versionStats()
    stats?.found.inc()
    stats?.disallowed.inc()
    return this.#close()
  }

  #refuse(): FilterStatus {
    const { stats } = this.#settings
    const error = this.#versionStats()?.error ?? stats.notFoundDisallowed
    error.inc()
    stats.error.inc()
    return this.#close()
  }

  #close(): FilterStatus {
    this.#callbacks.close()
    return FilterStatus.StopIteration
  }

  #versionStats(): VersionStats | undefined {
    const { v1, v2 } = this.#settings.stats
    if (this.#reader.version === 0) return undefined
    return this.#reader.version === 1 ? v1 : v2
  }
}
