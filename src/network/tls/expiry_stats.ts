// When the certificates of a listener or cluster expire: `ssl.certificate.<name>.expiration_unix_time_seconds`.

import type { Scope } from '../../stats/store.ts'
import type { LoadedTlsContext } from './tls_context.ts'

/** Certificates that are no secrets have no name; the digits are of the hash of none. */
const namelessHash = 'e3b0c442'

/** `scope` is `listener.<address>.` or `cluster.<name>.`. Only one process may set these. */
export function setExpiryStats(scope: Scope, { certificates, validator }: LoadedTlsContext): void {
  const set = (name: string, validToMs: number) => {
    scope.gauge(`ssl.certificate.${name}.expiration_unix_time_seconds`).set(Math.floor(validToMs / 1000))
  }
  for (const { name, leaf } of certificates) set(name || `unnamed_cert_${namelessHash}`, leaf.validToMs)
  const [trusted] = validator.trusted.certificates
  if (trusted !== undefined) set(validator.trusted.name || `unnamed_ca_cert_${namelessHash}`, trusted.validToMs)
}
