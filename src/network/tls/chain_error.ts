// What is wrong with a chain of certificates, in BoringSSL's words and at its depth.

import { X509Certificate } from 'node:crypto'
import { wallMs } from '../../common/clock.ts'
import type { CertificateInfo } from './certificate_info.ts'
import { trustPath } from './trust_path.ts'

/** What OpenSSL found out about the chain; `code` is its name for the error, '' for none. */
export interface ChainResult {
  readonly code: string
  readonly message: string
}

export const noIssuer = 'unable to get local issuer certificate'

/** `depth 0: certificate has expired`: Node does not say which certificate it is. */
export function chainErrorText(
  chain: readonly CertificateInfo[],
  trusted: readonly CertificateInfo[],
  result: ChainResult,
): string {
  // OpenSSL tells the last of several errors, BoringSSL the first, and it begins with looking for the issuers.
  const { path, isComplete } = trustPath(chain, trusted)
  const last = path[path.length - 1]
  const endsInRoot = path.length > 1 && last.issuerDer.equals(last.subjectDer)
  if (!isComplete && !endsInRoot) return `depth ${path.length - 1}: ${noIssuer}`
  return `depth ${errorDepth(path, result)}: ${boringSslWords(result)}`
}

/** Node adds advice to some of OpenSSL's messages. */
function boringSslWords({ code, message }: ChainResult): string {
  if (code === 'INVALID_PURPOSE') return 'unsupported certificate purpose'
  return message.replace(/; if the root CA .*$/, '').replace('self-signed', 'self signed')
}

function errorDepth(path: readonly CertificateInfo[], { code }: ChainResult): number {
  const now = wallMs()
  let depth = 0
  if (code === 'CERT_HAS_EXPIRED') depth = path.findIndex((certificate) => certificate.validToMs < now)
  else if (code === 'CERT_NOT_YET_VALID') depth = path.findIndex((certificate) => certificate.validFromMs > now)
  else if (code === 'INVALID_PURPOSE') depth = path.findIndex(hasPurpose)
  else if (code === 'SELF_SIGNED_CERT_IN_CHAIN') depth = path.length - 1
  // The authority that has no room for another one below it: above it is the root.
  else if (code === 'PATH_LENGTH_EXCEEDED') depth = path.length - 2
  return Math.max(depth, 0)
}

/** It says what it is for (extended key usage). */
function hasPurpose({ der }: CertificateInfo): boolean {
  return new X509Certificate(der).keyUsage !== undefined
}
