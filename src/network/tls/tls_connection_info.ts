// The facts of one established TLS connection, for logs, headers and routes.

import type { TLSSocket } from 'node:tls'
import { monotonicMs } from '../../common/clock.ts'
import type { TlsInfo } from '../../stream_info/stream_info.ts'
import type { CertificateInfo } from './certificate_info.ts'
import { sessionFacts } from './tls_session.ts'

/** Everything is read when the handshake is over: the socket may be gone when a log asks. */
export class TlsConnectionInfo implements TlsInfo {
  readonly version: string
  readonly cipher: string
  readonly group: string
  readonly sni: string
  readonly alpn: string
  readonly handshakeCompleteMs: number
  readonly sessionId: string
  readonly peerCertificatePresented: boolean
  readonly peerCertificateValidated: boolean
  readonly peerChain: readonly CertificateInfo[]
  readonly localCertificate: CertificateInfo | undefined

  constructor(
    socket: TLSSocket,
    sni: string,
    peerChain: readonly CertificateInfo[],
    validated: boolean,
    localCertificate: CertificateInfo | undefined,
  ) {
    const session = sessionFacts(socket)
    this.version = socket.getProtocol() ?? ''
    this.cipher = socket.getCipher()?.name ?? ''
    this.group = groupOfClient(socket) || session.group
    this.sni = sni
    this.alpn = typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : ''
    this.handshakeCompleteMs = monotonicMs()
    // What TLS 1.3 resumes has no id on the wire.
    this.sessionId = this.version === 'TLSv1.3' ? '' : session.id
    this.peerCertificatePresented = peerChain.length > 0
    this.peerCertificateValidated = validated
    this.peerChain = peerChain
    this.localCertificate = localCertificate
  }
}

/** Of a handshake that has failed: its version is told, and certificates as far as they were shown. */
export function unfinishedTlsInfo(
  version: string,
  peerChain: readonly CertificateInfo[],
  localCertificate: CertificateInfo | undefined,
): TlsInfo {
  return {
    version,
    cipher: '',
    group: '',
    sni: '',
    alpn: '',
    handshakeCompleteMs: Number.NaN,
    sessionId: '',
    peerCertificatePresented: peerChain.length > 0,
    peerCertificateValidated: false,
    peerChain,
    localCertificate,
  }
}

const groupNames: Readonly<Record<string, string>> = {
  prime256v1: 'P-256',
  secp384r1: 'P-384',
  secp521r1: 'P-521',
  x25519: 'X25519',
}

/** Node tells it to clients alone; '' for none. */
function groupOfClient(socket: TLSSocket): string {
  const info = socket.getEphemeralKeyInfo() as { name?: string } | null
  const name = info?.name ?? ''
  return groupNames[name] ?? name
}
