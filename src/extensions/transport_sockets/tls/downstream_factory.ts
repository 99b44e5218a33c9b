// What a filter chain's DownstreamTlsContext makes: a TLS socket for each connection.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../../config/errors.ts'
import type { DownstreamTransportSocketFactory, ListenerFactoryContext } from '../../../network/factory.ts'
import { arrivals, type SecretProvider } from '../../../network/tls/secret_manager.ts'
import { readTicketKeys, SharedTicketKeys, type TicketKeySource } from '../../../network/tls/ticket_keys.ts'
import { emptyTlsContext, TlsContextSource } from '../../../network/tls/tls_context.ts'
import { serverDefaults } from '../../../network/tls/tls_parameters.ts'
import { TlsStats } from '../../../network/tls/tls_stats.ts'
import { type DownstreamTlsSettings, DownstreamTlsSocket } from './downstream_socket.ts'
import { createKeyLog } from './key_log.ts'
import { ServerContexts } from './server_contexts.ts'

type DownstreamTlsContext = envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
type CommonTlsContext = envoy.extensions.transport_sockets.tls.v3.CommonTlsContext
type TicketKeysView = envoy.extensions.transport_sockets.tls.v3.TlsSessionTicketKeys

/** One filter chain's TLS: its certificates, loaded again when they change. */
export class DownstreamTlsFactory implements DownstreamTransportSocketFactory {
  readonly transportProtocol = 'tls'
  readonly #view: DownstreamTlsContext
  readonly #context: ListenerFactoryContext
  readonly #source: TlsContextSource
  readonly #ticketKeys: SecretProvider<TicketKeysView> | undefined
  readonly #settings: DownstreamTlsSettings
  readonly #stats: TlsStats
  #contexts: ServerContexts | undefined

  constructor(view: DownstreamTlsContext, context: ListenerFactoryContext) {
    this.#view = view
    this.#context = context
    const { errors, listenerScope } = context
    const common = view.commonTlsContext
    checkContext(view, common, errors)
    const defaults = { ...serverDefaults, preferClientCiphers: view.preferClientCiphers }
    this.#source = new TlsContextSource(common ?? emptyTlsContext, defaults, listenerScope, context)
    const sds = view.sessionTicketKeysSdsSecretConfig
    this.#ticketKeys = sds === undefined ? undefined : context.secrets.find(sds, 'sessionTicketKeys', context)
    this.#stats = new TlsStats(listenerScope)
    const socketFactory = listenerScope.createScope('server_ssl_socket_factory')
    const updates = socketFactory.counter('ssl_context_update_by_sds')
    const notReady = socketFactory.counter('downstream_context_secrets_not_ready')
    socketFactory.counter('upstream_context_secrets_not_ready')
    this.#settings = {
      stats: this.#stats,
      keyLog: common?.keyLog === undefined ? undefined : createKeyLog(common.keyLog, errors),
      contexts: () => this.#contexts,
      onNotReady: () => notReady.inc(),
    }
    this.#contexts = this.#load(errors)
    if (context.workerIndex < 0) updates.add(this.#source.arrivedSecrets + arrivals([this.#ticketKeys]))
    const update = (isForced: boolean) => {
      const wasReady = this.#contexts !== undefined
      // As in Envoy, each secret counts that comes while others are waited for.
      if ((this.#reload(isForced) || !wasReady) && context.workerIndex < 0) updates.inc()
    }
    this.#source.onUpdate(() => update(false))
    this.#ticketKeys?.onUpdate(() => update(true))
  }

  wrap(facts: Parameters<DownstreamTransportSocketFactory['wrap']>[0]): DownstreamTlsSocket {
    return new DownstreamTlsSocket(this.#settings, facts)
  }

  certificates(): ServerContexts | undefined {
    return this.#contexts
  }

  #load(errors: ConfigErrors): ServerContexts | undefined {
    const loaded = this.#source.load(errors)
    const keys = this.#keys(errors)
    if (loaded === undefined || keys === undefined) return undefined
    const contexts = new ServerContexts(loaded, this.#view, keys, errors)
    return contexts.certificates.length > 0 ? contexts : undefined
  }

  /** A new state that is of no use leaves the old one in force. */
  #reload(isForced: boolean): boolean {
    const what = `listener ${this.#context.listenerName}`
    const loaded = this.#source.reload(what, isForced)
    const errors = new ConfigErrors(what)
    const keys = this.#keys(errors)
    if (loaded === undefined || keys === undefined) return false
    const contexts = new ServerContexts(loaded, this.#view, keys, errors)
    if (errors.hasErrors || contexts.certificates.length === 0) return false
    this.#contexts = contexts
    return true
  }

  /** Undefined while those of a secret have not come. */
  #keys(errors: ConfigErrors): TicketKeySource | undefined {
    const view = this.#ticketKeys === undefined ? this.#view.sessionTicketKeys : this.#ticketKeys.current()
    if (view !== undefined) {
      const keys = readTicketKeys(view, errors)
      return { current: () => keys }
    }
    if (this.#ticketKeys !== undefined) return undefined
    return new SharedTicketKeys(this.#context.shared)
  }
}

function checkContext(view: DownstreamTlsContext, common: CommonTlsContext | undefined, errors: ConfigErrors): void {
  const count = (common?.tlsCertificates.length ?? 0) + (common?.tlsCertificateSdsSecretConfigs.length ?? 0)
  if (count === 0) errors.add(view, 'commonTlsContext', 'No TLS certificates found for server context')
  if (common !== undefined && common.tlsCertificates.length > 0 && common.tlsCertificateSdsSecretConfigs.length > 0) {
    errors.add(common, 'tlsCertificates', 'SDS and non-SDS TLS certificates may not be mixed in server contexts')
  }
  if (view.requireClientCertificate === true && common?.validationContextType === undefined) {
    const message = 'no client is asked for a certificate, since there is no validation context to check it with'
    errors.warn(view, 'requireClientCertificate', message)
  }
  if (common?.validationContextType !== undefined && view.requireClientCertificate === undefined) {
    const message = 'a client without a certificate is let in, since require_client_certificate is not set'
    errors.warn(common, common.validationContextType, message)
  }
  if (
    common?.tlsCertificates.some((certificate) => certificate.ocspStaple === undefined) &&
    view.ocspStaplePolicy === 'MUST_STAPLE'
  ) {
    errors.add(view, 'ocspStaplePolicy', 'Required OCSP response is missing from TLS context')
  }
}
