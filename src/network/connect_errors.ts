// Errors of connecting in the words that Envoy's logs and answers have for them.

import type { AddressInfo } from '../stream_info/stream_info.ts'

/** What strerror(3) says of the errors that connecting meets. */
const errnoWords: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'Connection refused',
  ECONNRESET: 'Connection reset by peer',
  EHOSTUNREACH: 'No route to host',
  ENETUNREACH: 'Network is unreachable',
  ETIMEDOUT: 'Connection timed out',
  EADDRNOTAVAIL: 'Cannot assign requested address',
  EADDRINUSE: 'Address already in use',
  EAFNOSUPPORT: 'Address family not supported by protocol',
  EINVAL: 'Invalid argument',
  ENOENT: 'No such file or directory',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
}

/** What connect(2) says at once, where other errors come later. */
const immediateErrors: ReadonlySet<string> = new Set(['EACCES', 'EADDRNOTAVAIL', 'EINVAL', 'ENETUNREACH', 'EPERM'])

export function errorWords(code: string): string {
  return errnoWords[code] ?? code
}

/** '' without an error. */
export function connectErrorWords(code: string, remote: AddressInfo): string {
  if (code === '') return ''
  if (immediateErrors.has(code) || remote.family === 'pipe')
    return `immediate connect error: ${errorWords(code)}|remote address:${remote.text}`
  return `delayed connect error: ${errorWords(code)}`
}
