// What went wrong in a handshake, in the shapes of Envoy's %DOWNSTREAM_TRANSPORT_FAILURE_REASON%.

import { alertBase, alertNumbers, reasonNumbers, sslLibrary } from './boringssl_errors.ts'

/** Why bytes are no ClientHello; a number is the description of the alert that the client sent (RFC 8446 section 6.2). */
export type TlsFailure = keyof typeof reasonNumbers | number

const numbers: Readonly<Record<string, number>> = reasonNumbers

/** Names of OpenSSL's that BoringSSL has others for. */
const otherNames: Readonly<Record<string, string>> = {
  NO_SUITABLE_SIGNATURE_ALGORITHM: 'NO_COMMON_SIGNATURE_ALGORITHMS',
  NO_SHARED_SIGNATURE_ALGORITHMS: 'NO_COMMON_SIGNATURE_ALGORITHMS',
  NO_SUITABLE_KEY_SHARE: 'NO_SHARED_GROUP',
  NO_SUITABLE_GROUPS: 'NO_SHARED_GROUP',
  PACKET_LENGTH_TOO_LONG: 'ENCRYPTED_LENGTH_TOO_LONG',
  VERSION_TOO_LOW: 'UNSUPPORTED_PROTOCOL',
  TLSV13_ALERT_CERTIFICATE_REQUIRED: 'TLSV1_ALERT_CERTIFICATE_REQUIRED',
  TLSV1_UNRECOGNIZED_NAME: 'TLSV1_ALERT_UNRECOGNIZED_NAME',
  TLSV1_UNSUPPORTED_EXTENSION: 'TLSV1_ALERT_UNSUPPORTED_EXTENSION',
}

/** BoringSSL's name of a Node TLS error's reason; '' where the error is none of the TLS library's. */
export function tlsErrorName(code: string | undefined): string {
  if (code?.startsWith('ERR_SSL_') !== true) return ''
  let name = code.slice('ERR_SSL_'.length)
  if (name.startsWith('SSL/TLS_ALERT_')) name = `SSLV3_ALERT_${name.slice('SSL/TLS_ALERT_'.length)}`
  else if (name.startsWith('TLS_ALERT_')) name = `TLSV1_ALERT_${name.slice('TLS_ALERT_'.length)}`
  return otherNames[name] ?? name
}

/**
 * `TLS_error:|268435703:SSL routines:OPENSSL_internal:WRONG_VERSION_NUMBER:TLS_error_end`; details follow the name, and
 * then a second name, where the library has two.
 */
export function tlsFailureReason(name: string, details = '', second = ''): string {
  const more = second === '' ? '' : `|${numberedName(second)}`
  return `TLS_error:|${numberedName(name)}${details === '' ? '' : `:${details}`}${more}:TLS_error_end`
}

function numberedName(name: string): string {
  const alert = alertNumbers[name]
  const number = alert === undefined ? (numbers[name] ?? 0) : alertBase + alert
  return `${sslLibrary + number}:SSL routines:OPENSSL_internal:${name}`
}

/** As the tls_inspector says it: `TLS_error|error:10000...:SSL routines:OPENSSL_internal:REASON:TLS_error_end` */
export function failureText(failure: TlsFailure): string {
  const number = typeof failure === 'number' ? alertBase + failure : reasonNumbers[failure]
  const reason = typeof failure === 'number' ? `reason(${number})` : failure
  const code = (sslLibrary + number).toString(16)
  return `TLS_error|error:${code}:SSL routines:OPENSSL_internal:${reason}:TLS_error_end`
}
