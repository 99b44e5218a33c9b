// Says by a PROXY header of whom a connection is, before the bytes of the transport socket inside.

import type { Socket } from 'node:net'
import { localAddressOf } from '../../../network/address.ts'
import type { ProxyProtocolData, ProxyProtocolTlv } from '../../../network/proxy_protocol.ts'
import { version1Header, version2Header, version2LocalHeader } from '../../../network/proxy_protocol_header.ts'
import type { TransportSocket, TransportSocketCallbacks } from '../../../network/transport_socket.ts'
import type { Counter } from '../../../stats/store.ts'
import type { StreamInfo, TlsInfo } from '../../../stream_info/stream_info.ts'
import type {
  TransportHost,
  TransportSocketOptions,
  UpstreamTransportSocketFactory,
} from '../../../upstream/transport_socket.ts'
import { upstreamConnectionInfo } from './connection_info.ts'

export interface ProxyProtocolSettings {
  readonly version: 1 | 2
  /** Which of the TLVs that came are passed on. */
  readonly passesThrough: (type: number) => boolean
  /** Of the host, or else of the configuration, whose formats speak of the upstream connection itself. */
  readonly addedTlvs: (host: TransportHost, connection: () => StreamInfo) => readonly ProxyProtocolTlv[]
  readonly tlvAsPoolKey: boolean
  readonly tlvsExceedMaxLength: Counter
}

export class ProxyProtocolSocketFactory implements UpstreamTransportSocketFactory {
  readonly isSecure: boolean
  readonly usesProxyProtocol = true
  readonly #inner: UpstreamTransportSocketFactory
  readonly #settings: ProxyProtocolSettings

  constructor(inner: UpstreamTransportSocketFactory, settings: ProxyProtocolSettings) {
    this.isSecure = inner.isSecure
    this.#inner = inner
    this.#settings = settings
  }

  wrap(tcpSocket: Socket, host: TransportHost, options: TransportSocketOptions | undefined): TransportSocket {
    const inner = this.#inner.wrap(tcpSocket, host, options)
    return new ProxyProtocolSocket(this.#settings, inner, host, options)
  }

  hashKey(options: TransportSocketOptions): string {
    const common = this.#inner.hashKey(options)
    const { proxyProtocol } = options
    if (proxyProtocol === undefined) return common
    const { source, destination } = proxyProtocol
    return `${common}|${source.text}|${destination.text}${this.#settings.tlvAsPoolKey ? tlvKey(proxyProtocol.tlvs) : ''}`
  }
}

function tlvKey(tlvs: readonly ProxyProtocolTlv[]): string {
  return tlvs.map(({ type, value }) => `|${type}=${value.toString('latin1')}`).join('')
}

class ProxyProtocolSocket implements TransportSocket {
  readonly #settings: ProxyProtocolSettings
  readonly #inner: TransportSocket | undefined
  readonly #host: TransportHost
  readonly #options: TransportSocketOptions | undefined

  constructor(
    settings: ProxyProtocolSettings,
    inner: TransportSocket | undefined,
    host: TransportHost,
    options: TransportSocketOptions | undefined,
  ) {
    this.#settings = settings
    this.#inner = inner
    this.#host = host
    this.#options = options
  }

  get tls(): TlsInfo | undefined {
    return this.#inner?.tls
  }

  get nextProtocol(): string {
    return this.#inner?.nextProtocol ?? ''
  }

  get failureReason(): string {
    return this.#inner?.failureReason ?? ''
  }

  onConnected(socket: Socket, callbacks: TransportSocketCallbacks): void {
    socket.write(this.#header(socket, callbacks))
    if (this.#inner === undefined) callbacks.onTransportReady()
    else this.#inner.onConnected(socket, callbacks)
  }

  #header(socket: Socket, { id }: TransportSocketCallbacks): Buffer | string {
    const { version } = this.#settings
    const known = this.#options?.proxyProtocol
    if (version === 2) return known === undefined ? version2LocalHeader() : this.#version2Header(known, socket, id)
    if (known !== undefined) return version1Header(known.source, known.destination)
    return version1Header(localAddressOf(socket), this.#host.address)
  }

  #version2Header(known: ProxyProtocolData, socket: Socket, connectionId: number): Buffer {
    const { passesThrough, addedTlvs, tlvsExceedMaxLength } = this.#settings
    const added = addedTlvs(this.#host, () => upstreamConnectionInfo(this.#host, socket, connectionId))
    const types = new Set(added.map(({ type }) => type))
    const passed = known.tlvs.filter(({ type }) => passesThrough(type) && !types.has(type))
    return version2Header(known, [...added, ...passed], () => tlvsExceedMaxLength.inc())
  }

  startSecureTransport(): boolean {
    return this.#inner?.startSecureTransport() ?? false
  }
}
