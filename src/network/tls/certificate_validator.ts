// Decides whether a peer's certificate is accepted: a CertificateValidationContext, compiled.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { wallMs } from '../../common/clock.ts'
import { readDataSource } from '../../config/data_source.ts'
import { ConfigErrors } from '../../config/errors.ts'
import { readCertificates, sourceName } from './certificate.ts'
import type { CertificateInfo } from './certificate_info.ts'
import { type ChainResult, chainErrorText, noIssuer } from './chain_error.ts'
import { RevocationList, revocationError, splitRevocationLists } from './revocation_list.ts'
import { anyNameMatches, compileSanMatchers, type SanPredicate } from './san_matcher.ts'
import { systemRootCertificates } from './system_roots.ts'
import { trustPath } from './trust_path.ts'

export type ValidationContextView = envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext

/** What a certificate was refused for: each has its counter. */
export type VerifyFailure = 'no_cert' | 'error' | 'san' | 'cert_hash'

export interface Verdict {
  readonly accepted: boolean
  /** Something was checked and held, as `route.match.tls_context.validated` means it. */
  readonly validated: boolean
  /** Set where a check failed, even if the certificate is accepted all the same. */
  readonly failure: VerifyFailure | undefined
  /** Envoy's words; '' where nothing failed. */
  readonly details: string
}

/** Options of a secure context that come from a validation context. */
export interface TrustOptions {
  readonly ca: readonly string[]
  readonly crl?: readonly string[]
  readonly allowPartialTrustChain?: boolean
}

const accepted: Verdict = { accepted: true, validated: true, failure: undefined, details: '' }
const notChecked: Verdict = { accepted: true, validated: false, failure: undefined, details: '' }

/** The trusted certificates as `/certs` and the expiry statistics know them. */
export interface TrustedCertificates {
  /** Of the secret; '' for none. */
  readonly name: string
  readonly path: string
  readonly certificates: readonly CertificateInfo[]
}

export class CertificateValidator {
  readonly trusted: TrustedCertificates
  readonly trustOptions: TrustOptions
  /** A peer is asked for its certificate. */
  readonly asksForCertificate: boolean
  /** Text that is the same for the same policy: sessions are resumed under the policy that accepted them alone. */
  readonly policyKey: string
  readonly #view: ValidationContextView | undefined
  readonly #acceptsUntrusted: boolean
  readonly #hashes: ReadonlySet<string>
  readonly #spkiHashes: ReadonlySet<string>
  readonly #sanMatchers: readonly SanPredicate[]
  /** Checked here rather than by OpenSSL, which knows no check of the leaf alone. */
  readonly #leafLists: readonly RevocationList[]

  /** `name` is that of the secret, '' for none. */
  constructor(view: ValidationContextView | undefined, errors: ConfigErrors, name = '') {
    this.#view = view
    this.#acceptsUntrusted = view?.trustChainVerification === 'ACCEPT_UNTRUSTED'
    this.trusted = { ...loadTrusted(view, errors), name }
    this.#hashes = new Set((view?.verifyCertificateHash ?? []).map((hash, i) => readHash(view!, hash, i, errors)))
    this.#spkiHashes = new Set((view?.verifyCertificateSpki ?? []).map((hash, i) => readSpki(view!, hash, i, errors)))
    this.#sanMatchers = view === undefined ? [] : compileSanMatchers(view, errors)
    const lists = loadRevocationLists(view, errors)
    this.#leafLists = view?.onlyVerifyLeafCertCrl ? lists.parsed : []
    this.trustOptions = {
      ca: this.trusted.certificates.map((certificate) => certificate.pem),
      ...(lists.texts.length > 0 && !view?.onlyVerifyLeafCertCrl ? { crl: lists.texts } : {}),
      ...(this.trusted.certificates.length > 0 ? { allowPartialTrustChain: true } : {}),
    }
    const checks = this.#checksLeaf || this.trusted.certificates.length > 0
    this.asksForCertificate = checks || this.#acceptsUntrusted
    const trustedHashes = this.trusted.certificates.map((certificate) => certificate.fingerprint256)
    this.policyKey = view === undefined ? '' : JSON.stringify([view, trustedHashes, lists.texts])
  }

  /** Names of certificates that nobody vouches for say nothing. Trusted certificates that cannot be read are an error of their own. */
  get trustsAnyName(): boolean {
    const trustsNobody = this.trusted.certificates.length === 0 && this.#view?.trustedCa === undefined
    return this.#sanMatchers.length > 0 && trustsNobody
  }

  get #checksLeaf(): boolean {
    return this.#sanMatchers.length > 0 || this.#hashes.size > 0 || this.#spkiHashes.size > 0
  }

  /**
   * `chain` is what the peer has shown, its own certificate first; `chainResult` is OpenSSL's verdict on it.
   * `overrideNames` are names of which the certificate must have one, besides what is configured; `serverName` is one
   * that takes the place of the configured matchers.
   */
  verify(
    chain: readonly CertificateInfo[],
    chainResult: ChainResult | undefined,
    overrideNames: readonly string[] = [],
    serverName = '',
  ): Verdict {
    const [leaf] = chain
    let chainVerdict = notChecked
    if (this.trusted.certificates.length > 0) {
      const error = this.#chainError(chain, chainResult)
      if (error !== undefined) {
        const details = `verify cert failed: X509_verify_cert: certificate verification error at ${error}`
        return { accepted: this.#acceptsUntrusted, validated: false, failure: 'error', details }
      }
      chainVerdict = accepted
    }
    const leafVerdict = this.#verifyLeaf(leaf, overrideNames, serverName)
    return leafVerdict === notChecked ? chainVerdict : leafVerdict
  }

  #verifyLeaf(leaf: CertificateInfo, overrideNames: readonly string[], serverName: string): Verdict {
    let verdict = notChecked
    if (overrideNames.length > 0) {
      if (!anyNameMatches(overrideNames, leaf.altNames)) {
        const expected = `expected SANs: [${overrideNames.join(', ')}], certificate SANs: ${nameList(leaf)}`
        return this.#refused('san', `verify SAN list, ${expected}`)
      }
      verdict = accepted
    }
    if (this.#sanMatchers.length > 0 || serverName !== '') {
      const names = leaf.altNames
      const matches =
        serverName === ''
          ? this.#sanMatchers.some((matcher) => names.some(matcher))
          : anyNameMatches([serverName], names)
      if (!matches) return this.#refused('san', `SAN matcher, certificate SANs are ${nameList(leaf)}`)
      verdict = accepted
    }
    if (this.#hashes.size > 0 || this.#spkiHashes.size > 0) {
      const known = this.#hashes.has(leaf.fingerprint256) || this.#spkiHashes.has(leaf.spkiHash)
      if (!known) return this.#refused('cert_hash', 'cert hash and spki')
      verdict = accepted
    }
    return verdict
  }

  #refused(failure: VerifyFailure, what: string): Verdict {
    return { accepted: this.#acceptsUntrusted, validated: false, failure, details: `verify cert failed: ${what}` }
  }

  /** What is wrong with the chain, with the depth before it; undefined where it leads to a trusted certificate. */
  #chainError(chain: readonly CertificateInfo[], result: ChainResult | undefined): string | undefined {
    const mostSteps = this.#view?.maxVerifyDepth
    if (mostSteps !== undefined) {
      // The leaf alone is no step.
      const { path, isComplete } = trustPath(chain, this.trusted.certificates)
      const isTooLong = path.length - 1 > mostSteps
      if (isTooLong || (!isComplete && result === undefined)) return `depth ${mostSteps}: ${noIssuer}`
    }
    if (result !== undefined && !this.#forgives(chain, result)) {
      return chainErrorText(chain, this.trusted.certificates, result)
    }
    if (this.#leafLists.length > 0) {
      const issuers = [...chain.slice(1), ...this.trusted.certificates]
      const error = revocationError(chain[0], issuers, this.#leafLists, wallMs())
      if (error !== undefined) return `depth 0: ${error}`
    }
    return undefined
  }

  /** OpenSSL tells the last error alone: one of time may hide that nobody trusted has signed. */
  #forgives(chain: readonly CertificateInfo[], result: ChainResult): boolean {
    if (this.#view?.allowExpiredCertificate !== true) return false
    if (result.code !== 'CERT_HAS_EXPIRED' && result.code !== 'CERT_NOT_YET_VALID') return false
    return trustPath(chain, this.trusted.certificates).isComplete
  }
}

function nameList({ altNames }: CertificateInfo): string {
  return `[${altNames.map(({ value }) => value).join(', ')}]`
}

/** What would be an assurance only if there were somebody to trust. */
function refuseWithoutTrust(view: ValidationContextView | undefined, errors: ConfigErrors): void {
  if (view?.crl !== undefined) {
    errors.add(view, 'crl', `Failed to load CRL from ${sourceName(view.crl)} without trusted CA`)
  }
  if (view?.allowExpiredCertificate === true) {
    const message = 'Certificate validity period is always ignored without trusted CA'
    errors.add(view, 'allowExpiredCertificate', message)
  }
}

function loadTrusted(view: ValidationContextView | undefined, errors: ConfigErrors): Omit<TrustedCertificates, 'name'> {
  if (view?.trustedCa === undefined) {
    if (view?.systemRootCerts === undefined) refuseWithoutTrust(view, errors)
    if (view?.systemRootCerts === undefined) return { path: '', certificates: [] }
    return { path: 'system', certificates: systemRootCertificates() }
  }
  const path = sourceName(view.trustedCa)
  const bytes = readDataSource(view.trustedCa, errors)
  if (bytes === undefined) return { path, certificates: [] }
  const certificates = readCertificates(bytes)
  if (certificates !== undefined && certificates.length > 0) return { path, certificates }
  errors.add(view, 'trustedCa', `Failed to load trusted CA certificates from ${path}`)
  return { path, certificates: [] }
}

/** The lists of `crl` and those among the trusted certificates. */
function loadRevocationLists(
  view: ValidationContextView | undefined,
  errors: ConfigErrors,
): { texts: string[]; parsed: RevocationList[] } {
  const texts: string[] = []
  const parsed: RevocationList[] = []
  if (view === undefined) return { texts, parsed }
  const sources = [view.crl, view.trustedCa]
  for (const source of sources) {
    // What cannot be read of the trusted certificates is reported where they are loaded.
    const bytes =
      source === undefined ? undefined : readDataSource(source, source === view.crl ? errors : new ConfigErrors())
    if (bytes === undefined) continue
    try {
      const found = RevocationList.readAll(bytes)
      parsed.push(...found)
      texts.push(...splitRevocationLists(bytes))
    } catch {
      errors.add(view, 'crl', `Failed to load CRL from ${sourceName(source)}`)
    }
  }
  return { texts, parsed }
}

function readHash(view: ValidationContextView, text: string, index: number, errors: ConfigErrors): string {
  const hex = text.length === 95 ? text.replaceAll(':', '') : text
  if (!/^[0-9a-fA-F]{64}$/.test(hex)) {
    errors.add(view, 'verifyCertificateHash', `Invalid hex-encoded SHA-256 ${text}`, { index })
  }
  return hex.toLowerCase()
}

function readSpki(view: ValidationContextView, text: string, index: number, errors: ConfigErrors): string {
  if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) {
    errors.add(view, 'verifyCertificateSpki', `Invalid base64-encoded SHA-256 ${text}`, { index })
  }
  return text
}
