// Fields of JWT authentication.
import { type FieldTable, words } from './field_table.ts'

const jwt = 'envoy.extensions.filters.http.jwt_authn.v3'

export const jwtFields: FieldTable = {
  [`${jwt}.JwtAuthentication`]: {
    acts: words(`providers rules filter_state_rules bypass_cors_preflight requirement_map strip_failure_response
      stat_prefix`),
  },
  // Key sets of elsewhere (remote_jwks) and kept tokens (jwt_cache_config) are not there.
  [`${jwt}.JwtProvider`]: {
    acts: words(`issuer audiences subjects require_expiration max_lifetime local_jwks forward from_headers from_params
      from_cookies forward_payload_header pad_forward_payload_header payload_in_metadata normalize_payload_in_metadata
      header_in_metadata failed_status_in_metadata clock_skew_seconds claim_to_headers clear_route_cache`),
  },
  [`${jwt}.JwtRequirement`]: {
    acts: words('provider_name provider_and_audiences requires_any requires_all allow_missing_or_failed allow_missing'),
  },
  [`${jwt}.RequirementRule`]: { acts: words('match requires requirement_name') },
  [`${jwt}.PerRouteConfig`]: { acts: words('disabled requirement_name') },
}
