// Lets requests pass whose tokens are what is required of them, and answers all others.

import type { HeaderMap } from '../../../../common/header_map.ts'
import { FilterHeadersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { JwtStatus } from './jwt_status.ts'
import type { VerifiedRequest, Verifier } from './requirement.ts'
import { type JwtAuthnSettings, wrongRequirement } from './settings.ts'

/** Of a route. */
export interface RouteRequirement {
  readonly disabled: boolean
  /** '' for none. */
  readonly requirementName: string
}

const metadataNamespace = 'envoy.filters.http.jwt_authn'
const longestPath = 256

export class JwtAuthnFilter extends PassThroughFilter {
  readonly #settings: JwtAuthnSettings

  constructor(settings: JwtAuthnSettings) {
    super()
    this.#settings = settings
  }

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const { stats, bypassesCorsPreflight, headersOfClaims } = this.#settings
    for (const name of headersOfClaims) headers.remove(name)
    if (bypassesCorsPreflight && isCorsPreflight(headers)) {
      stats.corsPreflightBypassed.inc()
      stats.allowed.inc()
      return FilterHeadersStatus.Continue
    }
    const verifier = this.#verifier(headers)
    if (typeof verifier === 'string') {
      this.#deny(403, `Failed JWT authentication: ${verifier}`, verifier)
      return FilterHeadersStatus.StopIteration
    }
    const uri = originalUri(headers)
    const status = verifier === undefined ? 'OK' : this.#verify(verifier, headers)
    if (status === 'OK') {
      stats.allowed.inc()
      return FilterHeadersStatus.Continue
    }
    const invalid = status === 'Jwt is missing' ? '' : ', error="invalid_token"'
    const code = status === 'Audiences in Jwt are not allowed' ? 403 : 401
    this.#deny(code, status, status, `Bearer realm="${uri}"${invalid}`)
    return FilterHeadersStatus.StopIteration
  }

  /** What the request has to pass; a text where its route asks for something that is not there. */
  #verifier(headers: HeaderMap): Verifier | string | undefined {
    const { requirements } = this.#settings
    const ofRoute = this.decoderCallbacks.perFilterConfig() as RouteRequirement | undefined
    if (ofRoute === undefined) return this.#settings.findVerifier(headers, this.decoderCallbacks.streamInfo)
    if (ofRoute.disabled) return undefined
    return requirements.get(ofRoute.requirementName) ?? wrongRequirement(ofRoute.requirementName, requirements)
  }

  #verify(verifier: Verifier, headers: HeaderMap): JwtStatus {
    const request: VerifiedRequest = { headers, metadata: {}, clearsRouteCache: false }
    const status = verifier(request)
    if (Object.keys(request.metadata).length > 0)
      this.decoderCallbacks.streamInfo.setDynamicMetadata(metadataNamespace, request.metadata)
    if (status === 'OK' && request.clearsRouteCache) this.decoderCallbacks.clearRouteCache()
    return status
  }

  #deny(status: number, body: string, reason: string, challenge?: string): void {
    const { stats, stripsFailureResponse } = this.#settings
    stats.denied.inc()
    const details = `jwt_authn_access_denied{${reason.replace(/\s/g, '_')}}`
    if (stripsFailureResponse) this.decoderCallbacks.sendLocalReply({ status, body: '', details })
    else if (challenge === undefined) this.decoderCallbacks.sendLocalReply({ status, body, details })
    else {
      const modifyHeaders = (response: HeaderMap) => response.set('www-authenticate', challenge)
      this.decoderCallbacks.sendLocalReply({ status, body, details, modifyHeaders })
    }
  }
}

function isCorsPreflight(headers: HeaderMap): boolean {
  return headers.method === 'OPTIONS' && !!headers.get('origin') && !!headers.get('access-control-request-method')
}

/** As the client asked for it, before any token is taken out. */
function originalUri(headers: HeaderMap): string {
  const path = headers.get('x-envoy-original-path') ?? headers.path
  return `${headers.scheme}://${headers.authority}${path.slice(0, longestPath)}`
}
