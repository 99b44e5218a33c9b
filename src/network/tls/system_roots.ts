// The certificate authorities that the system trusts.

import { existsSync, readFileSync } from 'node:fs'
import { readCertificates } from './certificate.ts'
import type { CertificateInfo } from './certificate_info.ts'

/** Where distributions keep their bundle, in Envoy's order. */
const bundlePaths: readonly string[] = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

let loaded: readonly CertificateInfo[] | undefined

/** Read once; empty where the system has none. */
export function systemRootCertificates(): readonly CertificateInfo[] {
  if (loaded !== undefined) return loaded
  const path = bundlePaths.find((each) => existsSync(each))
  loaded = path === undefined ? [] : (readCertificates(readFileSync(path)) ?? [])
  return loaded
}
