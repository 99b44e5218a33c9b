// What configuration decides about HTTP/1 on one side of the proxy.

import { ReceivedCase } from '../../../common/header_map.ts'

/** Header names that this side writes: lower case, Proper-Case; `preserveCase` is about those that it receives. */
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
  /** preserve_case: headers that were not received are written Proper-Case, not in lower case. */
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

/** For a message received on a side with these settings. */
export function receivedCase(settings: Http1Settings): ReceivedCase | undefined {
  return settings.headerKeyFormat === 'preserveCase' ? new ReceivedCase(settings.properCaseForAdded) : undefined
}
