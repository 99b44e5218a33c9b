// A secret that a discovery service for secrets (SDS) gives, and gives anew when it changes.

import type { ConfigErrors } from '../../config/errors.ts'
import { loadCertificate } from './certificate.ts'
import { CertificateValidator } from './certificate_validator.ts'
import type { SecretKind, SecretView } from './secret_manager.ts'
import { readTicketKeys } from './ticket_keys.ts'

export class DiscoveredSecret<Kind extends SecretKind> {
  readonly #name: string
  readonly #kind: Kind
  readonly #callbacks: (() => void)[] = []
  #secret: SecretView | undefined = undefined

  constructor(name: string, kind: Kind) {
    this.#name = name
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
    if (secret.name !== this.#name) {
      errors.add(secret, 'name', `Unexpected SDS secret (expecting ${this.#name}): ${secret.name}`)
    }
    if (secret.tlsCertificate !== undefined) loadCertificate(secret.tlsCertificate, errors)
    else if (secret.validationContext !== undefined) new CertificateValidator(secret.validationContext, errors)
    else if (secret.sessionTicketKeys !== undefined) readTicketKeys(secret.sessionTicketKeys, errors)
  }
}
