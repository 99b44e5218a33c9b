// What configuration decides about HTTP/1 on one side of the proxy.

/** How header names are written: lower case, Proper-Case, or as they were received. */
export type HeaderKeyFormat = 'lowerCase' | 'properCase' | 'preserveCase'

export interface Http1Settings {
  readonly allowAbsoluteUrl: boolean
  readonly acceptHttp10: boolean
  /** Host given to HTTP/1.0 requests that have none; '' for none. */
  readonly defaultHostForHttp10: string
  readonly enableTrailers: boolean
  readonly headerKeyFormat: HeaderKeyFormat
  /** preserve_case: forward the upstream's reason phrase. */
  readonly forwardReasonPhrase: boolean
  /** preserve_case: how headers that Envoy adds are written: lower case, or Proper-Case. */
  readonly properCaseForAdded: boolean
  /** A message with Transfer-Encoding: chunked and Content-Length: forward it without the length, instead of refusing. */
  readonly allowChunkedLength: boolean
  readonly allowCustomMethods: boolean
  readonly sendFullyQualifiedUrl: boolean
  /** Refused messages keep the connection (400 without `connection: close`). */
  readonly streamErrorOnInvalidHttpMessage: boolean
  readonly maxHeadersBytes: number
  readonly maxHeadersCount: number
  readonly headersWithUnderscores: 'ALLOW' | 'REJECT_REQUEST' | 'DROP_HEADER'
}
