/** Makes JSON web tokens and the key sets that they are verified by, right and wrong ones. */
import { constants, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export interface SigningKey {
  /** As it stands in a key set. */
  readonly jwk: Readonly<Record<string, unknown>>
  sign(algorithm: string, text: string): Buffer
}

const hashOf = (algorithm: string): string => `sha${algorithm.slice(2)}`

function publicJwk(key: KeyObject, more: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return { ...key.export({ format: 'jwk' }), ...more }
}

export function rsaKey(more: Readonly<Record<string, unknown>> = {}): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return {
    jwk: publicJwk(publicKey, more),
    sign: (algorithm, text) =>
      algorithm.startsWith('PS')
        ? sign(hashOf(algorithm), Buffer.from(text), {
            key: privateKey,
            padding: constants.RSA_PKCS1_PSS_PADDING,
            saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
          })
        : sign(hashOf(algorithm), Buffer.from(text), privateKey),
  }
}

export function ecKey(curve: 'P-256' | 'P-384' | 'P-521', more: Readonly<Record<string, unknown>> = {}): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: curve })
  return {
    jwk: publicJwk(publicKey, more),
    sign: (algorithm, text) =>
      sign(hashOf(algorithm), Buffer.from(text), { key: privateKey, dsaEncoding: 'ieee-p1363' }),
  }
}

export function edKey(more: Readonly<Record<string, unknown>> = {}): SigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { jwk: publicJwk(publicKey, more), sign: (_, text) => sign(undefined, Buffer.from(text), privateKey) }
}

export function octKey(secret: string, more: Readonly<Record<string, unknown>> = {}): SigningKey {
  return {
    jwk: { kty: 'oct', k: Buffer.from(secret).toString('base64url'), ...more },
    sign: (algorithm, text) => createHmac(hashOf(algorithm), secret).update(text).digest(),
  }
}

/** `{"keys": [...]}` */
export function keySet(...keys: readonly SigningKey[]): string {
  return JSON.stringify({ keys: keys.map(({ jwk }) => jwk) })
}

const encoded = (part: unknown): string =>
  Buffer.from(typeof part === 'string' ? part : JSON.stringify(part)).toString('base64url')

/** Texts in the place of objects are taken as they are. */
export function makeToken(
  key: SigningKey,
  payload: Readonly<Record<string, unknown>> | string,
  header: Readonly<Record<string, unknown>> | string = { alg: 'ES256' },
): string {
  const text = `${encoded(header)}.${encoded(payload)}`
  const algorithm = typeof header === 'string' ? 'ES256' : String(header['alg'])
  return `${text}.${key.sign(/^(ES|RS|PS|HS)\d+$/.test(algorithm) ? algorithm : 'ES256', text).toString('base64url')}`
}
