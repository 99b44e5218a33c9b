/** Failures of TLS carry BoringSSL's numbers, which stand in its ssl.h: dashboards and people look for them. */
import { expect, it } from 'vitest'
import { failureText, tlsFailureReason } from '../../../src/network/tls/failure_reason.ts'

it.each([
  ['CLIENTHELLO_PARSE_FAILED', 131],
  ['DATA_LENGTH_TOO_LONG', 136],
  ['ENCRYPTED_LENGTH_TOO_LONG', 146],
  ['UNEXPECTED_MESSAGE', 223],
  ['WRONG_VERSION_NUMBER', 247],
] as const)('%s has one number in both shapes', (name, number) => {
  const code = 0x10000000 + number
  expect(tlsFailureReason(name)).toBe(`TLS_error:|${code}:SSL routines:OPENSSL_internal:${name}:TLS_error_end`)
  expect(failureText(name)).toBe(
    `TLS_error|error:${code.toString(16)}:SSL routines:OPENSSL_internal:${name}:TLS_error_end`,
  )
})

it.each([
  ['DIGEST_CHECK_FAILED', 142],
  ['NO_SUPPORTED_VERSIONS_ENABLED', 280],
  ['OCSP_CB_ERROR', 289],
  ['TLSV1_ALERT_UNKNOWN_CA', 1048],
])('%s is %i', (name, number) => {
  expect(tlsFailureReason(name)).toContain(`|${0x10000000 + number}:`)
})
