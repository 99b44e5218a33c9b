// A certificate with its key, loaded from what a TlsCertificate message names.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { envoy } from '../../../proto/generated/api.d.ts'
import { type DataSource, readDataSource } from '../../config/data_source.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import { CertificateInfo } from './certificate_info.ts'
import { OcspResponse } from './ocsp_response.ts'

export type TlsCertificateView = envoy.extensions.transport_sockets.tls.v3.TlsCertificate

/** What a client must be able to verify: ECDSA, or what all can. */
export type KeyType = 'rsa' | 'ec'

/** Everything of one certificate that a secure context needs, checked: the key belongs to it and is long enough. */
export interface LoadedCertificate {
  /** Of the secret; '' for none. */
  readonly name: string
  /** The file, or `<inline>`. */
  readonly path: string
  readonly leaf: CertificateInfo
  /** The certificates of the chain as they are sent, the leaf first. */
  readonly chain: readonly CertificateInfo[]
  readonly keyType: KeyType
  /** In PEM; undefined where `pfx` holds all. */
  readonly pem: { readonly chain: string; readonly key: string } | undefined
  readonly pfx: { readonly buf: Buffer; readonly passphrase: string } | undefined
  readonly ocspResponse: OcspResponse | undefined
}

/** Where a data source's bytes come from, for messages and `/certs`. */
export function sourceName(source: DataSource | undefined): string {
  return source?.filename ?? '<inline>'
}

/** Undefined where something is wrong; then `errors` say what. */
export function loadCertificate(
  view: TlsCertificateView,
  errors: ConfigErrors,
  name = '',
): LoadedCertificate | undefined {
  const other =
    view.certificateChain === undefined ? (view.privateKey === undefined ? '' : 'private_key') : 'certificate_chain'
  if (view.pkcs12 !== undefined && other !== '') {
    errors.add(view, 'pkcs12', `Certificate configuration can't have both pkcs12 and ${other}`)
    return undefined
  }
  if (view.pkcs12 !== undefined) return loadPkcs12(view, view.pkcs12, name, errors)
  if (view.certificateChain === undefined || view.privateKey === undefined) {
    const [there, missing] =
      view.certificateChain === undefined ? ['private key', 'certificate chain'] : ['certificate chain', 'private key']
    const source = view.certificateChain ?? view.privateKey
    const message = `Failed to load incomplete certificate from ${sourceName(source)}: ${missing} not set, ${there} is`
    errors.add(view, undefined, source === undefined ? 'tls_certificate without a certificate chain' : message)
    return undefined
  }
  const chainBytes = readDataSource(view.certificateChain, errors)
  const keyBytes = readDataSource(view.privateKey, errors)
  const password = view.password === undefined ? undefined : readDataSource(view.password, errors, { allowEmpty: true })
  if (chainBytes === undefined || keyBytes === undefined) return undefined
  const chain = readCertificates(chainBytes)
  const path = sourceName(view.certificateChain)
  if (chain === undefined || chain.length === 0) {
    errors.add(view, 'certificateChain', `Failed to load certificate chain from ${path}`)
    return undefined
  }
  const key = readKey(view, keyBytes, password, errors)
  if (key === undefined) return undefined
  const keyType = checkKey(view, path, chain[0], key, errors)
  if (keyType === undefined) return undefined
  const pem = {
    chain: chain.map((each) => each.pem).join(''),
    key: key.export({ type: 'pkcs8', format: 'pem' }) as string,
  }
  const ocspResponse = loadOcspResponse(view, chain[0], errors)
  return { name, path, leaf: chain[0], chain, keyType, pem, pfx: undefined, ocspResponse }
}

/** All certificates of a PEM text; undefined where one of them cannot be read. */
export function readCertificates(bytes: Buffer): CertificateInfo[] | undefined {
  const blocks = bytes.toString('latin1').match(certificateBlock) ?? []
  try {
    return blocks.map((block) => new CertificateInfo(new X509Certificate(block.replace('TRUSTED ', '')).raw))
  } catch {
    return undefined
  }
}

const certificateBlock =
  /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----[\s\S]*?-----END (X509 |TRUSTED )?CERTIFICATE-----/g

function readKey(
  view: TlsCertificateView,
  bytes: Buffer,
  password: Buffer | undefined,
  errors: ConfigErrors,
): KeyObject | undefined {
  try {
    const text = bytes.toString('latin1')
    return createPrivateKey(password === undefined ? text : { key: text, passphrase: password })
  } catch (error) {
    const reason = (error as Error).message
    errors.add(view, 'privateKey', `Failed to load private key from ${sourceName(view.privateKey)}, Cause: ${reason}`)
    return undefined
  }
}

const curves: ReadonlySet<string | undefined> = new Set(['prime256v1', 'secp384r1', 'secp521r1'])
const smallestRsaBits = 2048

function checkKey(
  view: TlsCertificateView,
  path: string,
  leaf: CertificateInfo,
  key: KeyObject,
  errors: ConfigErrors,
): KeyType | undefined {
  const certificate = new X509Certificate(leaf.der)
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey
  if (asymmetricKeyType === 'rsa') {
    if ((asymmetricKeyDetails?.modulusLength ?? 0) < smallestRsaBits) {
      const message = `Failed to load certificate chain from ${path}, only RSA certificates with 2048-bit or larger keys are supported`
      errors.add(view, 'certificateChain', message)
      return undefined
    }
  } else if (asymmetricKeyType !== 'ed25519' && !curves.has(asymmetricKeyDetails?.namedCurve)) {
    const message = `Failed to load certificate chain from ${path}, only P-256, P-384 or P-521 ECDSA certificates are supported`
    errors.add(view, 'certificateChain', message)
    return undefined
  }
  if (!certificate.checkPrivateKey(key)) {
    const message = `Failed to load private key from ${sourceName(view.privateKey)}, Cause: the key is not that of the certificate (KEY_VALUES_MISMATCH)`
    errors.add(view, 'privateKey', message)
    return undefined
  }
  return asymmetricKeyType === 'ec' ? 'ec' : 'rsa'
}

/** Node reads PKCS#12 only into a context: the certificate is taken from there. */
interface ContextInternals {
  readonly context: { getCertificate(): Buffer | null; getIssuer(): Buffer | null }
}

function loadPkcs12(
  view: TlsCertificateView,
  source: DataSource,
  name: string,
  errors: ConfigErrors,
): LoadedCertificate | undefined {
  const buf = readDataSource(source, errors)
  const password = view.password === undefined ? undefined : readDataSource(view.password, errors, { allowEmpty: true })
  if (buf === undefined) return undefined
  const path = sourceName(source)
  const passphrase = password?.toString('latin1') ?? ''
  let context: SecureContext
  try {
    context = createSecureContext({ pfx: [{ buf, passphrase }], ca: [] })
  } catch (error) {
    errors.add(view, 'pkcs12', `Failed to load pkcs12 from ${path}, Cause: ${(error as Error).message}`)
    return undefined
  }
  const internals = context as unknown as ContextInternals
  const der = internals.context.getCertificate()
  if (der === null) {
    errors.add(view, 'pkcs12', `Failed to load certificate from ${path}`)
    return undefined
  }
  const leaf = new CertificateInfo(der)
  const issuer = internals.context.getIssuer()
  const chain = issuer === null || issuer.equals(der) ? [leaf] : [leaf, new CertificateInfo(issuer)]
  const keyType = new X509Certificate(der).publicKey.asymmetricKeyType
  if (keyType !== 'rsa' && keyType !== 'ec') {
    errors.add(
      view,
      'pkcs12',
      `Failed to load certificate chain from ${path}, only RSA and ECDSA certificates are supported`,
    )
    return undefined
  }
  const ocspResponse = loadOcspResponse(view, leaf, errors)
  return { name, path, leaf, chain, keyType, pem: undefined, pfx: { buf, passphrase }, ocspResponse }
}

function loadOcspResponse(
  view: TlsCertificateView,
  leaf: CertificateInfo,
  errors: ConfigErrors,
): OcspResponse | undefined {
  if (view.ocspStaple === undefined) return undefined
  if (view.ocspStaple.specifier === 'inlineString') {
    errors.add(view, 'ocspStaple', 'OCSP staple cannot be provided via inline_string')
    return undefined
  }
  const bytes = readDataSource(view.ocspStaple, errors)
  if (bytes === undefined) return undefined
  const response = OcspResponse.read(bytes)
  if (typeof response === 'string') {
    errors.add(view, 'ocspStaple', response)
    return undefined
  }
  if (response.serial !== leaf.serial) {
    errors.add(view, 'ocspStaple', 'OCSP response does not match its TLS certificate')
    return undefined
  }
  return response
}
