// The way from a certificate to one that is trusted, for what OpenSSL's own check cannot be asked for through Node.

import { X509Certificate } from 'node:crypto'
import type { CertificateInfo } from './certificate_info.ts'

const mostSteps = 100

/** `keyCertSign` of the key usage extension (RFC 5280, section 4.2.1.3). */
const certificateSigning = 0x0400

/**
 * The certificates from the leaf on, by names and signatures alone; validity is not looked at. A trusted certificate
 * need not be a root.
 */
export interface TrustPath {
  readonly path: readonly CertificateInfo[]
  /** The last one is trusted. */
  readonly isComplete: boolean
}

export function trustPath(chain: readonly CertificateInfo[], trusted: readonly CertificateInfo[]): TrustPath {
  const path: CertificateInfo[] = []
  let current = chain[0]
  while (path.length < mostSteps) {
    path.push(current)
    if (trusted.some((each) => each.der.equals(current.der))) return { path, isComplete: true }
    const anchor = issuerOf(current, trusted)
    if (anchor !== undefined) return { path: [...path, anchor], isComplete: true }
    const next = issuerOf(current, chain)
    if (next === undefined || path.includes(next)) return { path, isComplete: false }
    current = next
  }
  return { path, isComplete: false }
}

function issuerOf(certificate: CertificateInfo, among: readonly CertificateInfo[]): CertificateInfo | undefined {
  const issued = new X509Certificate(certificate.der)
  return among.find((each) => {
    if (!each.subjectDer.equals(certificate.issuerDer) || !each.isCertificateAuthority) return false
    if (each.keyUsage !== undefined && (each.keyUsage & certificateSigning) === 0) return false
    return issued.verify(new X509Certificate(each.der).publicKey)
  })
}
