// Certificates, trusted certificates and ticket keys by name: those of `static_resources.secrets`, and those that a
// discovery service for secrets (SDS) gives. Files each process reads by itself; what a management server gives, main
// asks for, and tells all processes by `onSecret`.

import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { envoy } from '../../../proto/generated/api.d.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { Scope } from '../../stats/store.ts'
import type { WatchedFolders } from '../watched_folders.ts'
import { LoadedContexts } from './loaded_contexts.ts'
import { SecretFile } from './secret_file.ts'

export type SecretView = envoy.extensions.transport_sockets.tls.v3.Secret
type SdsSecretConfig = envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig
export type SecretKind = 'tlsCertificate' | 'validationContext' | 'sessionTicketKeys' | 'genericSecret'
type Content<Kind extends SecretKind> = NonNullable<SecretView[Kind]>

/** One secret that may not be there yet, and may change. */
export interface SecretProvider<T> {
  readonly name: string
  /** It came from a discovery service: it changes while the proxy runs. */
  readonly isDynamic: boolean
  /** Undefined until it has come. */
  current(): T | undefined
  onUpdate(callback: () => void): void
}

/** A secret that a management server is to give. */
export interface WantedSecret {
  /** The same in all processes. */
  readonly key: string
  readonly kind: SecretKind
  readonly config: SdsSecretConfig
}

interface DiscoveredSecret {
  readonly wanted: WantedSecret
  readonly callbacks: (() => void)[]
  current: SecretView | undefined
}

const kindNames: Readonly<Record<SecretKind, string>> = {
  tlsCertificate: 'TlsCertificate',
  validationContext: 'CertificateValidationContext',
  sessionTicketKeys: 'TlsSessionTicketKeys',
  genericSecret: 'GenericSecret',
}

const unknownWords: Readonly<Record<SecretKind, string>> = {
  tlsCertificate: 'Unknown static secret',
  validationContext: 'Unknown static certificate validation context',
  sessionTicketKeys: 'Unknown TLS session ticket keys',
  genericSecret: 'Unknown static generic secret',
}

export class SecretManager {
  readonly #static = new Map<string, SecretView>()
  readonly #files = new Map<string, SecretFile>()
  readonly #discovered = new Map<string, DiscoveredSecret>()
  #onWanted: (wanted: WantedSecret) => void = () => {}
  readonly #folders: WatchedFolders
  readonly #updateScope: Scope | undefined
  /** What uses the secrets. */
  readonly contexts = new LoadedContexts()

  /** `updateScope` is for main, which counts updates and tells what is wrong with them; all refuse them. */
  constructor(
    secrets: readonly SecretView[],
    folders: WatchedFolders,
    errors: ConfigErrors,
    updateScope: Scope | undefined,
  ) {
    this.#folders = folders
    this.#updateScope = updateScope
    for (const secret of secrets) {
      const key = `${secret.type}.${secret.name}`
      if (secret.type === undefined) errors.add(secret, undefined, 'Secret type not implemented')
      else if (this.#static.has(key)) {
        errors.add(secret, 'name', `Duplicate static ${kindNames[secret.type]} secret name ${secret.name}`)
      }
      this.#static.set(key, secret)
    }
  }

  /** Static and dynamic secrets as they stand, for the admin interface. */
  *all(): Iterable<{ readonly secret: SecretView; readonly isDynamic: boolean }> {
    for (const secret of this.#static.values()) yield { secret, isDynamic: false }
    for (const file of this.#files.values()) {
      for (const secret of file.secrets()) yield { secret, isDynamic: true }
    }
    for (const { current } of this.#discovered.values()) {
      if (current !== undefined) yield { secret: current, isDynamic: true }
    }
  }

  /** Calls back for each secret that a management server is to give: those wanted so far, and those to come. */
  onWanted(callback: (wanted: WantedSecret) => void): void {
    this.#onWanted = callback
    for (const { wanted } of this.#discovered.values()) callback(wanted)
  }

  /** What a management server has given, checked. Nobody may want it any longer. */
  onSecret(key: string, secret: SecretView): void {
    const discovered = this.#discovered.get(key)
    if (discovered === undefined) return
    discovered.current = secret
    for (const callback of discovered.callbacks) callback()
  }

  /** What management servers have given so far, for a process that starts now. */
  *discovered(): Iterable<{ readonly key: string; readonly secret: SecretView }> {
    for (const [key, { current }] of this.#discovered) if (current !== undefined) yield { key, secret: current }
  }

  /** What an SdsSecretConfig refers to; undefined, with an error, where there can be no such secret. */
  find<Kind extends SecretKind>(
    config: SdsSecretConfig,
    kind: Kind,
    errors: ConfigErrors,
  ): SecretProvider<Content<Kind>> | undefined {
    const { name, sdsConfig } = config
    if (sdsConfig === undefined) {
      const secret = this.#static.get(`${kind}.${name}`)
      const content = secret?.[kind] as Content<Kind> | undefined
      if (content !== undefined) return { name, isDynamic: false, current: () => content, onUpdate: () => {} }
      errors.add(config, 'name', `${unknownWords[kind]}: ${name}`)
      return undefined
    }
    const path = sdsConfig.pathConfigSource?.path ?? sdsConfig.path
    if (path === undefined) return this.#discover({ key: `${kind} ${name} ${JSON.stringify(sdsConfig)}`, kind, config })
    if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      const message = `paths must refer to an existing path in the system: '${path}' does not exist`
      errors.add(sdsConfig.pathConfigSource ?? sdsConfig, 'path', message)
      return undefined
    }
    const folder = sdsConfig.pathConfigSource?.watchedDirectory?.path ?? dirname(path)
    const file = this.#file(path, folder)
    const problem = file.subscribe(name)
    if (problem !== undefined) errors.warn(config, 'name', problem)
    return {
      name,
      isDynamic: true,
      current: () => file.secret(name)?.[kind] as Content<Kind> | undefined,
      onUpdate: (callback) => file.onUpdate(callback),
    }
  }

  #discover<Kind extends SecretKind>(wanted: WantedSecret & { kind: Kind }): SecretProvider<Content<Kind>> {
    let discovered = this.#discovered.get(wanted.key)
    if (discovered === undefined) {
      discovered = { wanted, callbacks: [], current: undefined }
      this.#discovered.set(wanted.key, discovered)
      this.#onWanted(wanted)
    }
    const { callbacks } = discovered
    const found = discovered
    return {
      name: wanted.config.name,
      isDynamic: true,
      current: () => found.current?.[wanted.kind] as Content<Kind> | undefined,
      onUpdate: (callback) => callbacks.push(callback),
    }
  }

  #file(path: string, folder: string): SecretFile {
    const key = `${path}\0${folder}`
    let file = this.#files.get(key)
    if (file === undefined) {
      file = new SecretFile(path, this.#updateScope)
      this.#files.set(key, file)
      const added = file
      this.#folders.watch(folder, () => added.refresh())
    }
    return file
  }
}
