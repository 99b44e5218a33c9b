// The headers that Envoy keeps at most once in a map: a second value joins the first with a comma.

const both = `connection content-length content-type keep-alive proxy-connection proxy-status
  transfer-encoding upgrade via x-envoy-attempt-count x-envoy-decorator-operation x-request-id cache-control
  content-encoding`

const request = `accept accept-encoding access-control-request-headers access-control-request-method authorization expect
  grpc-accept-encoding grpc-timeout if-match if-modified-since if-none-match if-range if-unmodified-since origin pragma referer te
  user-agent x-client-trace-id x-envoy-downstream-service-cluster x-envoy-downstream-service-node
  x-envoy-expected-rq-timeout-ms x-envoy-external-address x-envoy-force-trace x-envoy-hedge-on-per-try-timeout
  x-envoy-internal x-envoy-ip-tags x-envoy-is-timeout-retry x-envoy-max-retries x-envoy-original-host
  x-envoy-original-path x-envoy-original-url x-envoy-retriable-header-names x-envoy-retriable-status-codes
  x-envoy-retry-grpc-on x-envoy-retry-on x-envoy-upstream-alt-stat-name x-envoy-upstream-rq-per-try-timeout-ms
  x-envoy-upstream-rq-timeout-alt-response x-envoy-upstream-rq-timeout-ms x-envoy-upstream-stream-duration-ms
  x-forwarded-client-cert x-forwarded-for x-forwarded-host x-forwarded-port x-forwarded-proto`

const response = `access-control-allow-credentials access-control-allow-headers access-control-allow-methods
  access-control-allow-origin access-control-expose-headers access-control-max-age age date etag expires grpc-message grpc-status last-modified
  location server vary x-envoy-degraded x-envoy-immediate-health-check-fail x-envoy-ratelimited
  x-envoy-upstream-canary x-envoy-upstream-healthchecked-cluster x-envoy-upstream-service-time`

function names(...lists: string[]): ReadonlySet<string> {
  return new Set(lists.join(' ').split(/\s+/))
}

/** Lower-case names, as Envoy 1.40 has them with all its extensions linked. */
export const inlineRequestHeaders = names(both, request)
export const inlineResponseHeaders = names(both, response)
