// Why bytes are no ClientHello, in the words that operators of Envoy find in %DOWNSTREAM_TRANSPORT_FAILURE_REASON%.

/** Reasons by name, with their numbers in BoringSSL's library of SSL errors. */
const tlsFailures = {
  BAD_ALERT: 102,
  CLIENTHELLO_PARSE_FAILED: 131,
  CONNECTION_REJECTED: 133,
  DATA_LENGTH_TOO_LONG: 135,
  DECODE_ERROR: 137,
  ENCRYPTED_LENGTH_TOO_LONG: 146,
  ERROR_PARSING_EXTENSION: 149,
  EXCESSIVE_MESSAGE_SIZE: 150,
  EXCESS_HANDSHAKE_DATA: 255,
  HTTPS_PROXY_REQUEST: 155,
  HTTP_REQUEST: 156,
  TOO_MANY_EMPTY_FRAGMENTS: 219,
  TOO_MANY_WARNING_ALERTS: 220,
  UNEXPECTED_MESSAGE: 223,
  UNEXPECTED_RECORD: 225,
  UNKNOWN_ALERT_TYPE: 227,
  WRONG_VERSION_NUMBER: 247,
} as const

/** A number is the description of the alert that the client sent (RFC 8446 section 6.2). */
export type TlsFailure = keyof typeof tlsFailures | number

const sslLibrary = 0x10000000
const alertReasons = 1000

/** `TLS_error|error:10000...:SSL routines:OPENSSL_internal:REASON:TLS_error_end` */
export function failureText(failure: TlsFailure): string {
  const number = typeof failure === 'number' ? alertReasons + failure : tlsFailures[failure]
  const reason = typeof failure === 'number' ? `reason(${number})` : failure
  const code = (sslLibrary + number).toString(16)
  return `TLS_error|error:${code}:SSL routines:OPENSSL_internal:${reason}:TLS_error_end`
}
