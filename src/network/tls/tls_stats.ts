// The `ssl.*` statistics of a listener or a cluster, by Envoy's names:
// https://www.envoyproxy.io/docs/envoy/latest/configuration/listeners/stats#tls-statistics

import { X509Certificate } from 'node:crypto'
import type { Counter, Scope } from '../../stats/store.ts'
import type { CertificateInfo } from './certificate_info.ts'
import type { VerifyFailure } from './certificate_validator.ts'
import type { TlsConnectionInfo } from './tls_connection_info.ts'

export class TlsStats {
  readonly connectionError: Counter
  readonly handshake: Counter
  readonly sessionReused: Counter
  readonly noCertificate: Counter
  readonly ocspStapleFailed: Counter
  readonly ocspStapleOmitted: Counter
  readonly ocspStapleRequests: Counter
  readonly ocspStapleResponses: Counter
  readonly #failVerify: Readonly<Record<VerifyFailure, Counter>>
  readonly #scope: Scope
  /** By what was negotiated; made as it is met. */
  readonly #negotiated = new Map<string, Counter>()

  /** `scope` is `listener.<address>.` or `cluster.<name>.`. */
  constructor(scope: Scope) {
    const ssl = scope.createScope('ssl')
    this.#scope = ssl
    this.connectionError = ssl.counter('connection_error')
    this.handshake = ssl.counter('handshake')
    this.sessionReused = ssl.counter('session_reused')
    this.noCertificate = ssl.counter('no_certificate')
    this.#failVerify = {
      no_cert: ssl.counter('fail_verify_no_cert'),
      error: ssl.counter('fail_verify_error'),
      san: ssl.counter('fail_verify_san'),
      cert_hash: ssl.counter('fail_verify_cert_hash'),
    }
    this.ocspStapleFailed = ssl.counter('ocsp_staple_failed')
    this.ocspStapleOmitted = ssl.counter('ocsp_staple_omitted')
    this.ocspStapleRequests = ssl.counter('ocsp_staple_requests')
    this.ocspStapleResponses = ssl.counter('ocsp_staple_responses')
  }

  onVerifyFailure(failure: VerifyFailure): void {
    this.#failVerify[failure].inc()
  }

  /** A handshake that has succeeded. */
  onHandshake(info: TlsConnectionInfo, wasReused: boolean, countsSignature = !wasReused): void {
    this.handshake.inc()
    if (wasReused) this.sessionReused.inc()
    if (!info.peerCertificatePresented) this.noCertificate.inc()
    this.#count('ciphers', info.cipher)
    this.#count('versions', info.version)
    if (info.group !== '') this.#count('curves', info.group)
    const [leaf] = info.peerChain
    if (leaf !== undefined && countsSignature) this.#count('sigalgs', signatureAlgorithm(leaf))
  }

  #count(kind: string, name: string): void {
    const key = `${kind}.${name}`
    let counter = this.#negotiated.get(key)
    if (counter === undefined) {
      counter = this.#scope.counter(key)
      this.#negotiated.set(key, counter)
    }
    counter.inc()
  }
}

const ecdsaAlgorithms: Readonly<Record<string, string>> = {
  prime256v1: 'ecdsa_secp256r1_sha256',
  secp384r1: 'ecdsa_secp384r1_sha384',
  secp521r1: 'ecdsa_secp521r1_sha512',
}

/** By which a peer with this certificate signs its handshake. Node does not tell: it is the first that such a key can. */
function signatureAlgorithm(certificate: CertificateInfo): string {
  const { asymmetricKeyType, asymmetricKeyDetails } = new X509Certificate(certificate.der).publicKey
  if (asymmetricKeyType === 'ec') return ecdsaAlgorithms[asymmetricKeyDetails?.namedCurve ?? ''] ?? 'ecdsa'
  return asymmetricKeyType === 'rsa' ? 'rsa_pss_rsae_sha256' : (asymmetricKeyType ?? 'unknown')
}
