// envoy.transport_sockets.starttls: plain text first, TLS when a filter asks for it.

import type { envoy } from '../../../../proto/generated/api.d.ts'
import type {
  UpstreamTransportSocketConfigFactory,
  UpstreamTransportSocketFactory,
} from '../../../upstream/transport_socket.ts'
import { UpstreamTlsFactory } from '../tls/upstream_factory.ts'
import { StartTlsSocket } from './socket.ts'

type UpstreamStartTlsConfig = envoy.extensions.transport_sockets.starttls.v3.UpstreamStartTlsConfig

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
