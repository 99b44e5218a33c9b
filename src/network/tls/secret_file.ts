// Secrets that a file gives: a DiscoveryResponse, read again when its folder changes.

import { getLogger } from '../../common/log.ts'
import { ConfigErrors, renderIssues } from '../../config/errors.ts'
import { loadResourceFile } from '../../config/load.ts'
import type { Scope } from '../../stats/store.ts'
import { loadCertificate } from './certificate.ts'
import { CertificateValidator } from './certificate_validator.ts'
import { SdsStats } from './sds_stats.ts'
import type { SecretView } from './secret_manager.ts'
import { readTicketKeys } from './ticket_keys.ts'

const log = getLogger('config')
const secretType = 'envoy.extensions.transport_sockets.tls.v3.Secret'

/** What is wrong in the file, or in one of its secrets, leaves that as it was. */
export class SecretFile {
  readonly #path: string
  readonly #scope: Scope | undefined
  #text = ''
  /** What was wrong when the file was last read. */
  #problems = ''
  readonly #secrets = new Map<string, SecretView>()
  readonly #subscriptions = new Map<string, SdsStats | undefined>()
  readonly #callbacks: (() => void)[] = []

  /** With a `scope` updates are counted and what is wrong is logged. */
  constructor(path: string, scope: Scope | undefined) {
    this.#path = path
    this.#scope = scope
    this.#read()
  }

  /** What keeps the secret from being there, for a warning; undefined where it is. */
  subscribe(name: string): string | undefined {
    const found = this.#secrets.has(name)
    if (!this.#subscriptions.has(name)) {
      const stats = this.#scope === undefined ? undefined : new SdsStats(this.#scope, name)
      this.#subscriptions.set(name, stats)
      stats?.onUpdate(found)
    }
    return found ? undefined : `${this.#missing(name)}${this.#problems}`
  }

  secret(name: string): SecretView | undefined {
    return this.#secrets.get(name)
  }

  secrets(): Iterable<SecretView> {
    return this.#secrets.values()
  }

  onUpdate(callback: () => void): void {
    this.#callbacks.push(callback)
  }

  refresh(): void {
    this.#problems = ''
    const accepted = this.#read()
    if (accepted === undefined) return
    if (this.#problems !== '') this.#tell(this.#problems.trim())
    for (const [name, stats] of this.#subscriptions) {
      stats?.onUpdate(accepted.has(name))
      if (!this.#secrets.has(name)) this.#tell(this.#missing(name))
    }
    for (const callback of this.#callbacks) callback()
  }

  /** The names that are new or confirmed; undefined where the file holds what it held before. */
  #read(): ReadonlySet<string> | undefined {
    const errors = new ConfigErrors(this.#path)
    const loaded = loadResourceFile(this.#path, errors)
    if (loaded === undefined || errors.hasErrors) {
      this.#problems += `\nsecrets of ${this.#path} rejected:\n${renderIssues(errors.errors)}`
      return new Set()
    }
    if (loaded.text === this.#text) return undefined
    this.#text = loaded.text
    const accepted = new Set<string>()
    for (const { typeUrl, value } of loaded.resources) {
      if (typeUrl !== secretType) continue
      const secret = value as SecretView
      const problems = new ConfigErrors(this.#path)
      tryOutSecret(secret, problems)
      if (problems.hasErrors) {
        this.#problems += `\nsecret '${secret.name}' rejected:\n${renderIssues(problems.errors)}`
        continue
      }
      this.#secrets.set(secret.name, secret)
      accepted.add(secret.name)
    }
    return accepted
  }

  #tell(what: string): void {
    if (this.#scope !== undefined) log.warn(what)
  }

  #missing(name: string): string {
    const names = [...this.#secrets.keys()].join(', ')
    return `secret '${name}' is not in ${this.#path}, which has ${names === '' ? 'none' : names}`
  }
}

/** Reports what keeps a secret from being used. */
export function tryOutSecret(secret: SecretView, errors: ConfigErrors): void {
  if (secret.tlsCertificate !== undefined) loadCertificate(secret.tlsCertificate, errors)
  else if (secret.validationContext !== undefined) new CertificateValidator(secret.validationContext, errors)
  else if (secret.sessionTicketKeys !== undefined) readTicketKeys(secret.sessionTicketKeys, errors)
}
