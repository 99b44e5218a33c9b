// Reads a JSON web token (RFC 7519) in its compact form, and checks what Envoy checks of its fields.

import type { JwtStatus } from './jwt_status.ts'

export type JsonObject = Readonly<Record<string, unknown>>

export interface Jwt {
  readonly header: JsonObject
  readonly payload: JsonObject
  /** As it came. */
  readonly payloadText: string
  readonly signedText: string
  readonly signature: Buffer
  readonly algorithm: string
  /** '' for none. */
  readonly keyId: string
  readonly issuer: string
  readonly subject: string
  readonly audiences: readonly string[]
  /** Seconds since the epoch; 0 for none. */
  readonly notBefore: number
  readonly expiration: number
}

const algorithms = new Set(
  ['ES', 'HS', 'RS', 'PS'].flatMap((kind) => [`${kind}256`, `${kind}384`, `${kind}512`]).concat('EdDSA'),
)
const uint64End = 2 ** 64

/** The token, or what is wrong with it. */
export function parseJwt(text: string): Jwt | JwtStatus {
  const sections = text.split('.').filter((section) => section !== '')
  if (sections.length !== 3) return 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'
  const [headerText, payloadText, signatureText] = sections
  const headerBytes = decodeBase64Url(headerText)
  if (headerBytes === undefined) return 'Jwt header is an invalid Base64url encoded'
  const header = parseObject(headerBytes)
  if (header === undefined) return 'Jwt header is an invalid JSON'
  const { alg, kid = '' } = header
  if (typeof alg !== 'string') return 'Jwt header [alg] field is required and must be a string'
  if (!algorithms.has(alg)) return 'Jwt header [alg] is not supported'
  if (typeof kid !== 'string') return 'Jwt header [kid] field is not a string'
  const payloadBytes = decodeBase64Url(payloadText)
  if (payloadBytes === undefined) return 'Jwt payload is an invalid Base64url encoded'
  const payload = parseObject(payloadBytes)
  if (payload === undefined) return 'Jwt payload is an invalid JSON'
  const wrong = wrongClaim(payload)
  if (wrong !== undefined) return wrong
  const signature = decodeBase64Url(signatureText)
  if (signature === undefined) return 'Jwt signature is an invalid Base64url encoded'
  const { iss = '', sub = '', aud = [], nbf = 0, exp = 0 } = payload
  return {
    header,
    payload,
    payloadText,
    signedText: `${headerText}.${payloadText}`,
    signature,
    algorithm: alg,
    keyId: kid,
    issuer: iss as string,
    subject: sub as string,
    audiences: typeof aud === 'string' ? [aud] : (aud as string[]),
    notBefore: Math.floor(nbf as number),
    expiration: Math.floor(exp as number),
  }
}

function wrongClaim(payload: JsonObject): JwtStatus | undefined {
  for (const name of ['iss', 'sub'] as const)
    if (!isText(payload[name])) return `Jwt payload [${name}] field is not a string`
  for (const name of ['iat', 'nbf', 'exp'] as const) {
    const { [name]: value = 0 } = payload
    if (typeof value !== 'number') return `Jwt payload [${name}] field is not an integer`
    if (value < 0 || value >= uint64End) return `Jwt payload [${name}] field is not a positive 64 bit integer`
  }
  if (!isText(payload['jti'])) return 'Jwt payload [jti] field is not a string'
  const { aud = '' } = payload
  const isAudience = typeof aud === 'string' || (Array.isArray(aud) && aud.every((each) => typeof each === 'string'))
  return isAudience ? undefined : 'Jwt payload [aud] field is not a string or string list'
}

function isText(value: unknown): boolean {
  return value === undefined || typeof value === 'string'
}

export function withoutWhiteSpace(text: string): string {
  return text.replace(/[ \t-\r]/g, '')
}

const base64Url = /^[A-Za-z0-9_-]*$/

/** RFC 4648, section 5; its padding may be missing, and there may be white space, as in Envoy. */
export function decodeBase64Url(text: string): Buffer | undefined {
  const dense = withoutWhiteSpace(text)
  const digits = dense.replace(/={1,2}$/, '')
  if (!base64Url.test(digits) || digits.length % 4 === 1) return undefined
  if (digits.length !== dense.length && dense.length % 4 !== 0) return undefined
  return Buffer.from(digits, 'base64url')
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** As deep as protobuf reads JSON. */
const deepest = 100

/** Undefined where the bytes are no JSON object, or one that is too deep or has a name twice. */
export function parseObject(bytes: Uint8Array): JsonObject | undefined {
  try {
    const text = withControlCharactersEscaped(utf8.decode(bytes))
    const value: unknown = JSON.parse(text)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject && !isDeeper(value, deepest) && !hasNameTwice(text) ? (value as JsonObject) : undefined
  } catch {
    return undefined
  }
}

const texts = /"(?:[^"\\]|\\.)*"/gs

/** Texts may have them as they are, as for protobuf: sets of keys are often broken into lines. */
function withControlCharactersEscaped(json: string): string {
  return json.replace(texts, (text) =>
    text.replace(/\p{Cc}/gu, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
  )
}

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1))
}

const namesAndBrackets = /("(?:[^"\\]|\\.)*")(\s*:)?|[{}[\]]/g

/** Of JSON that is well formed: which of two values counts is nothing that readers agree on. */
function hasNameTwice(json: string): boolean {
  const open: Set<string>[] = []
  for (const [token, text, colon] of json.matchAll(namesAndBrackets)) {
    if (token === '{' || token === '[') open.push(new Set())
    else if (text === undefined) open.pop()
    else if (colon !== undefined) {
      const names = open.at(-1)
      const name = JSON.parse(text) as string
      if (names?.has(name) === true) return true
      names?.add(name)
    }
  }
  return false
}
