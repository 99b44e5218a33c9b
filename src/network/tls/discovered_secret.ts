// A secret that a discovery service for secrets (SDS) gives, and gives anew when it changes.

import type { ConfigErrors } from '../../config/errors.ts'
import { loadCertificate } from './certificate.ts'
import { CertificateValidator } from './certificate_validator.ts'
import type { SecretKind, SecretView } from './secret_manager.ts'
import { readTicketKeys } from './ticket_keys.ts'

export class DiscoveredSecret<Kind extends SecretKind> {
  readonly #kind: Kind
  readonly #callbacks: (() => void)[] = []
  #secret: SecretView | undefined = undefined

  constructor(kind: Kind) {
    this.#kind = kind
  }

  /** Undefined until it has come. */
  current(): NonNullable<SecretView[Kind]> | undefined {
    return this.#secret?.[this.#kind] as NonNullable<SecretView[Kind]> | undefined
  }

  onUpdate(callback: () => void): void {
    this.#callbacks.push(callback)
  }

  /** As PrepareUpdate: what is wrong leaves the secret as it was. */
  prepare(view: object | undefined, errors: ConfigErrors): () => void {
    const secret = view as SecretView | undefined
    if (secret !== undefined) this.#check(secret, errors)
    return () => {
      // A secret that a server does not have any more is used as it was.
      if (secret === undefined) return
      this.#secret = secret
      for (const callback of this.#callbacks) callback()
    }
  }

  #check(secret: SecretView, errors: ConfigErrors): void {
    if (secret.type !== this.#kind) {
      const message = `secret '${secret.name}' is a ${secret.type ?? 'nothing'}; what is wanted is a ${this.#kind}`
      errors.add(secret, undefined, message)
    }
    if (secret.tlsCertificate !== undefined) loadCertificate(secret.tlsCertificate, errors)
    else if (secret.validationContext !== undefined) new CertificateValidator(secret.validationContext, errors)
    else if (secret.sessionTicketKeys !== undefined) readTicketKeys(secret.sessionTicketKeys, errors)
  }
}
