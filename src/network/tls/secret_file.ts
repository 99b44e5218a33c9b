// A secret that a file gives: a DiscoveryResponse with it alone, read again when its folder changes.

import { wallMs } from '../../common/clock.ts'
import { getLogger } from '../../common/log.ts'
import { ConfigErrors, renderIssues } from '../../config/errors.ts'
import { loadResourceFile } from '../../config/load.ts'
import type { Scope } from '../../stats/store.ts'
import { loadCertificate } from './certificate.ts'
import { CertificateValidator } from './certificate_validator.ts'
import { SdsStats } from './sds_stats.ts'
import type { SecretState, SecretView } from './secret_manager.ts'
import { readTicketKeys } from './ticket_keys.ts'

const log = getLogger('config')
const secretType = 'envoy.extensions.transport_sockets.tls.v3.Secret'
/** What Envoy calls the version of what has not come. */
const noVersion = 'uninitialized'

/** What is wrong in the file leaves the secret as it was. */
export class SecretFile {
  readonly #name: string
  readonly #path: string
  readonly #stats: SdsStats | undefined
  readonly #callbacks: (() => void)[] = []
  #text = ''
  #secret: SecretView | undefined = undefined
  #version = noVersion
  #lastUpdatedMs = wallMs()

  /** With a `scope` updates are counted and what is wrong is logged. */
  constructor(name: string, path: string, scope: Scope | undefined) {
    this.#name = name
    this.#path = path
    this.#stats = scope === undefined ? undefined : new SdsStats(scope, name)
  }

  get secret(): SecretView | undefined {
    return this.#secret
  }

  get state(): SecretState {
    return {
      name: this.#name,
      secret: this.#secret,
      versionInfo: this.#version,
      lastUpdatedMs: this.#lastUpdatedMs,
    }
  }

  onUpdate(callback: () => void): void {
    this.#callbacks.push(callback)
  }

  /** The first reading: what keeps the secret from being there, for a warning. */
  start(): string | undefined {
    return this.#read()
  }

  refresh(): void {
    const before = this.#secret
    const problem = this.#read()
    if (problem !== undefined && this.#stats !== undefined) log.warn(problem)
    if (this.#secret === before) return
    for (const callback of this.#callbacks) callback()
  }

  #read(): string | undefined {
    const errors = new ConfigErrors(this.#path)
    const loaded = loadResourceFile(this.#path, errors)
    if (loaded !== undefined && !errors.hasErrors) {
      // Something else in the folder has changed.
      if (loaded.text === this.#text) return undefined
      this.#text = loaded.text
    }
    const found = loaded === undefined || errors.hasErrors ? undefined : this.#choose(loaded.resources, errors)
    this.#stats?.onUpdate(found === undefined ? undefined : loaded?.versionInfo)
    if (found === undefined || loaded === undefined) {
      return `secret '${this.#name}' rejected:\n${renderIssues(errors.errors)}`
    }
    this.#secret = found
    this.#version = loaded.versionInfo
    this.#lastUpdatedMs = wallMs()
    return undefined
  }

  /** Undefined, with an error, where it is not what was asked for, or of no use. */
  #choose(
    resources: readonly { readonly typeUrl: string; readonly value: unknown }[],
    errors: ConfigErrors,
  ): SecretView | undefined {
    const [only] = resources
    if (resources.length !== 1) {
      const counts = `number of added resources ${resources.length}, number of removed resources 0. Expected sum is 1`
      errors.add(undefined, undefined, `Unexpected SDS secrets length for ${this.#name}, ${counts}`)
    } else if (only.typeUrl !== secretType) {
      errors.add(undefined, undefined, `Unexpected resource type ${only.typeUrl}`, { expected: secretType })
    } else {
      const secret = only.value as SecretView
      if (secret.name !== this.#name) {
        errors.add(secret, 'name', `Unexpected SDS secret (expecting ${this.#name}): ${secret.name}`)
      }
      tryOut(secret, errors)
      return errors.hasErrors ? undefined : secret
    }
    return undefined
  }
}

function tryOut(secret: SecretView, errors: ConfigErrors): void {
  if (secret.tlsCertificate !== undefined) loadCertificate(secret.tlsCertificate, errors)
  else if (secret.validationContext !== undefined) new CertificateValidator(secret.validationContext, errors)
  else if (secret.sessionTicketKeys !== undefined) readTicketKeys(secret.sessionTicketKeys, errors)
}
