// Answers CORS preflight requests by the route's policy, and gives allowed origins their headers (Fetch standard, "CORS protocol").

import { HeaderMap } from '../../../../common/header_map.ts'
import { randomUint32 } from '../../../../common/random.ts'
import { FilterHeadersStatus } from '../../../../http/http_filter.ts'
import { PassThroughFilter } from '../../../../http/pass_through_filter.ts'
import type { Route } from '../../../../http/route.ts'
import type { Counter } from '../../../../stats/store.ts'
import type { CorsPolicy } from './cors_policy.ts'

export interface CorsStats {
  readonly originValid: Counter
  readonly originInvalid: Counter
}

/** Where a route keeps the policies of the older `cors` fields, which count where no typed_per_filter_config has one. */
const olderPolicies = 'envoy.config.route.v3.CorsPolicy'

export class CorsFilter extends PassThroughFilter {
  readonly #stats: CorsStats
  /** The most specific first: a setting is that of the first policy that has it. */
  #policies: readonly CorsPolicy[] = []
  /** The origin of a request that is allowed; '' for any other. */
  #origin = ''

  constructor(stats: CorsStats) {
    super()
    this.#stats = stats
  }

  override decodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    const origin = headers.get('origin')
    if (origin === undefined || origin === '') return FilterHeadersStatus.Continue
    const route = this.decoderCallbacks.route()
    if (route?.kind !== 'forward') return FilterHeadersStatus.Continue
    this.#policies = this.#policiesOf(route)
    if (this.#policies.length === 0) return FilterHeadersStatus.Continue
    const random = randomUint32()
    const enabled = this.#policies[0].enabled(random)
    if (!enabled && !this.#policies[0].shadowEnabled(random)) return FilterHeadersStatus.Continue
    const allowed = this.#allows(origin)
    if (allowed) this.#stats.originValid.inc()
    else this.#stats.originInvalid.inc()
    if (!enabled) return FilterHeadersStatus.Continue
    if (allowed) this.#origin = origin
    if (headers.method !== 'OPTIONS' || !headers.get('access-control-request-method'))
      return FilterHeadersStatus.Continue
    if (!allowed && this.#setting((policy) => policy.forwardNotMatchingPreflights) !== false)
      return FilterHeadersStatus.Continue
    this.decoderCallbacks.encodeHeaders(this.#answer(headers), true, 'cors_response')
    return FilterHeadersStatus.StopIteration
  }

  override encodeHeaders(headers: HeaderMap): FilterHeadersStatus {
    if (this.#origin === '') return FilterHeadersStatus.Continue
    headers.set('access-control-allow-origin', this.#origin)
    this.#setCredentials(headers)
    const expose = this.#text((policy) => policy.exposeHeaders)
    if (expose !== '') headers.set('access-control-expose-headers', expose)
    return FilterHeadersStatus.Continue
  }

  #policiesOf(route: Route): readonly CorsPolicy[] {
    const policies = this.decoderCallbacks.allPerFilterConfigs()
    const found = policies.length > 0 ? policies : route.perFilterConfigs(olderPolicies)
    return found.toReversed() as CorsPolicy[]
  }

  #allows(origin: string): boolean {
    const policy = this.#policies.find(({ allowsOrigin }) => allowsOrigin.length > 0)
    return policy?.allowsOrigin.some((matches) => matches(origin)) === true
  }

  /** The answer to a preflight; an origin that is not allowed gets everything but its own name. */
  #answer(request: HeaderMap): HeaderMap {
    const headers = new HeaderMap()
    headers.status = 200
    if (this.#origin !== '') headers.add('access-control-allow-origin', this.#origin)
    this.#setCredentials(headers)
    const methods = this.#text((policy) => policy.allowMethods)
    if (methods !== '') headers.add('access-control-allow-methods', asked(methods, request, 'method'))
    const names = this.#text((policy) => policy.allowHeaders)
    if (names !== '') headers.add('access-control-allow-headers', asked(names, request, 'headers'))
    const maxAge = this.#text((policy) => policy.maxAge)
    if (maxAge !== '') headers.add('access-control-max-age', maxAge)
    const toPrivateNetwork = request.get('access-control-request-private-network') === 'true'
    if (toPrivateNetwork && this.#setting((policy) => policy.allowPrivateNetworkAccess) === true)
      headers.add('access-control-allow-private-network', 'true')
    return headers
  }

  #setCredentials(headers: HeaderMap): void {
    if (this.#setting((policy) => policy.allowCredentials) !== true) return
    headers.set('access-control-allow-credentials', 'true')
  }

  #text(of: (policy: CorsPolicy) => string): string {
    for (const policy of this.#policies) if (of(policy) !== '') return of(policy)
    return ''
  }

  #setting(of: (policy: CorsPolicy) => boolean | undefined): boolean | undefined {
    for (const policy of this.#policies) if (of(policy) !== undefined) return of(policy)
    return undefined
  }
}

/** `*` allows what the preflight asks for. */
function asked(configured: string, request: HeaderMap, what: 'method' | 'headers'): string {
  return configured === '*' ? (request.get(`access-control-request-${what}`) ?? '') : configured
}
