// The way from a certificate to one that is trusted, for what OpenSSL's own check cannot be asked for through Node.

import { X509Certificate } from 'node:crypto'
import type { CertificateInfo } from './certificate_info.ts'

const mostSteps = 100

/**
 * The certificates from the leaf to a trusted one, by names and signatures alone; validity is not looked at. Undefined
 * where no trusted certificate is reached. A trusted certificate need not be a root.
 */
export function trustPath(
  chain: readonly CertificateInfo[],
  trusted: readonly CertificateInfo[],
): CertificateInfo[] | undefined {
  const path: CertificateInfo[] = []
  let current = chain[0]
  while (path.length < mostSteps) {
    path.push(current)
    if (trusted.some((each) => each.der.equals(current.der))) return path
    const anchor = issuerOf(current, trusted)
    if (anchor !== undefined) return [...path, anchor]
    const next = issuerOf(current, chain)
    if (next === undefined || path.includes(next)) return undefined
    current = next
  }
  return undefined
}

function issuerOf(certificate: CertificateInfo, among: readonly CertificateInfo[]): CertificateInfo | undefined {
  const issued = new X509Certificate(certificate.der)
  return among.find((each) => {
    if (!each.subjectDer.equals(certificate.issuerDer) || !each.isCertificateAuthority) return false
    return issued.verify(new X509Certificate(each.der).publicKey)
  })
}
