// A JwtProvider as the filter reads it: whose tokens are good, and what becomes of a good one.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import {
  compileStringMatcher,
  matcherErrorMessage,
  type StringPredicate,
  utf8ByteString,
} from '../../../../common/string_matcher.ts'
import { readDataSource } from '../../../../config/data_source.ts'
import { formatDouble, quoteString } from '../../../../config/dynamic/json_text.ts'
import type { ConfigErrors } from '../../../../config/errors.ts'
import { type Jwks, parseJwks } from './jwks.ts'
import type { JsonObject, Jwt } from './jwt.ts'

export type ProviderView = envoy.extensions.filters.http.jwt_authn.v3.JwtProvider

export interface Provider {
  readonly view: ProviderView
  readonly keys: Jwks
  readonly audiences: AudienceCheck
  readonly isSubjectAllowed: StringPredicate
  readonly clockSkewSeconds: number
  readonly claimsToHeaders: readonly ClaimToHeader[]
}

interface ClaimToHeader {
  readonly headerName: string
  readonly path: readonly string[]
}

const defaultClockSkewSeconds = 60

/** What is wrong goes to `errors`. */
export function compileProvider(name: string, view: ProviderView, errors: ConfigErrors): Provider {
  for (const claim of view.claimToHeaders) {
    if ((claim.claimName === '') !== (claim.claimPath.length === 0)) continue
    const entry = `Provider '${name}' has a claim_to_headers entry for header '${claim.headerName}'`
    errors.add(claim, undefined, `${entry} which does not set exactly one of claim_name and claim_path`)
  }
  return {
    view,
    keys: readKeys(name, view, errors),
    audiences: new AudienceCheck(view.audiences),
    isSubjectAllowed: compileSubjects(view, errors),
    clockSkewSeconds: view.clockSkewSeconds || defaultClockSkewSeconds,
    claimsToHeaders: view.claimToHeaders.map(({ headerName, claimName, claimPath }) => ({
      headerName: headerName.toLowerCase(),
      path: claimPath.length > 0 ? claimPath.map(({ key }) => key) : claimName.split('.'),
    })),
  }
}

function readKeys(name: string, view: ProviderView, errors: ConfigErrors): Jwks {
  if (view.localJwks === undefined) return []
  const bytes = readDataSource(view.localJwks, errors)
  if (bytes === undefined) return []
  const keys = parseJwks(bytes)
  if (keys.length === 0) {
    const message = `Provider '${name}' in jwt_authn config has invalid local jwks: Jwks doesn't have any valid public key`
    errors.add(view, 'localJwks', message)
  }
  return keys
}

function compileSubjects(view: ProviderView, errors: ConfigErrors): StringPredicate {
  if (view.subjects === undefined) return () => true
  try {
    return compileStringMatcher(view.subjects)
  } catch (error) {
    errors.add(view, 'subjects', matcherErrorMessage(error))
    return () => false
  }
}

/** One audience in common is enough; a scheme and a slash at the end make no difference. */
export class AudienceCheck {
  readonly #allowed: ReadonlySet<string>

  constructor(audiences: readonly string[]) {
    this.#allowed = new Set(audiences.map(bareAudience))
  }

  areAllowed(audiences: readonly string[]): boolean {
    return this.#allowed.size === 0 || audiences.some((audience) => this.#allowed.has(bareAudience(audience)))
  }
}

function bareAudience(audience: string): string {
  return audience.replace(/^https?:\/\//, '').replace(/\/$/, '')
}

/** Tells the upstream what the token says. */
export function forwardClaims({ view, claimsToHeaders }: Provider, jwt: Jwt, headers: HeaderMap): void {
  if (view.forwardPayloadHeader !== '') {
    const length = jwt.payloadText.length
    const padded = view.padForwardPayloadHeader
      ? jwt.payloadText.padEnd(Math.ceil(length / 4) * 4, '=')
      : jwt.payloadText
    headers.add(view.forwardPayloadHeader.toLowerCase(), padded)
  }
  for (const { headerName, path } of claimsToHeaders) {
    const text = claimText(claimAt(jwt.payload, path))
    if (text !== '') headers.add(headerName, text)
  }
}

/** Headers by which a client could say what only a token may. */
export function headersOfClaims({ view, claimsToHeaders }: Provider): readonly string[] {
  const ofClaims = claimsToHeaders.map(({ headerName }) => headerName)
  return view.forwardPayloadHeader === '' ? ofClaims : [...ofClaims, view.forwardPayloadHeader.toLowerCase()]
}

/** As `normalize_payload_in_metadata` has it: lists in the place of claims that are words with spaces between them. */
export function payloadForMetadata({ view }: Provider, { payload }: Jwt): JsonObject {
  const changed: Record<string, unknown> = { ...payload }
  for (const claim of view.normalizePayloadInMetadata?.spaceDelimitedClaims ?? []) {
    const { [claim]: value } = payload
    const words = typeof value === 'string' ? value.split(' ').filter((word) => word !== '') : []
    if (words.length > 0) changed[claim] = words
  }
  return changed
}

function claimAt(payload: JsonObject, path: readonly string[]): unknown {
  let value: unknown = payload
  for (const key of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, key))
      return undefined
    value = (value as JsonObject)[key]
  }
  return value
}

/** A byte string; lists and objects as the Base64 of their JSON. '' for what is not there. */
function claimText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return utf8ByteString(value)
    case 'number':
      return value >= 0 && Number.isInteger(value) ? BigInt(value).toString() : value.toFixed(6)
    case 'boolean':
      return String(value)
    case 'object':
      return value === null ? '' : Buffer.from(claimJson(value)).toString('base64')
    default:
      return ''
  }
}

/** As protobuf prints a Value. */
function claimJson(value: unknown): string {
  if (typeof value === 'string') return quoteString(value)
  if (typeof value === 'number') return formatDouble(value)
  if (Array.isArray(value)) return `[${value.map(claimJson).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return `{${Object.entries(value)
    .map(([key, member]) => `${quoteString(key)}:${claimJson(member)}`)
    .join(',')}}`
}
