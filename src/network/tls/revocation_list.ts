// Certificate revocation lists (RFC 5280 section 5), as far as checking one certificate against its issuer's list needs.

import { verify, X509Certificate } from 'node:crypto'
import type { CertificateInfo } from './certificate_info.ts'
import { type DerNode, derBytes, derChildren, derContent, derOid, derTag, derTime, readDer } from './der.ts'

const crlBlock = /-----BEGIN X509 CRL-----([\s\S]*?)-----END X509 CRL-----/g

/** Hash functions of signature algorithms; those without one (EdDSA) have null. */
const signatureHashes: Readonly<Record<string, string | null>> = {
  '1.2.840.113549.1.1.5': 'sha1',
  '1.2.840.113549.1.1.11': 'sha256',
  '1.2.840.113549.1.1.12': 'sha384',
  '1.2.840.113549.1.1.13': 'sha512',
  '1.2.840.10045.4.1': 'sha1',
  '1.2.840.10045.4.3.2': 'sha256',
  '1.2.840.10045.4.3.3': 'sha384',
  '1.2.840.10045.4.3.4': 'sha512',
  '1.3.101.112': null,
}

export class RevocationList {
  readonly #issuerDer: Buffer
  readonly #revoked = new Set<string>()
  readonly #nextUpdateMs: number
  readonly #signed: Buffer
  readonly #algorithm: string
  readonly #signature: Buffer

  private constructor(der: Buffer) {
    const [body, algorithm, signature] = derChildren(readDer(der))
    const parts = derChildren(body)
    const first = parts[0].tag === derTag.integer ? 1 : 0
    const [, issuer, , ...rest] = parts.slice(first)
    this.#issuerDer = derBytes(issuer)
    const isTime = (node: DerNode) => node.tag === derTag.utcTime || node.tag === derTag.generalizedTime
    this.#nextUpdateMs = rest[0] !== undefined && isTime(rest[0]) ? derTime(rest[0]) : Number.POSITIVE_INFINITY
    const entries = rest.find((node) => node.tag === derTag.sequence)
    for (const entry of entries === undefined ? [] : derChildren(entries)) {
      this.#revoked.add(
        derContent(derChildren(entry)[0])
          .toString('hex')
          .replace(/^(00)+(?=..)/, ''),
      )
    }
    this.#signed = derBytes(body)
    this.#algorithm = derOid(derChildren(algorithm)[0])
    // The first byte of a BIT STRING counts its unused bits.
    this.#signature = derContent(signature).subarray(1)
  }

  /** All lists of a PEM text. Throws DerError. */
  static readAll(bytes: Buffer): RevocationList[] {
    const blocks = [...bytes.toString('latin1').matchAll(crlBlock)]
    return blocks.map(([, base64]) => new RevocationList(Buffer.from(base64, 'base64')))
  }

  isOf(certificate: CertificateInfo): boolean {
    return this.#issuerDer.equals(certificate.issuerDer)
  }

  revokes(certificate: CertificateInfo): boolean {
    return this.#revoked.has(certificate.serial)
  }

  isExpired(nowMs: number): boolean {
    return nowMs >= this.#nextUpdateMs
  }

  isSignedBy(issuer: CertificateInfo): boolean {
    const hash = signatureHashes[this.#algorithm]
    if (hash === undefined) return false
    const { publicKey } = new X509Certificate(issuer.der)
    return verify(hash, this.#signed, publicKey, this.#signature)
  }
}

/** The lists of a PEM text one by one, as Node takes them. */
export function splitRevocationLists(bytes: Buffer): string[] {
  return bytes.toString('latin1').match(crlBlock) ?? []
}

/** Why a certificate is not accepted by the lists, in OpenSSL's words; undefined where it is. */
export function revocationError(
  certificate: CertificateInfo,
  issuers: readonly CertificateInfo[],
  lists: readonly RevocationList[],
  nowMs: number,
): string | undefined {
  const list = lists.find((each) => each.isOf(certificate))
  if (list === undefined) return 'unable to get certificate CRL'
  const signer = issuers.find((issuer) => issuer.subjectDer.equals(certificate.issuerDer) && list.isSignedBy(issuer))
  if (signer === undefined) return 'CRL signature failure'
  if (list.isExpired(nowMs)) return 'CRL has expired'
  return list.revokes(certificate) ? 'certificate revoked' : undefined
}
