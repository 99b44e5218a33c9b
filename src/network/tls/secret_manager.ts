// Certificates, trusted certificates and ticket keys by name: those of `static_resources.secrets`, and those that a
// discovery service for secrets (SDS) gives.

import type { envoy } from '../../../proto/generated/api.d.ts'
import { fingerprint } from '../../common/fingerprint.ts'
import type { ConfigErrors } from '../../config/errors.ts'
import type { WatchContext } from '../../config/watched_resources.ts'
import type { Scope } from '../../stats/store.ts'
import { DiscoveredSecret } from './discovered_secret.ts'
import { LoadedContexts } from './loaded_contexts.ts'
import { StaticSecret } from './static_secret.ts'

export type SecretView = envoy.extensions.transport_sockets.tls.v3.Secret
type SdsSecretConfig = envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig
export type SecretKind = 'tlsCertificate' | 'validationContext' | 'sessionTicketKeys' | 'genericSecret'
type Content<Kind extends SecretKind> = NonNullable<SecretView[Kind]>

export const secretType = 'envoy.extensions.transport_sockets.tls.v3.Secret'

/** One secret that may not be there yet, and may change. */
export interface SecretProvider<T> {
  readonly name: string
  /** It came from a discovery service: files that it names are followed. */
  readonly isDynamic: boolean
  /** Undefined until it has come. */
  current(): T | undefined
  onUpdate(callback: () => void): void
}

/** How many of them have come from discovery. */
export function arrivals(providers: readonly (SecretProvider<unknown> | undefined)[]): number {
  return providers.filter((provider) => provider?.isDynamic === true && provider.current() !== undefined).length
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
  readonly #static = new Map<string, StaticSecret>()
  readonly #hasNode: boolean
  readonly #scope: Scope
  /** What uses the secrets. */
  readonly contexts = new LoadedContexts()

  /** `hasNode` says that the node has an id and a cluster, which discovery asks for. */
  constructor(secrets: readonly SecretView[], scope: Scope, hasNode: boolean, errors: ConfigErrors) {
    this.#scope = scope
    this.#hasNode = hasNode
    for (const secret of secrets) {
      const key = staticKey(secret)
      if (secret.type === undefined) errors.add(secret, undefined, 'Secret type not implemented')
      else if (this.#static.has(key)) {
        errors.add(secret, 'name', `Duplicate static ${kindNames[secret.type]} secret name ${secret.name}`)
      }
      this.#static.set(key, new StaticSecret(secret))
    }
  }

  /** Those of the configuration, by their kinds, for the admin interface. */
  staticSecrets(): SecretView[] {
    const views = [...this.#static.values()].map(({ view }) => view)
    return kinds.flatMap((kind) => views.filter(({ type }) => type === kind))
  }

  /** Goes on with others; who uses one that has changed is told. */
  replaceStatic(secrets: readonly SecretView[]): void {
    const keys = new Set(secrets.map(staticKey))
    for (const key of this.#static.keys()) if (!keys.has(key)) this.#static.delete(key)
    for (const secret of secrets) {
      const known = this.#static.get(staticKey(secret))
      if (known === undefined) this.#static.set(staticKey(secret), new StaticSecret(secret))
      else if (fingerprint(known.view) !== fingerprint(secret)) known.replace(secret)
    }
  }

  /** What an SdsSecretConfig refers to; undefined, with an error, where there can be no such secret. */
  find<Kind extends SecretKind>(
    config: SdsSecretConfig,
    kind: Kind,
    context: WatchContext,
  ): SecretProvider<Content<Kind>> | undefined {
    const { name, sdsConfig: source } = config
    if (source === undefined) return this.#findStatic(config, kind, context)
    if (!this.#hasNode) {
      const advice = "Set it either in 'node' config or via --service-node and --service-cluster options."
      context.errors.add(config, undefined, `${kindNames[kind]}SdsApi: node 'id' and 'cluster' are required. ${advice}`)
      return undefined
    }
    const secret = new DiscoveredSecret(kind)
    const scope = this.#scope.createScope(`sds.${name}`)
    scope.counter('key_rotation_failed')
    const reference = { source, typeUrl: secretType, name, scope, initTarget: `SdsApi ${name}` }
    context.resources.watch(reference, (view, errors) => secret.prepare(view, errors), context)
    return {
      name,
      isDynamic: true,
      current: () => secret.current(),
      onUpdate: (callback) => secret.onUpdate(callback),
    }
  }

  #findStatic<Kind extends SecretKind>(
    config: SdsSecretConfig,
    kind: Kind,
    { errors, lifetime }: WatchContext,
  ): SecretProvider<Content<Kind>> | undefined {
    const { name } = config
    const secret = this.#static.get(`${kind}.${name}`)
    if (secret?.content(kind) === undefined) {
      errors.add(config, 'name', `${unknownWords[kind]}: ${name}`)
      return undefined
    }
    return {
      name,
      isDynamic: false,
      current: () => secret.content(kind),
      onUpdate: (callback) => lifetime.onEnd(secret.onUpdate(callback)),
    }
  }
}

function staticKey({ type, name }: SecretView): string {
  return `${type}.${name}`
}
