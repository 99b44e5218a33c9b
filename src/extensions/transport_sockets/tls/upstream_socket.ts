// The TLS of one upstream connection: asks for the server by name, resumes, and checks the server's certificate.

import { isIP, type Socket } from 'node:net'
import { connect, type TLSSocket } from 'node:tls'
import { getLogger } from '../../../common/log.ts'
import type { CertificateInfo } from '../../../network/tls/certificate_info.ts'
import { tlsErrorName, tlsFailureReason } from '../../../network/tls/failure_reason.ts'
import { TlsConnectionInfo } from '../../../network/tls/tls_connection_info.ts'
import { chainResult, peerChain } from '../../../network/tls/tls_session.ts'
import type { TlsStats } from '../../../network/tls/tls_stats.ts'
import type { TransportSocket, TransportSocketCallbacks } from '../../../network/transport_socket.ts'
import type { ClientContext } from './client_context.ts'
import type { CachedSession, SessionCache } from './session_cache.ts'

const log = getLogger('connection')

/** What all connections of one upstream context share; the context changes with its certificates. */
export interface UpstreamTlsSettings {
  readonly stats: TlsStats
  readonly clusterName: string
  /** Undefined while a secret is missing. */
  context(): ClientContext | undefined
  onNotReady(): void
}

/** What one handshake asks for and expects. */
export interface HandshakeRequest {
  /** `address:port` of the server. */
  readonly remote: string
  /** '' for none. */
  readonly serverName: string
  readonly alpnProtocols: readonly string[]
  /** Names of which the certificate must have one; undefined where only the configuration says. */
  readonly subjectAltNames: readonly string[] | undefined
  /** The certificate must have the server's name. */
  readonly checksServerName: boolean
}

/** A record of one alert in plain text. */
const alertBytes = 7

export class UpstreamTlsSocket implements TransportSocket {
  tls: TlsConnectionInfo | undefined = undefined
  nextProtocol = ''
  failureReason = ''
  readonly #settings: UpstreamTlsSettings
  readonly #request: HandshakeRequest
  #socket!: Socket
  #readBefore = 0
  #resuming: CachedSession | undefined = undefined

  constructor(settings: UpstreamTlsSettings, request: HandshakeRequest) {
    this.#settings = settings
    this.#request = request
  }

  onConnected(tcpSocket: Socket, callbacks: TransportSocketCallbacks): void {
    this.#socket = tcpSocket
    this.#readBefore = tcpSocket.bytesRead
    const context = this.#settings.context()
    if (context === undefined) {
      this.#settings.onNotReady()
      this.#fail('TLS_error: Secret is not supplied by SDS', 'its certificates have not been supplied yet')
      return
    }
    const socket = this.#begin(tcpSocket, context)
    // Ahead of the connection's own listener, which asks why.
    socket.on('error', (error: NodeJS.ErrnoException) => this.#onError(error))
    socket.once('secureConnect', () => this.#onSecure(socket, context, callbacks))
    callbacks.replaceSocket(socket)
  }

  startSecureTransport(): boolean {
    return false
  }

  #begin(tcpSocket: Socket, { secureContext, sessions }: ClientContext): TLSSocket {
    const { serverName, alpnProtocols } = this.#request
    const isAddress = isIP(serverName) !== 0
    this.#resuming = sessions.take(this.#sessionKey)
    const socket = connect({
      socket: tcpSocket,
      secureContext,
      // The certificate is judged below, by the configured rules.
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(serverName === '' || isAddress ? {} : { servername: serverName }),
      ...(alpnProtocols.length === 0 ? {} : { ALPNProtocols: [...alpnProtocols] }),
      ...(this.#resuming === undefined ? {} : { session: this.#resuming.session }),
    })
    if (sessions.enabled) socket.on('session', (session) => this.#onSession(socket, session, sessions))
    return socket
  }

  /** A session is accepted for these names alone. */
  get #sessionKey(): string {
    const { serverName, subjectAltNames } = this.#request
    return subjectAltNames === undefined ? serverName : `${serverName} ${subjectAltNames.join(' ')}`
  }

  /** Also told of servers that have been refused: their sessions are not kept. */
  #onSession(socket: TLSSocket, session: Buffer, sessions: SessionCache): void {
    const info = this.tls
    if (info === undefined) return
    sessions.put({
      key: this.#sessionKey,
      session,
      singleUse: socket.getProtocol() === 'TLSv1.3',
      chain: info.peerChain,
      validated: info.peerCertificateValidated,
    })
  }

  #onSecure(socket: TLSSocket, context: ClientContext, callbacks: TransportSocketCallbacks): void {
    const resumed = socket.isSessionReused() ? this.#resuming : undefined
    // What is resumed was accepted when the session began.
    const chain = resumed?.chain ?? peerChain(socket)
    const validated = resumed?.validated ?? this.#judge(chain, socket, context)
    if (validated === undefined) return
    const info = new TlsConnectionInfo(socket, this.#request.serverName, chain, validated, context.certificate)
    this.#settings.stats.onHandshake(info, resumed !== undefined, true)
    this.tls = info
    this.nextProtocol = info.alpn
    callbacks.onTransportReady()
  }

  /** Whether something was checked; undefined where the server is refused. */
  #judge(chain: readonly CertificateInfo[], socket: TLSSocket, { validator }: ClientContext): boolean | undefined {
    if (!this.#checkKeyUsage(chain[0])) return undefined
    const { subjectAltNames, serverName, checksServerName } = this.#request
    if (subjectAltNames !== undefined && validator.trusted.certificates.length === 0) {
      // A name that anybody may have put there proves nothing.
      const words = 'its names are to be checked, and there are no trusted certificates'
      this.#fail(tlsFailureReason('CERTIFICATE_VERIFY_FAILED'), words)
      return undefined
    }
    const name = checksServerName ? serverName : ''
    const verdict = validator.verify(chain, chainResult(socket), subjectAltNames, name)
    if (verdict.failure !== undefined) this.#settings.stats.onVerifyFailure(verdict.failure)
    if (verdict.accepted) return verdict.validated
    const words = verdict.details.replace('verify cert failed: ', '')
    const reason = tlsFailureReason('CERTIFICATE_VERIFY_FAILED', verdict.details)
    this.#fail(reason, `the server's certificate is not accepted: ${words}`)
    return undefined
  }

  #checkKeyUsage(leaf: CertificateInfo | undefined): boolean {
    if (leaf === undefined || leaf.allowsSigning) return true
    this.#settings.stats.connectionError.inc()
    this.#fail(
      tlsFailureReason('KEY_USAGE_BIT_INCORRECT'),
      "the key usage of the server's certificate allows no signing",
    )
    return false
  }

  /** Of the TLS library: what the network does is told by the socket itself. */
  #onError(error: NodeJS.ErrnoException): void {
    const name = tlsErrorName(error.code)
    if (name === '' || this.failureReason !== '') return
    this.failureReason = tlsFailureReason(name, '', this.#answersHello(name) ? 'HANDSHAKE_FAILURE_ON_CLIENT_HELLO' : '')
    this.#settings.stats.connectionError.inc()
    this.#log(failureWords[name] ?? error.message)
  }

  /** The alert is all that has come. */
  #answersHello(name: string): boolean {
    return name === 'SSLV3_ALERT_HANDSHAKE_FAILURE' && this.#socket.bytesRead - this.#readBefore <= alertBytes
  }

  #fail(reason: string, words: string): void {
    this.failureReason = reason
    this.#log(words)
    this.#socket.destroy()
  }

  #log(words: string): void {
    if (!log.enabled('info')) return
    const { remote, serverName, alpnProtocols } = this.#request
    const sni = serverName === '' ? 'no SNI' : `SNI ${JSON.stringify(serverName)}`
    const alpn = alpnProtocols.length === 0 ? 'no ALPN' : `ALPN ${JSON.stringify(alpnProtocols.join(','))}`
    log.info(`TLS handshake with ${remote} of cluster ${this.#settings.clusterName} failed (${sni}, ${alpn}): ${words}`)
  }
}

/** The commonest failures in plain words. */
const failureWords: Readonly<Record<string, string>> = {
  WRONG_VERSION_NUMBER: 'the server does not speak TLS',
  UNSUPPORTED_PROTOCOL: 'the server speaks no TLS version that is allowed here',
  TLSV1_ALERT_PROTOCOL_VERSION: 'the server speaks no TLS version that is allowed here',
  SSLV3_ALERT_HANDSHAKE_FAILURE: 'the server found no common ground (handshake_failure): it may want a certificate',
  TLSV1_ALERT_CERTIFICATE_REQUIRED: 'the server wants a certificate, and none is configured',
  TLSV1_ALERT_UNKNOWN_CA: 'the server does not trust the authority that signed our certificate',
  SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the server does not accept our certificate',
  SSLV3_ALERT_BAD_CERTIFICATE: 'the server does not accept our certificate',
  SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the server finds our certificate expired',
  SSLV3_ALERT_CERTIFICATE_REVOKED: 'the server finds our certificate revoked',
  TLSV1_ALERT_UNRECOGNIZED_NAME: 'the server does not know the name that it was asked for',
  TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 'the server speaks none of the protocols that were offered',
}
