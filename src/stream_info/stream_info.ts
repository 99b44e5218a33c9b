// What is known of one stream (an HTTP request or a TCP connection): filled by the data path, read by access logs,
// header operators and stats.

import { randomUint32 } from '../common/random.ts'

export type Protocol = 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2' | 'HTTP/3'

/** An address as the data path carries it: formatted once, when its connection is made. */
export interface AddressInfo {
  /** `10.0.0.1:80`, `[::1]:80`, or a pipe's path (an abstract one with its `@`). */
  readonly text: string
  /** The IP alone, without brackets; '' for pipes. */
  readonly ip: string
  /** 0 for pipes. */
  readonly port: number
  readonly family: 'ipv4' | 'ipv6' | 'pipe'
}

/** TLS facts of one connection; undefined on plain sockets. Filled by the tls transport socket. */
export interface TlsInfo {
  /** `TLSv1.3` */
  readonly version: string
  /** Envoy's (OpenSSL's) name: `ECDHE-RSA-AES128-GCM-SHA256`, `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string
  /** The key exchange's group, `X25519`; '' where there was none. */
  readonly group: string
  readonly sni: string
  readonly alpn: string
  /** Monotonic milliseconds of the end of the handshake. */
  readonly handshakeCompleteMs: number
  /** Hexadecimal, lower case. */
  readonly sessionId: string
  readonly peerCertificatePresented: boolean
  readonly peerCertificateValidated: boolean
  /** The peer's certificates, its own first; empty where it has shown none. */
  readonly peerChain: readonly CertificateFacts[]
  /** The certificate that this side has shown. */
  readonly localCertificate: CertificateFacts | undefined
}

/** A subject alternative name. `value` is a byte string: a DNS name, an address, a URI, or an otherName's text. */
export interface SubjectAltName {
  readonly type: 'DNS' | 'URI' | 'EMAIL' | 'IP_ADDRESS' | 'OTHER_NAME'
  readonly value: string
  /** Of an OTHER_NAME. */
  readonly oid: string
}

/** What logs and headers say of a certificate. Names are byte strings, times milliseconds since the epoch. */
export interface CertificateFacts {
  /** RFC 2253. */
  readonly subject: string
  readonly issuer: string
  /** Hexadecimal, lower case, as the fingerprints. */
  readonly serial: string
  readonly fingerprint1: string
  readonly fingerprint256: string
  readonly validFromMs: number
  readonly validToMs: number
  readonly pem: string
  /** Of all types; those of one type follow. */
  readonly altNames: readonly SubjectAltName[]
  readonly uriSans: readonly string[]
  readonly dnsSans: readonly string[]
  readonly ipSans: readonly string[]
  readonly emailSans: readonly string[]
  readonly otherNameSans: readonly string[]
}

/** Where upstream connections come from, in the place of an address of the proxy's own. */
export interface UpstreamSource {
  /** Its port is 0: the kernel chooses one. */
  readonly address: AddressInfo
  /** For routing by the kernel (SO_MARK); 0 for none. */
  readonly mark: number
}

/** The downstream connection's facts, shared by all its streams. */
export interface DownstreamInfo {
  readonly connectionId: number
  /** May be replaced by x-forwarded-for, PROXY protocol or original-IP detection (see StreamInfo.remoteAddress). */
  readonly remoteAddress: AddressInfo
  readonly localAddress: AddressInfo
  /** True where it is what the client wanted to reach, as a listener filter has found, and not the socket's own. */
  readonly localAddressRestored?: boolean
  /** The peer of the socket itself. */
  readonly directRemoteAddress: AddressInfo
  readonly directLocalAddress: AddressInfo
  /** What a connection has to reach to come here too; absent where TPROXY left this one the address of another machine. */
  readonly ownAddress?: AddressInfo | undefined
  requestedServerName: string
  /** The connection is encrypted, or about to be. */
  readonly isSecure: boolean
  /** Of the client's TLS handshake; absent or '' where none was taken. */
  readonly ja3Fingerprint?: string
  readonly ja4Fingerprint?: string
  tls: TlsInfo | undefined
  transportFailureReason: string
  /** '' | 'normal' | 'local_reset' | 'remote_reset' for %DOWNSTREAM_DETECTED_CLOSE_TYPE%. */
  detectedCloseType: string
  localCloseReason: string
  readonly listenerName: string
  filterChainName: string
  /** Of the upstream connections made for it; undefined unless original_src asks for one. */
  readonly upstreamSource?: UpstreamSource | undefined
  /** Monotonic milliseconds of accept. */
  readonly acceptedAtMs: number
  /** The kernel's estimate, for the life of the socket; the last one measured after that (see measurements.ts). */
  roundTripTimeMs(): number | undefined
}

/** The upstream host, as logs need it; `upstream/host.ts` satisfies it. */
export interface UpstreamHostInfo {
  readonly address: AddressInfo
  readonly hostname: string
  readonly metadata: Readonly<Record<string, unknown>>
  readonly cluster: UpstreamClusterInfo
}

/** The upstream cluster, as logs need it; `upstream/cluster_info.ts` satisfies it. */
export interface UpstreamClusterInfo {
  readonly name: string
  readonly observabilityName: string
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Facts of the upstream attempt in progress, or of the last one. Times are monotonic milliseconds, NaN when unset. */
export class UpstreamInfo {
  host: UpstreamHostInfo | undefined = undefined
  localAddress: AddressInfo | undefined = undefined
  remoteAddress: AddressInfo | undefined = undefined
  connectionId = 0
  protocol: Protocol | '' = ''
  tls: TlsInfo | undefined = undefined
  transportFailureReason = ''
  detectedCloseType = ''
  localCloseReason = ''
  firstTxByteSentMs = Number.NaN
  lastTxByteSentMs = Number.NaN
  firstRxByteReceivedMs = Number.NaN
  lastRxByteReceivedMs = Number.NaN
  connectionPoolReadyMs = Number.NaN
  wireBytesSent = 0
  wireBytesReceived = 0
  headerBytesSent = 0
  headerBytesReceived = 0
  decompressedHeaderBytesSent = 0
  decompressedHeaderBytesReceived = 0
  /** Requests that this upstream connection has carried, this one included. */
  streamCount = 0
  /** The host that gave the attempt a connection (a TCP proxy: all that it tried). */
  hostsAttempted: UpstreamHostInfo[] = []
  connectionIdsAttempted: number[] = []

  /** Takes over what adds up over all attempts of a request. */
  continueFrom(other: UpstreamInfo): void {
    this.wireBytesSent = other.wireBytesSent
    this.wireBytesReceived = other.wireBytesReceived
    this.headerBytesSent = other.headerBytesSent
    this.headerBytesReceived = other.headerBytesReceived
    this.decompressedHeaderBytesSent = other.decompressedHeaderBytesSent
    this.decompressedHeaderBytesReceived = other.decompressedHeaderBytesReceived
  }
}

/** Times are monotonic milliseconds (performance.now()), NaN when unset; byte counts are bodies unless they say wire. */
export class StreamInfo {
  readonly downstream: DownstreamInfo
  startTimeMs: number
  /** Wall clock of the start, milliseconds since the epoch. */
  startWallMs: number
  protocol: Protocol | '' = ''
  responseCode = 0
  responseCodeDetails = ''
  /** Bits of ResponseFlag. */
  responseFlags = 0
  /** The same one by one, in the order in which they were set, which is how they are printed. */
  responseFlagsInOrder: readonly number[] = noFlags
  connectionTerminationDetails = ''
  bytesReceived = 0
  bytesSent = 0
  downstreamWireBytesReceived = 0
  downstreamWireBytesSent = 0
  downstreamHeaderBytesReceived = 0
  downstreamHeaderBytesSent = 0
  downstreamDecompressedHeaderBytesReceived = 0
  downstreamDecompressedHeaderBytesSent = 0
  /** When the request had come whole. */
  lastDownstreamRxByteMs = Number.NaN
  firstDownstreamTxByteMs = Number.NaN
  lastDownstreamTxByteMs = Number.NaN
  /** When the whole exchange was over; NaN while it lasts. */
  requestCompleteMs = Number.NaN
  upstream: UpstreamInfo | undefined = undefined
  attemptCount = 0
  /** Decides what is left to chance, weighted clusters and fractions: the same one wherever the request's route asks. */
  readonly random = randomUint32()
  /** How often a route was looked for. */
  routeResolutionCount = 0
  /** How long the last look took; NaN where it was not measured (see measurements.ts). */
  routeResolutionMs = Number.NaN
  routeName = ''
  virtualHostName = ''
  virtualClusterName = ''
  /** Where the request is to go: known as soon as it has a route, before there is a host. */
  upstreamCluster: UpstreamClusterInfo | undefined = undefined
  /** The trusted client address after x-forwarded-for and original-IP detection; the connection's until then. */
  remoteAddress: AddressInfo
  requestId = ''
  /** A connection that is a stream by itself: an id is made for it when a log asks. */
  isConnectionStream = false
  streamId = 0
  healthCheck = false
  /** The request's scheme becomes that of the connection it leaves by. */
  schemeMatchesUpstream = false
  /** Trace fields are set by tracers only. */
  traceId = ''
  spanId = ''
  #dynamicMetadata: Record<string, Record<string, unknown>> | undefined = undefined
  #filterState: Map<string, unknown> | undefined = undefined

  constructor(downstream: DownstreamInfo, startTimeMs: number, startWallMs: number) {
    this.downstream = downstream
    this.startTimeMs = startTimeMs
    this.startWallMs = startWallMs
    this.remoteAddress = downstream.remoteAddress
  }

  /** Takes over what stays the same where a request starts over in another stream (internal redirect). */
  continueFrom(other: StreamInfo): void {
    this.startTimeMs = other.startTimeMs
    this.startWallMs = other.startWallMs
    this.protocol = other.protocol
    this.bytesReceived = other.bytesReceived
    this.lastDownstreamRxByteMs = other.lastDownstreamRxByteMs
    this.requestCompleteMs = other.requestCompleteMs
    this.remoteAddress = other.remoteAddress
    this.requestId = other.requestId
    for (const [key, value] of other.filterState) this.filterState.set(key, value)
  }

  setResponseFlag(flag: number): void {
    if ((this.responseFlags & flag) !== 0) return
    this.responseFlags |= flag
    this.responseFlagsInOrder = [...this.responseFlagsInOrder, flag]
  }

  hasResponseFlag(flag: number): boolean {
    return (this.responseFlags & flag) !== 0
  }

  /** The upstream facts, made on first use: a direct response has none. */
  upstreamInfo(): UpstreamInfo {
    this.upstream ??= new UpstreamInfo()
    return this.upstream
  }

  /** An attempt begins, or one of several answers: its facts take the place of those of another. */
  setUpstreamInfo(info: UpstreamInfo): void {
    if (this.upstream !== undefined && this.upstream !== info) info.continueFrom(this.upstream)
    this.upstream = info
  }

  get dynamicMetadata(): Readonly<Record<string, Record<string, unknown>>> {
    return this.#dynamicMetadata ?? noMetadata
  }

  /** Merges into a namespace of the dynamic metadata. */
  setDynamicMetadata(namespace: string, fields: Record<string, unknown>): void {
    this.#dynamicMetadata ??= {}
    this.#dynamicMetadata[namespace] = { ...this.#dynamicMetadata[namespace], ...fields }
  }

  get hasFilterState(): boolean {
    return this.#filterState !== undefined
  }

  /** Reads one object of the filter state, which a request mostly has none of. */
  filterStateObject(key: string): unknown {
    return this.#filterState?.get(key)
  }

  get filterState(): Map<string, unknown> {
    this.#filterState ??= new Map()
    return this.#filterState
  }
}

const noFlags: readonly number[] = []
const noMetadata: Readonly<Record<string, Record<string, unknown>>> = Object.freeze({})
