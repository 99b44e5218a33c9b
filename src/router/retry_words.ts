/** The words of retry_on, x-envoy-retry-on and x-envoy-retry-grpc-on. */

export const retryOnWords: ReadonlySet<string> = new Set(
  `5xx gateway-error connect-failure refused-stream retriable-4xx retriable-headers retriable-status-codes reset
  reset-before-request http3-post-connect-failure envoy-ratelimited`.split(/\s+/),
)

/** gRPC statuses by the words that ask for a retry at them. */
export const grpcRetryStatuses: Readonly<Record<string, string>> = {
  cancelled: '1',
  'deadline-exceeded': '4',
  'resource-exhausted': '8',
  internal: '13',
  unavailable: '14',
}
