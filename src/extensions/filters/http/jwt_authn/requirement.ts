// Compiles a JwtRequirement: a tree of providers whose tokens a request needs.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import { wallMs } from '../../../../common/clock.ts'
import type { HeaderMap } from '../../../../common/header_map.ts'
import type { ConfigErrors } from '../../../../config/errors.ts'
import type { Counter } from '../../../../stats/store.ts'
import { verifySignature } from './jwks.ts'
import { type Jwt, parseJwt } from './jwt.ts'
import { type JwtStatus, statusCode } from './jwt_status.ts'
import { AudienceCheck, forwardClaims, type Provider, payloadForMetadata } from './provider.ts'
import { type Token, TokenLocations } from './token_locations.ts'

type RequirementView = envoy.extensions.filters.http.jwt_authn.v3.JwtRequirement

/** A request whose tokens are looked at, and what has come of it so far. */
export interface VerifiedRequest {
  readonly headers: HeaderMap
  readonly metadata: Record<string, unknown>
  clearsRouteCache: boolean
}

export type Verifier = (request: VerifiedRequest) => JwtStatus

export interface RequirementContext {
  readonly errors: ConfigErrors
  readonly providers: ReadonlyMap<string, Provider>
  readonly cacheMiss: Counter
}

/** Undefined where nothing is required. What is wrong goes to `context.errors`. */
export function compileRequirement(view: RequirementView, context: RequirementContext): Verifier {
  const { errors } = context
  switch (view.requiresType) {
    case 'providerName':
      return ofProvider(view, 'providerName', view.providerName!, [], context)
    case 'providerAndAudiences': {
      const { providerName, audiences } = view.providerAndAudiences!
      return ofProvider(view.providerAndAudiences!, 'providerName', providerName, audiences, context)
    }
    case 'requiresAny':
      return anyOf(view.requiresAny!.requirements, context)
    case 'requiresAll': {
      const verifiers = view.requiresAll!.requirements.map((each) => compileRequirement(each, context))
      return (request) => {
        for (const verify of verifiers) {
          const status = verify(request)
          if (status !== 'OK') return status
        }
        return 'OK'
      }
    }
    case 'allowMissing':
      return optional(context, (status) => (status === 'Jwt is missing' ? 'OK' : status))
    case 'allowMissingOrFailed':
      return optional(context, () => 'OK')
    case undefined:
      return () => 'OK'
    default:
      errors.add(view, view.requiresType, `'${view.requiresType}' is not supported by Nuncio`)
      return () => 'Jwt is missing'
  }
}

function ofProvider(
  owner: object,
  field: string,
  name: string,
  audiences: readonly string[],
  { errors, providers, cacheMiss }: RequirementContext,
): Verifier {
  const provider = providers.get(name)
  if (provider === undefined) {
    errors.add(owner, field, `Required provider ['${name}'] is not configured.`)
    return () => 'Jwt is missing'
  }
  const locations = new TokenLocations([provider.view])
  const single = providers.size === 1 ? provider : undefined
  const allowed = audiences.length === 0 ? provider.audiences : new AudienceCheck(audiences)
  return (request) => {
    const tokens = locations.extract(request.headers)
    let status: JwtStatus = 'Jwt is missing'
    // All tokens have to be good: the upstream may look at any of them.
    for (const token of tokens.reverse()) {
      cacheMiss.inc()
      status = verifyToken(token, () => provider, allowed, request)
      if (status !== 'OK') break
    }
    if (status !== 'OK') tellFailure(tokens.length === 0 ? single : provider, status, request)
    return status
  }
}

/** Looks at the tokens of all providers, and lets pass what `judge` lets pass of the last. */
function optional({ providers }: RequirementContext, judge: (status: JwtStatus) => JwtStatus): Verifier {
  const all = [...providers.values()]
  const locations = new TokenLocations(all.map(({ view }) => view))
  const byIssuer = (issuer: string) =>
    all.find(({ view }) => view.issuer === issuer) ?? all.find(({ view }) => view.issuer === '')
  const single = all.length === 1 ? all[0] : undefined
  return (request) => {
    const tokens = locations.extract(request.headers)
    let status: JwtStatus = 'Jwt is missing'
    if (tokens.length === 0) tellFailure(single, status, request)
    // One that cannot be read is told of where the one before it was.
    let found: Provider | undefined
    for (const token of tokens.reverse()) {
      const providerOf = ({ issuer }: Jwt) => {
        found = byIssuer(issuer)
        return found
      }
      status = verifyToken(token, providerOf, undefined, request)
      if (status !== 'OK') tellFailure(found ?? single, status, request)
    }
    return judge(status)
  }
}

/** The first that is content decides. Of those that are not, one that has found a token tells more than one that has not. */
function anyOf(views: readonly RequirementView[], context: RequirementContext): Verifier {
  const allows = (type: RequirementView['requiresType']) => views.some(({ requiresType }) => requiresType === type)
  const isOptional = ({ requiresType }: RequirementView) =>
    requiresType === 'allowMissing' || requiresType === 'allowMissingOrFailed'
  const regular = views.filter((view) => !isOptional(view))
  const allowsFailed = allows('allowMissingOrFailed')
  const allowsMissing = allowsFailed || allows('allowMissing')
  const alone =
    regular.length === 0 ? (views.find((view) => view.requiresType === 'allowMissingOrFailed') ?? views[0]) : undefined
  if (alone !== undefined) return compileRequirement(alone, context)
  const verifiers = regular.map((view) => compileRequirement(view, context))
  return (request) => {
    let worst: JwtStatus = 'Jwt is missing'
    for (const verify of verifiers) {
      const status = verify(request)
      if (status === 'OK') return status
      if (weight(status) >= weight(worst)) worst = status
    }
    return allowsFailed || (allowsMissing && worst === 'Jwt is missing') ? 'OK' : worst
  }
}

function weight(status: JwtStatus): number {
  if (status === 'Jwt is missing') return 0
  return status === 'Jwt issuer is not configured' ? 1 : 2
}

function verifyToken(
  token: Token,
  providerOf: (jwt: Jwt) => Provider | undefined,
  audiences: AudienceCheck | undefined,
  request: VerifiedRequest,
): JwtStatus {
  const jwt = parseJwt(token.text)
  if (typeof jwt === 'string') return jwt
  const provider = token.isIssuerAllowed(jwt.issuer) ? providerOf(jwt) : undefined
  if (provider === undefined) return 'Jwt issuer is not configured'
  if (!provider.isSubjectAllowed(jwt.subject)) return 'Jwt verification fails'
  const now = Math.floor(wallMs() / 1000)
  const late = checkTime(jwt, provider, now)
  if (late !== undefined) return late
  if (!(audiences ?? provider.audiences).areAllowed(jwt.audiences)) return 'Audiences in Jwt are not allowed'
  const status = verifySignature(jwt, provider.keys)
  if (status === 'OK') acceptToken(token, jwt, provider, request)
  return status
}

function checkTime({ notBefore, expiration }: Jwt, { view, clockSkewSeconds }: Provider, now: number) {
  if (!isLifetimeAllowed(view, expiration, now)) return 'Jwt verification fails'
  if (now + clockSkewSeconds < notBefore) return 'Jwt not yet valid'
  if (expiration !== 0 && now > expiration + clockSkewSeconds) return 'Jwt is expired'
  return undefined
}

/** What is left of it counts, for a token need not say when it was made. */
function isLifetimeAllowed(view: Provider['view'], expiration: number, now: number): boolean {
  if (expiration === 0) return !view.requireExpiration && view.maxLifetime === undefined
  return view.maxLifetime === undefined || (expiration - now) * 1000 < view.maxLifetime
}

function acceptToken(token: Token, jwt: Jwt, provider: Provider, request: VerifiedRequest): void {
  const { view } = provider
  forwardClaims(provider, jwt, request.headers)
  if (!view.forward) token.remove(request.headers)
  if (view.headerInMetadata !== '') request.metadata[view.headerInMetadata] = jwt.header
  if (view.payloadInMetadata !== '') request.metadata[view.payloadInMetadata] = payloadForMetadata(provider, jwt)
  if (view.clearRouteCache) request.clearsRouteCache = true
}

function tellFailure(provider: Provider | undefined, status: JwtStatus, { metadata }: VerifiedRequest): void {
  const name = provider?.view.failedStatusInMetadata ?? ''
  if (name !== '') metadata[name] = { code: statusCode(status), message: status }
}
