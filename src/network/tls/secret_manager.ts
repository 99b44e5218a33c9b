// Certificates, trusted certificates and ticket keys by name: those of `static_resources.secrets`, and those that a
// discovery service for secrets (SDS) gives; so far that is a file.

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

/** How many of them have come from discovery. */
export function arrivals(providers: readonly (SecretProvider<unknown> | undefined)[]): number {
  return providers.filter((provider) => provider?.isDynamic === true && provider.current() !== undefined).length
}

/** A secret from discovery, as the admin interface shows it. */
export interface SecretState {
  readonly name: string
  /** Undefined until it has come. */
  readonly secret: SecretView | undefined
  readonly versionInfo: string
  /** Wall clock, in milliseconds. */
  readonly lastUpdatedMs: number
}

const kindNames: Readonly<Record<SecretKind, string>> = {
  tlsCertificate: 'TlsCertificate',
  validationContext: 'CertificateValidationContext',
  sessionTicketKeys: 'TlsSessionTicketKeys',
  genericSecret: 'GenericSecret',
}

const kinds = Object.keys(kindNames) as SecretKind[]

const unknownWords: Readonly<Record<SecretKind, string>> = {
  tlsCertificate: 'Unknown static secret',
  validationContext: 'Unknown static certificate validation context',
  sessionTicketKeys: 'Unknown TLS session ticket keys',
  genericSecret: 'Unknown static generic secret',
}

export class SecretManager {
  readonly #static = new Map<string, SecretView>()
  readonly #files = new Map<string, SecretFile>()
  readonly #folders: WatchedFolders
  readonly #updateScope: Scope | undefined
  readonly #hasNode: boolean
  /** What uses the secrets. */
  readonly contexts = new LoadedContexts()

  /**
   * `updateScope` is for main, which counts updates and tells what is wrong with them; all refuse them. `hasNode` says
   * that the node has an id and a cluster, which discovery asks for.
   */
  constructor(
    secrets: readonly SecretView[],
    folders: WatchedFolders,
    errors: ConfigErrors,
    updateScope: Scope | undefined,
    hasNode: boolean,
  ) {
    this.#folders = folders
    this.#updateScope = updateScope
    this.#hasNode = hasNode
    for (const secret of secrets) {
      const key = `${secret.type}.${secret.name}`
      if (secret.type === undefined) errors.add(secret, undefined, 'Secret type not implemented')
      else if (this.#static.has(key)) {
        errors.add(secret, 'name', `Duplicate static ${kindNames[secret.type]} secret name ${secret.name}`)
      }
      this.#static.set(key, secret)
    }
  }

  /** Those of the configuration, by their kinds, for the admin interface. */
  staticSecrets(): SecretView[] {
    return kinds.flatMap((kind) => [...this.#static.values()].filter(({ type }) => type === kind))
  }

  /** Those from discovery as they stand, by their kinds. */
  dynamicSecrets(): SecretState[] {
    return kinds.flatMap((kind) =>
      [...this.#files].flatMap(([key, file]) => (key.startsWith(`${kind}\0`) ? [file.state] : [])),
    )
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
    if (path === undefined) {
      errors.add(
        sdsConfig,
        undefined,
        'secrets from a gRPC or REST service are not supported yet; use path_config_source',
      )
      return undefined
    }
    if (statSync(path, { throwIfNoEntry: false }) === undefined) {
      const message = `paths must refer to an existing path in the system: '${path}' does not exist`
      errors.add(sdsConfig.pathConfigSource ?? sdsConfig, 'path', message)
      return undefined
    }
    if (!this.#hasNode) {
      const advice = "Set it either in 'node' config or via --service-node and --service-cluster options."
      errors.add(config, undefined, `${kindNames[kind]}SdsApi: node 'id' and 'cluster' are required. ${advice}`)
      return undefined
    }
    const folder = sdsConfig.pathConfigSource?.watchedDirectory?.path ?? dirname(path)
    const file = this.#file(kind, name, path, folder, (problem) => errors.warn(config, 'name', problem))
    return {
      name,
      isDynamic: true,
      current: () => file.secret?.[kind] as Content<Kind> | undefined,
      onUpdate: (callback) => file.onUpdate(callback),
    }
  }

  #file(kind: SecretKind, name: string, path: string, folder: string, warn: (problem: string) => void): SecretFile {
    const key = [kind, name, path, folder].join('\0')
    let file = this.#files.get(key)
    if (file === undefined) {
      file = new SecretFile(name, path, this.#updateScope)
      this.#files.set(key, file)
      const problem = file.start()
      if (problem !== undefined) warn(problem)
      const added = file
      this.#folders.watch(folder, () => added.refresh())
    }
    return file
  }
}
