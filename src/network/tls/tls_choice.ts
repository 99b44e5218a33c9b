// What `tls_params` chooses among versions, suites, groups and signatures: a base, the fields that are set, a policy over all.

import type { SecureVersion } from 'node:tls'
import type { envoy } from '../../../proto/generated/api.d.ts'
import { defaultCipherSuites, tls13Suites } from './cipher_list.ts'

type TlsParameters = envoy.extensions.transport_sockets.tls.v3.TlsParameters
type CompliancePolicy = envoy.extensions.transport_sockets.tls.v3.TlsParameters.CompliancePolicy

export interface TlsChoice {
  readonly minVersion: SecureVersion
  readonly maxVersion: SecureVersion
  /** Of TLS 1.2 and before, as a configuration writes them. */
  readonly cipherSuites: readonly string[]
  /** Separated by colons. */
  readonly tls13Suites: string
  /** Groups for the key exchange by Envoy's names. */
  readonly curves: readonly string[]
  readonly signatureAlgorithms: readonly string[]
}

/** In the order in which BoringSSL offers them: peers mostly take the first that fits. */
const defaultSignatures: readonly string[] = [
  'ecdsa_secp256r1_sha256',
  'rsa_pss_rsae_sha256',
  'rsa_pkcs1_sha256',
  'ecdsa_secp384r1_sha384',
  'rsa_pss_rsae_sha384',
  'rsa_pkcs1_sha384',
  'rsa_pss_rsae_sha512',
  'rsa_pkcs1_sha512',
  'rsa_pkcs1_sha1',
]

export const defaultChoice: TlsChoice = {
  minVersion: 'TLSv1.2',
  maxVersion: 'TLSv1.3',
  cipherSuites: defaultCipherSuites,
  tls13Suites,
  curves: ['X25519MLKEM768', 'X25519', 'P-256'],
  signatureAlgorithms: defaultSignatures,
}

export const versionOrder: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']

const versions: Readonly<Record<string, SecureVersion>> = {
  TLSv1_0: 'TLSv1',
  TLSv1_1: 'TLSv1.1',
  TLSv1_2: 'TLSv1.2',
  TLSv1_3: 'TLSv1.3',
}

const aes256 = 'TLS_AES_256_GCM_SHA384'
const sha384 = ['ecdsa_secp384r1_sha384', 'rsa_pss_rsae_sha384', 'rsa_pkcs1_sha384']

/** As BoringSSL has them: NIST's SP 800-52, and the first and second suite of the NSA's CNSA. */
const policies: Readonly<Record<CompliancePolicy, Partial<TlsChoice>>> = {
  FIPS_202205: {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    cipherSuites: [
      'ECDHE-RSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-RSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
    ],
    tls13Suites: `TLS_AES_128_GCM_SHA256:${aes256}`,
    curves: ['P-256', 'P-384'],
    signatureAlgorithms: [
      'rsa_pss_rsae_sha256',
      'rsa_pkcs1_sha256',
      'ecdsa_secp256r1_sha256',
      'ecdsa_secp384r1_sha384',
      'rsa_pss_rsae_sha384',
      'rsa_pkcs1_sha384',
      'rsa_pss_rsae_sha512',
      'rsa_pkcs1_sha512',
    ],
  },
  CNSA1_202603: {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.3',
    cipherSuites: ['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-RSA-AES256-GCM-SHA384', 'AES256-GCM-SHA384'],
    tls13Suites: aes256,
    curves: ['MLKEM1024', 'P-384'],
    signatureAlgorithms: sha384,
  },
  CNSA2_202603: {
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    tls13Suites: aes256,
    curves: ['MLKEM1024'],
    signatureAlgorithms: sha384,
  },
}

/** A policy has the last word, also over fields of the same message. */
export function chooseTls(base: TlsChoice, view: TlsParameters | undefined): TlsChoice {
  if (view === undefined) return base
  const chosen: TlsChoice = {
    ...base,
    minVersion: versions[view.tlsMinimumProtocolVersion] ?? base.minVersion,
    maxVersion: versions[view.tlsMaximumProtocolVersion] ?? base.maxVersion,
    cipherSuites: view.cipherSuites.length > 0 ? view.cipherSuites : base.cipherSuites,
    curves: view.ecdhCurves.length > 0 ? view.ecdhCurves.flatMap((entry) => entry.split(':')) : base.curves,
    signatureAlgorithms: view.signatureAlgorithms.length > 0 ? view.signatureAlgorithms : base.signatureAlgorithms,
  }
  const [policy] = view.compliancePolicies
  return policy === undefined ? chosen : { ...chosen, ...policies[policy] }
}
