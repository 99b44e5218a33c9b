// A JSON web key set (RFC 7517), and the verification of signatures by it (RFC 7518, RFC 8037).

import {
  constants,
  createHmac,
  createPublicKey,
  type KeyObject,
  timingSafeEqual,
  verify,
  X509Certificate,
} from 'node:crypto'
import { decodeBase64Url, type JsonObject, type Jwt, parseObject, withoutWhiteSpace } from './jwt.ts'
import type { JwtStatus } from './jwt_status.ts'

interface CommonFields {
  /** '' fits any. */
  readonly keyId: string
  readonly algorithm: string
}

type JsonWebKey =
  | (CommonFields & { readonly type: 'RSA' | 'EC' | 'OKP'; readonly key: KeyObject })
  | (CommonFields & { readonly type: 'oct'; readonly secret: Buffer })

/** Keys that are wrong or of a kind that is not known are left out: an empty list where nothing is right. */
export type Jwks = readonly JsonWebKey[]

const ed25519SignatureBytes = 64

export function parseJwks(bytes: Uint8Array): Jwks {
  const set = parseObject(bytes)
  if (set === undefined) return []
  if (set['keys'] === undefined) return readCertificates(set)
  return Array.isArray(set['keys']) ? set['keys'].flatMap((key) => readKey(key) ?? []) : []
}

/** Whether one of the keys has signed the token. */
export function verifySignature(jwt: Jwt, keys: Jwks): JwtStatus {
  if (keys.length === 0) return "Jwks doesn't have any valid public key"
  const fitting = keys.filter(
    ({ keyId, algorithm }) =>
      (keyId === '' || jwt.keyId === '' || keyId === jwt.keyId) && (algorithm === '' || algorithm === jwt.algorithm),
  )
  if (fitting.length === 0) return "Jwks doesn't have key to match kid or alg from Jwt"
  const data = Buffer.from(jwt.signedText, 'latin1')
  for (const key of fitting) {
    if (key.type === 'OKP' && jwt.signature.length !== ed25519SignatureBytes)
      return 'Jwt ED25519 signature is wrong length'
    if (isSignedBy(key, jwt, data)) return 'OK'
  }
  return 'Jwt verification fails'
}

/** A key that is too small for the hash makes an error, not a signature. */
function isSignedBy(key: JsonWebKey, jwt: Jwt, data: Buffer): boolean {
  try {
    return hasSigned(key, jwt, data)
  } catch {
    return false
  }
}

function hasSigned(key: JsonWebKey, { algorithm, signature }: Jwt, data: Buffer): boolean {
  switch (key.type) {
    case 'EC':
      return verify(hashOf(algorithm, 'ES'), data, { key: key.key, dsaEncoding: 'ieee-p1363' }, signature)
    case 'RSA':
      if (algorithm.startsWith('RS')) return verify(hashOf(algorithm, 'RS'), data, key.key, signature)
      if (!algorithm.startsWith('PS')) return false
      return verify(hashOf(algorithm, 'PS'), data, pssOptions(key.key), signature)
    case 'OKP':
      return verify(undefined, data, key.key, signature)
    case 'oct': {
      const expected = createHmac(hashOf(algorithm, 'HS'), key.secret).update(data).digest()
      return expected.length === signature.length && timingSafeEqual(expected, signature)
    }
  }
}

function pssOptions(key: KeyObject) {
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_AUTO }
}

/** Where the algorithm is not one of the key's kind, as Envoy has it: such a signature is none of that key, whatever the hash. */
function hashOf(algorithm: string, kind: string): string {
  return algorithm === `${kind}384` ? 'sha384' : algorithm === `${kind}512` ? 'sha512' : 'sha256'
}

function readKey(value: unknown): JsonWebKey | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  const view = value as JsonObject
  const fields = { keyId: textOf(view['kid']), algorithm: textOf(view['alg']) }
  switch (view['kty']) {
    case 'RSA':
      return readRsaKey(view, fields)
    case 'EC':
      return readEcKey(view, fields)
    case 'OKP':
      if (fields.algorithm !== '' && fields.algorithm !== 'EdDSA') return undefined
      return view['crv'] === 'Ed25519' ? readPublicKey('OKP', { crv: 'Ed25519', x: view['x'] }, fields) : undefined
    case 'oct':
      return readSecret(view, fields)
    default:
      return undefined
  }
}

const usualExponents = new Set(['Aw', 'AQAB'])

function readRsaKey({ n, e }: JsonObject, fields: CommonFields): JsonWebKey | undefined {
  if (fields.algorithm !== '' && !/^[RP]S/.test(fields.algorithm)) return undefined
  const exponent = typeof e === 'string' ? decodeBase64Url(e)?.toString('base64url') : undefined
  return exponent !== undefined && usualExponents.has(exponent) ? readPublicKey('RSA', { n, e }, fields) : undefined
}

const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' }

/** The algorithm and the curve stand for each other; both may be missing. */
function readEcKey({ crv = '', x, y }: JsonObject, fields: CommonFields): JsonWebKey | undefined {
  const { algorithm } = fields
  const ofAlgorithm = algorithm === '' ? undefined : curves[algorithm]
  if (algorithm !== '' && ofAlgorithm === undefined && (!algorithm.startsWith('ES') || crv !== '')) return undefined
  if (ofAlgorithm !== undefined && crv !== '' && crv !== ofAlgorithm) return undefined
  const curve = ofAlgorithm ?? (crv === '' && algorithm === '' ? 'P-256' : crv)
  return Object.values(curves).includes(curve as string) ? readPublicKey('EC', { crv: curve, x, y }, fields) : undefined
}

function readSecret({ k }: JsonObject, fields: CommonFields): JsonWebKey | undefined {
  if (fields.algorithm !== '' && !/^HS(256|384|512)$/.test(fields.algorithm)) return undefined
  const secret = typeof k === 'string' ? decodeBase64Url(k) : undefined
  return secret === undefined || secret.length === 0 ? undefined : { type: 'oct', secret, ...fields }
}

function readPublicKey(type: 'RSA' | 'EC' | 'OKP', view: JsonObject, fields: CommonFields): JsonWebKey | undefined {
  if (Object.values(view).some((value) => typeof value !== 'string')) return undefined
  try {
    const texts = Object.entries(view).map(([name, value]) => [name, withoutWhiteSpace(String(value))])
    return {
      type,
      key: createPublicKey({ key: { kty: type, ...Object.fromEntries(texts) }, format: 'jwk' }),
      ...fields,
    }
  } catch {
    return undefined
  }
}

/** RSA certificates by key id, the other form of a key set: one that is wrong spoils it all. */
function readCertificates(set: JsonObject): Jwks {
  try {
    return Object.entries(set).map(([keyId, pem]): JsonWebKey => {
      const key = new X509Certificate(String(pem)).publicKey
      if (keyId === '' || key.asymmetricKeyType !== 'rsa') throw new TypeError('not an RSA certificate')
      return { type: 'RSA', key, keyId, algorithm: '' }
    })
  } catch {
    return []
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
