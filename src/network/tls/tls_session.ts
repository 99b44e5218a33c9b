// What Node knows of a TLS session and has no public name for. Each is read once, when the handshake is over.

import type { TLSSocket } from 'node:tls'
import { CertificateInfo } from './certificate_info.ts'
import type { ChainResult } from './chain_error.ts'
import { DerError, derChildren, derContent, derInner, derTag, readDer } from './der.ts'

interface TlsHandle {
  /** OpenSSL's verdict on the peer's chain; null for a good one. */
  verifyError(): (Error & { code: string }) | null
  setOCSPResponse(response: Buffer): void
}

function handleOf(socket: TLSSocket): TlsHandle | undefined {
  return (socket as unknown as { readonly _handle: TlsHandle | null })._handle ?? undefined
}

/** Undefined where OpenSSL has found the peer's chain good. */
export function chainResult(socket: TLSSocket): ChainResult | undefined {
  const error = handleOf(socket)?.verifyError()
  return error === null || error === undefined ? undefined : { code: error.code, message: error.message }
}

/** Sends a stapled OCSP response to a client that asks for one. To be called before the handshake. */
export function stapleOcspResponse(socket: TLSSocket, response: Buffer): void {
  handleOf(socket)?.setOCSPResponse(response)
}

/** The certificates that the peer has shown, its own first. */
export function peerChain(socket: TLSSocket): CertificateInfo[] {
  const chain: CertificateInfo[] = []
  let certificate = socket.getPeerX509Certificate()
  while (certificate !== undefined && chain.length < 100) {
    const info = new CertificateInfo(certificate.raw)
    if (chain.some((each) => each.der.equals(info.der))) break
    chain.push(info)
    certificate = certificate.issuerCertificate
  }
  return chain
}

export interface SessionFacts {
  readonly id: string
  /** Of the key exchange; '' where there was none, or one of no known name. */
  readonly group: string
}

const groupNames: Readonly<Record<number, string>> = {
  23: 'P-256',
  24: 'P-384',
  25: 'P-521',
  29: 'X25519',
  30: 'X448',
  514: 'MLKEM1024',
  4588: 'X25519MLKEM768',
}

const groupTag = 0xa0 | 19

/** What Node puts before a client's session: this, and the server's name behind its length. */
const clientPrefix = Buffer.from('\0nodejs:tls:session:1\0')

/** Where OpenSSL's encoding begins. */
function encodingStart(session: Buffer): number {
  const nameAt = clientPrefix.length + 2
  if (session.length < nameAt || !session.subarray(0, clientPrefix.length).equals(clientPrefix)) return 0
  return nameAt + session.readUInt16BE(clientPrefix.length)
}

/** The session's id and group, which OpenSSL tells in the session's encoding alone. */
export function sessionFacts(socket: TLSSocket): SessionFacts {
  const session = socket.getSession()
  if (session === undefined) return { id: '', group: '' }
  try {
    const parts = derChildren(readDer(session, encodingStart(session)))
    const id = parts.filter((part) => part.tag === derTag.octetString)[1]
    // A number above 30 does not fit into the tag's own byte; the group's is below.
    const group = parts.find((part) => part.tag === groupTag)
    const number =
      group === undefined ? 0 : derContent(derInner(group)).readUIntBE(0, derContent(derInner(group)).length)
    return { id: id === undefined ? '' : derContent(id).toString('hex'), group: groupNames[number] ?? '' }
  } catch (error) {
    if (error instanceof DerError) return { id: '', group: '' }
    throw error
  }
}
