// envoy.transport_sockets.starttls: plain text first, TLS when a filter asks for it.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type { DownstreamTransportSocketConfigFactory } from '../../../network/factory.ts'
import { rawBufferSocketFactory } from '../../../network/raw_buffer_socket.ts'
import type {
  UpstreamTransportSocketConfigFactory,
  UpstreamTransportSocketFactory,
} from '../../../upstream/transport_socket.ts'
import { DownstreamTlsFactory } from '../tls/downstream_factory.ts'
import { UpstreamTlsFactory } from '../tls/upstream_factory.ts'
import { StartTlsSocket } from './socket.ts'

type StartTlsConfig = envoy.extensions.transport_sockets.starttls.v3.StartTlsConfig
type UpstreamStartTlsConfig = envoy.extensions.transport_sockets.starttls.v3.UpstreamStartTlsConfig

export const startTlsDownstreamFactory: DownstreamTransportSocketConfigFactory<StartTlsConfig> = {
  category: 'envoy.transport_sockets.downstream',
  name: 'envoy.transport_sockets.starttls',
  typeUrls: ['envoy.extensions.transport_sockets.starttls.v3.StartTlsConfig'],
  createTransportSocketFactory(view, context) {
    // Its certificates are checked and kept up to date; the filters that ask clients to use them (those of databases) are
    // not here, so that connections stay in plain text. The loader refuses a configuration without them.
    new DownstreamTlsFactory(view.tlsSocketConfig!, context)
    return rawBufferSocketFactory
  },
}

export const startTlsUpstreamFactory: UpstreamTransportSocketConfigFactory<UpstreamStartTlsConfig> = {
  category: 'envoy.transport_sockets.upstream',
  name: 'envoy.transport_sockets.starttls',
  typeUrls: ['envoy.extensions.transport_sockets.starttls.v3.UpstreamStartTlsConfig'],
  createTransportSocketFactory(view, context): UpstreamTransportSocketFactory {
    // The loader refuses a configuration without it.
    const secure = new UpstreamTlsFactory(view.tlsSocketConfig!, context)
    return {
      isSecure: false,
      usesProxyProtocol: false,
      wrap: (socket, host, options) => new StartTlsSocket(secure.wrap(socket, host, options)),
      hashKey: (options) => secure.hashKey(options),
    }
  },
}
