// envoy.filters.http.jwt_authn: requests need tokens, signed by keys of the configuration.

import type { envoy } from '../../../../../proto/generated/api.d.ts'
import type { HttpFilterFactory } from '../../../../http/factory.ts'
import { JwtAuthnFilter, type RouteRequirement } from './jwt_authn_filter.ts'
import { compileJwtAuthn } from './settings.ts'

type JwtAuthentication = envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
type PerRouteConfig = envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig

export const jwtAuthnFilter: HttpFilterFactory<JwtAuthentication, PerRouteConfig> = {
  category: 'envoy.filters.http',
  name: 'envoy.filters.http.jwt_authn',
  typeUrls: ['envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication'],
  routeTypeUrls: ['envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig'],
  isTerminal: false,
  createFilterFactory(view, context) {
    const settings = compileJwtAuthn(view, context)
    return (builder) => builder.addFilter(new JwtAuthnFilter(settings))
  },
  createRouteSpecificConfig({ disabled, requirementName }): RouteRequirement {
    return { disabled: disabled === true, requirementName: requirementName ?? '' }
  },
}
