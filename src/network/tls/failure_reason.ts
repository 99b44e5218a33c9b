// What went wrong in a handshake, in the shape of Envoy's %DOWNSTREAM_TRANSPORT_FAILURE_REASON%.

/** Numbers of BoringSSL's SSL library, which Envoy prints before the name; alerts are 1000 above the alert's own. */
const reasonNumbers: Readonly<Record<string, number>> = {
  APP_DATA_IN_HANDSHAKE: 100,
  BAD_CHANGE_CIPHER_SPEC: 103,
  BAD_DIGEST_LENGTH: 106,
  BAD_SIGNATURE: 114,
  CERTIFICATE_VERIFY_FAILED: 125,
  CERT_CB_ERROR: 126,
  CLIENTHELLO_PARSE_FAILED: 131,
  CLIENTHELLO_TLSEXT: 132,
  DECODE_ERROR: 137,
  DECRYPTION_FAILED_OR_BAD_RECORD_MAC: 139,
  DIGEST_CHECK_FAILED: 141,
  ENCRYPTED_LENGTH_TOO_LONG: 144,
  EXCESSIVE_MESSAGE_SIZE: 150,
  HANDSHAKE_FAILURE_ON_CLIENT_HELLO: 154,
  HTTP_REQUEST: 156,
  HTTPS_PROXY_REQUEST: 155,
  INAPPROPRIATE_FALLBACK: 157,
  LENGTH_MISMATCH: 162,
  NO_SHARED_CIPHER: 184,
  NO_SHARED_GROUP: 266,
  NO_COMMON_SIGNATURE_ALGORITHMS: 253,
  NO_SUPPORTED_VERSIONS_ENABLED: 258,
  PEER_DID_NOT_RETURN_A_CERTIFICATE: 192,
  UNEXPECTED_MESSAGE: 224,
  UNEXPECTED_RECORD: 225,
  UNSUPPORTED_PROTOCOL: 240,
  WRONG_CIPHER_RETURNED: 242,
  WRONG_VERSION_NUMBER: 247,
  KEY_USAGE_BIT_INCORRECT: 302,
  OCSP_CB_ERROR: 277,
}

/** Alerts of TLS by their reason's name. */
const alertNumbers: Readonly<Record<string, number>> = {
  SSLV3_ALERT_UNEXPECTED_MESSAGE: 10,
  SSLV3_ALERT_BAD_RECORD_MAC: 20,
  TLSV1_ALERT_RECORD_OVERFLOW: 22,
  SSLV3_ALERT_HANDSHAKE_FAILURE: 40,
  SSLV3_ALERT_NO_CERTIFICATE: 41,
  SSLV3_ALERT_BAD_CERTIFICATE: 42,
  SSLV3_ALERT_UNSUPPORTED_CERTIFICATE: 43,
  SSLV3_ALERT_CERTIFICATE_REVOKED: 44,
  SSLV3_ALERT_CERTIFICATE_EXPIRED: 45,
  SSLV3_ALERT_CERTIFICATE_UNKNOWN: 46,
  SSLV3_ALERT_ILLEGAL_PARAMETER: 47,
  TLSV1_ALERT_UNKNOWN_CA: 48,
  TLSV1_ALERT_ACCESS_DENIED: 49,
  TLSV1_ALERT_DECODE_ERROR: 50,
  TLSV1_ALERT_DECRYPT_ERROR: 51,
  TLSV1_ALERT_PROTOCOL_VERSION: 70,
  TLSV1_ALERT_INSUFFICIENT_SECURITY: 71,
  TLSV1_ALERT_INTERNAL_ERROR: 80,
  TLSV1_ALERT_INAPPROPRIATE_FALLBACK: 86,
  TLSV1_ALERT_USER_CANCELLED: 90,
  TLSV1_ALERT_NO_RENEGOTIATION: 100,
  TLSV1_ALERT_UNSUPPORTED_EXTENSION: 110,
  TLSV1_ALERT_UNRECOGNIZED_NAME: 112,
  TLSV1_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE: 113,
  TLSV1_ALERT_UNKNOWN_PSK_IDENTITY: 115,
  TLSV1_ALERT_CERTIFICATE_REQUIRED: 116,
  TLSV1_ALERT_NO_APPLICATION_PROTOCOL: 120,
}

/** Names of OpenSSL's that BoringSSL has others for. */
const otherNames: Readonly<Record<string, string>> = {
  NO_SUITABLE_SIGNATURE_ALGORITHM: 'NO_COMMON_SIGNATURE_ALGORITHMS',
  NO_SUITABLE_KEY_SHARE: 'NO_SHARED_GROUP',
  NO_SUITABLE_GROUPS: 'NO_SHARED_GROUP',
  PACKET_LENGTH_TOO_LONG: 'ENCRYPTED_LENGTH_TOO_LONG',
  VERSION_TOO_LOW: 'UNSUPPORTED_PROTOCOL',
  TLSV13_ALERT_CERTIFICATE_REQUIRED: 'TLSV1_ALERT_CERTIFICATE_REQUIRED',
  TLSV1_UNRECOGNIZED_NAME: 'TLSV1_ALERT_UNRECOGNIZED_NAME',
  TLSV1_UNSUPPORTED_EXTENSION: 'TLSV1_ALERT_UNSUPPORTED_EXTENSION',
}

const libraryBase = 0x10000000

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
  const number = alert === undefined ? (reasonNumbers[name] ?? 0) : 1000 + alert
  return `${libraryBase + number}:SSL routines:OPENSSL_internal:${name}`
}
