// A CommonTlsContext with everything it refers to: loaded, and loaded again when a secret or a file has changed.

import { X509Certificate } from 'node:crypto'
import { dirname } from 'node:path'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import type { envoy } from '../../../proto/generated/api.d.ts'
import { getLogger } from '../../common/log.ts'
import { ConfigErrors, renderIssues } from '../../config/errors.ts'
import { mergeView } from '../../config/merge.ts'
import { messageSchema } from '../../config/schema.ts'
import type { WatchContext } from '../../config/watched_resources.ts'
import type { Scope } from '../../stats/store.ts'
import type { WatchedFolders } from '../watched_folders.ts'
import { type LoadedCertificate, loadCertificate, type TlsCertificateView } from './certificate.ts'
import { CertificateValidator, type ValidationContextView } from './certificate_validator.ts'
import { setExpiryStats } from './expiry_stats.ts'
import { arrivals, type SecretManager, type SecretProvider } from './secret_manager.ts'
import { certificateProtocol, type ParameterDefaults, protocolOptions, type TlsProtocol } from './tls_parameters.ts'

type CommonTlsContext = envoy.extensions.transport_sockets.tls.v3.CommonTlsContext

const log = getLogger('config')

/** Of a transport socket that configures none. */
export const emptyTlsContext: CommonTlsContext = {
  tlsParams: undefined,
  tlsCertificates: [],
  tlsCertificateSdsSecretConfigs: [],
  tlsCertificateProviderInstance: undefined,
  tlsCertificateCertificateProvider: undefined,
  tlsCertificateCertificateProviderInstance: undefined,
  validationContext: undefined,
  validationContextSdsSecretConfig: undefined,
  combinedValidationContext: undefined,
  validationContextCertificateProvider: undefined,
  validationContextCertificateProviderInstance: undefined,
  validationContextType: undefined,
  alpnProtocols: [],
  customHandshaker: undefined,
  keyLog: undefined,
  customTlsCertificateSelector: undefined,
}

/** What a CommonTlsContext comes to. */
export interface LoadedTlsContext {
  readonly certificates: readonly LoadedCertificate[]
  readonly validator: CertificateValidator
  readonly protocol: TlsProtocol
  /** One for each certificate. */
  readonly certificateProtocols: ReadonlyMap<LoadedCertificate, TlsProtocol>
  readonly alpnProtocols: readonly string[]
}

/** The parts of the server that TLS contexts use. */
export interface TlsContextParts extends WatchContext {
  readonly secrets: SecretManager
  readonly folders: WatchedFolders
  /** -1 in main, which alone tells of updates that fail. */
  readonly workerIndex: number
}

export class TlsContextSource {
  readonly #view: CommonTlsContext
  readonly #defaults: ParameterDefaults
  readonly #certificates: readonly SecretProvider<TlsCertificateView>[]
  readonly #validation: SecretProvider<ValidationContextView> | undefined
  readonly #parts: TlsContextParts
  readonly #watched = new Set<string>()
  readonly #scope: Scope
  /** What is in force. */
  loaded: LoadedTlsContext | undefined = undefined
  #onUpdate: () => void = () => {}

  /** `scope` is `listener.<address>.` or `cluster.<name>.`. Secrets that cannot be are reported to `parts.errors`. */
  constructor(view: CommonTlsContext, defaults: ParameterDefaults, scope: Scope, parts: TlsContextParts) {
    this.#scope = scope
    parts.lifetime.onEnd(parts.secrets.contexts.add(this))
    this.#view = view
    this.#defaults = defaults
    this.#parts = parts
    const { secrets } = parts
    this.#certificates = view.tlsCertificateSdsSecretConfigs.flatMap(
      (config) => secrets.find(config, 'tlsCertificate', parts) ?? [],
    )
    const validation =
      view.validationContextSdsSecretConfig ?? view.combinedValidationContext?.validationContextSdsSecretConfig
    this.#validation = validation === undefined ? undefined : secrets.find(validation, 'validationContext', parts)
  }

  /** Secrets that have come from discovery. */
  get arrivedSecrets(): number {
    return arrivals([...this.#certificates, this.#validation])
  }

  /** Calls back when something has changed, and `load` has something else to give. */
  onUpdate(callback: () => void): void {
    this.#onUpdate = callback
    for (const provider of [...this.#certificates, this.#validation]) provider?.onUpdate(callback)
  }

  /** Undefined as long as a secret has not come yet. What is wrong goes to `errors`. */
  load(errors: ConfigErrors): LoadedTlsContext | undefined {
    const views = this.#certificates.map((provider) => provider.current())
    const validation = this.#validationView()
    if (validation === 'missing' || views.includes(undefined)) return undefined
    const certificateViews = [...this.#view.tlsCertificates, ...(views as TlsCertificateView[])]
    certificateViews.forEach((view, i) => {
      this.#watchCertificate(view, i >= this.#view.tlsCertificates.length)
    })
    this.#watchValidation(validation)
    const validator = new CertificateValidator(validation, errors, this.#validation?.name)
    if (validator.trustsAnyName) {
      const message = 'SAN-based verification of peer certificates without trusted CA is insecure and not allowed'
      errors.add(validation, undefined, message)
    }
    const protocol = protocolOptions(this.#view.tlsParams, this.#defaults, errors)
    const certificateProtocols = new Map<LoadedCertificate, TlsProtocol>()
    certificateViews.forEach((view, i) => {
      const certificate = loadCertificate(view, errors, this.#nameOf(i))
      if (certificate === undefined) return
      certificateProtocols.set(certificate, certificateProtocol(view.tlsParams, protocol, this.#defaults, errors))
    })
    const loaded = {
      certificates: [...certificateProtocols.keys()],
      validator,
      protocol,
      certificateProtocols,
      alpnProtocols: protocolNames(this.#view, errors),
    }
    if (!errors.hasErrors) this.#accept(loaded)
    return loaded
  }

  #accept(loaded: LoadedTlsContext): void {
    this.loaded = loaded
    if (this.#parts.workerIndex < 0) setExpiryStats(this.#scope, loaded)
  }

  #nameOf(index: number): string {
    return this.#certificates[index - this.#view.tlsCertificates.length]?.name ?? ''
  }

  /**
   * After an update: undefined where nothing is new (with `isForced` it is given all the same), or, with a line in the
   * log, where the new state is of no use.
   */
  reload(what: string, isForced = false): LoadedTlsContext | undefined {
    const errors = new ConfigErrors(what)
    const before = this.loaded
    const loaded = this.load(errors)
    if (!errors.hasErrors) {
      const isNew = isForced || before === undefined || loaded === undefined || !isSame(before, loaded)
      return isNew ? loaded : undefined
    }
    if (this.#parts.workerIndex < 0)
      log.warn(`${what}: new TLS certificates rejected, the old ones stay:\n${renderIssues(errors.errors)}`)
    return undefined
  }

  #validationView(): ValidationContextView | undefined | 'missing' {
    const combined = this.#view.combinedValidationContext
    const dynamic = this.#validation?.current()
    if (this.#validation !== undefined && dynamic === undefined) return 'missing'
    if (combined === undefined) return dynamic ?? this.#view.validationContext
    const merged = structuredClone(combined.defaultValidationContext) ?? dynamic
    if (combined.defaultValidationContext !== undefined && dynamic !== undefined && merged !== undefined) {
      const schema = messageSchema('envoy.extensions.transport_sockets.tls.v3.CertificateValidationContext')!
      mergeView(schema, merged as unknown as Record<string, unknown>, dynamic as unknown as Record<string, unknown>)
    }
    return merged
  }

  /** Files of a dynamic secret are followed even without a watched directory. */
  #watchCertificate(view: TlsCertificateView, isDynamic: boolean): void {
    if (view.watchedDirectory !== undefined) this.#watch(view.watchedDirectory.path)
    else if (isDynamic) {
      for (const source of [view.certificateChain, view.privateKey, view.pkcs12, view.password, view.ocspStaple]) {
        if (source?.filename !== undefined) this.#watch(source.watchedDirectory?.path ?? dirname(source.filename))
      }
    }
  }

  #watchValidation(view: ValidationContextView | undefined): void {
    if (view === undefined) return
    if (view.watchedDirectory !== undefined) this.#watch(view.watchedDirectory.path)
    else if (this.#validation?.isDynamic === true) {
      for (const source of [view.trustedCa, view.crl]) {
        if (source?.filename !== undefined) this.#watch(dirname(source.filename))
      }
    }
  }

  #watch(folder: string): void {
    if (this.#watched.has(folder)) return
    this.#watched.add(folder)
    const { folders, lifetime } = this.#parts
    lifetime.onEnd(folders.watch(folder, () => this.#onUpdate()))
  }
}

/** Of two states of one context. */
function isSame(one: LoadedTlsContext, other: LoadedTlsContext): boolean {
  return contentKey(one) === contentKey(other)
}

function contentKey({ certificateProtocols, validator }: LoadedTlsContext): string {
  const shown = [...certificateProtocols].map(([{ chain, ocspResponse }, { options }]) => [
    options,
    chain.map((certificate) => certificate.fingerprint256),
    ocspResponse?.der.toString('base64'),
  ])
  return JSON.stringify([shown, validator.policyKey])
}

/** Names that one entry may hold several of; Envoy joins all entries and splits them at commas. */
function protocolNames(view: CommonTlsContext, errors: ConfigErrors): string[] {
  const names = view.alpnProtocols.flatMap((entry) => entry.split(',')).filter((name) => name !== '')
  if (names.some((name) => Buffer.byteLength(name) > 255))
    errors.add(view, 'alpnProtocols', 'Invalid ALPN protocol string')
  return names
}

/** A secure context for one certificate, or for none; `protocol` is its own. Throws OpenSSL's error. */
export function certificateContext(
  loaded: LoadedTlsContext,
  certificate: LoadedCertificate | undefined,
  protocol: TlsProtocol,
  more: SecureContextOptions,
): SecureContext {
  const { pem, pfx } = certificate ?? { pem: undefined, pfx: undefined }
  const { ca, crl, allowPartialTrustChain } = loaded.validator.trustOptions
  return createSecureContext({
    ...protocol.options,
    sigalgs: [...protocol.choice.signatureAlgorithms, ...ownSignatures(certificate)].join(':'),
    // Without any, Node would take its own bundle.
    ca: [...ca],
    ...(crl === undefined ? {} : { crl: [...crl] }),
    ...(allowPartialTrustChain === undefined ? {} : { allowPartialTrustChain }),
    ...(pem === undefined ? {} : { cert: pem.chain, key: pem.key }),
    ...(pfx === undefined ? {} : { pfx: [pfx] }),
    ...more,
  })
}

/** Of keys that can sign, while nobody is asked for a signature of theirs. */
function ownSignatures(certificate: LoadedCertificate | undefined): string[] {
  if (certificate === undefined) return []
  const { asymmetricKeyType, asymmetricKeyDetails } = new X509Certificate(certificate.leaf.der).publicKey
  if (asymmetricKeyType === 'ed25519') return ['ed25519']
  return asymmetricKeyDetails?.namedCurve === 'secp521r1' ? ['ecdsa_secp521r1_sha512'] : []
}
