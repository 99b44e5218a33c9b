// The TLS of one accepted connection: reads the client's hello, chooses the certificate, and checks the client's own.

import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import { getLogger } from '../../../common/log.ts'
import type { ConnectionSocket } from '../../../network/connection_socket.ts'
import { shareReadBuffer } from '../../../network/read_buffer.ts'
import type { CertificateInfo } from '../../../network/tls/certificate_info.ts'
import { ClientHelloReader } from '../../../network/tls/client_hello_reader.ts'
import { type ClientOffer, readClientOffer } from '../../../network/tls/client_offer.ts'
import { tlsErrorName, tlsFailureReason } from '../../../network/tls/failure_reason.ts'
import { TlsConnectionInfo, unfinishedTlsInfo } from '../../../network/tls/tls_connection_info.ts'
import { chainResult, peerChain, stapleOcspResponse } from '../../../network/tls/tls_session.ts'
import type { TlsStats } from '../../../network/tls/tls_stats.ts'
import type { TransportSocket, TransportSocketCallbacks } from '../../../network/transport_socket.ts'
import type { TlsInfo } from '../../../stream_info/stream_info.ts'
import type { ServerCertificate, ServerContexts } from './server_contexts.ts'

const log = getLogger('connection')
const noCertificate = 'PEER_DID_NOT_RETURN_A_CERTIFICATE'
/** What OpenSSL says of a hello that cannot be read. */
const malformed: ReadonlySet<string> = new Set(['LENGTH_TOO_SHORT', 'LENGTH_MISMATCH', 'BAD_LENGTH', 'BAD_EXTENSION'])

/** What all connections of one filter chain share; the contexts change with their certificates. */
export interface DownstreamTlsSettings {
  readonly stats: TlsStats
  /** Writes a line of key material to a file, where the configuration asks for it. */
  readonly keyLog: ((line: Buffer, facts: ConnectionSocket) => void) | undefined
  /** Undefined while a secret is missing. */
  contexts(): ServerContexts | undefined
  onNotReady(): void
}

export class DownstreamTlsSocket implements TransportSocket {
  tls: TlsInfo | undefined = undefined
  nextProtocol = ''
  failureReason = ''
  readonly #settings: DownstreamTlsSettings
  readonly #facts: ConnectionSocket
  #callbacks!: TransportSocketCallbacks
  #socket!: Socket
  #hello: ClientOffer | undefined = undefined
  readonly #reader = new ClientHelloReader()
  #received: Buffer | undefined = undefined
  #chosen: ServerCertificate | undefined = undefined
  readonly #onData = (data: Buffer) => this.#gather(data)

  constructor(settings: DownstreamTlsSettings, facts: ConnectionSocket) {
    this.#settings = settings
    this.#facts = facts
  }

  onConnected(socket: Socket, callbacks: TransportSocketCallbacks): void {
    this.#socket = socket
    this.#callbacks = callbacks
    socket.on('data', this.#onData)
    shareReadBuffer(socket, this.#onData)
    socket.resume()
  }

  startSecureTransport(): boolean {
    return false
  }

  /** What the client offers decides on what its handshake is made with. */
  #gather(data: Buffer): void {
    const received = this.#received === undefined ? data : Buffer.concat([this.#received, data])
    const hello = readClientOffer(received, this.#reader)
    if (hello === 'incomplete') {
      this.#received = received
      return
    }
    this.#received = undefined
    const socket = this.#socket
    socket.off('data', this.#onData)
    socket.pause()
    socket.unshift(received)
    // OpenSSL finds the words for what is no hello.
    this.#hello = hello === 'invalid' ? undefined : hello
    this.#begin()
  }

  #begin(): void {
    const contexts = this.#settings.contexts()
    if (contexts === undefined) {
      this.#settings.onNotReady()
      this.#fail('TLS_error: Secret is not supplied by SDS', 'its certificate has not been supplied yet')
      return
    }
    const chosen = contexts.select(this.#hello)
    if (!this.#countStaple(contexts, chosen)) return
    this.#startHandshake(contexts, chosen)
  }

  /** False where the connection cannot be without a stapled response. */
  #countStaple(contexts: ServerContexts, { certificate }: ServerCertificate): boolean {
    const action = contexts.stapleAction(this.#hello, certificate)
    const { stats } = this.#settings
    if (action === 'notAsked') return true
    stats.ocspStapleRequests.inc()
    if (action === 'staple') stats.ocspStapleResponses.inc()
    else if (action === 'omit') stats.ocspStapleOmitted.inc()
    else {
      stats.ocspStapleFailed.inc()
      this.#refuse(tlsFailureReason('OCSP_CB_ERROR'), 'there is no valid OCSP response to staple')
    }
    return action !== 'fail'
  }

  #startHandshake(contexts: ServerContexts, chosen: ServerCertificate): void {
    const { validator, requiresClientCertificate } = contexts
    const protocol = contexts.protocolFor(this.#hello)
    this.#chosen = chosen
    const socket = new TLSSocket(this.#socket, {
      isServer: true,
      secureContext: chosen.contextFor(this.#hello),
      requestCert: validator.asksForCertificate,
      // Whether a certificate that was shown is good is found out below; this asks that there is one.
      rejectUnauthorized: requiresClientCertificate && validator.asksForCertificate,
      ...(protocol === undefined ? {} : { ALPNProtocols: protocol }),
    })
    const { ocspResponse } = chosen.certificate
    if (this.#hello?.wantsOcspResponse === true && ocspResponse !== undefined) {
      stapleOcspResponse(socket, ocspResponse.der)
    }
    const { keyLog } = this.#settings
    if (keyLog !== undefined) socket.on('keylog', (line: Buffer) => keyLog(line, this.#facts))
    socket.once('error', (error: NodeJS.ErrnoException) => this.#onError(error))
    socket.once('secure', () => this.#onSecure(socket, contexts, chosen))
    this.#callbacks.replaceSocket(socket)
  }

  #onSecure(socket: TLSSocket, contexts: ServerContexts, { certificate }: ServerCertificate): void {
    const { stats } = this.#settings
    const chain = contexts.validator.asksForCertificate ? peerChain(socket) : []
    let validated = false
    if (chain.length > 0) {
      if (!socket.isSessionReused() && !chain[0].allowsSigning) {
        this.#refuse(tlsFailureReason('KEY_USAGE_BIT_INCORRECT'), "the client's certificate is not for signing")
        return
      }
      const verdict = contexts.validator.verify(chain, socket.isSessionReused() ? undefined : chainResult(socket))
      if (verdict.failure !== undefined) stats.onVerifyFailure(verdict.failure)
      if (!verdict.accepted) {
        const reason = tlsFailureReason('CERTIFICATE_VERIFY_FAILED', verdict.details)
        const words = verdict.details.replace('verify cert failed: ', '')
        this.#fail(reason, `the client's certificate is not accepted: ${words}`, chain)
        return
      }
      validated = verdict.validated
    }
    const info = new TlsConnectionInfo(socket, this.#hello?.serverName ?? '', chain, validated, certificate.leaf)
    stats.onHandshake(info, socket.isSessionReused())
    this.tls = info
    this.nextProtocol = info.alpn
    this.#facts.tls = info
    this.#callbacks.onTransportReady()
  }

  #onError(error: NodeJS.ErrnoException): void {
    if (this.tls !== undefined || this.failureReason !== '') return
    const found = tlsErrorName(error.code)
    if (found === '') return
    const name = this.#hello === undefined && malformed.has(found) ? 'CLIENTHELLO_PARSE_FAILED' : found
    const { stats } = this.#settings
    const details = name === noCertificate ? 'peer did not provide required client certificate' : ''
    if (name === noCertificate) stats.onVerifyFailure('no_cert')
    else stats.connectionError.inc()
    // BoringSSL says it twice in TLS 1.3.
    const isTls13 = this.#hello?.offersTls13 === true && this.#chosen?.speaksTls13 === true
    const second = name === 'NO_SHARED_CIPHER' && isTls13 ? name : ''
    this.#fail(tlsFailureReason(name, details, second), failureWords[name] ?? error.message)
  }

  #refuse(reason: string, words: string): void {
    this.#settings.stats.connectionError.inc()
    this.#fail(reason, words)
  }

  #fail(reason: string, words: string, peerChain: readonly CertificateInfo[] = []): void {
    this.failureReason = reason
    this.#facts.transportFailureReason = reason
    const version = this.#hello?.offersTls13 === true ? 'TLSv1.3' : 'TLSv1.2'
    this.#facts.tls = unfinishedTlsInfo(version, peerChain, this.#chosen?.certificate.leaf)
    this.#log(words)
    this.#socket.destroy()
  }

  #log(words: string): void {
    if (!log.enabled('info')) return
    const { serverName, applicationProtocols } = this.#hello ?? { serverName: '', applicationProtocols: [] }
    const { remoteAddress, listenerName } = this.#facts
    const sni = serverName === '' ? 'no SNI' : `SNI ${JSON.stringify(serverName)}`
    const alpn =
      applicationProtocols.length === 0 ? 'no ALPN' : `ALPN ${JSON.stringify(applicationProtocols.join(','))}`
    log.info(`TLS handshake with ${remoteAddress.text} failed on listener ${listenerName} (${sni}, ${alpn}): ${words}`)
  }
}

/** The commonest failures in plain words. */
const failureWords: Readonly<Record<string, string>> = {
  HTTP_REQUEST: 'the client sends plain HTTP',
  WRONG_VERSION_NUMBER: 'the client does not speak TLS',
  UNSUPPORTED_PROTOCOL: 'the client speaks no TLS version that is allowed here',
  NO_SHARED_CIPHER: 'the client offers no cipher suite that is allowed here',
  NO_SHARED_GROUP: 'the client offers no key exchange group that is allowed here',
  NO_COMMON_SIGNATURE_ALGORITHMS: 'the client cannot verify signatures of our certificate',
  PEER_DID_NOT_RETURN_A_CERTIFICATE: 'the client shows no certificate, and one is required',
  TLSV1_ALERT_UNKNOWN_CA: 'the client does not trust the authority that signed our certificate',
  SSLV3_ALERT_CERTIFICATE_UNKNOWN: 'the client does not accept our certificate',
  SSLV3_ALERT_BAD_CERTIFICATE: 'the client does not accept our certificate',
  SSLV3_ALERT_CERTIFICATE_EXPIRED: 'the client finds our certificate expired',
  SSLV3_ALERT_HANDSHAKE_FAILURE: 'the client found no common ground (handshake_failure)',
  TLSV1_ALERT_PROTOCOL_VERSION: 'the client speaks no TLS version that is allowed here',
}
