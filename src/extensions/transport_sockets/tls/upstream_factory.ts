// What a cluster's UpstreamTlsContext makes: a TLS socket for each connection.

import type { Socket } from 'node:net'
import type { envoy } from '../../../../proto/generated/api.d.ts'
import { ConfigErrors } from '../../../config/errors.ts'
import { emptyTlsContext, TlsContextSource } from '../../../network/tls/tls_context.ts'
import { clientDefaults } from '../../../network/tls/tls_parameters.ts'
import { TlsStats } from '../../../network/tls/tls_stats.ts'
import type { TransportSocket } from '../../../network/transport_socket.ts'
import type { ServerContext } from '../../../upstream/server_context.ts'
import {
  type ClusterTransportInfo,
  commonHashKey,
  type TransportHost,
  type TransportSocketOptions,
  type UpstreamTransportSocketFactory,
} from '../../../upstream/transport_socket.ts'
import { type ClientContext, createClientContext } from './client_context.ts'
import { type UpstreamTlsSettings, UpstreamTlsSocket } from './upstream_socket.ts'

type UpstreamTlsContext = envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
type Context = ServerContext & ClusterTransportInfo

/** One cluster's TLS: its certificates, loaded again when they change. */
export class UpstreamTlsFactory implements UpstreamTransportSocketFactory {
  readonly isSecure = true
  readonly usesProxyProtocol = false
  readonly #view: UpstreamTlsContext
  readonly #clusterName: string
  readonly #source: TlsContextSource
  readonly #settings: UpstreamTlsSettings
  #current: ClientContext | undefined

  constructor(view: UpstreamTlsContext, context: Context) {
    const { clusterScope, clusterName, errors, workerIndex } = context
    this.#view = view
    this.#clusterName = clusterName
    checkContext(view, errors)
    this.#source = new TlsContextSource(view.commonTlsContext ?? emptyTlsContext, clientDefaults, clusterScope, context)
    const socketFactory = clusterScope.createScope('client_ssl_socket_factory')
    const updates = socketFactory.counter('ssl_context_update_by_sds')
    const notReady = socketFactory.counter('upstream_context_secrets_not_ready')
    socketFactory.counter('downstream_context_secrets_not_ready')
    this.#settings = {
      stats: new TlsStats(clusterScope),
      clusterName,
      context: () => this.#current,
      onNotReady: () => notReady.inc(),
    }
    const loaded = this.#source.load(errors)
    if (workerIndex < 0) updates.add(this.#source.arrivedSecrets)
    this.#current = loaded === undefined ? undefined : createClientContext(loaded, view, errors)
    this.#source.onUpdate(() => {
      const wasReady = this.#current !== undefined
      // As in Envoy, each secret counts that comes while others are waited for.
      if ((this.#reload() || !wasReady) && workerIndex < 0) updates.inc()
    })
  }

  /** A new state that is of no use leaves the old one in force. */
  #reload(): boolean {
    const what = `cluster ${this.#clusterName}`
    const loaded = this.#source.reload(what)
    const next = loaded === undefined ? undefined : createClientContext(loaded, this.#view, new ConfigErrors(what))
    if (next === undefined) return false
    this.#current = next
    return true
  }

  wrap(_tcpSocket: Socket, host: TransportHost, options: TransportSocketOptions | undefined): TransportSocket {
    const { sni, autoHostSni, autoSniSanValidation } = this.#view
    const ownName = autoHostSni && host.hostname !== '' ? host.hostname : sni
    const serverName = options?.serverNameOverride ?? ownName
    const configured = this.#current?.alpnProtocols ?? []
    const fallback = configured.length > 0 ? configured : (options?.alpnFallback ?? [])
    return new UpstreamTlsSocket(this.#settings, {
      remote: host.address.text,
      serverName,
      alpnProtocols: options?.alpnOverride ?? fallback,
      subjectAltNames: options?.verifySanListOverride,
      checksServerName: autoSniSanValidation,
    })
  }

  hashKey(options: TransportSocketOptions): string {
    return commonHashKey(options)
  }
}

function checkContext(view: UpstreamTlsContext, errors: ConfigErrors): void {
  const common = view.commonTlsContext
  const count = (common?.tlsCertificates.length ?? 0) + (common?.tlsCertificateSdsSecretConfigs.length ?? 0)
  if (view.autoSniSanValidation && common?.validationContextType === undefined) {
    const message = "'auto_sni_san_validation' was configured without a validation context"
    errors.add(view, 'autoSniSanValidation', message)
  }
  const ownParameters = common?.tlsCertificates.find(({ tlsParams }) => tlsParams !== undefined)
  if (ownParameters !== undefined) {
    errors.warn(ownParameters, 'tlsParams', 'parameters of a certificate have no effect towards servers')
  }
  if (count > 1)
    errors.add(common, 'tlsCertificates', 'Multiple TLS certificates are not supported for client contexts')
}
